import { encodeTopicList } from '../../protocol/topic-list.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, systemError } from '../handler-context.ts'

/** GET_TOPICS_BY_CLUSTER: header `cluster`; body its topics, none for an unknown cluster. */
export function getTopicsByCluster({ routes, config }: HandlerContext): RequestHandler {
  return (request) => {
    if (!config.enableTopicList) return systemError(request, 'disable')
    const topics = new Set<string>()
    for (const brokerName of routes.clusters.get(request.extFields['cluster']) ?? []) {
      for (const topic of routes.topicQueues.topicsOf(brokerName)) topics.add(topic)
    }
    return success(request, encodeTopicList({ topicList: [...topics] }))
  }
}
