import { RemotingCommandException } from '../internal/errors.ts'

export interface FrameLimits {
  /** Largest whole frame, length word included, bytes. */
  maxFrameLength: number
  /** Largest header, bytes. */
  maxHeaderLength: number
}

/** What a server reads: requests. */
export const SERVER_LIMITS: FrameLimits = { maxFrameLength: 16_777_216, maxHeaderLength: 262_144 }
/** What a client reads: the answer to a batch lists an id per message. */
export const CLIENT_LIMITS: FrameLimits = { maxFrameLength: 16_777_216, maxHeaderLength: 4_194_304 }

/** Bytes of the two length words; both are checked before anything behind them is kept. */
const PREFIX = 8
/** First size of the buffer that collects a frame which came in pieces. */
const FIRST_PIECE = 512

/**
 * Cuts a byte stream into frames.
 *
 * ```
 * frame := length:int32 (bytes that follow) | serializeType:int8 headerLength:int24 | header | body
 * ```
 *
 * A frame that lies inside one chunk is handed out as a view of that chunk. One that came in pieces is collected in a buffer of its
 * own, which doubles as bytes arrive and never follows a claimed length. After an error the reader is of no further use.
 *
 * Whoever takes the frames can stop after any of them: the rest of the chunk, and whatever comes meanwhile, is kept until {@link goOn}.
 */
export class FrameReader {
  readonly #limits: FrameLimits
  readonly #onFrame: (bytes: Buffer, start: number, end: number) => void
  readonly #mayGoOn: () => boolean
  /** What is left of the last chunk since its reading was stopped. */
  #rest: Buffer | undefined
  /** Collects the frame in progress; undefined between frames. */
  #partial: Buffer | undefined
  #filled = 0
  /** Whole length of the frame in progress; 0 until its prefix is complete. Means nothing between frames. */
  #total = 0

  /**
   * @param onFrame gets each whole frame, `bytes[start, end)`; the bytes stay valid as long as they are referenced.
   * @param mayGoOn asked after each frame; false stops.
   */
  constructor(
    limits: FrameLimits,
    onFrame: (bytes: Buffer, start: number, end: number) => void,
    mayGoOn: () => boolean = () => true
  ) {
    this.#limits = limits
    this.#onFrame = onFrame
    this.#mayGoOn = mayGoOn
  }

  /** Bytes of the incomplete frame that are kept. */
  get pendingBytes(): number {
    return this.#filled
  }

  /** Whether it was stopped within a chunk. */
  get stopped(): boolean {
    return this.#rest !== undefined
  }

  /** Goes on where it was stopped, by a frame at least; the errors of {@link push}. */
  goOn(): void {
    const rest = this.#rest
    this.#rest = undefined
    if (rest !== undefined) this.#read(rest, true)
  }

  /** @throws RemotingCommandException (`BAD_FRAME`) naming the bound that was broken; frames before it were handed out. */
  push(chunk: Buffer): void {
    if (this.#rest === undefined) this.#read(chunk, false)
    else this.#rest = Buffer.concat([this.#rest, chunk])
  }

  /** @param own whether nobody else writes to the chunk; the bytes of one that was pushed may be lent */
  #read(chunk: Buffer, own: boolean): void {
    let at = 0
    if (this.#partial !== undefined) {
      at = this.#collect(chunk)
      if (this.#partial !== undefined || this.#stop(chunk, at, own)) return
    }
    while (chunk.length - at >= PREFIX) {
      const end = at + this.#frameLength(chunk, at)
      if (end > chunk.length) break
      const start = at
      at = end
      this.#onFrame(chunk, start, end)
      if (this.#stop(chunk, at, own)) return
    }
    if (at < chunk.length) this.#keep(chunk, at)
  }

  /** Keeps the rest of a chunk when whoever takes the frames has enough. */
  #stop(chunk: Buffer, at: number, own: boolean): boolean {
    if (at === chunk.length || this.#mayGoOn()) return false
    const rest = chunk.subarray(at)
    this.#rest = own ? rest : Buffer.from(rest)
    return true
  }

  /** Starts a new partial frame with the rest of `chunk`. */
  #keep(chunk: Buffer, from: number): void {
    const size = chunk.length - from
    if (size >= 4) this.#checkLength(chunk.readInt32BE(from))
    this.#total = size >= PREFIX ? this.#frameLength(chunk, from) : 0
    this.#partial = Buffer.allocUnsafe(Math.max(size, FIRST_PIECE))
    chunk.copy(this.#partial, 0, from)
    this.#filled = size
  }

  /** Adds bytes to the partial frame, hands it out when it is whole, and returns how many bytes of `chunk` were used. */
  #collect(chunk: Buffer): number {
    let at = 0
    if (this.#total === 0) {
      at = this.#append(chunk, 0, PREFIX - this.#filled)
      if (this.#filled < PREFIX) {
        if (this.#filled >= 4) this.#checkLength((this.#partial as Buffer).readInt32BE(0))
        return at
      }
      this.#total = this.#frameLength(this.#partial as Buffer, 0)
    }
    at += this.#append(chunk, at, this.#total - this.#filled)
    if (this.#filled === this.#total) {
      const frame = this.#partial as Buffer
      const end = this.#total
      this.#partial = undefined
      this.#filled = 0
      this.#onFrame(frame, 0, end)
    }
    return at
  }

  #append(chunk: Buffer, from: number, wanted: number): number {
    const size = Math.min(wanted, chunk.length - from)
    let partial = this.#partial as Buffer
    const needed = this.#filled + size
    if (needed > partial.length) {
      const doubled = Math.max(needed, partial.length * 2)
      const grown = Buffer.allocUnsafe(this.#total === 0 ? doubled : Math.min(doubled, this.#total))
      partial.copy(grown, 0, 0, this.#filled)
      partial = grown
      this.#partial = grown
    }
    // A native copy of a few bytes costs more than the loop.
    if (size <= 16) for (let i = 0; i < size; i++) partial[this.#filled + i] = chunk[from + i] as number
    else chunk.copy(partial, this.#filled, from, from + size)
    this.#filled = needed
    return size
  }

  /** Whole length of the frame whose prefix stands at `at`. */
  #frameLength(bytes: Buffer, at: number): number {
    const length = bytes.readInt32BE(at)
    this.#checkLength(length)
    const word = bytes.readInt32BE(at + 4)
    const headerLength = word & 0xffffff
    const type = word >>> 24
    if (type > 1) throw bad(`serialization type ${type} is not known, 0 (JSON) and 1 (ROCKETMQ) are`)
    if (headerLength === 0) throw bad('header length 0: a header is needed')
    if (headerLength > length - 4) throw bad(`header length ${headerLength} passes the frame's end, ${length - 4} bytes are left`)
    if (headerLength > this.#limits.maxHeaderLength) {
      throw bad(`header length ${headerLength} is above the limit of ${this.#limits.maxHeaderLength} (maxHeaderLength)`)
    }
    return length + 4
  }

  #checkLength(length: number): void {
    if (length < 4) throw bad(`frame length ${length} is below 4`)
    const most = this.#limits.maxFrameLength - 4
    if (length > most) throw bad(`frame length ${length}${otherProtocol(length)} is above the limit of ${most} (maxFrameLength)`)
  }
}

/** What the first four bytes look like where they are no length: a port of something else is a common mistake. */
function otherProtocol(word: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(word)
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return ` (the text "${bytes.toString('latin1')}")`
  const isTlsRecord = (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3
  return isTlsRecord ? ' (a TLS record)' : ''
}

function bad(message: string): RemotingCommandException {
  return new RemotingCommandException(`bad frame: ${message}`, { code: 'BAD_FRAME' })
}
