import { MessageConst } from '../../protocol/message-const.ts'
import { TIMER_TOPIC } from '../../protocol/topics.ts'
import type { MessageStoreConfig } from '../../store/message-store-config.ts'
import type { PutMessageResult } from '../../store/types.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { StoredProperties } from '../send/stored-properties.ts'

/** What of a message on its way into the store this looks at. */
export interface AddressedMessage {
  topic: string
  queueId: number
  readonly stored: StoredProperties
}

/** Java's `Long.parseLong`, of texts that can be a time. */
const WHOLE_NUMBER = /^[+-]?\d{1,19}$/

/** Whether a message is for a point in time. One that has been kept for its time already is not. */
export function isTimerMessage({ map }: StoredProperties): boolean {
  return (
    (map.has(MessageConst.TIMER_DELIVER_MS) || map.has(MessageConst.TIMER_DELAY_MS) || map.has(MessageConst.TIMER_DELAY_SEC)) &&
    !map.has(MessageConst.TIMER_OUT_MS)
  )
}

/**
 * Readdresses a message for a point in time to where such messages wait; one whose time has passed stays as it is. Java's
 * `HookUtils.transformTimerMessage`.
 * @returns why it is refused.
 */
export function transformTimerMessage(broker: BrokerServices, message: AddressedMessage): PutMessageResult | undefined {
  const { storeConfig, timerMessageStore } = broker
  if (!storeConfig.timerWheelEnable) {
    return { status: 'WHEEL_TIMER_NOT_ENABLE', remark: 'accurate timer message is not enabled, timerWheelEnable is false' }
  }
  const properties = message.stored
  const now = broker.clock.now()
  const deliverMs = deliverTime(properties, now)
  if (Number.isNaN(deliverMs)) return illegal(storeConfig)
  if (deliverMs <= now) return properties.map.has(MessageConst.TIMER_DEL_UNIQKEY) ? illegal(storeConfig) : undefined
  if (deliverMs - now > storeConfig.timerMaxDelaySec * 1000) return illegal(storeConfig)
  const precision = storeConfig.timerPrecisionMs
  // What waits for a step is delivered when the step is over: a time on the edge belongs to the step before it.
  const outMs = (Math.ceil(deliverMs / precision) - 1) * precision
  if (timerMessageStore.isReject(outMs)) return flowControl(storeConfig)
  properties.set(MessageConst.TIMER_OUT_MS, String(outMs))
  properties.set(MessageConst.REAL_TOPIC, message.topic)
  properties.set(MessageConst.REAL_QID, String(message.queueId))
  message.topic = TIMER_TOPIC
  message.queueId = 0
  return undefined
}

/** Wall clock ms; NaN when the property is no number. The seconds win over the ms, and these over the point in time. */
function deliverTime({ map }: StoredProperties, now: number): number {
  const seconds = map.get(MessageConst.TIMER_DELAY_SEC)
  if (seconds !== undefined) return now + wholeNumber(seconds) * 1000
  const millis = map.get(MessageConst.TIMER_DELAY_MS)
  if (millis !== undefined) return now + wholeNumber(millis)
  return wholeNumber(map.get(MessageConst.TIMER_DELIVER_MS) ?? '')
}

function wholeNumber(text: string): number {
  return WHOLE_NUMBER.test(text) ? Number(text) : Number.NaN
}

function illegal({ timerMaxDelaySec }: MessageStoreConfig): PutMessageResult {
  return {
    status: 'WHEEL_TIMER_MSG_ILLEGAL',
    remark:
      `timer message illegal, the delay time should not be bigger than the max delay ${timerMaxDelaySec * 1000}ms; ` +
      'or if set del msg, the delay time should be bigger than the current time'
  }
}

function flowControl({ timerCongestNumEachSlot: limit }: MessageStoreConfig): PutMessageResult {
  return {
    status: 'WHEEL_TIMER_FLOW_CONTROL',
    remark:
      `timer message is under flow control, max num limit is ${limit * 2} or the current value is greater than ${limit} ` +
      `and less than ${limit * 2}, trigger random flow control`
  }
}
