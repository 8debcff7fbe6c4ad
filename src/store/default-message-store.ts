import { isPromise, type MaybePromise } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import { RocketMQError } from '../internal/errors.ts'
import { FaultTable } from '../internal/fault-table.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { MAGIC_AT, PHYSICAL_OFFSET_AT } from '../protocol/message-codec.ts'
import { CommitLog } from './commit-log.ts'
import { ConsumeQueueStore } from './consume-queue-store.ts'
import { DiskFlushAndHA } from './disk-flush-and-ha.ts'
import { CleanService } from './files/clean-service.ts'
import { DispatchFiles, type DispatchPosition } from './files/consume-queue-flush.ts'
import { StoreFiles, type StoreFilesOptions } from './files/store-files.ts'
import { FlushService } from './flush-service.ts'
import { MAX_PULL_MSG_SIZE, readQueue } from './get-message.ts'
import { IndexService, type KeyIndex } from './index-service.ts'
import { MemoryStorage } from './memory-storage.ts'
import { createMessageStoreConfig, type MessageStoreConfig } from './message-store-config.ts'
import { offsetByTime } from './offset-by-time.ts'
import { checkMessage } from './put-checks.ts'
import { type QueryMessageResult, queryByKey } from './query-message.ts'
import { isRecordMagic, readLong, STORE_TIMESTAMP_END, storeTimestampOf } from './record-format.ts'
import { ReputService } from './reput-service.ts'
import { capacityText, doubleText, humanReadableByteCount } from './runtime-figures.ts'
import { StoreFaults } from './store-faults.ts'
import { StoreStatsService } from './store-stats-service.ts'
import type {
  CommitLogStorage,
  ConsumeQueueUnit,
  DispatchRequest,
  GetMessageResult,
  MessageExtBrokerInner,
  PutMessageResult,
  RecordFilter,
  ReplicaService,
  TagsFilter,
  TimeBoundary,
  WriteFailure
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
 * The message store: commit log, consume queues and key index. Java's `DefaultMessageStore`.
 *
 * @example
 * const store = new DefaultMessageStore({ flushDiskType: 'SYNC_FLUSH' }, { clock: realClock, logger: console })
 * await store.start()
 * const { status, appendResult } = await store.asyncPutMessage(message)
 */
export class DefaultMessageStore {
  /** The live settings; a change takes effect with the next call. */
  readonly config: MessageStoreConfig
  readonly stats: StoreStatsService
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #storage: CommitLogStorage
  readonly #files: StoreFiles | undefined
  readonly #replica: ReplicaService | undefined
  /** Queues and index in files, where the log is. */
  readonly #dispatchFiles: DispatchFiles | undefined
  readonly #clean: CleanService | undefined
  readonly #queues: ConsumeQueueStore
  readonly #index: KeyIndex
  readonly #flush: FlushService
  readonly #reput: ReputService
  readonly #durability: DiskFlushAndHA
  readonly #commitLog: CommitLog
  #shutdown = true
  /** Store timestamp of the last record that had been written when the flush in flight began. */
  #flushMark = 0
  #readOnly: string | undefined
  /** Why puts are refused until there is room on the disk. */
  #diskFull: string | undefined

  /** @throws MQClientException (`BAD_OPTION`) for a setting that is unknown or out of range. */
  constructor(config: Partial<MessageStoreConfig>, deps: MessageStoreDeps) {
    this.config = createMessageStoreConfig(config)
    this.#clock = deps.clock
    this.#logger = deps.logger
    this.#replica = deps.replicaService
    this.stats = new StoreStatsService(deps.clock)
    this.#files =
      deps.files === undefined
        ? undefined
        : new StoreFiles(deps.files, { config: this.config, clock: deps.clock, logger: deps.logger })
    this.#storage =
      deps.storage ??
      this.#files?.storage ??
      new MemoryStorage(() => ({
        maxBytes: this.config.maxBytes,
        whenFull: this.config.whenFull,
        segmentSize: this.config.mappedFileSizeCommitLog
      }))
    if (this.#files !== undefined) {
      const { root } = this.#files
      const position = (): DispatchPosition => this.#reput.position
      const shared = { root, config: this.config, clock: deps.clock, logger: deps.logger }
      this.#dispatchFiles = new DispatchFiles({ ...shared, position, files: deps.files?.files })
      this.#clean = new CleanService({
        ...shared,
        log: this.#files.storage,
        dispatchFiles: this.#dispatchFiles,
        diskUsed: deps.files?.diskUsed,
        onDiskFull: (reason) => {
          this.#diskFull = reason
        }
      })
    }
    this.#queues = this.#dispatchFiles?.queues ?? new ConsumeQueueStore()
    // In memory no more than one entry for each 64 bytes of log: keys must not take more memory than the messages.
    this.#index =
      this.#dispatchFiles?.index ??
      new IndexService(() => Math.min(this.config.maxIndexNum, Math.ceil(this.config.maxBytes / 64)))
    this.#storage.onDropped = () => this.#correctMinOffset()
    this.#storage.onWritten = () => this.#flush.written()
    this.#storage.onWriteFailed = (failure) => this.#writeFailed(failure)
    this.#flush = new FlushService({
      storage: this.#storage,
      config: this.config,
      clock: deps.clock,
      logger: deps.logger,
      onFlush: () => {
        this.#flushMark = this.#reput.position.storeTimestamp
      },
      onFlushed: () => {
        if (this.#dispatchFiles !== undefined) this.#dispatchFiles.checkpoint.physicMsgTimestamp = this.#flushMark
      },
      onProgress: () => this.#progress(),
      onFailed: (error) => {
        this.#readOnly = `the store is read-only since a flush failed: ${logText(error)}`
      }
    })
    this.#reput = new ReputService({
      storage: this.#storage,
      queues: this.#queues,
      index: this.#index,
      config: this.config,
      logger: deps.logger,
      confirmOffset: () => this.#durability.confirmOffset
    })
    const faults = new StoreFaults(deps.faults ?? new FaultTable(), deps.clock, deps.brokerName)
    this.#durability = new DiskFlushAndHA({
      storage: this.#storage,
      config: this.config,
      logger: deps.logger,
      faults,
      flush: this.#flush,
      reput: this.#reput,
      replica: deps.replicaService
    })
    this.#commitLog = new CommitLog({
      storage: this.#storage,
      config: this.config,
      clock: deps.clock,
      faults,
      queues: this.#queues,
      stats: this.stats,
      reput: this.#reput,
      durability: this.#durability
    })
  }

  /** @throws MQClientException when the store's files cannot be opened; see `StoreFiles.open`. */
  async start(): Promise<void> {
    const dispatchFiles = this.#dispatchFiles
    if (this.#files !== undefined && dispatchFiles !== undefined) {
      await this.#files.open({
        load: (clean, dispatched, minOffset) => dispatchFiles.load(clean, dispatched, minOffset),
        durableTimestamp: () => dispatchFiles.checkpoint.physicMsgTimestamp,
        onRecord: (bytes, physicalOffset) => this.#recovered(bytes, physicalOffset),
        onSlice: () => dispatchFiles.relieve(),
        onEnd: (end) => {
          dispatchFiles.truncateDirty(end)
          this.#commitLog.recovered(dispatchFiles.checkpoint.physicMsgTimestamp)
          this.#reput.beginAt(end)
        }
      })
      dispatchFiles.start()
      this.#clean?.start()
    }
    this.#reput.run()
    this.#shutdown = false
  }

  /** Refuses further puts, flushes what is there, answers every put that waits, and lets the storage go. */
  async shutdown(): Promise<void> {
    if (this.#shutdown) return
    this.#shutdown = true
    if (this.#clean !== undefined) await this.#clean.stop()
    this.#commitLog.shutdown()
    this.#durability.shutdown()
    await this.#flush.shutdown()
    this.#reput.run()
    if (this.#files === undefined) await this.#storage.close()
    else await this.#closeFiles(this.#files)
    this.#flush.close()
  }

  /** The mark of an open store goes only when the next start has nothing to look for. */
  async #closeFiles(files: StoreFiles): Promise<void> {
    const whole = this.#readOnly === undefined && this.dispatchBehindBytes() === 0 && this.remainHowManyDataToFlush() === 0
    const orderly = (await this.#dispatchFiles?.close()) === true && whole
    if (!orderly) this.#logger.warn(`${files.root} was not closed orderly: the next start looks through its log`)
    await files.close(orderly, this.#dispatchFiles?.durablePosition ?? 0)
  }

  get isShutdown(): boolean {
    return this.#shutdown
  }

  get isReadable(): boolean {
    return !this.#shutdown
  }

  get isWriteable(): boolean {
    return !this.#shutdown && this.#readOnly === undefined && this.#diskFull === undefined
  }

  /** Whether an append has held the log for longer than `osPageCacheBusyTimeOutMills`. */
  isOSPageCacheBusy(): boolean {
    return this.#commitLog.lockTimeMills > this.config.osPageCacheBusyTimeOutMills
  }

  /** How long the current append has held the log, ms. */
  lockTimeMills(): number {
    return this.#commitLog.lockTimeMills
  }

  /**
   * Appends within the call and answers when flush and replica have: at once, without a promise, when neither has to be waited for.
   * Never throws and never rejects; a refusal says why in `remark`. The message's buffers are not used after the call returned, unless
   * a fault delays the append.
   */
  asyncPutMessage(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const begin = this.#clock.monotonic()
    this.stats.tick(begin)
    let result: MaybePromise<PutMessageResult>
    try {
      result = this.#checkBeforePut(message) ?? this.#commitLog.asyncPutMessage(message)
    } catch (error) {
      result = this.#failed(error)
    }
    if (isPromise(result)) {
      const done = (answer: PutMessageResult): PutMessageResult => {
        this.stats.putDone(this.#clock.monotonic() - begin, answer.appendResult !== undefined)
        return answer
      }
      return result.then(done, (error: unknown) => done(this.#failed(error)))
    }
    this.stats.putDone(0, result.appendResult !== undefined)
    return result
  }

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
    const begin = this.#clock.monotonic()
    const queue = this.#queues.find(topic, queueId)
    const result = readQueue(queue, this.#storage, this.config, offset, maxMsgNums, filter, maxTotalMsgSize, recordFilter)
    this.stats.getDone(this.#clock.monotonic() - begin, result.messages.length)
    return result
  }

  /**
   * Behind the last message of a queue; 0 when there is none.
   * @param committed false: messages that consumers do not see yet count too. @default true
   */
  getMaxOffsetInQueue(topic: string, queueId: number, committed = true): number {
    const queue = this.#queues.find(topic, queueId)
    return (committed ? queue?.maxOffset : queue?.nextOffset) ?? 0
  }

  /** First message of a queue; -1 when there is no such queue. */
  getMinOffsetInQueue(topic: string, queueId: number): number {
    return this.#queues.find(topic, queueId)?.minOffset ?? -1
  }

  /** See `offsetByTime` for what each boundary answers; 0 when there is no such queue. */
  getOffsetInQueueByTime(topic: string, queueId: number, timestamp: number, boundary: TimeBoundary = 'LOWER'): number {
    const queue = this.#queues.find(topic, queueId)
    return queue === undefined ? 0 : offsetByTime(queue, timestamp, boundary, (offset) => this.#storeTimestampAt(offset))
  }

  /** When a message was stored, ms since 1970; -1 when it is not there. */
  getMessageStoreTimeStamp(topic: string, queueId: number, queueOffset: number): number {
    const queue = this.#queues.find(topic, queueId)
    return queue?.has(queueOffset) === true ? this.#storeTimestampAt(queue.physicalOffsetAt(queueOffset)) : -1
  }

  /** When the first message of a queue, or of the whole store, was stored; -1 when there is none. */
  getEarliestMessageTime(topic?: string, queueId = 0): number {
    if (topic === undefined) return this.#storeTimestampAt(this.#storage.minOffset)
    return this.getMessageStoreTimeStamp(topic, queueId, this.getMinOffsetInQueue(topic, queueId))
  }

  /** The unit of a queue offset; undefined when it is not there. */
  getConsumeQueueUnit(topic: string, queueId: number, queueOffset: number): ConsumeQueueUnit | undefined {
    return this.#queues.find(topic, queueId)?.get(queueOffset)
  }

  /** Where the record of a queue offset is in the commit log; undefined when it is not there. */
  getCommitLogOffsetInQueue(topic: string, queueId: number, queueOffset: number): number | undefined {
    return this.#queues.find(topic, queueId)?.get(queueOffset)?.physicalOffset
  }

  /** The record that begins at a physical offset; undefined when none does. */
  lookMessageByOffset(physicalOffset: number): Buffer | undefined {
    if (!Number.isSafeInteger(physicalOffset) || physicalOffset < 0) return undefined
    const head = this.#storage.read(physicalOffset, STORE_TIMESTAMP_END)
    if (head === undefined || !isRecordMagic(head.readInt32BE(MAGIC_AT))) return undefined
    if (readLong(head, PHYSICAL_OFFSET_AT) !== physicalOffset) return undefined
    return this.#storage.read(physicalOffset, head.readInt32BE(0))
  }

  getMinPhyOffset(): number {
    return this.#storage.minOffset
  }

  getMaxPhyOffset(): number {
    return this.#storage.maxOffset
  }

  /** Bytes of the commit log that consumers do not see yet. */
  dispatchBehindBytes(): number {
    return this.#storage.maxOffset - this.#reput.reputFromOffset
  }

  /** Bytes of the commit log that are not durable yet. */
  remainHowManyDataToFlush(): number {
    return this.#storage.maxOffset - this.#storage.flushedWhere
  }

  /** Raw commit log, at most `size` bytes from an offset on, in one view per segment. */
  getBulkCommitLogData(offset: number, size: number): Buffer[] {
    const chunks: Buffer[] = []
    let left = size
    for (let at = offset; left > 0; ) {
      const chunk = this.#storage.readChunk(at, left)
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
    const ready = this.#storage.writtenWhere - offset
    return ready > 0 ? this.#storage.readChunk(offset, Math.min(limit, ready)) : undefined
  }

  /** What a slave tells its master: everything below is as safe here as `flushDiskType` asks. */
  getReplicaAckOffset(): number {
    return this.config.flushDiskType === 'SYNC_FLUSH' ? this.#storage.flushedWhere : this.#storage.writtenWhere
  }

  /**
   * A slave's append of its master's bytes; whole records among them are dispatched as after a put.
   * @throws when the store takes nothing, or the bytes do not follow its end (`CommitLogStorage.appendRaw`).
   */
  appendToCommitLog(physicalOffset: number, bytes: Uint8Array): void {
    if (this.#shutdown) throw new RocketMQError('the message store has been shut down', { code: 'CLOSED' })
    if (this.#readOnly !== undefined) throw new RocketMQError(this.#readOnly, { code: 'READ_ONLY' })
    const first = this.#storage.maxOffset === 0
    try {
      this.#storage.appendRaw(physicalOffset, bytes)
    } finally {
      if (first && this.#storage.maxOffset > 0) this.#reput.beginAt(physicalOffset)
    }
    if (this.config.flushDiskType === 'SYNC_FLUSH') this.#flush.wake(this.#storage.maxOffset)
    else this.#flush.wakeLater()
    try {
      this.#reput.run()
    } catch (error) {
      // The bytes are the master's: what cannot be dispatched here is in the log all the same.
      this.#logger.error(`records from offset ${physicalOffset} on could not be dispatched: ${logText(error)}`)
    }
  }

  /**
   * Messages by key or unique key that were stored from `begin` to `end`: the newest `maxNum`, oldest first.
   * @param maxNum at most `maxMsgsNumBatch`
   */
  queryMessage(topic: string, key: string, maxNum: number, begin: number, end: number): QueryMessageResult {
    const limit = Math.min(maxNum, this.config.maxMsgsNumBatch)
    const lookup = (offset: number): Buffer | undefined => this.lookMessageByOffset(offset)
    return queryByKey(this.#index, lookup, topic, key, limit, begin, end)
  }

  /** Called for each message once consumers can see it; what the listener throws is logged. Returns what removes it. */
  onMessageArriving(listener: (request: DispatchRequest) => void): () => void {
    return this.#reput.addListener(listener)
  }

  /** Topics that have queues. */
  *topics(): IterableIterator<string> {
    for (const { topic } of this.#queues.topics()) yield topic
  }

  /** How many queues a topic has, as far as they have been used. */
  queueNums(topic: string): number {
    return Math.max(-1, ...(this.#queues.lookup(topic)?.queues.keys() ?? [])) + 1
  }

  /** Messages put and bytes written, of one topic. */
  topicPutTotals(topic: string): { times: number; bytes: number } {
    const queues = this.#queues.lookup(topic)
    return { times: queues?.putTimes ?? 0, bytes: queues?.putBytes ?? 0 }
  }

  /** Forgets the queues of these topics; their records stay in the commit log. Returns how many there were. */
  deleteTopics(topics: Iterable<string>): number {
    let deleted = 0
    for (const topic of topics) if (this.#queues.delete(topic)) deleted++
    return deleted
  }

  /** Forgets the queues of all topics but these. Returns how many there were. */
  cleanUnusedTopic(retained: ReadonlySet<string>): number {
    return this.deleteTopics([...this.topics()].filter((topic) => !retained.has(topic)))
  }

  /** Files that are old enough are deleted in the next rounds whatever hour it is; nothing to do for a store in memory. */
  executeDeleteFilesManually(): void {
    this.#clean?.executeDeleteFilesManually()
  }

  /** Figures under Java's names. */
  runtimeInfo(): Map<string, string> {
    const diskRatio = doubleText(Math.round((this.#clean?.used ?? 0) * 100) / 100)
    return this.stats
      .runtimeInfo()
      .set('commitLogMinOffset', String(this.#storage.minOffset))
      .set('commitLogMaxOffset', String(this.#storage.maxOffset))
      .set('dispatchBehindBytes', String(this.dispatchBehindBytes()))
      .set('remainHowManyDataToFlush', humanReadableByteCount(this.remainHowManyDataToFlush()))
      .set('commitLogDirCapacity', capacityText(this.#files?.root))
      .set('commitLogDiskRatio', diskRatio)
      .set('consumeQueueDiskRatio', diskRatio)
      .set('pageCacheLockTimeMills', String(Math.round(this.#commitLog.lockTimeMills)))
      .set('earliestMessageTimeStamp', String(this.getEarliestMessageTime()))
  }

  /** The checks of 5.3's put hooks, in their order. */
  #checkBeforePut(message: MessageExtBrokerInner): PutMessageResult | undefined {
    if (this.#shutdown) return { status: 'SERVICE_NOT_AVAILABLE', remark: 'the message store has been shut down' }
    if (this.config.brokerRole === 'SLAVE' && !this.config.duplicationEnable) {
      return { status: 'SERVICE_NOT_AVAILABLE', remark: 'the message store is in slave mode (brokerRole)' }
    }
    const refused = this.#readOnly ?? this.#diskFull
    if (refused !== undefined) return { status: 'SERVICE_NOT_AVAILABLE', remark: refused }
    const illegal = checkMessage(message)
    if (illegal !== undefined) return illegal
    if (this.isOSPageCacheBusy()) return { status: 'OS_PAGE_CACHE_BUSY', remark: 'an append holds the commit log' }
    return undefined
  }

  /** More was written or made durable. */
  #progress(): void {
    this.#reput.run()
    this.#files?.notePosition(this.#dispatchFiles?.durablePosition ?? 0)
    this.#wakeReplica()
  }

  /** Nothing that was taken back was acknowledged or shown: offsets are given again. */
  #writeFailed(failure: WriteFailure): void {
    const { messages, bytes } = this.#reput.rollBack(failure.end)
    this.stats.appended(-messages, -bytes)
    if (failure.fatal) this.#readOnly = failure.refusal.remark
    this.#flush.writeFailed(failure)
  }

  #recovered(bytes: Buffer, physicalOffset: number): void {
    this.#reput.recovered(bytes, physicalOffset)
    this.#commitLog.recovered(storeTimestampOf(bytes))
  }

  #wakeReplica(): void {
    if (this.#replica?.active === true) this.#replica.wakeUp()
  }

  /** Whatever goes wrong inside, the sender gets an answer. */
  #failed(error: unknown): PutMessageResult {
    this.#logger.error(`a put failed: ${logText(error)}`)
    return { status: 'UNKNOWN_ERROR', remark: `the put failed: ${logText(error)}` }
  }

  #storeTimestampAt(physicalOffset: number): number {
    const head = this.#storage.read(physicalOffset, STORE_TIMESTAMP_END)
    return head !== undefined && isRecordMagic(head.readInt32BE(MAGIC_AT)) ? storeTimestampOf(head) : -1
  }

  #correctMinOffset(): void {
    const { minOffset } = this.#storage
    this.#queues.correctMinOffset(minOffset)
    this.#index.correctMinOffset(minOffset)
    this.#logger.info(`the oldest messages were dropped, the store begins at offset ${minOffset} now`)
  }
}
