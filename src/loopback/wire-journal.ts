import type { Clock } from '../internal/clock.ts'
import { RingQueue } from '../internal/ring-queue.ts'
import type { ConnectionJournal, FrameJournal } from '../transport/frame-journal.ts'

/** How much a journal keeps. */
export interface JournalLimits {
  /** Requests; their answers are kept beside them. */
  requests: number
  /** Bytes of memory for all frames. */
  bytes: number
}

/** A frame that passed a server's connection. */
export interface JournalFrame {
  /** `namesrv`, or the broker's name. */
  readonly server: string
  /** `host:port` of the other side. */
  readonly remoteAddr: string
  readonly received: boolean
  readonly isRequest: boolean
  /** Wall clock, ms since 1970. */
  readonly timestamp: number
  /** Only good until the journal is told of another frame. */
  readonly bytes: Uint8Array
}

/** Ends of one connection. */
interface Parties {
  readonly server: string
  readonly remoteAddr: string
}

/** The first piece of memory, bytes: a broker that lives for one test costs no more. Each further one is as large as all before it. */
const FIRST_SEGMENT = 16 * 1024
/** Where that ends, unless the journal is smaller than eight of them; a larger frame has a piece to itself, bytes. */
const LARGEST_SEGMENT = 256 * 1024
/** Pieces of that size kept for the next journal: 16 MiB a process. */
const KEPT = 64
const RECORD_HEAD = 16
const RECEIVED = 1
const REQUEST = 2

const free: Segment[] = []

/**
 * A piece of memory with records one behind the other. Those that no journal needs any more are used by the next one, of whatever broker: new
 * memory costs its first touch, and a garbage collection each time so much of it has been allocated.
 *
 * ```
 * record := length:int32 (of the frame) | kind:int16 (bit 0 received, bit 1 request) | parties:uint16 | timestamp:float64 | frame
 * ```
 */
class Segment {
  readonly bytes: Buffer
  /** The same memory, for the heads. */
  readonly heads: DataView
  /** What `parties` of the records counts. */
  readonly parties: Parties[] = []
  /** Where the oldest record that is kept begins, and where the next one would. */
  from = 0
  to = 0
  #last: Parties | undefined
  #lastAt = 0

  private constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.heads = new DataView(this.bytes.buffer)
  }

  /** An empty one of `size` bytes. */
  static take(size: number): Segment {
    return (size === LARGEST_SEGMENT ? free.pop() : undefined) ?? new Segment(size)
  }

  /** Nobody reads it any more. */
  giveBack(): void {
    if (this.bytes.length !== LARGEST_SEGMENT || free.length >= KEPT) return
    this.parties.length = 0
    this.#last = undefined
    this.from = 0
    this.to = 0
    free.push(this)
  }

  at(parties: Parties): number {
    if (this.#last !== parties) {
      const found = this.parties.indexOf(parties)
      this.#lastAt = found < 0 ? this.parties.push(parties) - 1 : found
      this.#last = parties
    }
    return this.#lastAt
  }
}

/**
 * The last frames of all servers, in the order they passed. Their bytes are copied one behind the other into memory that is used in a
 * circle: no object of a frame outlives it, so the garbage collector has nothing to do with them, and what is held is what was allocated.
 */
export class WireJournal {
  readonly #limits: JournalLimits
  readonly #clock: Clock
  readonly #largestSegment: number
  readonly #segments = new RingQueue<Segment>(4)
  #newest: Segment | undefined
  #requests = 0
  #held = 0
  #dropped = 0

  constructor(limits: JournalLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#largestSegment = Math.min(LARGEST_SEGMENT, Math.ceil(limits.bytes / 8))
  }

  /** Bytes of memory that are held. */
  get bytes(): number {
    return this.#held
  }

  /** Frames that had to go because of the limits. */
  get dropped(): number {
    return this.#dropped
  }

  /** The half of the journal that one server writes. */
  of(server: string): FrameJournal {
    return {
      of: (remoteAddr): ConnectionJournal => {
        const parties = { server, remoteAddr }
        return {
          received: (bytes, start, end, isResponse) =>
            this.#add(parties, isResponse ? RECEIVED : RECEIVED | REQUEST, bytes, start, end, undefined),
          sent: (bytes, start, end, body, isResponse) => this.#add(parties, isResponse ? 0 : REQUEST, bytes, start, end, body)
        }
      }
    }
  }

  /** Oldest first. */
  *frames(): IterableIterator<JournalFrame> {
    for (const { bytes, heads, parties, from, to } of this.#segments.values()) {
      for (let at = from; at < to; ) {
        const begin = at + RECORD_HEAD
        const end = begin + heads.getInt32(at)
        const kind = heads.getInt16(at + 4)
        const { server, remoteAddr } = parties[heads.getUint16(at + 6)] as Parties
        const timestamp = heads.getFloat64(at + 8)
        const [received, isRequest] = [(kind & RECEIVED) !== 0, (kind & REQUEST) !== 0]
        yield { server, remoteAddr, received, isRequest, timestamp, bytes: bytes.subarray(begin, end) }
        at = end
      }
    }
  }

  clear(): void {
    for (const segment of this.#segments.values()) segment.giveBack()
    this.#segments.clear()
    this.#newest = undefined
    this.#requests = 0
    this.#held = 0
    this.#dropped = 0
  }

  #add(parties: Parties, kind: number, frame: Uint8Array, start: number, end: number, body: Uint8Array | undefined): void {
    const length = end - start + (body === undefined ? 0 : body.length)
    const segment = this.#room(RECORD_HEAD + length)
    if (segment === undefined) {
      this.#dropped++
      return
    }
    const { bytes, heads, to } = segment
    heads.setInt32(to, length)
    heads.setInt16(to + 4, kind)
    heads.setUint16(to + 6, segment.at(parties))
    heads.setFloat64(to + 8, this.#clock.now())
    bytes.set(start === 0 && end === frame.length ? frame : frame.subarray(start, end), to + RECORD_HEAD)
    if (body !== undefined) bytes.set(body, to + RECORD_HEAD + end - start)
    segment.to = to + RECORD_HEAD + length
    if ((kind & REQUEST) === 0) return
    this.#requests++
    while (this.#requests > this.#limits.requests) this.#dropRecord()
  }

  /** A segment with room for `size` more bytes; undefined when the whole journal has not as many. */
  #room(size: number): Segment | undefined {
    const newest = this.#newest
    if (newest !== undefined && newest.bytes.length - newest.to >= size) return newest
    const segmentSize = Math.max(size, Math.min(this.#largestSegment, Math.max(FIRST_SEGMENT, this.#held)))
    if (segmentSize > this.#limits.bytes) return undefined
    while (this.#held + segmentSize > this.#limits.bytes) this.#dropSegment()
    const segment = Segment.take(segmentSize)
    this.#held += segmentSize
    this.#segments.push(segment)
    this.#newest = segment
    return segment
  }

  #dropSegment(): void {
    const oldest = this.#segments.peek()
    while (oldest !== undefined && this.#segments.peek() === oldest) this.#dropRecord()
  }

  #dropRecord(): void {
    const segment = this.#segments.peek() as Segment
    const { bytes, heads, from } = segment
    if ((heads.getInt16(from + 4) & REQUEST) !== 0) this.#requests--
    segment.from = from + RECORD_HEAD + heads.getInt32(from)
    this.#dropped++
    if (segment.from < segment.to) return
    this.#segments.shift()
    this.#held -= bytes.length
    if (segment === this.#newest) this.#newest = undefined
    segment.giveBack()
  }
}
