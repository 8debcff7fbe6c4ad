import { encodeTopicList } from '../../protocol/topic-list.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** GET_SYSTEM_TOPIC_LIST_FROM_NS: body the names of clusters and brokers, and the address of some broker to ask for the rest. */
export function getSystemTopicList({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const names = new Set<string>()
    for (const [cluster, brokers] of routes.clusters) {
      names.add(cluster)
      for (const broker of brokers) names.add(broker)
    }
    let brokerAddr: string | undefined
    for (const broker of routes.brokers.values()) brokerAddr ??= broker.brokerAddrs.values().next().value
    return success(request, encodeTopicList({ topicList: [...names], brokerAddr }))
  }
}
