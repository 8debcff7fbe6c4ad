import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { HandlerContext } from '../handler-context.ts'
import { UNIT_SUB, unitTopicList } from '../unit-topic-list.ts'

/** GET_HAS_UNIT_SUB_TOPIC_LIST: body the topics that units subscribe to. */
export function getHasUnitSubTopicList(context: HandlerContext): RequestHandler {
  return unitTopicList(context, (flag) => (flag & UNIT_SUB) !== 0)
}
