import type { MessageExt } from '../../protocol/message.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { encodeProperties } from '../../protocol/properties.ts'
import { TRANS_OP_HALF_TOPIC } from '../../protocol/topics.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { PendingMessage } from '../send/put-message.ts'
import { StoredProperties } from '../send/stored-properties.ts'

/** Tag of an op message: the half messages it names are done. */
export const REMOVE_TAG = 'd'

/**
 * How old a half message has to be before it is asked about, ms; Java's `getImmunityTime`.
 * @param text CHECK_IMMUNITY_TIME_IN_SECONDS, which only counts as a whole number above `transactionTimeOut`.
 */
export function immunityTime(text: string, transactionTimeOut: number): number {
  const seconds = /^-?\d{1,15}$/.test(text) ? Number(text) : -1
  return Math.max(seconds * 1000, transactionTimeOut)
}

/** Says that the half message is done; 4.x and 5.x brokers read it. */
export function opMessage(broker: BrokerServices, half: MessageExt): PendingMessage {
  return {
    topic: TRANS_OP_HALF_TOPIC,
    queueId: half.queueId,
    flag: 0,
    sysFlag: 0,
    body: Buffer.from(String(half.queueOffset)),
    stored: new StoredProperties(encodeProperties(new Map([[MessageConst.TAGS, REMOVE_TAG]]))),
    bornTimestamp: broker.clock.now(),
    bornHost: broker.storeHost,
    storeHost: broker.storeHost,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0
  }
}

/** Queue offsets in the body of an op message: one (4.x), or several with commas (5.x). Anything else in it is passed over. */
export function offsetsOf(op: MessageExt): number[] {
  if (op.tags !== REMOVE_TAG) return []
  return op.body
    .toString('latin1')
    .split(',')
    .filter((text) => /^\d{1,15}$/.test(text))
    .map(Number)
}
