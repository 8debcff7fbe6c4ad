import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { HandlerContext } from '../handler-context.ts'
import { UNIT, UNIT_SUB, unitTopicList } from '../unit-topic-list.ts'

/** GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: body the topics that units subscribe to and that are of no unit. */
export function getHasUnitSubUnunitTopicList(context: HandlerContext): RequestHandler {
  return unitTopicList(context, (flag) => (flag & (UNIT | UNIT_SUB)) === UNIT_SUB)
}
