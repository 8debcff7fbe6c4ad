import type { Deferred } from '../internal/async.ts'
import { deferred } from '../internal/async.ts'
import { RemotingCommandException } from '../internal/errors.ts'
import { RingQueue } from '../internal/ring-queue.ts'
import { nextTick } from '../internal/turns.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import { LARGEST_COPIED_BODY, writeFrameHead } from '../protocol/outgoing-frame.ts'
import { CHUNK_SIZE, Chunk } from './chunk-pool.ts'
import type { ConnectionJournal } from './frame-journal.ts'
import type { NetworkSocket } from './network.ts'

/**
 * So many bytes leave before the turn ends: the peer has something to do while the rest of a long turn is still being encoded. Pieces of 8
 * to 24 KiB cost 3 to 10 % more CPU at 256 in flight and brought no more messages.
 */
const EARLY_BYTES = 64 * 1024

/** Bytes that wait for the socket. `position` counts all bytes ever appended, so it also tells their order. */
interface Segment {
  bytes: Uint8Array
  position: number
  chunk: Chunk | undefined
}

/** A write that the socket has not called back for. */
interface Write {
  readonly chunks: ReadonlyArray<Chunk | undefined>
  readonly bytes: number
  /** Stream position behind it. */
  readonly end: number
}

interface HandOver {
  position: number
  settled: Deferred<void>
}

/**
 * The outgoing half of a connection: frames are encoded straight into a pooled chunk and leave with one write per event-loop turn.
 * Nothing is written while the socket has not taken what was written before, so bytes behind that have certainly not reached it and can
 * still be taken back.
 */
export class FrameWriter {
  readonly #socket: NetworkSocket
  readonly #onWritten: () => void
  readonly #onError: (error: unknown) => void
  readonly #journal: ConnectionJournal | undefined
  readonly #flush = (): void => this.#flushNow()
  readonly #written = (error?: Error | null): void => this.#writeDone(error)
  readonly #handOvers = new RingQueue<HandOver>(4)
  #segments: Segment[] = []
  #chunk: Chunk | undefined
  /** The open part of the chunk: not sealed into a segment yet. */
  #from = 0
  #at = 0
  #openPosition = 0
  #position = 0
  #handed = 0
  /** The socket has called back for everything before this position. */
  #taken = 0
  #queued = 0
  readonly #writes = new RingQueue<Write>(4)
  #scheduled = false
  #closed = false

  /**
   * @param onWritten called after each write that the socket took.
   * @param journal told of all that is appended. @default nobody
   */
  constructor(socket: NetworkSocket, onWritten: () => void, onError: (error: unknown) => void, journal?: ConnectionJournal) {
    this.#socket = socket
    this.#onWritten = onWritten
    this.#onError = onError
    this.#journal = journal
  }

  /** Bytes that the socket has not taken yet. */
  get bytesQueued(): number {
    return this.#queued
  }

  /** Where the next frame will begin. */
  get position(): number {
    return this.#position
  }

  /** Bytes before this position may have reached the socket. */
  get handed(): number {
    return this.#handed
  }

  /**
   * Encodes the frame and schedules the write. Nothing is appended when it throws.
   * @param maxLength of a whole frame, bytes.
   * @throws RemotingCommandException (`FRAME_TOO_LARGE`), or what the frame's encoder throws.
   */
  append(frame: OutgoingFrame, maxLength = Number.POSITIVE_INFINITY): void {
    const body = frame.body
    const bodyLength = body === undefined ? 0 : body.length
    const headBound = 8 + frame.headerBound()
    if (headBound + bodyLength > maxLength) throw frameTooLarge(headBound + bodyLength, maxLength)
    const inline = bodyLength <= LARGEST_COPIED_BODY
    const need = headBound + (inline ? bodyLength : 0)
    let chunk = this.#chunk
    if (chunk === undefined || chunk.buffer.length - this.#at < need) chunk = this.#open(need)
    const start = this.#at
    let end = writeFrameHead(frame, chunk.buffer, start)
    if (inline && body !== undefined) {
      chunk.buffer.set(body, end)
      frame.bodyCopied?.(chunk, end)
      end += bodyLength
    }
    if (this.#journal !== undefined) {
      this.#journal.sent(chunk.buffer, start, end, inline ? undefined : body, (frame.flag & 1) !== 0)
    }
    this.#at = end
    this.#position += end - start
    this.#queued += end - start
    if (!inline) this.#pushUncopied(body as Uint8Array)
    if (this.#position - this.#handed >= EARLY_BYTES && this.#socketIsFree()) this.#flushNow()
    else this.#schedule()
  }

  /** Appends bytes that are no frame, without copying them. */
  appendRaw(bytes: Uint8Array): void {
    this.#pushUncopied(bytes)
    this.#journal?.sent(bytes, 0, bytes.length, undefined, true)
    this.#schedule()
  }

  /** A segment of memory that is not ours, behind what the chunk holds so far. */
  #pushUncopied(bytes: Uint8Array): void {
    this.#seal(this.#position)
    this.#segments.push({ bytes, position: this.#position, chunk: undefined })
    this.#position += bytes.length
    this.#queued += bytes.length
    this.#openPosition = this.#position
  }

  /** Whether the system has taken all that was written: more can follow at once. */
  #socketIsFree(): boolean {
    return this.#writes.length === 0 || this.#socket.writableLength === 0
  }

  #schedule(): void {
    if (this.#scheduled || !this.#socketIsFree()) return
    this.#scheduled = true
    // The end of the tick, after all microtasks. Against setImmediate on loopback: 3 to 6 % more one at a time, level at 256 in flight.
    nextTick(this.#flush)
  }

  /** Takes back the bytes `[start, end)`, if none of them was handed over. */
  retract(start: number, end: number): boolean {
    if (start < this.#handed || this.#closed) return false
    this.#seal(this.#position)
    const kept: Segment[] = []
    for (const segment of this.#segments) {
      const { bytes, position, chunk } = segment
      const from = Math.max(start - position, 0)
      const to = Math.min(end - position, bytes.length)
      if (from >= to) {
        kept.push(segment)
        continue
      }
      this.#queued -= to - from
      if (from > 0) kept.push(retained(bytes.subarray(0, from), position, chunk))
      if (to < bytes.length) kept.push(retained(bytes.subarray(to), position + to, chunk))
      chunk?.release()
    }
    this.#segments = kept
    return true
  }

  /** Settles when everything appended so far is with the socket; rejects when the connection closes first. */
  handedOver(): Promise<void> {
    if (this.#taken >= this.#position) return Promise.resolve()
    const settled = deferred<void>()
    this.#handOvers.push({ position: this.#position, settled })
    return settled.promise
  }

  /**
   * Lets go of everything. Writes under way keep their chunks until the socket has called back.
   * @param error makes what a wait for the socket fails with; called only where somebody waits.
   */
  close(error: () => unknown): void {
    if (this.#closed) return
    this.#closed = true
    for (const segment of this.#segments) segment.chunk?.release()
    this.#segments = []
    this.#release()
    this.#queued = 0
    for (let waiter = this.#handOvers.shift(); waiter !== undefined; waiter = this.#handOvers.shift()) {
      waiter.settled.reject(error())
    }
  }

  /** Writes now what waits; used before an orderly end. */
  flush(): void {
    this.#flushNow()
  }

  #open(need: number): Chunk {
    this.#seal(this.#position)
    this.#chunk?.close()
    const chunk = Chunk.take(need)
    this.#chunk = chunk
    this.#from = 0
    this.#at = 0
    this.#openPosition = this.#position
    return chunk
  }

  /** Turns the open part, which ends at stream position `end`, into a segment. */
  #seal(end: number): void {
    const chunk = this.#chunk
    if (chunk !== undefined && this.#at > this.#from) {
      this.#segments.push(retained(chunk.buffer.subarray(this.#from, this.#at), this.#openPosition, chunk))
      this.#from = this.#at
    }
    this.#openPosition = end
  }

  #flushNow(): void {
    this.#scheduled = false
    if (this.#closed || !this.#socketIsFree()) return
    this.#seal(this.#position)
    const segments = this.#segments
    if (segments.length === 0) {
      this.#handed = this.#position
      return
    }
    let bytes = 0
    for (const segment of segments) bytes += segment.bytes.length
    this.#segments = []
    this.#handed = this.#position
    this.#writes.push({ chunks: segments.map((segment) => segment.chunk), bytes, end: this.#position })
    const socket = this.#socket
    if (segments.length === 1) {
      socket.write(segments[0].bytes, this.#written)
      return
    }
    socket.cork()
    for (let i = 0; i < segments.length - 1; i++) socket.write(segments[i].bytes)
    socket.write(segments[segments.length - 1].bytes, this.#written)
    socket.uncork()
  }

  #writeDone(error: Error | null | undefined): void {
    const write = this.#writes.shift()
    if (write !== undefined) for (const chunk of write.chunks) chunk?.release()
    if (this.#closed || write === undefined) return
    if (error !== undefined && error !== null) {
      this.#onError(error)
      return
    }
    this.#queued -= write.bytes
    this.#taken = write.end
    this.#settleHandOvers()
    if (this.#position > this.#handed) this.#flushNow()
    // An idle connection holds no chunk. One that requests in flight still need is used on until a quarter is full: few requests must not
    // hold much memory, and a write that runs from one chunk into the next costs more than one that does not.
    else if (this.#queued === 0 && (this.#chunk?.retained === false || this.#at >= CHUNK_SIZE / 4)) this.#release()
    this.#onWritten()
  }

  /** Nothing waits: an idle connection holds no chunk. */
  #release(): void {
    this.#chunk?.close()
    this.#chunk = undefined
  }

  #settleHandOvers(): void {
    for (let waiter = this.#handOvers.peek(); waiter !== undefined; waiter = this.#handOvers.peek()) {
      if (waiter.position > this.#taken) return
      this.#handOvers.shift()
      waiter.settled.resolve()
    }
  }
}

function frameTooLarge(length: number, limit: number): RemotingCommandException {
  return new RemotingCommandException(`a frame of up to ${length} bytes is above the limit of ${limit}`, {
    code: 'FRAME_TOO_LARGE'
  })
}

function retained(bytes: Uint8Array, position: number, chunk: Chunk | undefined): Segment {
  chunk?.retain()
  return { bytes, position, chunk }
}
