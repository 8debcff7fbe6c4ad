import { isPromise, type MaybePromise } from '../internal/async.ts'
import { RocketMQError } from '../internal/errors.ts'
import { FaultTable } from '../internal/fault-table.ts'
import { logText } from '../internal/logger.ts'
import { CommitLog } from './commit-log.ts'
import { DiskFlushAndHA } from './disk-flush-and-ha.ts'
import { CleanService } from './files/clean-service.ts'
import type { DispatchPosition } from './files/consume-queue-flush.ts'
import type { StoreFiles } from './files/store-files.ts'
import { FlushService } from './flush-service.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import { checkMessage } from './put-checks.ts'
import { storeTimestampOf } from './record-format.ts'
import { ReputService } from './reput-service.ts'
import { capacityText, doubleText, humanReadableByteCount } from './runtime-figures.ts'
import { StoreFaults } from './store-faults.ts'
import { type MessageStoreDeps, StoredMessages } from './stored-messages.ts'
import type { DispatchRequest, MessageExtBrokerInner, PutMessageResult, ReplicaService, WriteFailure } from './types.ts'

/**
 * The message store: how messages come in, what a put waits for, and the life of the whole. Java's `DefaultMessageStore`; what it holds and
 * what can be asked of it is in stored-messages.ts.
 *
 * @example
 * const store = new DefaultMessageStore({ flushDiskType: 'SYNC_FLUSH' }, { clock: realClock, logger: console })
 * await store.start()
 * const { status, appendResult } = await store.asyncPutMessage(message)
 */
export class DefaultMessageStore extends StoredMessages {
  readonly #replica: ReplicaService | undefined
  readonly #clean: CleanService | undefined
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
  constructor(options: Partial<MessageStoreConfig>, deps: MessageStoreDeps) {
    super(options, deps)
    const { config, clock, logger, storage, queues, index, stats, files, dispatchFiles } = this
    this.#replica = deps.replicaService
    if (files !== undefined && dispatchFiles !== undefined) {
      this.#clean = new CleanService({
        root: files.root,
        config,
        clock,
        logger,
        log: files.storage,
        dispatchFiles,
        diskUsed: deps.files?.diskUsed,
        onDiskFull: (reason) => {
          this.#diskFull = reason
        }
      })
    }
    storage.onWritten = () => this.#flush.written()
    storage.onWriteFailed = (failure) => this.#writeFailed(failure)
    this.#flush = new FlushService({
      storage,
      config,
      clock,
      logger,
      onFlush: () => {
        this.#flushMark = this.#reput.position.storeTimestamp
      },
      onFlushed: () => {
        if (dispatchFiles !== undefined) dispatchFiles.checkpoint.physicMsgTimestamp = this.#flushMark
      },
      onProgress: () => this.#progress(),
      onFailed: (error) => {
        this.#readOnly = `the store is read-only since a flush failed: ${logText(error)}`
      }
    })
    const confirmOffset = (): number => this.#durability.confirmOffset
    const reput = new ReputService({ storage, queues, index, config, logger, confirmOffset })
    const faults = new StoreFaults(deps.faults ?? new FaultTable(), clock, deps.brokerName)
    const replica = deps.replicaService
    const durability = new DiskFlushAndHA({ storage, config, logger, faults, flush: this.#flush, reput, replica })
    this.#reput = reput
    this.#durability = durability
    this.#commitLog = new CommitLog({ storage, config, clock, faults, queues, stats, reput, durability })
  }

  protected override get dispatchPosition(): DispatchPosition {
    return this.#reput.position
  }

  /** @throws MQClientException when the store's files cannot be opened; see `StoreFiles.open`. */
  async start(): Promise<void> {
    const dispatchFiles = this.dispatchFiles
    if (this.files !== undefined && dispatchFiles !== undefined) {
      await this.files.open({
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
    if (this.files === undefined) await this.storage.close()
    else await this.#closeFiles(this.files)
    this.#flush.close()
  }

  /** The mark of an open store goes only when the next start has nothing to look for. */
  async #closeFiles(files: StoreFiles): Promise<void> {
    const whole = this.#readOnly === undefined && this.dispatchBehindBytes() === 0 && this.remainHowManyDataToFlush() === 0
    const orderly = (await this.dispatchFiles?.close()) === true && whole
    if (!orderly) this.logger.warn(`${files.root} was not closed orderly: the next start looks through its log`)
    await files.close(orderly, this.dispatchFiles?.durablePosition ?? 0)
  }

  get isShutdown(): boolean {
    return this.#shutdown
  }

  override get isReadable(): boolean {
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
    const begin = this.clock.monotonic()
    this.stats.tick(begin)
    let result: MaybePromise<PutMessageResult>
    try {
      result = this.#checkBeforePut(message) ?? this.#commitLog.asyncPutMessage(message)
    } catch (error) {
      result = this.#failed(error)
    }
    if (isPromise(result)) {
      const done = (answer: PutMessageResult): PutMessageResult => {
        this.stats.putDone(this.clock.monotonic() - begin, answer.appendResult !== undefined)
        return answer
      }
      return result.then(done, (error: unknown) => done(this.#failed(error)))
    }
    this.stats.putDone(0, result.appendResult !== undefined)
    return result
  }

  /** Bytes of the commit log that consumers do not see yet. */
  dispatchBehindBytes(): number {
    return this.storage.maxOffset - this.#reput.reputFromOffset
  }

  /** Bytes of the commit log that are not durable yet. */
  remainHowManyDataToFlush(): number {
    return this.storage.maxOffset - this.storage.flushedWhere
  }

  /**
   * A slave's append of its master's bytes; whole records among them are dispatched as after a put.
   * @throws when the store takes nothing, or the bytes do not follow its end (`CommitLogStorage.appendRaw`).
   */
  appendToCommitLog(physicalOffset: number, bytes: Uint8Array): void {
    if (this.#shutdown) throw new RocketMQError('the message store has been shut down', { code: 'CLOSED' })
    if (this.#readOnly !== undefined) throw new RocketMQError(this.#readOnly, { code: 'READ_ONLY' })
    const first = this.storage.maxOffset === 0
    try {
      this.storage.appendRaw(physicalOffset, bytes)
    } finally {
      if (first && this.storage.maxOffset > 0) this.#reput.beginAt(physicalOffset)
    }
    if (this.config.flushDiskType === 'SYNC_FLUSH') this.#flush.wake(this.storage.maxOffset)
    else this.#flush.wakeLater()
    try {
      this.#reput.run()
    } catch (error) {
      // The bytes are the master's: what cannot be dispatched here is in the log all the same.
      this.logger.error(`records from offset ${physicalOffset} on could not be dispatched: ${logText(error)}`)
    }
  }

  /** Called for each message once consumers can see it; what the listener throws is logged. Returns what removes it. */
  onMessageArriving(listener: (request: DispatchRequest) => void): () => void {
    return this.#reput.addListener(listener)
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
      .set('commitLogMinOffset', String(this.storage.minOffset))
      .set('commitLogMaxOffset', String(this.storage.maxOffset))
      .set('dispatchBehindBytes', String(this.dispatchBehindBytes()))
      .set('remainHowManyDataToFlush', humanReadableByteCount(this.remainHowManyDataToFlush()))
      .set('commitLogDirCapacity', capacityText(this.files?.root))
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
    this.files?.notePosition(this.dispatchFiles?.durablePosition ?? 0)
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
    this.logger.error(`a put failed: ${logText(error)}`)
    return { status: 'UNKNOWN_ERROR', remark: `the put failed: ${logText(error)}` }
  }
}
