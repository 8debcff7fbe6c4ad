import { encodeTopicList } from '../protocol/topic-list.ts'
import type { RequestHandler } from '../transport/request-dispatcher.ts'
import { type HandlerContext, success, systemError } from './handler-context.ts'

/** Bits of a topic's system flag. */
export const UNIT = 1
export const UNIT_SUB = 2

/** Answers with the topics whose system flag, on the first of their brokers, passes the test. */
export function unitTopicList({ routes, config }: HandlerContext, matches: (topicSysFlag: number) => boolean): RequestHandler {
  return (request) => {
    if (!config.enableTopicList) return systemError(request, 'disable')
    const topics = [...routes.topicQueues.topics()].filter((topic) => {
      const [data] = routes.topicQueues.queues(topic)?.values() ?? []
      return data !== undefined && matches(data.topicSysFlag)
    })
    return success(request, encodeTopicList({ topicList: topics }))
  }
}
