import { nextTick } from '../../internal/turns.ts'
import { errorCode, type FileLayer } from './file-layer.ts'
import { type LogSegment, zeroTail } from './log-segment.ts'
import type { TailWindows, Window } from './tail-windows.ts'

/** So many bytes are written before the turn ends: the operating system takes them while the rest of the turn is being encoded. */
export const EARLY_BYTES = 64 * 1024
/** After so many appends in a row that came alone, the next one is not kept until the turn ends: it is taken to be alone as well. */
const ALONE = 8
const AGAIN_CODES: ReadonlySet<string | undefined> = new Set(['EAGAIN', 'EINTR'])

export interface LogWriterOptions {
  files: FileLayer
  windows: TailWindows
  segmentSize: number
  /** `writtenWhere` has moved. */
  onWritten: () => void
  /** A write failed; nothing is written again before the next `wake`. */
  onFailed: (error: unknown, segment: LogSegment) => void
}

/**
 * Hands what was encoded to the operating system: one positioned write at a time, which takes everything that has come until it starts.
 * A write that comes alone starts within its append; others share the one at the end of the turn.
 */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #wrote = (error: Error | null, written: number): void => this.#ended(error, written)
  readonly #runNext = (): void => this.#next()
  /** Everything below has been handed over. */
  writtenWhere = 0
  #scheduled = false
  #alone = 0
  /** The window whose bytes are on their way, from where in it, and to where. */
  #writing: Window | undefined
  #from = 0
  #to = 0
  #end = 0
  /** A failed write may have left bytes behind `writtenWhere` of this segment. */
  #dirty: LogSegment | undefined
  #stopped = false
  #awaited: { offset: number; settle: () => void } | undefined

  constructor(options: LogWriterOptions) {
    this.#options = options
  }

  /**
   * The log ends at `maxOffset` now.
   * @param idle before this append nothing was waiting, neither to be written nor for what it waits for after that.
   */
  wake(maxOffset: number, idle: boolean): void {
    if (!idle) this.#alone = 0
    else this.#alone++
    if (this.#writing !== undefined) return
    if (this.#alone > ALONE || maxOffset - this.writtenWhere >= EARLY_BYTES) this.#next()
    else this.#schedule()
  }

  /** Settles when everything below `offset` was written, or a write failed; one caller at a time. */
  until(offset: number): Promise<void> {
    return new Promise((settle) => {
      this.#awaited = { offset, settle }
      if (this.#writing === undefined) this.#schedule()
    })
  }

  /** Writes nothing any more. */
  stop(): void {
    this.#stopped = true
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    nextTick(this.#runNext)
  }

  #next(): void {
    this.#scheduled = false
    if (this.#writing !== undefined || this.#stopped) return
    const window = this.#options.windows.pending(this.writtenWhere)
    if (window === undefined) return
    this.#writing = window
    this.#from = Math.max(this.writtenWhere - window.start, 0)
    this.#to = window.used
    this.#end = window.end
    if (window.segment.fd !== undefined && this.#dirty === undefined) this.#write()
    else {
      this.#prepared(window.segment).then(
        () => this.#write(),
        (error: unknown) => this.#failed(error)
      )
    }
  }

  async #prepared(segment: LogSegment): Promise<void> {
    const dirty = this.#dirty
    if (dirty?.fd !== undefined) {
      const { files, segmentSize } = this.#options
      await zeroTail(files, dirty.fd, this.writtenWhere - dirty.start, segmentSize)
    }
    this.#dirty = undefined
    await segment.ready
  }

  #write(): void {
    const window = this.#writing!
    const from = this.#from
    const position = window.start - window.segment.start + from
    try {
      this.#options.files.writeSome(window.segment.fd!, window.buffer, from, this.#to - from, position, this.#wrote)
    } catch (error) {
      // The append that set it off has not ended yet.
      nextTick(() => this.#failed(error))
    }
  }

  #ended(error: Error | null, written: number): void {
    if (error !== null) {
      if (AGAIN_CODES.has(errorCode(error))) this.#write()
      else this.#failed(error)
      return
    }
    this.#from += written
    if (this.#from < this.#to) {
      if (written > 0) this.#write()
      else this.#failed(new Error('the write took no bytes'))
      return
    }
    this.#writing = undefined
    this.writtenWhere = this.#end
    this.#options.windows.retire(this.writtenWhere)
    // What came meanwhile is on its way while others hear of what has arrived.
    this.#next()
    if (this.#awaited !== undefined && this.#awaited.offset <= this.writtenWhere) this.#wakeAwaited()
    this.#options.onWritten()
  }

  #failed(error: unknown): void {
    const { segment } = this.#writing!
    this.#writing = undefined
    this.#dirty = segment.fd === undefined ? undefined : segment
    this.#wakeAwaited()
    this.#options.onFailed(error, segment)
  }

  #wakeAwaited(): void {
    const awaited = this.#awaited
    this.#awaited = undefined
    awaited?.settle()
  }
}
