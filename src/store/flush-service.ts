import type { MaybePromise } from '../internal/async.ts'
import type { Clock, Timer } from '../internal/clock.ts'
import { Later } from '../internal/later.ts'
import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import type { AppendResult, CommitLogStorage, PutMessageResult, PutMessageStatus, WriteFailure } from './types.ts'

/** A put that waits for its bytes; Java's `GroupCommitRequest`. */
class GroupCommitRequest extends Later<PutMessageResult> {
  declare readonly nextOffset: number
  /** Monotonic clock, ms. */
  declare readonly deadline: number
  declare readonly appendResult: AppendResult

  constructor(nextOffset: number, deadline: number, appendResult: AppendResult) {
    super()
    this.nextOffset = nextOffset
    this.deadline = deadline
    this.appendResult = appendResult
  }
}

export interface FlushServiceDeps {
  storage: CommitLogStorage
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
  /** A flush begins. */
  onFlush: () => void
  /** It has succeeded. */
  onFlushed: () => void
  /** `writtenWhere` or `flushedWhere` has moved. */
  onProgress: () => void
  /** A flush failed: nothing that was not durable before it will ever be reported as durable. */
  onFailed: (error: unknown) => void
}

/**
 * Makes the commit log durable: Java's `GroupCommitService` with `FlushDiskWatcher`, and `FlushRealTimeService`. One flush is in flight at
 * a time and takes everything that was written when it began, so that puts which come meanwhile share the next one. After a failed
 * flush there is no second try: a later success would prove nothing about the bytes that the failed one dropped.
 */
export class FlushService {
  readonly #deps: FlushServiceDeps
  /** In the order of their offsets, and as `syncFlushTimeout` is one for all, of their deadlines. */
  #waiting: GroupCommitRequest[] = []
  /** The same for those that wait until their bytes are written. */
  #unwritten: GroupCommitRequest[] = []
  #flushing = false
  #wanted = 0
  #failure: unknown
  #watcher: Timer | undefined
  #interval: Timer | undefined
  #closed = false
  /** Tells a shutdown that no flush is in flight any more. */
  #idle: (() => void) | undefined

  constructor(deps: FlushServiceDeps) {
    this.#deps = deps
  }

  /** Why nothing is flushed any more; undefined as long as all is well. */
  get failure(): unknown {
    return this.#failure
  }

  /** Puts that wait for a flush. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Waits until everything below `nextOffset` is durable: PUT_OK, FLUSH_DISK_TIMEOUT after `syncFlushTimeout`, or UNKNOWN_ERROR when
   * the flush failed. The first outcome stands.
   */
  groupCommit(nextOffset: number, appendResult: AppendResult): MaybePromise<PutMessageResult> {
    this.wake(nextOffset)
    if (this.#deps.storage.flushedWhere >= nextOffset) return { status: 'PUT_OK', appendResult }
    if (this.#failure !== undefined) return { status: 'UNKNOWN_ERROR', appendResult }
    return this.#wait(this.#waiting, nextOffset, appendResult)
  }

  /** Waits until everything below `nextOffset` is written, so that it survives this process. The same outcomes. */
  handOver(nextOffset: number, appendResult: AppendResult): MaybePromise<PutMessageResult> {
    if (this.#deps.storage.writtenWhere >= nextOffset) return { status: 'PUT_OK', appendResult }
    return this.#wait(this.#unwritten, nextOffset, appendResult)
  }

  /** The storage's `writtenWhere` has moved. */
  written(): void {
    this.#deps.onProgress()
    settleBelow(this.#unwritten, this.#deps.storage.writtenWhere)
  }

  /** The storage has taken back what it could not write: everybody who waits for it is refused. */
  writeFailed({ end, refusal }: WriteFailure): void {
    this.#wanted = Math.min(this.#wanted, end)
    for (const waiting of [this.#waiting, this.#unwritten]) {
      const first = waiting.findIndex((request) => request.nextOffset > end)
      if (first < 0) continue
      for (const request of waiting.splice(first)) request.complete({ ...refusal })
    }
  }

  /** Flushes up to `nextOffset` without anybody waiting. */
  wake(nextOffset: number): void {
    if (nextOffset > this.#wanted) this.#wanted = nextOffset
    this.#pump()
  }

  /** Flushes within `flushIntervalCommitLog`, unless it is done by then. */
  wakeLater(): void {
    const { storage, clock, config } = this.#deps
    if (this.#interval !== undefined || this.#closed || storage.flushedWhere >= storage.maxOffset) return
    this.#interval = clock.setTimeout(
      () => {
        this.#interval = undefined
        this.wake(storage.maxOffset)
      },
      config.flushIntervalCommitLog,
      { ref: false }
    )
  }

  /** Flushes what is left; puts that still wait after that get FLUSH_DISK_TIMEOUT: stored, but not proven durable. */
  async shutdown(): Promise<void> {
    this.#interval?.cancel()
    this.#interval = undefined
    this.wake(this.#deps.storage.maxOffset)
    while (this.#flushing) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    this.#closed = true
    this.#watcher?.cancel()
    this.#watcher = undefined
    this.#settleAll(this.#waiting, 'FLUSH_DISK_TIMEOUT')
  }

  /** The storage is closed: nothing will be written any more. */
  close(): void {
    this.#watcher?.cancel()
    this.#watcher = undefined
    this.#settleAll(this.#unwritten, 'FLUSH_DISK_TIMEOUT')
  }

  #pump(): void {
    const { storage } = this.#deps
    while (!this.#flushing && this.#failure === undefined && !this.#closed && storage.flushedWhere < this.#wanted) {
      const before = storage.flushedWhere
      let pending: void | Promise<void>
      this.#deps.onFlush()
      try {
        pending = storage.flush(storage.maxOffset)
      } catch (error) {
        this.#fail(error)
        return
      }
      if (pending !== undefined) {
        this.#flushing = true
        pending
          .then(
            () => this.#ended(undefined),
            (error: unknown) => this.#ended({ error })
          )
          .catch((error: unknown) => this.#deps.logger.error(`after a flush: ${logText(error)}`))
        return
      }
      if (storage.flushedWhere <= before) return
      this.#flushed()
    }
  }

  #ended(failed: { error: unknown } | undefined): void {
    this.#flushing = false
    if (failed !== undefined) this.#fail(failed.error)
    else this.#flushed()
    this.#pump()
    if (!this.#flushing) this.#idle?.()
  }

  #flushed(): void {
    const { flushedWhere } = this.#deps.storage
    settleBelow(this.#waiting, flushedWhere)
    this.#deps.onFlushed()
    this.#deps.onProgress()
  }

  /** A failed flush, the storage's or one that a fault asks for. */
  fail(error: unknown): void {
    if (this.#failure === undefined) this.#fail(error)
  }

  #fail(error: unknown): void {
    this.#failure = error ?? new Error('the flush failed')
    this.#deps.logger.error(`flush failed, the store is read-only from now on: ${logText(error)}`)
    this.#deps.onFailed(this.#failure)
    this.#settleAll(this.#waiting, 'UNKNOWN_ERROR')
  }

  #wait(queue: GroupCommitRequest[], nextOffset: number, appendResult: AppendResult): MaybePromise<PutMessageResult> {
    if (this.#closed) return { status: 'FLUSH_DISK_TIMEOUT', appendResult }
    const deadline = this.#deps.clock.monotonic() + this.#deps.config.syncFlushTimeout
    const request = new GroupCommitRequest(nextOffset, deadline, appendResult)
    queue.push(request)
    if (this.#watcher === undefined) this.#watch()
    return request
  }

  #settleAll(waiting: GroupCommitRequest[], status: PutMessageStatus): void {
    settle(waiting, waiting.length, status)
  }

  /** One timer for all: it stands at the first deadline. */
  #watch(): void {
    const first = Math.min(this.#waiting[0]?.deadline ?? Infinity, this.#unwritten[0]?.deadline ?? Infinity)
    if (this.#watcher !== undefined || first === Infinity) return
    const { clock } = this.#deps
    this.#watcher = clock.setTimeout(
      () => {
        this.#watcher = undefined
        const now = clock.monotonic()
        settleDue(this.#waiting, now)
        settleDue(this.#unwritten, now)
        this.#watch()
      },
      Math.max(first - clock.monotonic(), 0),
      { ref: false }
    )
  }
}

function settleBelow(waiting: GroupCommitRequest[], offset: number): void {
  let done = 0
  while (done < waiting.length && waiting[done]!.nextOffset <= offset) done++
  settle(waiting, done, 'PUT_OK')
}

function settleDue(waiting: GroupCommitRequest[], now: number): void {
  let due = 0
  while (due < waiting.length && waiting[due]!.deadline <= now) due++
  settle(waiting, due, 'FLUSH_DISK_TIMEOUT')
}

/** The first `count` of them; whoever hears of it may put more. */
function settle(waiting: GroupCommitRequest[], count: number, status: PutMessageStatus): void {
  if (count === 0) return
  for (const request of waiting.splice(0, count)) request.complete({ status, appendResult: request.appendResult })
}
