import path from 'node:path'
import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { nextTick } from '../../internal/turns.ts'
import type { MessageStoreConfig } from '../message-store-config.ts'
import { END_OF_FILE_BYTES, writeBlank } from '../record-format.ts'
import type { CommitLogStorage, PutRefusal, WriteFailure } from '../types.ts'
import { errorCode, type FileLayer } from './file-layer.ts'
import { COMMIT_LOG_DIR, createSegment, type LogSegment, segmentName, zeroTail } from './log-segment.ts'
import { SegmentReader } from './segment-reader.ts'
import { TailWindows, type Window } from './tail-windows.ts'

/** So many bytes are written before the turn ends: the operating system takes them while the rest of the turn is being encoded. */
const EARLY_BYTES = 64 * 1024
/** Most bytes that wait for the disk; puts beyond are refused as busy. */
const MAX_WAITING = 64 * 1024 * 1024
/** The next segment is made when less than this share of the live one is left. */
const PREPARE_AT = 0.25
/** How long puts are refused after the disk was full, ms; then the next one tries again. */
const FULL_MILLIS = 500
/** Errors that pass when somebody makes room; every other one is taken for a broken disk. */
const FULL_CODES: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])
const AGAIN_CODES: ReadonlySet<string | undefined> = new Set(['EAGAIN', 'EINTR'])

export interface FileStorageOptions {
  root: string
  files: FileLayer
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
}

/**
 * The commit log in files: records are encoded into windows of memory (tail-windows.ts), one positioned write at a time hands over all that
 * came meanwhile, and a flush is one `fdatasync` of what has been handed over. Nothing is read, dispatched or acknowledged before it was
 * written: a write that fails takes back everything from its first byte on. Java's `MappedFileQueue` without the mapping.
 */
export class FileStorage implements CommitLogStorage {
  readonly #options: FileStorageOptions
  readonly #segmentSize: number
  readonly #segments = new Map<number, LogSegment>()
  readonly #windows = new TailWindows()
  readonly #reader: SegmentReader
  readonly #wrote = (error: Error | null, written: number): void => this.#writeEnded(error, written)
  readonly #runWrite = (): void => this.#nextWrite()
  /** Made, or being made, and not part of the log yet. */
  #spare: LogSegment[] = []
  #live: LogSegment | undefined
  #window: Window | undefined
  #minOffset = 0
  #maxOffset = 0
  #writtenWhere = 0
  #flushedWhere = 0
  /** Bytes that may still be reserved without looking further: in the window, and in the segment. */
  #room = 0
  #scheduled = false
  /** The window whose bytes are on their way, from where in it, and to where. */
  #writing: Window | undefined
  #writeFrom = 0
  #writeTo = 0
  #writeEnd = 0
  /** A failed write may have left bytes behind `writtenWhere` of this segment. */
  #dirty: LogSegment | undefined
  #fullUntil: number | undefined
  #broken: PutRefusal | undefined
  #refusal: PutRefusal | undefined
  #closed = false
  #awaited: { offset: number; settle: () => void } | undefined
  tail: Buffer = Buffer.alloc(0)
  tailPosition = 0
  onDropped: (() => void) | undefined
  onWritten: (() => void) | undefined
  onWriteFailed: ((failure: WriteFailure) => void) | undefined

  constructor(options: FileStorageOptions) {
    this.#options = options
    this.#segmentSize = options.config.mappedFileSizeCommitLog
    this.#reader = new SegmentReader(options.files, this.#segmentSize)
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
    return this.#writtenWhere
  }

  get flushedWhere(): number {
    return this.#flushedWhere
  }

  get refusal(): PutRefusal | undefined {
    return this.#refusal
  }

  /** Files of the log, oldest first. */
  get segments(): ReadonlyArray<{ readonly start: number; readonly path: string }> {
    return [...this.#segments.values()]
  }

  /**
   * Goes on with a log that recovery has looked through: everything below `end` is whole and durable.
   * @param starts of the files that are there.
   */
  attach(starts: readonly number[], end: number): void {
    for (const start of starts) this.#segments.set(start, this.#segment(start))
    this.#minOffset = starts[0] ?? end
    this.#maxOffset = end
    this.#writtenWhere = end
    this.#flushedWhere = end
    const start = Math.floor(end / this.#segmentSize) * this.#segmentSize
    this.#live = this.#segments.get(start)
    if (this.#live !== undefined) this.#openLive(this.#live)
    else if (start === end) this.#prepare(start)
    else throw new Error(`the log ends at ${end}, and ${this.#path(start)} is not there`)
  }

  reserve(size: number): boolean {
    if (size > this.#room || this.#fullUntil !== undefined || this.#broken !== undefined || this.#isBehind(size)) {
      return this.#makeRoom(size)
    }
    this.tailPosition = this.#window!.used
    return true
  }

  commit(size: number): void {
    const window = this.#window!
    window.used += size
    window.end += size
    this.#maxOffset += size
    this.#room -= size
    this.#schedule()
  }

  appendRaw(physicalOffset: number, bytes: Uint8Array): void {
    if (this.#maxOffset === 0 && physicalOffset > 0 && physicalOffset % this.#segmentSize === 0) this.#beginAt(physicalOffset)
    if (physicalOffset !== this.#maxOffset) {
      throw new Error(`bytes for offset ${physicalOffset}: the log ends at ${this.#maxOffset}`)
    }
    for (let at = 0; at < bytes.length; ) {
      if (this.#live === undefined || this.#maxOffset === this.#live.start + this.#segmentSize) this.#roll()
      const live = this.#live!
      const size = Math.min(bytes.length - at, live.start + this.#segmentSize - this.#maxOffset, EARLY_BYTES)
      const refusal =
        this.#broken ?? this.#full() ?? (this.#isBehind(size) ? busy(this.#maxOffset - this.#behindFrom()) : undefined)
      if (refusal !== undefined) throw new Error(refusal.remark)
      let window = this.#window
      if (window === undefined || window.buffer.length - window.used < size) window = this.#openWindow(live, size)
      window.buffer.set(bytes.subarray(at, at + size), window.used)
      this.commit(size)
      at += size
    }
  }

  flush(offset: number): void | Promise<void> {
    if (this.#flushedWhere < Math.min(offset, this.#maxOffset)) return this.#flush(offset)
  }

  read(physicalOffset: number, size: number): Buffer | undefined {
    if (!this.#holds(physicalOffset, size)) return undefined
    const window = this.#windows.find(physicalOffset, size)
    if (window === undefined) return this.#reader.read(this.#segmentAt(physicalOffset), physicalOffset, size)
    window.lent = true
    return view(window, physicalOffset, size)
  }

  peek(physicalOffset: number, size: number): Buffer | undefined {
    if (!this.#holds(physicalOffset, size)) return undefined
    const window = this.#windows.find(physicalOffset, size)
    if (window !== undefined) return view(window, physicalOffset, size)
    return this.#reader.peek(this.#segmentAt(physicalOffset), physicalOffset, size, this.#writtenWhere)
  }

  readChunk(physicalOffset: number, limit: number): Buffer | undefined {
    if (physicalOffset < this.#minOffset || physicalOffset >= this.#writtenWhere) return undefined
    const end = Math.min((Math.floor(physicalOffset / this.#segmentSize) + 1) * this.#segmentSize, this.#writtenWhere)
    return this.read(physicalOffset, Math.min(limit, end - physicalOffset))
  }

  /** Removes the oldest file; the last one always stays. False when there is no other. */
  async dropFirst(): Promise<boolean> {
    const first = this.#segments.values().next().value
    if (first === undefined || first === this.#live || this.#segments.size < 2) return false
    if (first.start + this.#segmentSize > this.#flushedWhere) return false
    const { files } = this.#options
    this.#segments.delete(first.start)
    this.#minOffset = first.start + this.#segmentSize
    this.#reader.forget(first.start)
    this.onDropped?.()
    await files.unlink(first.path)
    await files.syncDirectory(path.dirname(first.path))
    if (first.fd !== undefined) await files.close(first.fd)
    return true
  }

  /** Waits for what is on its way, and lets go of the files. A file that was made ahead and holds nothing is removed. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#broken === undefined && this.#writtenWhere < this.#maxOffset) await this.#awaitWritten(this.#maxOffset)
    this.#reader.close()
    const { files, logger } = this.#options
    for (const segment of [...this.#segments.values(), ...this.#spare]) {
      await segment.ready?.catch(() => {})
      if (segment.fd !== undefined) await files.close(segment.fd)
      segment.fd = undefined
    }
    for (const { path: name, ready } of this.#spare) {
      if (ready === undefined) continue
      await files.unlink(name).catch((error: unknown) => logger.warn(`${name} stays: ${logText(error)}`))
    }
    this.#spare = []
    this.#segments.clear()
    this.#windows.clear()
    this.#window = undefined
    this.#room = 0
    this.tail = Buffer.alloc(0)
  }

  // --- room ---

  /** The slow half of `reserve`. */
  #makeRoom(size: number): boolean {
    if (this.#closed) return false
    this.#refusal = this.#broken ?? this.#full() ?? this.#tooLarge(size)
    if (this.#refusal !== undefined) return false
    if (this.#isBehind(size)) {
      this.#refusal = busy(this.#maxOffset - this.#behindFrom())
      return false
    }
    if (this.#live === undefined || size + END_OF_FILE_BYTES > this.#live.start + this.#segmentSize - this.#maxOffset) {
      this.#endSegment()
      this.#roll()
    }
    const window = this.#window
    if (window === undefined || size > window.buffer.length - window.used) this.#openWindow(this.#live!, size)
    this.tailPosition = this.#window!.used
    return true
  }

  #full(): PutRefusal | undefined {
    if (this.#fullUntil === undefined) return undefined
    if (this.#options.clock.monotonic() >= this.#fullUntil) return undefined
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

  #behindFrom(): number {
    return this.#options.config.flushDiskType === 'SYNC_FLUSH' ? this.#flushedWhere : this.#writtenWhere
  }

  #isBehind(size: number): boolean {
    return this.#maxOffset + size - this.#behindFrom() > MAX_WAITING
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
    let segment = this.#spare[0]
    if (segment?.start === start) this.#spare.shift()
    else segment = this.#make(start)
    this.#segments.set(start, segment)
    if (this.#segments.size === 1) this.#minOffset = start
    this.#live = segment
    this.#window = undefined
    this.#room = 0
  }

  #openWindow(segment: LogSegment, size: number): Window {
    const left = segment.start + this.#segmentSize - this.#maxOffset
    if (left <= this.#segmentSize * PREPARE_AT) this.#prepare(segment.start + this.#segmentSize)
    const window = this.#windows.open(segment, this.#maxOffset, size, left)
    this.#window = window
    this.tail = window.buffer
    // A blank has to fit behind every record of the segment.
    this.#room = Math.min(window.buffer.length, left - END_OF_FILE_BYTES)
    return window
  }

  // --- files ---

  #path(start: number): string {
    return path.join(this.#options.root, COMMIT_LOG_DIR, segmentName(start))
  }

  #segment(start: number): LogSegment {
    return { start, path: this.#path(start), fd: undefined, ready: undefined }
  }

  #segmentAt(physicalOffset: number): LogSegment | undefined {
    return this.#segments.get(Math.floor(physicalOffset / this.#segmentSize) * this.#segmentSize)
  }

  #openLive(segment: LogSegment): void {
    this.#await(
      segment,
      this.#options.files.open(segment.path, 'write').then((fd) => {
        segment.fd = fd
      })
    )
  }

  #make(start: number): LogSegment {
    const segment = this.#segment(start)
    const { files, root } = this.#options
    // One after the other: they share a temporary name.
    const before = this.#making ?? Promise.resolve()
    this.#await(
      segment,
      before
        .catch(() => {})
        .then(() => createSegment(files, root, start, this.#segmentSize))
        .then((fd) => {
          segment.fd = fd
        })
    )
    this.#making = segment.ready
    return segment
  }

  #making: Promise<void> | undefined

  #await(segment: LogSegment, ready: Promise<void>): void {
    segment.ready = ready
    // Whoever needs the segment sees the failure; nobody may.
    ready.catch(() => {})
  }

  /** An empty log begins elsewhere: the file that was made for its beginning goes first. */
  #beginAt(physicalOffset: number): void {
    const { files, logger } = this.#options
    for (const spare of [...this.#segments.values(), ...this.#spare.splice(0)]) {
      const gone = (spare.ready ?? Promise.resolve()).then(async () => {
        if (spare.fd !== undefined) await files.close(spare.fd)
        await files.unlink(spare.path)
      })
      this.#making = gone.catch((error: unknown) => logger.warn(`${spare.path} stays: ${logText(error)}`))
    }
    this.#live = undefined
    this.#segments.clear()
    this.#minOffset = physicalOffset
    this.#maxOffset = physicalOffset
    this.#writtenWhere = physicalOffset
    this.#flushedWhere = physicalOffset
  }

  /** Makes the segment at `start` ahead of time. */
  #prepare(start: number): void {
    if (this.#closed || this.#spare.length > 0) return
    const segment = this.#make(start)
    this.#spare.push(segment)
    segment.ready!.catch((error: unknown) => {
      // The one that is needed tries again.
      this.#spare = this.#spare.filter((spare) => spare !== segment)
      this.#options.logger.warn(`${segment.path} could not be made ahead: ${logText(error)}`)
    })
  }

  // --- writing ---

  #schedule(): void {
    if (this.#writing !== undefined) return
    if (this.#maxOffset - this.#writtenWhere >= EARLY_BYTES) this.#nextWrite()
    else if (!this.#scheduled) {
      this.#scheduled = true
      nextTick(this.#runWrite)
    }
  }

  #nextWrite(): void {
    this.#scheduled = false
    if (this.#writing !== undefined || this.#broken !== undefined) return
    const window = this.#windows.pending(this.#writtenWhere)
    if (window === undefined) return
    this.#writing = window
    this.#writeFrom = Math.max(this.#writtenWhere - window.start, 0)
    this.#writeTo = window.used
    this.#writeEnd = window.end
    if (window.segment.fd !== undefined && this.#dirty === undefined) this.#write()
    else {
      this.#readyToWrite(window.segment).then(
        () => this.#write(),
        (error: unknown) => this.#writeFailed(error)
      )
    }
  }

  async #readyToWrite(segment: LogSegment): Promise<void> {
    const dirty = this.#dirty
    if (dirty?.fd !== undefined) {
      await zeroTail(this.#options.files, dirty.fd, this.#writtenWhere - dirty.start, this.#segmentSize)
    }
    this.#dirty = undefined
    await segment.ready
  }

  #write(): void {
    const window = this.#writing!
    const from = this.#writeFrom
    const position = window.start - window.segment.start + from
    try {
      this.#options.files.writeSome(window.segment.fd!, window.buffer, from, this.#writeTo - from, position, this.#wrote)
    } catch (error) {
      this.#writeFailed(error)
    }
  }

  #writeEnded(error: Error | null, written: number): void {
    if (error !== null) {
      if (AGAIN_CODES.has(errorCode(error))) this.#write()
      else this.#writeFailed(error)
      return
    }
    this.#writeFrom += written
    if (this.#writeFrom < this.#writeTo) {
      if (written > 0) this.#write()
      else this.#writeFailed(new Error('the write took no bytes'))
      return
    }
    this.#writing = undefined
    this.#writtenWhere = this.#writeEnd
    this.#fullUntil = undefined
    this.#windows.retire(this.#writtenWhere)
    // What came meanwhile is on its way while others hear of what has arrived.
    if (this.#maxOffset > this.#writtenWhere) this.#nextWrite()
    this.#wakeAwaited()
    this.onWritten?.()
  }

  /** Takes back everything from the first byte of the failed write on. */
  #writeFailed(error: unknown): void {
    const { logger, clock, root } = this.#options
    const failed = this.#writing!
    const end = this.#writtenWhere
    const full = FULL_CODES.has(errorCode(error))
    const what = `${failed.segment.path}: a write at offset ${end} failed: ${logText(error)}`
    const refusal: PutRefusal = full
      ? { status: 'SERVICE_NOT_AVAILABLE', remark: `the disk of ${root} is full` }
      : { status: 'UNKNOWN_ERROR', remark: what }
    logger.error(`${what}; ${this.#maxOffset - end} bytes were taken back, nothing of them was acknowledged`)
    this.#writing = undefined
    this.#windows.rollBack(end)
    this.#maxOffset = end
    this.#dirty = failed.segment.fd === undefined ? undefined : failed.segment
    this.#takeBackSegments(end)
    if (full) this.#fullUntil = clock.monotonic() + FULL_MILLIS
    else this.#broken = { status: 'SERVICE_NOT_AVAILABLE', remark: `the store is read-only since a write failed: ${what}` }
    this.#wakeAwaited()
    this.onWriteFailed?.({ end, fatal: !full, refusal })
  }

  /** Segments that begin at or behind `end` wait for their turn again; those that could not be made are made again when it comes. */
  #takeBackSegments(end: number): void {
    const spare = [...this.#segments.values()].filter((segment) => segment.start >= end)
    for (const segment of spare) this.#segments.delete(segment.start)
    this.#spare = [...spare, ...this.#spare].filter((segment) => segment.fd !== undefined)
    const start = Math.floor(end / this.#segmentSize) * this.#segmentSize
    this.#live = this.#segments.get(start)
    const window = this.#windows.live
    this.#window = window?.end === end && window.segment === this.#live && window.start + window.used === end ? window : undefined
    if (this.#window === undefined || this.#live === undefined) this.#room = 0
    else {
      const { buffer, used } = this.#window
      this.tail = buffer
      this.#room = Math.min(buffer.length - used, this.#live.start + this.#segmentSize - end - END_OF_FILE_BYTES)
    }
    if (this.#segments.size === 0) this.#minOffset = end
  }

  // --- flushing ---

  async #flush(offset: number): Promise<void> {
    if (this.#writtenWhere < offset) await this.#awaitWritten(offset)
    const target = this.#writtenWhere
    for (const segment of this.#segments.values()) {
      if (segment.start >= target || segment.start + this.#segmentSize <= this.#flushedWhere) continue
      if (segment.fd !== undefined) await this.#options.files.fdatasync(segment.fd)
    }
    if (target > this.#flushedWhere) this.#flushedWhere = target
  }

  /** Settles when everything below `offset` was written, or a write failed; one caller at a time. */
  #awaitWritten(offset: number): Promise<void> {
    return new Promise((settle) => {
      this.#awaited = { offset, settle }
      this.#schedule()
    })
  }

  #wakeAwaited(): void {
    const awaited = this.#awaited
    if (awaited === undefined || (this.#writtenWhere < awaited.offset && this.#maxOffset >= awaited.offset)) return
    this.#awaited = undefined
    awaited.settle()
  }

  #holds(physicalOffset: number, size: number): boolean {
    if (size < 0 || physicalOffset < this.#minOffset || physicalOffset + size > this.#writtenWhere) return false
    const within = physicalOffset % this.#segmentSize
    return within + size <= this.#segmentSize
  }
}

function view(window: Window, physicalOffset: number, size: number): Buffer {
  const from = physicalOffset - window.start
  return window.buffer.subarray(from, from + size)
}

function busy(waiting: number): PutRefusal {
  return { status: 'OS_PAGE_CACHE_BUSY', remark: `${waiting} bytes wait for the disk, at most ${MAX_WAITING} may` }
}
