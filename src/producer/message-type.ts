import { MessageConst } from '../protocol/message-const.ts'
import type { Properties } from '../protocol/properties.ts'

/** What kind of message a hook sees; Java's `MessageType`, whose ordinals the trace format uses. */
export type MessageType = 'Normal_Msg' | 'Trans_Msg_Half' | 'Trans_msg_Commit' | 'Delay_Msg' | 'Order_Msg'

/** A delay wins over a transaction, as in Java. */
export function messageTypeOf(properties: Properties): MessageType {
  if (properties.has(MessageConst.DELAY) || properties.has(MessageConst.STARTDELIVERTIME)) return 'Delay_Msg'
  return isPrepared(properties) ? 'Trans_Msg_Half' : 'Normal_Msg'
}

/** Whether this is the half message of a transaction. */
export function isPrepared(properties: Properties): boolean {
  return properties.get(MessageConst.TRAN_MSG)?.toLowerCase() === 'true'
}
