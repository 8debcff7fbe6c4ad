import { type Logger, logText } from '../internal/logger.ts'
import { tagsCodeOf } from '../protocol/java-hash.ts'
import { BLANK_MAGIC, MAGIC_AT, PHYSICAL_OFFSET_AT } from '../protocol/message-codec.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { decodeProperties, type Properties } from '../protocol/properties.ts'
import { SysFlag, transactionValue } from '../protocol/sys-flag.ts'
import { SCHEDULE_TOPIC } from '../protocol/topics.ts'
import type { ConsumeQueueStore, TopicQueues } from './consume-queue-store.ts'
import { deliverTimestamp, parseDelayLevels } from './delay-levels.ts'
import type { KeyIndex } from './index-service.ts'
import { DEFAULT_DELAY_LEVELS, type MessageStoreConfig } from './message-store-config.ts'
import { END_OF_FILE_BYTES, isRecordMagic, readLong, readRecordHead, STORE_TIMESTAMP_END } from './record-format.ts'
import type { AppendResult, CommitLogStorage, DispatchRequest, MessageExtBrokerInner } from './types.ts'

/** Whether a record of this transaction type is in its queue: prepared and rollback records are not. */
export function entersQueue(sysFlag: number): boolean {
  const type = transactionValue(sysFlag)
  return type === SysFlag.TRANSACTION_NOT_TYPE || type === SysFlag.TRANSACTION_COMMIT_TYPE
}

/** Where a record landed. */
type RecordPlace = Pick<AppendResult, 'wroteOffset' | 'wroteBytes' | 'logicsOffset' | 'storeTimestamp'>

/** So many dispatched entries are kept before those behind them move up. */
const COMPACT_AT = 1024

export interface ReputServiceDeps {
  storage: CommitLogStorage
  queues: ConsumeQueueStore
  index: KeyIndex
  config: MessageStoreConfig
  logger: Logger
  /** Records that end at or before it may become visible. */
  confirmOffset: () => number
}

/**
 * Makes records visible, in the order of the log: consume queue, then index, then listeners. Java's `ReputMessageService`; where Java
 * follows the log on a thread of its own, a record that was just appended is dispatched by the put itself, from the message it still
 * has in hand; everything else is read from the log.
 */
export class ReputService {
  readonly #deps: ReputServiceDeps
  readonly #listeners = new Set<(request: DispatchRequest) => void>()
  #reputFromOffset: number
  #storeTimestamp = 0
  /** Where something stands that is no record; said once. */
  #stoppedAt = -1
  /** Set while records are dispatched: what a listener puts waits until all listeners have heard of the record before. */
  #running = false
  /** What was appended and waits until it may be seen, from `#next` on in the order of the log, so that it is not read back. */
  #pending: DispatchRequest[] = []
  #next = 0
  #delayLevels: { text: string; millis: readonly number[] } | undefined

  constructor(deps: ReputServiceDeps) {
    this.#deps = deps
    this.#reputFromOffset = deps.storage.minOffset
  }

  /** The first byte of the log that has not been dispatched. */
  get reputFromOffset(): number {
    return this.#reputFromOffset
  }

  /** Behind the last record that was dispatched, and when that was stored. */
  get position(): { physicalOffset: number; storeTimestamp: number } {
    return { physicalOffset: this.#reputFromOffset, storeTimestamp: this.#storeTimestamp }
  }

  /** Everything before has been dispatched. So has nothing when the log begins here: a slave's, whose master sent it no more than the end of its own. */
  beginAt(physicalOffset: number): void {
    this.#reputFromOffset = physicalOffset
  }

  /** Called for each record once it is visible. Returns what removes the listener. */
  addListener(listener: (request: DispatchRequest) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** A record was appended: shows it without reading it back, when nothing before it still waits. */
  appended(topic: TopicQueues, message: MessageExtBrokerInner, properties: Properties, place: RecordPlace): void {
    const { storage, confirmOffset } = this.#deps
    const { wroteOffset: physicalOffset, wroteBytes: size, logicsOffset: queueOffset, storeTimestamp } = place
    const end = physicalOffset + size
    const { queueId, sysFlag, preparedTransactionOffset } = message
    const record: DispatchRequest = {
      topic: topic.topic,
      queueId,
      physicalOffset,
      size,
      tagsCode: this.#tagsCode(topic.topic, properties, storeTimestamp),
      storeTimestamp,
      queueOffset,
      keys: properties.get(MessageConst.KEYS),
      uniqKey: properties.get(MessageConst.UNIQ_KEY),
      sysFlag,
      preparedTransactionOffset
    }
    if (this.#reputFromOffset !== physicalOffset || this.#running || confirmOffset() < end) {
      this.#pending.push(record)
      this.run()
      return
    }
    this.#reputFromOffset = end
    this.#running = true
    try {
      this.#dispatch(topic, record)
    } finally {
      this.#running = false
    }
    // A listener has put something meanwhile.
    if (storage.maxOffset > end) this.run()
  }

  /** Dispatches everything that may become visible. */
  run(): void {
    if (this.#running) return
    this.#running = true
    try {
      while (this.#pendingStep() || this.#step()) {}
    } finally {
      this.#running = false
    }
  }

  /** Dispatches a record that recovery has found; nobody is told of it. */
  recovered(bytes: Buffer, physicalOffset: number): void {
    const record = this.#requestOf(bytes, physicalOffset)
    this.#index(this.#deps.queues.topic(record.topic), record)
  }

  /** Records from `end` on are not part of the log any more: gives their queue offsets back. Returns how many there were, and their bytes. */
  rollBack(end: number): { messages: number; bytes: number } {
    const first = this.#pending.findIndex((record, i) => i >= this.#next && record.physicalOffset >= end)
    let bytes = 0
    const gone = first < 0 ? [] : this.#pending.splice(first)
    for (const { topic, queueId, queueOffset, sysFlag, size } of gone) {
      bytes += size
      // It may have been deleted meanwhile.
      const queues = this.#deps.queues.lookup(topic)
      if (queues === undefined) continue
      queues.putTimes--
      queues.putBytes -= size
      const queue = queues.queue(queueId)
      if (entersQueue(sysFlag) && queue.nextOffset > queueOffset) queue.nextOffset = queueOffset
    }
    return { messages: gone.length, bytes }
  }

  #pendingStep(): boolean {
    const record = this.#pending[this.#next]
    if (record === undefined || record.physicalOffset > this.#reputFromOffset) return false
    const { storage, confirmOffset } = this.#deps
    const end = record.physicalOffset + record.size
    if (end > confirmOffset() || this.#reputFromOffset < storage.minOffset) return false
    if (++this.#next >= COMPACT_AT) {
      this.#pending.splice(0, this.#next)
      this.#next = 0
    }
    if (record.physicalOffset < this.#reputFromOffset) return true
    this.#reputFromOffset = end
    // The topic may have been deleted meanwhile.
    this.#dispatch(this.#deps.queues.topic(record.topic), record)
    return true
  }

  #step(): boolean {
    const { storage, queues, logger } = this.#deps
    if (this.#reputFromOffset < storage.minOffset) {
      logger.warn(`dispatch was behind: records from ${this.#reputFromOffset} to ${storage.minOffset} were dropped before it`)
      this.#reputFromOffset = storage.minOffset
    }
    const from = this.#reputFromOffset
    const end = this.#deps.confirmOffset()
    if (from >= end) return false
    const head = storage.peek(from, 8)
    if (head === undefined) return false
    const size = head.readInt32BE(0)
    const magic = head.readInt32BE(MAGIC_AT)
    if (size < END_OF_FILE_BYTES) {
      if (this.#stoppedAt !== from)
        logger.error(`no record at offset ${from} of the commit log: size ${size}; nothing behind it is shown`)
      this.#stoppedAt = from
      return false
    }
    if (from + size > end) return false
    this.#reputFromOffset = from + size
    if (magic === BLANK_MAGIC) return true
    const bytes = isRecordMagic(magic) ? storage.peek(from, size) : undefined
    if (bytes === undefined || size < STORE_TIMESTAMP_END || readLong(bytes, PHYSICAL_OFFSET_AT) !== from) {
      logger.error(`no record at offset ${from} of the commit log: magic ${magic}, size ${size}`)
      return false
    }
    const record = this.#requestOf(bytes, from)
    this.#dispatch(queues.topic(record.topic), record)
    return true
  }

  #dispatch(topic: TopicQueues, record: DispatchRequest): void {
    this.#index(topic, record)
    if (this.#listeners.size > 0 && entersQueue(record.sysFlag)) this.#tell(record)
  }

  /** Consume queue and key index. */
  #index(topic: TopicQueues, record: DispatchRequest): void {
    const { index, config } = this.#deps
    const { queueId, physicalOffset, size, tagsCode, storeTimestamp, queueOffset, sysFlag } = record
    this.#storeTimestamp = storeTimestamp
    if (entersQueue(sysFlag)) topic.queue(queueId).put(queueOffset, physicalOffset, size, tagsCode)
    if (config.messageIndexEnable && transactionValue(sysFlag) !== SysFlag.TRANSACTION_ROLLBACK_TYPE) {
      index.putMessage(topic.keyHash, record)
    }
  }

  /** What dispatch needs of a record in the log. */
  #requestOf(bytes: Buffer, physicalOffset: number): DispatchRequest {
    const { topic, queueId, queueOffset, sysFlag, storeTimestamp, preparedTransactionOffset, ...head } = readRecordHead(bytes)
    const properties = decodeProperties(head.properties)
    return {
      topic,
      queueId,
      physicalOffset,
      size: bytes.length,
      tagsCode: this.#tagsCode(topic, properties, storeTimestamp),
      storeTimestamp,
      queueOffset,
      keys: properties.get(MessageConst.KEYS),
      uniqKey: properties.get(MessageConst.UNIQ_KEY),
      sysFlag,
      preparedTransactionOffset
    }
  }

  #tell(request: DispatchRequest): void {
    for (const listener of this.#listeners) {
      try {
        listener(request)
      } catch (error) {
        this.#deps.logger.error(`a listener for arriving messages failed: ${logText(error)}`)
      }
    }
  }

  /** The hash of the tags; for a delayed message when it is due. */
  #tagsCode(topic: string, properties: Properties, storeTimestamp: number): number {
    if (topic === SCHEDULE_TOPIC) {
      const level = Number(properties.get(MessageConst.DELAY))
      if (Number.isInteger(level) && level > 0) return deliverTimestamp(this.#levels(), level, storeTimestamp)
    }
    return tagsCodeOf(properties.get(MessageConst.TAGS))
  }

  /** A text that is none, set while the store runs, leaves the levels as they were. */
  #levels(): readonly number[] {
    const text = this.#deps.config.messageDelayLevel
    const known = this.#delayLevels
    if (known?.text === text) return known.millis
    let millis: readonly number[]
    try {
      millis = parseDelayLevels(text)
    } catch (error) {
      this.#deps.logger.error(logText(error))
      millis = known?.millis ?? parseDelayLevels(DEFAULT_DELAY_LEVELS)
    }
    this.#delayLevels = { text, millis }
    return millis
  }
}
