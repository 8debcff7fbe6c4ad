import type { FileLayer } from './file-layer.ts'
import type { LogSegment } from './log-segment.ts'

/** Files that are open for reading at a time. */
const OPEN_FILES = 64
/** How much is read ahead of who reads in the log's order, bytes. */
const AHEAD_BYTES = 256 * 1024

/** Reads segments, in the call. What a caller gets to keep is read into a buffer of its own. */
export class SegmentReader {
  readonly #files: FileLayer
  readonly #segmentSize: number
  /** By start of the segment; the one used last stands last. */
  readonly #open = new Map<number, number>()
  #ahead: Buffer | undefined
  #aheadStart = 0
  #aheadLength = 0

  constructor(files: FileLayer, segmentSize: number) {
    this.#files = files
    this.#segmentSize = segmentSize
  }

  read(segment: LogSegment | undefined, physicalOffset: number, size: number): Buffer | undefined {
    if (segment === undefined) return undefined
    const target = Buffer.allocUnsafe(size)
    const got = this.#files.readNow(this.#fd(segment), target, 0, size, physicalOffset - segment.start)
    return got === size ? target : undefined
  }

  /** A view that is valid until the next call. @param written nothing behind it is read. */
  peek(segment: LogSegment | undefined, physicalOffset: number, size: number, written: number): Buffer | undefined {
    if (segment === undefined) return undefined
    if (size > AHEAD_BYTES) return this.read(segment, physicalOffset, size)
    if (physicalOffset < this.#aheadStart || physicalOffset + size > this.#aheadStart + this.#aheadLength) {
      this.#ahead ??= Buffer.allocUnsafeSlow(AHEAD_BYTES)
      const length = Math.min(AHEAD_BYTES, written - physicalOffset, segment.start + this.#segmentSize - physicalOffset)
      this.#aheadLength = 0
      this.#aheadLength = this.#files.readNow(this.#fd(segment), this.#ahead, 0, length, physicalOffset - segment.start)
      this.#aheadStart = physicalOffset
      if (this.#aheadLength < size) return undefined
    }
    const from = physicalOffset - this.#aheadStart
    return this.#ahead!.subarray(from, from + size)
  }

  /** The segment is gone. */
  forget(start: number): void {
    const fd = this.#open.get(start)
    this.#open.delete(start)
    if (fd !== undefined) this.#files.closeNow(fd)
  }

  close(): void {
    for (const start of [...this.#open.keys()]) this.forget(start)
    this.#ahead = undefined
    this.#aheadLength = 0
  }

  #fd(segment: LogSegment): number {
    const { start } = segment
    let fd = this.#open.get(start)
    if (fd !== undefined) {
      if (this.#open.size > 1) {
        this.#open.delete(start)
        this.#open.set(start, fd)
      }
      return fd
    }
    fd = this.#files.openNow(segment.path, 'read')
    this.#open.set(start, fd)
    if (this.#open.size > OPEN_FILES) this.forget(this.#open.keys().next().value!)
    return fd
  }
}
