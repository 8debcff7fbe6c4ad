import { END_OF_FILE_BYTES, writeBlank } from './record-format.ts'
import type { CommitLogStorage, PutRefusal, WriteFailure } from './types.ts'

/** An idle broker costs no more than this; each further segment is twice as large as the one before. */
const FIRST_SEGMENT = 64 * 1024
const LARGEST_SEGMENT = 16 * 1024 * 1024

/** Fewer bytes than the smallest record are looked at where they are read; more may be on their way to a consumer. */
const SMALLEST_RECORD = 91

interface Segment {
  /** Physical offset of its first byte. */
  start: number
  buffer: Buffer
  /** Bytes that are part of the log. */
  wrote: number
  /** Somebody got a view of records in it. */
  lent: boolean
}

export interface MemoryStorageOptions {
  /** Most bytes of segments held at a time. */
  maxBytes: number
  whenFull: 'reject' | 'dropOldest'
  /** Upper bound of a segment, bytes. */
  segmentSize: number
}

/**
 * The commit log in buffers. Segments begin small and double up to 16 MiB or `segmentSize`; a record that needs more gets a segment of
 * its own size. A dropped segment is used again, because the first touch of fresh memory costs more than anything else in a put; but never
 * one that somebody got a view of: views stay what they were.
 */
export class MemoryStorage implements CommitLogStorage {
  readonly #options: () => MemoryStorageOptions
  readonly #segments: Segment[] = []
  #last: Segment | undefined
  #heldBytes = 0
  #maxOffset = 0
  /** The segment that was read last; reads come in runs. */
  #recent: Segment | undefined
  /** Of a dropped segment that nobody has a view of. */
  #spare: Buffer | undefined
  #refusal: PutRefusal | undefined
  #closed = false
  tail: Buffer = Buffer.alloc(0)
  tailPosition = 0
  onDropped: (() => void) | undefined
  onWritten: (() => void) | undefined
  onWriteFailed: ((failure: WriteFailure) => void) | undefined

  /** @param options read at each use, so that limits can be changed while it runs */
  constructor(options: () => MemoryStorageOptions) {
    this.#options = options
  }

  get minOffset(): number {
    return this.#segments[0]?.start ?? this.#maxOffset
  }

  get maxOffset(): number {
    return this.#maxOffset
  }

  get writtenWhere(): number {
    return this.#maxOffset
  }

  /** Memory is as durable as it gets at once. */
  get flushedWhere(): number {
    return this.#maxOffset
  }

  get refusal(): PutRefusal | undefined {
    return this.#refusal
  }

  /** Bytes of all segments, used or not. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  reserve(size: number): boolean {
    const last = this.#last
    if (last === undefined || size + END_OF_FILE_BYTES > last.buffer.length - last.wrote) return this.#roll(size)
    this.tailPosition = last.wrote
    return true
  }

  commit(size: number): void {
    this.#last!.wrote += size
    this.#maxOffset += size
  }

  flush(): void {}

  read(physicalOffset: number, size: number): Buffer | undefined {
    const view = this.peek(physicalOffset, size)
    if (view !== undefined && size >= SMALLEST_RECORD) this.#recent!.lent = true
    return view
  }

  peek(physicalOffset: number, size: number): Buffer | undefined {
    const segment = this.#segmentAt(physicalOffset)
    if (segment === undefined) return undefined
    const from = physicalOffset - segment.start
    return size >= 0 && from + size <= segment.wrote ? segment.buffer.subarray(from, from + size) : undefined
  }

  readChunk(physicalOffset: number, limit: number): Buffer | undefined {
    const segment = this.#segmentAt(physicalOffset)
    if (segment === undefined) return undefined
    const from = physicalOffset - segment.start
    segment.lent = true
    return segment.buffer.subarray(from, Math.min(segment.wrote, from + limit))
  }

  close(): void {
    this.#closed = true
    this.#segments.length = 0
    this.#last = undefined
    this.#recent = undefined
    this.#spare = undefined
    this.#heldBytes = 0
    this.tail = Buffer.alloc(0)
  }

  #segmentAt(physicalOffset: number): Segment | undefined {
    const recent = this.#recent
    if (recent !== undefined && physicalOffset >= recent.start && physicalOffset < recent.start + recent.wrote) return recent
    let low = 0
    let high = this.#segments.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const segment = this.#segments[middle]!
      if (physicalOffset < segment.start) high = middle - 1
      else if (physicalOffset >= segment.start + segment.wrote) low = middle + 1
      else {
        this.#recent = segment
        return segment
      }
    }
    return undefined
  }

  #roll(size: number): boolean {
    if (this.#closed) return false
    const { maxBytes, whenFull, segmentSize } = this.#options()
    const needed = size + END_OF_FILE_BYTES
    if (needed > segmentSize) {
      return this.#refuse({
        status: 'MESSAGE_ILLEGAL',
        remark: `a record of ${size} bytes does not fit into a segment of ${segmentSize} bytes (mappedFileSizeCommitLog)`
      })
    }
    const wanted = Math.max(needed, this.#nextSize(maxBytes, segmentSize))
    if (whenFull === 'dropOldest' && needed <= maxBytes) this.#dropOldest(maxBytes - Math.min(wanted, maxBytes))
    // The last segment takes what is left of the limit.
    const length = Math.min(wanted, maxBytes - this.#heldBytes)
    if (length < needed) {
      return this.#refuse({
        status: 'SERVICE_NOT_AVAILABLE',
        remark:
          `the memory store is full: it holds ${this.#heldBytes} of at most ${maxBytes} bytes (maxBytes) and has no room for ${size} more; ` +
          `raise maxBytes, or set whenFull to dropOldest`
      })
    }
    this.#endSegment()
    const segment: Segment = { start: this.#maxOffset, buffer: this.#take(length), wrote: 0, lent: false }
    this.#segments.push(segment)
    this.#last = segment
    this.#heldBytes += length
    this.tail = segment.buffer
    this.tailPosition = 0
    return true
  }

  #take(length: number): Buffer {
    const spare = this.#spare
    this.#spare = undefined
    return spare?.length === length ? spare : Buffer.allocUnsafeSlow(length)
  }

  #refuse(refusal: PutRefusal): boolean {
    this.#refusal = refusal
    return false
  }

  /** Segments stay small beside the limit, so that dropping the oldest one drops little. */
  #nextSize(maxBytes: number, segmentSize: number): number {
    const largest = Math.min(LARGEST_SEGMENT, segmentSize, Math.max(FIRST_SEGMENT, Math.ceil(maxBytes / 16)))
    const last = this.#last
    return Math.min(largest, last === undefined ? FIRST_SEGMENT : last.buffer.length * 2)
  }

  /** The blank takes all that is left: physical offsets have no holes. */
  #endSegment(): void {
    const last = this.#last
    if (last === undefined) return
    const remaining = last.buffer.length - last.wrote
    writeBlank(last.buffer, last.wrote, remaining)
    last.wrote += remaining
    this.#maxOffset += remaining
  }

  #dropOldest(keepBytes: number): void {
    let dropped = false
    while (this.#segments.length > 0 && this.#heldBytes > keepBytes) {
      const oldest = this.#segments[0]!
      // The last one is ended before it goes, so that the next begins at its end.
      if (oldest === this.#last) {
        this.#endSegment()
        this.#last = undefined
      }
      if (this.#recent === oldest) this.#recent = undefined
      this.#segments.shift()
      this.#heldBytes -= oldest.buffer.length
      if (!oldest.lent) this.#spare = oldest.buffer
      dropped = true
    }
    if (dropped) this.onDropped?.()
  }
}
