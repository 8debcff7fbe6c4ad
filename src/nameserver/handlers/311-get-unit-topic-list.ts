import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { HandlerContext } from '../handler-context.ts'
import { UNIT, unitTopicList } from '../unit-topic-list.ts'

/** GET_UNIT_TOPIC_LIST: body the topics of a unit. */
export function getUnitTopicList(context: HandlerContext): RequestHandler {
  return unitTopicList(context, (flag) => (flag & UNIT) !== 0)
}
