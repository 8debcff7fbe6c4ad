import { MessageConst } from '../protocol/message-const.ts'
import type { Properties } from '../protocol/properties.ts'
import { isTimed } from './message-batch.ts'

/** What kind of message a hook sees; Java's `MessageType`, whose ordinals the trace format uses. */
export type MessageType = 'Normal_Msg' | 'Trans_Msg_Half' | 'Trans_msg_Commit' | 'Delay_Msg' | 'Order_Msg'

/** A delay wins over a transaction, as in Java, which overlooks messages for a point in time. */
export function messageTypeOf(properties: Properties): MessageType {
  if (properties.has(MessageConst.DELAY) || isTimed(properties)) return 'Delay_Msg'
  return isPrepared(properties) ? 'Trans_Msg_Half' : 'Normal_Msg'
}

/** Whether this is the half message of a transaction. */
export function isPrepared(properties: Properties): boolean {
  return properties.get(MessageConst.TRAN_MSG)?.toLowerCase() === 'true'
}
