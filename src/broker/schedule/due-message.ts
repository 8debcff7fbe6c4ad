import { isPromise, type MaybePromise } from '../../internal/async.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { decodeMessage } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { encodeProperties, type Properties } from '../../protocol/properties.ts'
import { FORBIDDEN_TOPICS, TIMER_TOPIC } from '../../protocol/topics.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import type { MessageExtBrokerInner, PutMessageResult } from '../../store/types.ts'
import { isLegalTopic } from '../names.ts'
import type { BrokerStatsManager } from '../stats/broker-stats-manager.ts'
import { MAX_QUEUE_NUMS } from '../topic/topic-config-manager.ts'

/** Where a message goes next. */
export interface Destination {
  topic: string
  queueId: number
}

/** A record of the log as the message it is, compressed as it came; undefined when it cannot be read. */
export function readStored(store: DefaultMessageStore, physicalOffset: number, logger: Logger): MessageExt | undefined {
  const record = store.lookMessageByOffset(physicalOffset)
  if (record === undefined) {
    logger.warn(`a message that waited for its time is not in the log any more: commit log offset ${physicalOffset}`)
    return undefined
  }
  try {
    return decodeMessage(record, 0, { decompressBody: false })
  } catch (error) {
    logger.error(`a message that waited for its time cannot be read, commit log offset ${physicalOffset}: ${logText(error)}`)
    return undefined
  }
}

/** REAL_TOPIC and REAL_QID; undefined when they name nothing a message can be delivered to. */
export function realDestination({ properties }: MessageExt): Destination | undefined {
  const topic = properties.get(MessageConst.REAL_TOPIC)
  const queueId = Number(properties.get(MessageConst.REAL_QID) ?? Number.NaN)
  if (topic === undefined || !isLegalTopic(topic) || FORBIDDEN_TOPICS.has(topic) || topic === TIMER_TOPIC) return undefined
  return Number.isInteger(queueId) && queueId >= 0 && queueId < MAX_QUEUE_NUMS ? { topic, queueId } : undefined
}

/**
 * The message anew, for another topic. Its record keeps every property, as in Java, those of the delay included; only what the store
 * would act upon is gone.
 * @param properties as they are to be stored.
 */
export function movedMessage(
  message: MessageExt,
  { topic, queueId }: Destination,
  properties: Properties
): MessageExtBrokerInner {
  const acted = new Map(properties)
  // It waits for flush and replica whatever its sender said: its old record counts as done when it is as safe as that one.
  for (const name of [MessageConst.DELAY, MessageConst.WAIT]) acted.delete(name)
  return {
    topic,
    queueId,
    flag: message.flag,
    sysFlag: message.sysFlag,
    body: message.body,
    propertiesString: encodeProperties(properties),
    properties: acted,
    bornTimestamp: message.bornTimestamp,
    bornHost: message.bornHost,
    storeHost: message.storeHost,
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: 0
  }
}

/** What became of a put: `gone` is a message that will never be taken. */
export type Outcome = 'stored' | 'retry' | 'gone'

/** Puts a message whose time has come, and counts it. Never throws, never rejects. */
export function putDue(
  store: DefaultMessageStore,
  stats: BrokerStatsManager,
  logger: Logger,
  message: MessageExtBrokerInner
): MaybePromise<Outcome> {
  const done = ({ status, appendResult, remark }: PutMessageResult): Outcome => {
    // With any other status the record is in the log as well: another try would only store it twice.
    if (appendResult !== undefined) {
      stats.incPut(message.topic, 1, appendResult.wroteBytes)
      return 'stored'
    }
    if (status !== 'MESSAGE_ILLEGAL' && status !== 'PROPERTIES_SIZE_EXCEEDED') return 'retry'
    logger.error(`a message whose time came cannot be stored in ${logText(message.topic)}, it is left out: ${remark ?? status}`)
    return 'gone'
  }
  const put = store.asyncPutMessage(message)
  return isPromise(put) ? put.then(done) : done(put)
}

/** Pause before a put that failed is tried again, ms: 100 as in Java, doubled each time, at most 10 s. */
export function retryPause(failures: number): number {
  return Math.min(100 * 2 ** (failures - 1), 10_000)
}

/** Most ms until the wall clock is looked at again: timers do not notice that it was set. */
export const LONGEST_WAIT = 60_000
