import type { Clock } from '../internal/clock.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import type { Logger } from '../internal/logger.ts'
import { MAGIC_AT, PHYSICAL_OFFSET_AT } from '../protocol/message-codec.ts'
import { ConsumeQueueStore } from './consume-queue-store.ts'
import { DispatchFiles, type DispatchPosition } from './files/consume-queue-flush.ts'
import { StoreFiles, type StoreFilesOptions } from './files/store-files.ts'
import { MAX_PULL_MSG_SIZE, readQueue } from './get-message.ts'
import { IndexService, type KeyIndex } from './index-service.ts'
import { MemoryStorage } from './memory-storage.ts'
import { createMessageStoreConfig, type MessageStoreConfig } from './message-store-config.ts'
import { offsetByTime } from './offset-by-time.ts'
import { type QueryMessageResult, queryByKey } from './query-message.ts'
import { isRecordMagic, readLong, STORE_TIMESTAMP_END, storeTimestampOf } from './record-format.ts'
import { StoreStatsService } from './store-stats-service.ts'
import type {
  CommitLogStorage,
  ConsumeQueueUnit,
  GetMessageResult,
  RecordFilter,
  ReplicaService,
  TagsFilter,
  TimeBoundary
} from './types.ts'

export interface MessageStoreDeps {
  clock: Clock
  logger: Logger
  faults?: FaultTable
  /** Who replicates; without one a SYNC_MASTER answers SLAVE_NOT_AVAILABLE. */
  replicaService?: ReplicaService
  /** Keeps the store in files. @default in memory */
  files?: StoreFilesOptions | undefined
  /** @default a new MemoryStorage with the limits of the configuration, or the files' own */
  storage?: CommitLogStorage
  /** What faults know this store by. */
  brokerName?: string
}

/**
 * What a store holds - the log, the consume queues, the key index, each in memory or in files - and what can be asked of it. Nothing in
 * here changes a message; how they come in is in default-message-store.ts.
 */
export abstract class StoredMessages {
  /** The live settings; a change takes effect with the next call. */
  readonly config: MessageStoreConfig
  readonly stats: StoreStatsService
  protected readonly clock: Clock
  protected readonly logger: Logger
  protected readonly storage: CommitLogStorage
  protected readonly queues: ConsumeQueueStore
  protected readonly index: KeyIndex
  protected readonly files: StoreFiles | undefined
  /** Queues and index in files, where the log is. */
  protected readonly dispatchFiles: DispatchFiles | undefined

  /** @throws MQClientException (`BAD_OPTION`) for a setting that is unknown or out of range. */
  constructor(options: Partial<MessageStoreConfig>, { clock, logger, files, storage }: MessageStoreDeps) {
    const config = createMessageStoreConfig(options)
    this.config = config
    this.clock = clock
    this.logger = logger
    this.stats = new StoreStatsService(clock)
    if (files !== undefined) {
      this.files = new StoreFiles(files, { config, clock, logger })
      const { root } = this.files
      const position = (): DispatchPosition => this.dispatchPosition
      this.dispatchFiles = new DispatchFiles({ root, config, clock, logger, position, files: files.files })
    }
    this.storage =
      storage ??
      this.files?.storage ??
      new MemoryStorage(() => ({
        maxBytes: config.maxBytes,
        whenFull: config.whenFull,
        segmentSize: config.mappedFileSizeCommitLog
      }))
    this.storage.onDropped = () => this.#correctMinOffset()
    this.queues = this.dispatchFiles?.queues ?? new ConsumeQueueStore()
    // In memory no more than one entry for each 64 bytes of log: keys must not take more memory than the messages.
    this.index =
      this.dispatchFiles?.index ?? new IndexService(() => Math.min(config.maxIndexNum, Math.ceil(config.maxBytes / 64)))
  }

  /** Where dispatch is. */
  protected abstract get dispatchPosition(): DispatchPosition

  abstract get isReadable(): boolean

  /**
   * Records of a queue from `offset` on. Undefined when the store is shut down.
   * @param maxMsgNums most messages; the store's own limits hold as well
   * @param maxTotalMsgSize most bytes; the first message is always taken. @default 134217728
   */
  getMessage(
    _group: string,
    topic: string,
    queueId: number,
    offset: number,
    maxMsgNums: number,
    filter?: TagsFilter,
    maxTotalMsgSize: number = MAX_PULL_MSG_SIZE,
    recordFilter?: RecordFilter
  ): GetMessageResult | undefined {
    if (!this.isReadable) return undefined
    const begin = this.clock.monotonic()
    const queue = this.queues.find(topic, queueId)
    const result = readQueue(queue, this.storage, this.config, offset, maxMsgNums, filter, maxTotalMsgSize, recordFilter)
    this.stats.getDone(this.clock.monotonic() - begin, result.messages.length)
    return result
  }

  /**
   * Behind the last message of a queue; 0 when there is none.
   * @param committed false: messages that consumers do not see yet count too. @default true
   */
  getMaxOffsetInQueue(topic: string, queueId: number, committed = true): number {
    const queue = this.queues.find(topic, queueId)
    return (committed ? queue?.maxOffset : queue?.nextOffset) ?? 0
  }

  /** First message of a queue; -1 when there is no such queue. */
  getMinOffsetInQueue(topic: string, queueId: number): number {
    return this.queues.find(topic, queueId)?.minOffset ?? -1
  }

  /** See `offsetByTime` for what each boundary answers; 0 when there is no such queue. */
  getOffsetInQueueByTime(topic: string, queueId: number, timestamp: number, boundary: TimeBoundary = 'LOWER'): number {
    const queue = this.queues.find(topic, queueId)
    return queue === undefined ? 0 : offsetByTime(queue, timestamp, boundary, (offset) => this.#storeTimestampAt(offset))
  }

  /** When a message was stored, ms since 1970; -1 when it is not there. */
  getMessageStoreTimeStamp(topic: string, queueId: number, queueOffset: number): number {
    const queue = this.queues.find(topic, queueId)
    return queue?.has(queueOffset) === true ? this.#storeTimestampAt(queue.physicalOffsetAt(queueOffset)) : -1
  }

  /** When the first message of a queue, or of the whole store, was stored; -1 when there is none. */
  getEarliestMessageTime(topic?: string, queueId = 0): number {
    if (topic === undefined) return this.#storeTimestampAt(this.storage.minOffset)
    return this.getMessageStoreTimeStamp(topic, queueId, this.getMinOffsetInQueue(topic, queueId))
  }

  /** The unit of a queue offset; undefined when it is not there. */
  getConsumeQueueUnit(topic: string, queueId: number, queueOffset: number): ConsumeQueueUnit | undefined {
    return this.queues.find(topic, queueId)?.get(queueOffset)
  }

  /** Where the record of a queue offset is in the commit log; undefined when it is not there. */
  getCommitLogOffsetInQueue(topic: string, queueId: number, queueOffset: number): number | undefined {
    return this.queues.find(topic, queueId)?.get(queueOffset)?.physicalOffset
  }

  /** The record that begins at a physical offset; undefined when none does. */
  lookMessageByOffset(physicalOffset: number): Buffer | undefined {
    if (!Number.isSafeInteger(physicalOffset) || physicalOffset < 0) return undefined
    const head = this.storage.read(physicalOffset, STORE_TIMESTAMP_END)
    if (head === undefined || !isRecordMagic(head.readInt32BE(MAGIC_AT))) return undefined
    if (readLong(head, PHYSICAL_OFFSET_AT) !== physicalOffset) return undefined
    return this.storage.read(physicalOffset, head.readInt32BE(0))
  }

  getMinPhyOffset(): number {
    return this.storage.minOffset
  }

  getMaxPhyOffset(): number {
    return this.storage.maxOffset
  }

  /** Raw commit log, at most `size` bytes from an offset on, in one view per segment. */
  getBulkCommitLogData(offset: number, size: number): Buffer[] {
    const chunks: Buffer[] = []
    let left = size
    for (let at = offset; left > 0; ) {
      const chunk = this.storage.readChunk(at, left)
      if (chunk === undefined || chunk.length === 0) break
      chunks.push(chunk)
      at += chunk.length
      left -= chunk.length
    }
    return chunks
  }

  /**
   * Raw commit log from `offset` on, of what may be sent to slaves: at most `limit` bytes, and never over the end of a segment.
   * Undefined when there is nothing.
   */
  getCommitLogData(offset: number, limit: number): Buffer | undefined {
    const ready = this.storage.writtenWhere - offset
    return ready > 0 ? this.storage.readChunk(offset, Math.min(limit, ready)) : undefined
  }

  /** What a slave tells its master: everything below is as safe here as `flushDiskType` asks. */
  getReplicaAckOffset(): number {
    return this.config.flushDiskType === 'SYNC_FLUSH' ? this.storage.flushedWhere : this.storage.writtenWhere
  }

  /**
   * Messages by key or unique key that were stored from `begin` to `end`: the newest `maxNum`, oldest first.
   * @param maxNum at most `maxMsgsNumBatch`
   */
  queryMessage(topic: string, key: string, maxNum: number, begin: number, end: number): QueryMessageResult {
    const limit = Math.min(maxNum, this.config.maxMsgsNumBatch)
    const lookup = (offset: number): Buffer | undefined => this.lookMessageByOffset(offset)
    return queryByKey(this.index, lookup, topic, key, limit, begin, end)
  }

  /** Topics that have queues. */
  *topics(): IterableIterator<string> {
    for (const { topic } of this.queues.topics()) yield topic
  }

  /** How many queues a topic has, as far as they have been used. */
  queueNums(topic: string): number {
    return Math.max(-1, ...(this.queues.lookup(topic)?.queues.keys() ?? [])) + 1
  }

  /** Messages put and bytes written, of one topic. */
  topicPutTotals(topic: string): { times: number; bytes: number } {
    const queues = this.queues.lookup(topic)
    return { times: queues?.putTimes ?? 0, bytes: queues?.putBytes ?? 0 }
  }

  /** Forgets the queues of these topics; their records stay in the commit log. Returns how many there were. */
  deleteTopics(topics: Iterable<string>): number {
    let deleted = 0
    for (const topic of topics) if (this.queues.delete(topic)) deleted++
    return deleted
  }

  /** Forgets the queues of all topics but these. Returns how many there were. */
  cleanUnusedTopic(retained: ReadonlySet<string>): number {
    return this.deleteTopics([...this.topics()].filter((topic) => !retained.has(topic)))
  }

  #storeTimestampAt(physicalOffset: number): number {
    const head = this.storage.read(physicalOffset, STORE_TIMESTAMP_END)
    return head !== undefined && isRecordMagic(head.readInt32BE(MAGIC_AT)) ? storeTimestampOf(head) : -1
  }

  #correctMinOffset(): void {
    const { minOffset } = this.storage
    this.queues.correctMinOffset(minOffset)
    this.index.correctMinOffset(minOffset)
    this.logger.info(`the oldest messages were dropped, the store begins at offset ${minOffset} now`)
  }
}
