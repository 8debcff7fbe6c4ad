import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { MessageStoreConfig } from '../message-store-config.ts'
import { END_OF_FILE_BYTES, writeBlank } from '../record-format.ts'
import type { CommitLogStorage, PutRefusal, WriteFailure } from '../types.ts'
import { errorCode, type FileLayer } from './file-layer.ts'
import type { LogSegment } from './log-segment.ts'
import { EARLY_BYTES, LogWriter } from './log-writer.ts'
import { SegmentFiles } from './segment-files.ts'
import { SegmentReader } from './segment-reader.ts'
import { TailWindows, type Window } from './tail-windows.ts'

/** Most bytes that wait for the disk; puts beyond are refused as busy. */
const MAX_WAITING = 64 * 1024 * 1024
/** The next segment is made when less than this share of the live one is left. */
const PREPARE_AT = 0.25
/** How long puts are refused after the disk was full, ms; then the next one tries again. */
const FULL_MILLIS = 500
/** Errors that pass when somebody makes room; every other one is taken for a broken disk. */
const FULL_CODES: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

export interface FileStorageOptions {
  root: string
  files: FileLayer
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
}

/**
 * The commit log in files: records are encoded into windows of memory (tail-windows.ts), one positioned write at a time hands over all that
 * came meanwhile (log-writer.ts), and a flush is one `fdatasync` of what has been handed over. Nothing is read, dispatched or acknowledged
 * before it was written: a write that fails takes back everything from its first byte on. Java's `MappedFileQueue` without the mapping; the
 * files themselves are in segment-files.ts.
 */
export class FileStorage implements CommitLogStorage {
  readonly #options: FileStorageOptions
  readonly #segmentSize: number
  readonly #segments: SegmentFiles
  readonly #windows = new TailWindows()
  readonly #writer: LogWriter
  readonly #reader: SegmentReader
  /** Where records go: the file and the window. */
  #live: LogSegment | undefined
  #window: Window | undefined
  #minOffset = 0
  #maxOffset = 0
  #flushedWhere = 0
  /** Bytes that may still be reserved without looking further: in the window, and in the segment. */
  #room = 0
  #fullUntil: number | undefined
  #broken: PutRefusal | undefined
  #refusal: PutRefusal | undefined
  #closed = false
  tail: Buffer = Buffer.alloc(0)
  tailPosition = 0
  onDropped: (() => void) | undefined
  onWritten: (() => void) | undefined
  onWriteFailed: ((failure: WriteFailure) => void) | undefined

  constructor(options: FileStorageOptions) {
    const { root, files, config, logger } = options
    const segmentSize = config.mappedFileSizeCommitLog
    this.#options = options
    this.#segmentSize = segmentSize
    this.#segments = new SegmentFiles({ root, files, segmentSize, logger })
    this.#reader = new SegmentReader(files, segmentSize)
    this.#writer = new LogWriter({
      files,
      windows: this.#windows,
      segmentSize,
      onWritten: () => {
        this.#fullUntil = undefined
        this.onWritten?.()
      },
      onFailed: (error, segment) => this.#writeFailed(error, segment)
    })
  }

  get segmentSize(): number {
    return this.#segmentSize
  }

  get minOffset(): number {
    return this.#minOffset
  }

  get maxOffset(): number {
    return this.#maxOffset
  }

  get writtenWhere(): number {
    return this.#writer.writtenWhere
  }

  get flushedWhere(): number {
    return this.#flushedWhere
  }

  get refusal(): PutRefusal | undefined {
    return this.#refusal
  }

  /** Files of the log, oldest first. */
  get segments(): ReadonlyArray<{ readonly start: number; readonly path: string }> {
    return [...this.#segments.all]
  }

  /**
   * Goes on with a log that recovery has looked through: everything below `end` is whole and durable.
   * @param starts of the files that are there.
   */
  attach(starts: readonly number[], end: number): void {
    this.#segments.attach(starts)
    this.#beginAt(end)
    this.#minOffset = starts[0] ?? end
    const start = Math.floor(end / this.#segmentSize) * this.#segmentSize
    this.#live = this.#segments.at(end)
    if (this.#live !== undefined) this.#segments.open(this.#live)
    else if (start === end) this.#segments.prepare(start)
    else throw new Error(`the log ends at ${end}, and ${this.#segments.path(start)} is not there`)
  }

  // --- appending ---

  reserve(size: number): boolean {
    if (size > this.#room || this.#fullUntil !== undefined || this.#broken !== undefined || this.#isBehind(size)) {
      return this.#makeRoom(size)
    }
    this.tailPosition = this.#window!.used
    return true
  }

  commit(size: number): void {
    const window = this.#window!
    const idle = this.#maxOffset === this.#behindFrom()
    window.used += size
    window.end += size
    this.#maxOffset += size
    this.#room -= size
    this.#writer.wake(this.#maxOffset, idle)
  }

  appendRaw(physicalOffset: number, bytes: Uint8Array): void {
    if (this.#maxOffset === 0 && physicalOffset > 0 && physicalOffset % this.#segmentSize === 0) {
      this.#segments.discard()
      this.#live = undefined
      this.#beginAt(physicalOffset)
    }
    if (physicalOffset !== this.#maxOffset) {
      throw new Error(`bytes for offset ${physicalOffset}: the log ends at ${this.#maxOffset}`)
    }
    for (let at = 0; at < bytes.length; ) {
      if (this.#live === undefined || this.#maxOffset === this.#live.start + this.#segmentSize) this.#roll()
      const live = this.#live!
      const size = Math.min(bytes.length - at, live.start + this.#segmentSize - this.#maxOffset, EARLY_BYTES)
      const refusal = this.#broken ?? this.#full() ?? this.#busy(size)
      if (refusal !== undefined) throw new Error(refusal.remark)
      let window = this.#window
      if (window === undefined || window.buffer.length - window.used < size) window = this.#openWindow(live, size)
      window.buffer.set(bytes.subarray(at, at + size), window.used)
      this.commit(size)
      at += size
    }
  }

  /** The slow half of `reserve`. */
  #makeRoom(size: number): boolean {
    if (this.#closed) return false
    this.#refusal = this.#broken ?? this.#full() ?? this.#tooLarge(size) ?? this.#busy(size)
    if (this.#refusal !== undefined) return false
    if (this.#live === undefined || size + END_OF_FILE_BYTES > this.#live.start + this.#segmentSize - this.#maxOffset) {
      this.#endSegment()
      this.#roll()
    }
    const window = this.#window
    if (window === undefined || size > window.buffer.length - window.used) this.#openWindow(this.#live!, size)
    this.tailPosition = this.#window!.used
    return true
  }

  /** A blank takes all that is left; of its bytes only the first eight are written. */
  #endSegment(): void {
    const live = this.#live
    if (live === undefined) return
    const remaining = live.start + this.#segmentSize - this.#maxOffset
    if (remaining === 0) return
    let window = this.#window
    if (window === undefined || window.buffer.length - window.used < END_OF_FILE_BYTES) {
      window = this.#openWindow(live, END_OF_FILE_BYTES)
    }
    writeBlank(window.buffer, window.used, remaining)
    window.used += END_OF_FILE_BYTES
    window.end += remaining
    this.#maxOffset += remaining
  }

  #roll(): void {
    const start = this.#maxOffset
    this.#live = this.#segments.roll(start)
    if (this.#segments.count === 1) this.#minOffset = start
    this.#window = undefined
    this.#room = 0
  }

  #openWindow(segment: LogSegment, size: number): Window {
    const left = segment.start + this.#segmentSize - this.#maxOffset
    if (left <= this.#segmentSize * PREPARE_AT && !this.#closed) this.#segments.prepare(segment.start + this.#segmentSize)
    const window = this.#windows.open(segment, this.#maxOffset, size, left)
    this.#window = window
    this.tail = window.buffer
    // A blank has to fit behind every record of the segment.
    this.#room = Math.min(window.buffer.length, left - END_OF_FILE_BYTES)
    return window
  }

  // --- refusing ---

  #full(): PutRefusal | undefined {
    if (this.#fullUntil === undefined || this.#options.clock.monotonic() >= this.#fullUntil) return undefined
    return { status: 'SERVICE_NOT_AVAILABLE', remark: `the disk of ${this.#options.root} is full` }
  }

  #tooLarge(size: number): PutRefusal | undefined {
    const most = Math.min(this.#segmentSize - END_OF_FILE_BYTES, MAX_WAITING)
    if (size <= most) return undefined
    return {
      status: 'MESSAGE_ILLEGAL',
      remark: `a record of ${size} bytes does not fit into a segment of ${this.#segmentSize} bytes (mappedFileSizeCommitLog), or into the ${MAX_WAITING} bytes that may wait for the disk`
    }
  }

  #busy(size: number): PutRefusal | undefined {
    if (!this.#isBehind(size)) return undefined
    const waiting = this.#maxOffset - this.#behindFrom()
    return { status: 'OS_PAGE_CACHE_BUSY', remark: `${waiting} bytes wait for the disk, at most ${MAX_WAITING} may` }
  }

  /** Puts do not wait for what is below. */
  #behindFrom(): number {
    return this.#options.config.flushDiskType === 'SYNC_FLUSH' ? this.#flushedWhere : this.#writer.writtenWhere
  }

  #isBehind(size: number): boolean {
    return this.#maxOffset + size - this.#behindFrom() > MAX_WAITING
  }

  // --- making durable ---

  flush(offset: number): void | Promise<void> {
    if (this.#flushedWhere < Math.min(offset, this.#maxOffset)) return this.#flush(offset)
  }

  async #flush(offset: number): Promise<void> {
    if (this.#writer.writtenWhere < offset) await this.#writer.until(offset)
    const target = this.#writer.writtenWhere
    for (const segment of this.#segments.all) {
      if (segment.start >= target || segment.start + this.#segmentSize <= this.#flushedWhere) continue
      if (segment.fd !== undefined) await this.#options.files.fdatasync(segment.fd)
    }
    if (target > this.#flushedWhere) this.#flushedWhere = target
  }

  // --- reading ---

  read(physicalOffset: number, size: number): Buffer | undefined {
    if (!this.#holds(physicalOffset, size)) return undefined
    const window = this.#windows.find(physicalOffset, size)
    if (window === undefined) return this.#reader.read(this.#segments.at(physicalOffset), physicalOffset, size)
    window.lent = true
    return view(window, physicalOffset, size)
  }

  peek(physicalOffset: number, size: number): Buffer | undefined {
    if (!this.#holds(physicalOffset, size)) return undefined
    const window = this.#windows.find(physicalOffset, size)
    if (window !== undefined) return view(window, physicalOffset, size)
    return this.#reader.peek(this.#segments.at(physicalOffset), physicalOffset, size, this.#writer.writtenWhere)
  }

  readChunk(physicalOffset: number, limit: number): Buffer | undefined {
    const { writtenWhere } = this.#writer
    if (physicalOffset < this.#minOffset || physicalOffset >= writtenWhere) return undefined
    const end = Math.min((Math.floor(physicalOffset / this.#segmentSize) + 1) * this.#segmentSize, writtenWhere)
    return this.read(physicalOffset, Math.min(limit, end - physicalOffset))
  }

  #holds(physicalOffset: number, size: number): boolean {
    if (size < 0 || physicalOffset < this.#minOffset || physicalOffset + size > this.#writer.writtenWhere) return false
    const within = physicalOffset % this.#segmentSize
    return within + size <= this.#segmentSize
  }

  // --- taking back ---

  /** Takes back everything from the first byte of the failed write on. */
  #writeFailed(error: unknown, segment: LogSegment): void {
    const { logger, clock, root } = this.#options
    const end = this.#writer.writtenWhere
    const full = FULL_CODES.has(errorCode(error))
    const what = `${segment.path}: a write at offset ${end} failed: ${logText(error)}`
    const refusal: PutRefusal = full
      ? { status: 'SERVICE_NOT_AVAILABLE', remark: `the disk of ${root} is full` }
      : { status: 'UNKNOWN_ERROR', remark: what }
    logger.error(`${what}; ${this.#maxOffset - end} bytes were taken back, nothing of them was acknowledged`)
    this.#windows.rollBack(end)
    this.#segments.takeBack(end)
    this.#maxOffset = end
    if (this.#segments.count === 0) this.#minOffset = end
    this.#resumeWindow(end)
    if (full) this.#fullUntil = clock.monotonic() + FULL_MILLIS
    else {
      this.#broken = { status: 'SERVICE_NOT_AVAILABLE', remark: `the store is read-only since a write failed: ${what}` }
      this.#writer.stop()
    }
    this.onWriteFailed?.({ end, fatal: !full, refusal })
  }

  /** Appends go on behind `end`, in the window that ends there if one does. */
  #resumeWindow(end: number): void {
    this.#live = this.#segments.at(end)
    const window = this.#windows.live
    this.#window = window?.end === end && window.segment === this.#live && window.start + window.used === end ? window : undefined
    if (this.#window === undefined || this.#live === undefined) this.#room = 0
    else {
      const { buffer, used } = this.#window
      this.tail = buffer
      this.#room = Math.min(buffer.length - used, this.#live.start + this.#segmentSize - end - END_OF_FILE_BYTES)
    }
  }

  // --- ends ---

  #beginAt(offset: number): void {
    this.#minOffset = offset
    this.#maxOffset = offset
    this.#writer.writtenWhere = offset
    this.#flushedWhere = offset
  }

  /** Removes the oldest file; the last one always stays. False when there is no other. */
  async dropFirst(): Promise<boolean> {
    const { first } = this.#segments
    if (first === undefined || first === this.#live || this.#segments.count < 2) return false
    if (first.start + this.#segmentSize > this.#flushedWhere) return false
    this.#segments.forget(first)
    this.#minOffset = first.start + this.#segmentSize
    this.#reader.forget(first.start)
    this.onDropped?.()
    await this.#segments.remove(first)
    return true
  }

  /** Waits for what is on its way, and lets go of the files. A file that was made ahead and holds nothing is removed. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#broken === undefined && this.#writer.writtenWhere < this.#maxOffset) await this.#writer.until(this.#maxOffset)
    this.#reader.close()
    await this.#segments.close()
    this.#windows.clear()
    this.#window = undefined
    this.#room = 0
    this.tail = Buffer.alloc(0)
  }
}

function view(window: Window, physicalOffset: number, size: number): Buffer {
  const from = physicalOffset - window.start
  return window.buffer.subarray(from, from + size)
}
