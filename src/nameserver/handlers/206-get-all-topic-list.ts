import { encodeTopicList } from '../../protocol/topic-list.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success, systemError } from '../handler-context.ts'

/** GET_ALL_TOPIC_LIST_FROM_NAMESERVER: body every topic. */
export function getAllTopicList({ routes, config }: HandlerContext): RequestHandler {
  return (request) => {
    if (!config.enableAllTopicList) return systemError(request, 'disable')
    return success(request, encodeTopicList({ topicList: [...routes.topicQueues.topics()] }))
  }
}
