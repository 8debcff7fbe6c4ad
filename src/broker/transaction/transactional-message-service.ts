import { tracked } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import { turn } from '../../internal/turns.ts'
import { javaHashCode } from '../../protocol/java-hash.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { storedMessageLength, writeStoredMessage } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { encodeProperties, type Properties } from '../../protocol/properties.ts'
import { TRANS_HALF_TOPIC, TRANS_OP_HALF_TOPIC } from '../../protocol/topics.ts'
import type { AppendResult } from '../../store/types.ts'
import type { BrokerServices } from '../broker-services.ts'
import { OpMessages } from './op-messages.ts'
import { TransactionalMessageBridge } from './transactional-message-bridge.ts'
import { immunityTime } from './transactional-message-util.ts'

/** Longest that one queue is worked on in a round, ms. */
const MAX_QUEUE_PROCESS_MILLIS = 60_000
/** Op messages of one read. */
const OP_BATCH = 32
const HOUR_MILLIS = 3_600_000
/** Half messages after which other work of the process gets its turn. */
const MESSAGES_A_TURN = 64

/** What is done with a half message: it is passed, or it and all behind it have to wait for the next round. */
type Verdict = 'PASSED' | 'WAIT'

/**
 * Asks producers about half messages that nobody ended; Java's `TransactionalMessageServiceImpl.check`. A half message that is asked
 * about is appended again, so the queue stays in order and its position moves on.
 */
export class TransactionalMessageService {
  readonly #broker: BrokerServices
  readonly #bridge: TransactionalMessageBridge
  /** First queue offsets of half messages that were put back because of their own immunity time, by queue: op messages may name them. */
  readonly #putBack = new Map<number, Set<number>>()

  #asked = 0

  constructor(broker: BrokerServices) {
    this.#broker = broker
    this.#bridge = new TransactionalMessageBridge(broker)
  }

  /**
   * One round over all half queues.
   * @param stopped ends it early.
   * @param now asks about everything that was there when the round began, however young it is.
   * @returns how many half messages were asked about.
   */
  async check(stopped: () => boolean, now = false): Promise<number> {
    const queues = this.#broker.topicConfigManager.selectTopicConfig(TRANS_HALF_TOPIC)?.readQueueNums ?? 0
    const before = this.#asked
    for (let queueId = 0; queueId < queues && !stopped(); queueId++) {
      const end = now ? this.#broker.store.getMaxOffsetInQueue(TRANS_HALF_TOPIC, queueId) : undefined
      await this.#checkQueue(queueId, stopped, end)
    }
    return this.#asked - before
  }

  /** What was remembered of half messages that are gone. */
  forget(): void {
    this.#putBack.clear()
  }

  /** @param forcedEnd where a round ends that asks whatever the age. */
  async #checkQueue(queueId: number, stopped: () => boolean, forcedEnd: number | undefined): Promise<void> {
    const { clock } = this.#broker
    const bridge = this.#bridge
    const halfOffset = bridge.fetchConsumeOffset(TRANS_HALF_TOPIC, queueId)
    if (halfOffset < 0) return
    const opOffset = Math.max(bridge.fetchConsumeOffset(TRANS_OP_HALF_TOPIC, queueId), 0)
    const ops = new OpMessages(
      (offset) => bridge.getMessages(TRANS_OP_HALF_TOPIC, queueId, offset, OP_BATCH),
      opOffset,
      halfOffset
    )
    const start = clock.now()
    const begin = clock.monotonic()
    let next = halfOffset
    for (let looked = 1; !stopped() && clock.monotonic() - begin <= MAX_QUEUE_PROCESS_MILLIS; looked++) {
      if (looked % MESSAGES_A_TURN === 0) await tracked(clock, turn(), 'looking for open half messages')
      if (ops.take(next)) {
        next++
        continue
      }
      const { messages, nextBeginOffset } = bridge.getMessages(TRANS_HALF_TOPIC, queueId, next, 1)
      const [half] = messages
      if (half === undefined) {
        if (nextBeginOffset === next) break
        // Dropped by the store, not readable, or the position is beyond the queue.
        const ended = nextBeginOffset < next
        next = nextBeginOffset
        if (ended) break
        continue
      }
      if (forcedEnd !== undefined && half.queueOffset >= forcedEnd) break
      if ((await this.#resolve(half, ops, start, forcedEnd !== undefined)) === 'WAIT') break
      next = half.queueOffset + 1
    }
    if (next !== halfOffset) bridge.updateConsumeOffset(TRANS_HALF_TOPIC, queueId, next)
    const putBack = this.#putBackOf(queueId)
    const newOpOffset = ops.finish((offset) => putBack.has(offset))
    if (newOpOffset !== opOffset) bridge.updateConsumeOffset(TRANS_OP_HALF_TOPIC, queueId, newOpOffset)
  }

  /** @param start of the round, ms since 1970. */
  async #resolve(half: MessageExt, ops: OpMessages, start: number, forced: boolean): Promise<Verdict> {
    if (ops.take(half.queueOffset)) return 'PASSED'
    const { config, storeConfig, clock } = this.#broker
    const { properties } = half
    const times = Number(properties.get(MessageConst.TRANSACTION_CHECK_TIMES) ?? 0) || 0
    const age = clock.now() - half.bornTimestamp
    // What is older than the store keeps messages may be gone by the next round.
    const outlived = age > storeConfig.fileReservedTime * HOUR_MILLIS
    if (times >= config.transactionCheckMax || outlived) return this.#discard(half, times)
    if (half.storeTimestamp >= start && !forced) return 'WAIT'
    const own = forced ? undefined : properties.get(MessageConst.CHECK_IMMUNITY_TIME_IN_SECONDS)
    const immunity = own === undefined ? config.transactionTimeOut : immunityTime(own, config.transactionTimeOut)
    const immune = age < immunity && !forced
    // Younger than all that could be asked about, and so is what comes after it; a clock that was set back makes it older than it can be.
    if (own === undefined && immune && age >= 0) return 'WAIT'
    while (!ops.exhausted && (immune || forced || !(ops.lastBornTimestamp - start > config.transactionTimeOut))) {
      ops.pull()
      if (ops.take(half.queueOffset)) return 'PASSED'
    }
    const putBack = this.#putBackOf(half.queueId)
    const first = firstOffset(half)
    if (first !== half.queueOffset && ops.take(first)) {
      putBack.delete(first)
      return 'PASSED'
    }
    if (own !== undefined && immune) {
      const again = new Map(properties).set(MessageConst.TRAN_PREPARED_QUEUE_OFFSET, String(first))
      if ((await this.#bridge.putBack(half, again)) === undefined) return 'WAIT'
      putBack.add(first)
      return 'PASSED'
    }
    const checked = new Map(properties).set(MessageConst.TRANSACTION_CHECK_TIMES, String(times + 1))
    const appended = await this.#bridge.putBack(half, checked)
    if (appended === undefined) return 'WAIT'
    putBack.delete(first)
    this.#sendCheckMessage(half, checked, appended)
    return 'PASSED'
  }

  async #discard(half: MessageExt, times: number): Promise<Verdict> {
    if (!(await this.#bridge.discard(half))) return 'WAIT'
    this.#putBackOf(half.queueId).delete(firstOffset(half))
    this.#broker.logger.warn(`half message ${logText(half.msgId)} was put aside after ${times} checks: nobody ended it`)
    return 'PASSED'
  }

  /** Asks one producer of the message's group; where there is none, the next round tries again. */
  #sendCheckMessage(half: MessageExt, checked: Properties, appended: AppendResult): void {
    const { broker2Client, producerManager, config, logger } = this.#broker
    const group = checked.get(MessageConst.PGROUP)
    const uniqKey = checked.get(MessageConst.UNIQ_KEY)
    // Each half message asks others with each check, wherever it began.
    const turn = (javaHashCode(uniqKey ?? '') & 0xffff) + Number(checked.get(MessageConst.TRANSACTION_CHECK_TIMES))
    const connection = group === undefined ? undefined : producerManager.getAvailableChannel(group, turn)
    if (connection === undefined) {
      logger.warn(
        `nobody can be asked about half message ${logText(half.msgId)}: no producer of group ${logText(group ?? '(none)')}`
      )
      return
    }
    this.#asked++
    broker2Client.checkProducerTransactionState(
      connection,
      {
        topic: half.topic,
        tranStateTableOffset: appended.logicsOffset,
        commitLogOffset: appended.wroteOffset,
        msgId: uniqKey,
        transactionId: uniqKey,
        offsetMsgId: appended.msgId,
        brokerName: config.brokerName
      },
      asItWasSent(half, checked, appended)
    )
  }

  #putBackOf(queueId: number): Set<number> {
    let offsets = this.#putBack.get(queueId)
    if (offsets === undefined) {
      offsets = new Set()
      this.#putBack.set(queueId, offsets)
    }
    return offsets
  }
}

/** Queue offset under which the half message was stored first, where it was put back because of its own immunity time. */
function firstOffset(half: MessageExt): number {
  const text = half.properties.get(MessageConst.TRAN_PREPARED_QUEUE_OFFSET) ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : half.queueOffset
}

/** The record a producer is shown: the new place of the half message, and the topic and queue it was sent to. */
function asItWasSent(half: MessageExt, checked: Properties, appended: AppendResult): Buffer {
  const properties = new Map(checked).set(MessageConst.WAIT, 'false')
  const queueId = Number(properties.get(MessageConst.REAL_QID) ?? 0)
  const fields = {
    ...half,
    topic: properties.get(MessageConst.REAL_TOPIC) ?? half.topic,
    queueId: Number.isInteger(queueId) ? queueId | 0 : 0,
    propertiesString: encodeProperties(properties),
    queueOffset: appended.logicsOffset,
    physicalOffset: appended.wroteOffset
  }
  const record = Buffer.alloc(storedMessageLength(fields))
  return record.subarray(0, writeStoredMessage(record, 0, fields))
}
