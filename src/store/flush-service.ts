import type { Clock, Timer } from '../internal/clock.ts'
import type { Logger } from '../internal/logger.ts'
import { logText } from '../internal/logger.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import type { CommitLogStorage, PutMessageStatus } from './types.ts'

/** A put that waits for its bytes; Java's `GroupCommitRequest`. */
interface GroupCommitRequest {
  nextOffset: number
  /** Monotonic clock, ms. */
  deadline: number
  resolve: (status: PutMessageStatus) => void
}

export interface FlushServiceDeps {
  storage: CommitLogStorage
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
  /** `flushedWhere` has moved. */
  onFlushed: () => void
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
  groupCommit(nextOffset: number): PutMessageStatus | Promise<PutMessageStatus> {
    this.wake(nextOffset)
    if (this.#deps.storage.flushedWhere >= nextOffset) return 'PUT_OK'
    if (this.#failure !== undefined) return 'UNKNOWN_ERROR'
    if (this.#closed) return 'FLUSH_DISK_TIMEOUT'
    const deadline = this.#deps.clock.monotonic() + this.#deps.config.syncFlushTimeout
    return new Promise((resolve) => {
      this.#waiting.push({ nextOffset, deadline, resolve })
      this.#watch()
    })
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
    this.#settleAll('FLUSH_DISK_TIMEOUT')
  }

  #pump(): void {
    const { storage } = this.#deps
    while (!this.#flushing && this.#failure === undefined && !this.#closed && storage.flushedWhere < this.#wanted) {
      const before = storage.flushedWhere
      let pending: void | Promise<void>
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
    let done = 0
    while (done < this.#waiting.length && this.#waiting[done]!.nextOffset <= flushedWhere)
      this.#waiting[done++]!.resolve('PUT_OK')
    if (done > 0) this.#waiting.splice(0, done)
    this.#deps.onFlushed()
  }

  /** A failed flush, the storage's or one that a fault asks for. */
  fail(error: unknown): void {
    if (this.#failure === undefined) this.#fail(error)
  }

  #fail(error: unknown): void {
    this.#failure = error ?? new Error('the flush failed')
    this.#deps.logger.error(`flush failed, the store is read-only from now on: ${logText(error)}`)
    this.#deps.onFailed(this.#failure)
    this.#settleAll('UNKNOWN_ERROR')
  }

  #settleAll(status: PutMessageStatus): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const request of waiting) request.resolve(status)
  }

  /** One timer for all: it stands at the first deadline. */
  #watch(): void {
    const first = this.#waiting[0]
    if (this.#watcher !== undefined || first === undefined) return
    const { clock } = this.#deps
    this.#watcher = clock.setTimeout(
      () => {
        this.#watcher = undefined
        const now = clock.monotonic()
        let due = 0
        while (due < this.#waiting.length && this.#waiting[due]!.deadline <= now)
          this.#waiting[due++]!.resolve('FLUSH_DISK_TIMEOUT')
        if (due > 0) this.#waiting.splice(0, due)
        this.#watch()
      },
      Math.max(first.deadline - clock.monotonic(), 0),
      { ref: false }
    )
  }
}
