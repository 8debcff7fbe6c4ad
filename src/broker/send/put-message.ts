import type { MaybePromise } from '../../internal/async.ts'
import { RemotingCommandException } from '../../internal/errors.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import type { Properties } from '../../protocol/properties.ts'
import { SysFlag, transactionValue } from '../../protocol/sys-flag.ts'
import { SCHEDULE_TOPIC, TIMER_TOPIC, TRANS_HALF_TOPIC } from '../../protocol/topics.ts'
import { parseDelayLevels } from '../../store/delay-levels.ts'
import type { MessageExtBrokerInner, PutMessageResult } from '../../store/types.ts'
import type { BrokerServices } from '../broker-services.ts'
import { isTimerMessage, transformTimerMessage } from '../timer/transform-timer-message.ts'
import type { StoredProperties } from './stored-properties.ts'

/** A message that is not in the store yet; its properties may still change, and are taken from `stored` when it is put. */
export interface PendingMessage extends Omit<MessageExtBrokerInner, 'properties' | 'propertiesString'> {
  stored: StoredProperties
  properties?: Properties
  propertiesString?: string
}

const ILLEGAL: PutMessageResult = Object.freeze({ status: 'MESSAGE_ILLEGAL' })

/**
 * What Java's chain of `PutMessageHook` does before a put (inner batches, which no queue here takes, timer and delay messages), and the put.
 * @throws RemotingCommandException when DELAY is not a number.
 */
export function putMessage(broker: BrokerServices, message: PendingMessage): MaybePromise<PutMessageResult> {
  const properties = message.stored
  const { map } = properties
  if (map.has(MessageConst.INNER_NUM) || (message.sysFlag & SysFlag.INNER_BATCH) !== 0) return ILLEGAL
  const transaction = transactionValue(message.sysFlag)
  const delayLevel = delayTimeLevel(properties)
  const timed = isTimerMessage(properties)
  if (message.isBatch && (delayLevel > 0 || timed || transaction !== SysFlag.TRANSACTION_NOT_TYPE)) return ILLEGAL
  if ((delayLevel > 0 || timed) && mayWait(message, transaction)) {
    if (delayLevel > 0) schedule(broker, message, delayLevel)
    else {
      const refused = transformTimerMessage(broker, message)
      if (refused !== undefined) return refused
    }
  }
  message.properties = map
  message.propertiesString = properties.text
  return broker.store.asyncPutMessage(message as PendingMessage & MessageExtBrokerInner)
}

/** A half message is delayed when it is committed; one that waits already is not made to wait again. */
function mayWait({ topic }: PendingMessage, transaction: number): boolean {
  if (topic === TRANS_HALF_TOPIC || topic === TIMER_TOPIC) return false
  return transaction === SysFlag.TRANSACTION_NOT_TYPE || transaction === SysFlag.TRANSACTION_COMMIT_TYPE
}

/** DELAY as a number; 0 when there is none. */
export function delayTimeLevel(properties: StoredProperties): number {
  const text = properties.get(MessageConst.DELAY)
  if (text === undefined) return 0
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    throw new RemotingCommandException('property DELAY is not a whole number', { code: 'BAD_FIELD' })
  }
  return Number(text)
}

function schedule(broker: BrokerServices, message: PendingMessage, level: number): void {
  const properties = message.stored
  properties.delete(MessageConst.TIMER_DELIVER_MS)
  properties.delete(MessageConst.TIMER_DELAY_SEC)
  properties.delete(MessageConst.TIMER_DELAY_MS)
  const max = parseDelayLevels(broker.storeConfig.messageDelayLevel).length
  const clamped = Math.min(level, max)
  if (clamped !== level) properties.set(MessageConst.DELAY, String(clamped))
  keepRealDestination(message)
  message.topic = SCHEDULE_TOPIC
  message.queueId = clamped - 1
}

/**
 * A half message: kept in a topic of its own until its transaction ends; Java's `parseHalfMessageInner`. Its transaction bits are cleared,
 * so that it gets a place in the consume queue.
 */
export function prepareHalfMessage(message: PendingMessage): void {
  const uniqKey = message.stored.get(MessageConst.UNIQ_KEY)
  if (uniqKey !== undefined) message.stored.set(MessageConst.TRANSACTION_ID, uniqKey)
  keepRealDestination(message)
  message.sysFlag &= ~SysFlag.TRANSACTION_ROLLBACK_TYPE
  message.topic = TRANS_HALF_TOPIC
  message.queueId = 0
}

function keepRealDestination(message: PendingMessage): void {
  message.stored.set(MessageConst.REAL_TOPIC, message.topic)
  message.stored.set(MessageConst.REAL_QID, String(message.queueId))
}
