import { RocketMQError } from '../internal/errors.ts'
import { END_OF_FILE_BYTES, writeBlank } from './record-format.ts'
import type { CommitLogStorage, PutRefusal, WriteFailure } from './types.ts'

/** An idle broker costs no more than this; each further buffer is twice as large as the one before. */
const FIRST_BUFFER = 64 * 1024
const LARGEST_BUFFER = 16 * 1024 * 1024

/** Fewer bytes than the smallest record are looked at where they are read; more may be on their way to a consumer. */
const SMALLEST_RECORD = 91

/** A piece of the log. It never crosses the end of a segment. */
interface Piece {
  /** Physical offset of its first byte. */
  start: number
  buffer: Buffer
  /** Bytes that are part of the log. */
  wrote: number
  /** Somebody got a view of records in it. */
  lent: boolean
  /** Records may take the buffer up to here; behind it, where the segment ends with the buffer, is only room for a blank. */
  recordEnd: number
  /** Physical offset at which its segment ends. */
  segmentEnd: number
}

export interface MemoryStorageOptions {
  /** Most bytes of buffers held at a time. */
  maxBytes: number
  whenFull: 'reject' | 'dropOldest'
  /** Bytes of a segment; masters and slaves of one log need the same. */
  segmentSize: number
}

/**
 * The commit log in buffers. Segments are as long as `segmentSize` says, so that the log is byte for byte what files of that size would
 * hold; a segment is made of buffers that begin small and double up to 16 MiB. A dropped buffer is used again, because the first touch of
 * fresh memory costs more than anything else in a put; but never one that somebody got a view of: views stay what they were.
 */
export class MemoryStorage implements CommitLogStorage {
  readonly #options: () => MemoryStorageOptions
  readonly #pieces: Piece[] = []
  #last: Piece | undefined
  #heldBytes = 0
  #maxOffset = 0
  /** End of the segment that `maxOffset` is in; equal to it when the next byte begins a new one. */
  #segmentEnd = 0
  /** The piece that was read last; reads come in runs. */
  #recent: Piece | undefined
  /** Of a dropped piece that nobody has a view of. */
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
    return this.#pieces[0]?.start ?? this.#maxOffset
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

  /** Bytes of all buffers, used or not. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  reserve(size: number): boolean {
    const last = this.#last
    if (last === undefined || last.wrote + size > last.recordEnd) return this.#roll(size)
    this.tailPosition = last.wrote
    return true
  }

  commit(size: number): void {
    this.#last!.wrote += size
    this.#maxOffset += size
  }

  appendRaw(physicalOffset: number, bytes: Uint8Array): void {
    this.#beginAt(physicalOffset)
    for (let at = 0; at < bytes.length; ) {
      let last = this.#last
      if (last === undefined || last.wrote === last.buffer.length) last = this.#nextForRaw(bytes.length - at)
      const count = Math.min(bytes.length - at, last.buffer.length - last.wrote)
      last.buffer.set(bytes.subarray(at, at + count), last.wrote)
      last.wrote += count
      this.#maxOffset += count
      at += count
    }
  }

  flush(): void {}

  read(physicalOffset: number, size: number): Buffer | undefined {
    const view = this.peek(physicalOffset, size)
    if (view !== undefined && size >= SMALLEST_RECORD) this.#recent!.lent = true
    return view
  }

  peek(physicalOffset: number, size: number): Buffer | undefined {
    const piece = this.#pieceAt(physicalOffset)
    if (piece === undefined || size < 0) return undefined
    const from = physicalOffset - piece.start
    if (from + size <= piece.wrote) return piece.buffer.subarray(from, from + size)
    const end = physicalOffset + size
    return end <= this.#maxOffset && end <= piece.segmentEnd ? this.#readAcross(physicalOffset, size) : undefined
  }

  readChunk(physicalOffset: number, limit: number): Buffer | undefined {
    const piece = this.#pieceAt(physicalOffset)
    if (piece === undefined) return undefined
    const from = physicalOffset - piece.start
    piece.lent = true
    return piece.buffer.subarray(from, Math.min(piece.wrote, from + limit))
  }

  close(): void {
    this.#closed = true
    this.#pieces.length = 0
    this.#last = undefined
    this.#recent = undefined
    this.#spare = undefined
    this.#heldBytes = 0
    this.tail = Buffer.alloc(0)
  }

  #pieceAt(physicalOffset: number): Piece | undefined {
    const recent = this.#recent
    if (recent !== undefined && physicalOffset >= recent.start && physicalOffset < recent.start + recent.wrote) return recent
    let low = 0
    let high = this.#pieces.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const piece = this.#pieces[middle]!
      if (physicalOffset < piece.start) high = middle - 1
      else if (physicalOffset >= piece.start + piece.wrote) low = middle + 1
      else {
        this.#recent = piece
        return piece
      }
    }
    return undefined
  }

  /** Raw bytes come cut anywhere: a record of theirs may lie in two buffers. */
  #readAcross(physicalOffset: number, size: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(size)
    for (let at = 0; at < size; ) {
      const piece = this.#pieceAt(physicalOffset + at)!
      const from = physicalOffset + at - piece.start
      at += piece.buffer.copy(bytes, at, from, Math.min(piece.wrote, from + size - at))
    }
    return bytes
  }

  /** Room for a record where the current buffer has none: in the rest of the segment, or behind a blank in the next one. */
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
    const left = this.#segmentEnd - this.#maxOffset
    const blank = left < needed ? left : 0
    const room = left < needed ? segmentSize : left
    const wanted = Math.min(Math.max(needed, this.#nextSize(maxBytes)), room)
    // What of the blank the last buffer has no room for; nothing when there is no buffer left to go on from.
    const blankBuffer = (): number =>
      this.#last === undefined ? 0 : Math.max(0, blank - this.#last.buffer.length + this.#last.wrote)
    if (whenFull === 'dropOldest' && needed <= maxBytes) this.#dropOldest(maxBytes - Math.min(wanted + blankBuffer(), maxBytes))
    const forBlank = blankBuffer()
    // The last buffer takes what is left of the limit.
    const length = Math.min(wanted, maxBytes - this.#heldBytes - forBlank)
    if (length < needed) return this.#refuse(this.#full(maxBytes, size))
    if (blank > 0) this.#endSegment(blank, forBlank)
    this.#add(length, segmentSize)
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

  #full(maxBytes: number, size: number): PutRefusal {
    return {
      status: 'SERVICE_NOT_AVAILABLE',
      remark:
        `the memory store is full: it holds ${this.#heldBytes} of at most ${maxBytes} bytes (maxBytes) and has no room for ${size} more; ` +
        `raise maxBytes, or set whenFull to dropOldest`
    }
  }

  /** An empty log may begin anywhere; any other one goes on where it ends. */
  #beginAt(physicalOffset: number): void {
    if (this.#closed) throw new RocketMQError('the store has been shut down', { code: 'CLOSED' })
    if (physicalOffset === this.#maxOffset) return
    if (this.#maxOffset > 0 || !Number.isSafeInteger(physicalOffset) || physicalOffset < 0) {
      throw new RocketMQError(`the log ends at offset ${this.#maxOffset}: bytes for ${physicalOffset} cannot follow`, {
        code: 'BAD_OFFSET'
      })
    }
    const { segmentSize } = this.#options()
    this.#maxOffset = physicalOffset
    this.#segmentEnd = Math.ceil(physicalOffset / segmentSize) * segmentSize
  }

  #nextForRaw(size: number): Piece {
    const { maxBytes, whenFull, segmentSize } = this.#options()
    const left = this.#segmentEnd - this.#maxOffset
    const wanted = Math.min(this.#nextSize(maxBytes), left === 0 ? segmentSize : left)
    if (whenFull === 'dropOldest') this.#dropOldest(maxBytes - Math.min(wanted, maxBytes))
    const length = Math.min(wanted, maxBytes - this.#heldBytes)
    if (length <= 0) throw new RocketMQError(this.#full(maxBytes, size).remark, { code: 'STORE_FULL' })
    return this.#add(length, segmentSize)
  }

  #add(length: number, segmentSize: number): Piece {
    const start = this.#maxOffset
    if (this.#segmentEnd === start) this.#segmentEnd += segmentSize
    const segmentEnd = this.#segmentEnd
    const recordEnd = Math.min(length, segmentEnd - END_OF_FILE_BYTES - start)
    const piece: Piece = { start, buffer: this.#take(length), wrote: 0, lent: false, recordEnd, segmentEnd }
    this.#pieces.push(piece)
    this.#last = piece
    this.tail = piece.buffer
    this.#heldBytes += length
    return piece
  }

  /** Buffers stay small beside the limit, so that dropping the oldest one drops little. */
  #nextSize(maxBytes: number): number {
    const largest = Math.min(LARGEST_BUFFER, Math.max(FIRST_BUFFER, Math.ceil(maxBytes / 16)))
    const last = this.#last
    return Math.min(largest, last === undefined ? FIRST_BUFFER : last.buffer.length * 2)
  }

  /** The blank takes all that is left of the segment: physical offsets have no holes. */
  #endSegment(blank: number, newBuffer: number): void {
    const end = this.#segmentEnd
    // With nothing before it there is nothing to go on from: the log begins behind the blank.
    if (this.#last === undefined) this.#maxOffset = end
    else {
      const bytes = Buffer.alloc(blank)
      writeBlank(bytes, 0, blank)
      const room = blank - newBuffer
      this.appendRaw(this.#maxOffset, bytes.subarray(0, room))
      if (newBuffer > 0) {
        this.#add(newBuffer, 0)
        this.appendRaw(this.#maxOffset, bytes.subarray(room))
      }
    }
  }

  #dropOldest(keepBytes: number): void {
    let dropped = false
    while (this.#pieces.length > 0 && this.#heldBytes > keepBytes) {
      const oldest = this.#pieces.shift()!
      if (oldest === this.#last) this.#last = undefined
      if (this.#recent === oldest) this.#recent = undefined
      this.#heldBytes -= oldest.buffer.length
      if (!oldest.lent) this.#spare = oldest.buffer
      dropped = true
    }
    if (dropped) this.onDropped?.()
  }
}
