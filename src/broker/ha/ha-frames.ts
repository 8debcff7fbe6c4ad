/**
 * The replication stream of RocketMQ's default mode, over plain TCP and without a handshake:
 *
 * ```
 * report   := maxOffset:i64                            slave -> master: how far its log reaches; the first one asks for what follows
 * transfer := offset:i64 size:i32 bytes:byte{size}     master -> slave: raw commit log; size 0 is a sign of life
 * ```
 */

export const REPORT_LENGTH = 8
export const TRANSFER_HEADER_LENGTH = 12

/** A slave of RocketMQ's own reads into 4 MiB; what it could not take, nobody sends. */
export const MAX_TRANSFER_BYTES = 4 * 1024 * 1024 - TRANSFER_HEADER_LENGTH

export function encodeReport(maxOffset: number): Buffer {
  const bytes = Buffer.allocUnsafe(REPORT_LENGTH)
  writeOffset(bytes, maxOffset)
  return bytes
}

export function encodeTransfer(offset: number, body?: Uint8Array): Buffer {
  const size = body?.length ?? 0
  const bytes = Buffer.allocUnsafe(TRANSFER_HEADER_LENGTH + size)
  writeOffset(bytes, offset)
  bytes.writeInt32BE(size, 8)
  if (body !== undefined) bytes.set(body, TRANSFER_HEADER_LENGTH)
  return bytes
}

/** Whether a 64-bit number of a peer can be an offset at all. */
export function isOffset(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** Reports as they come in; only the last one counts, since each says everything that those before it said. */
export class ReportReader {
  readonly #rest = Buffer.alloc(REPORT_LENGTH)
  #restLength = 0

  /** The last report that `chunk` ends; undefined when it ends none. Beyond 2^53 it is only near the true value. */
  push(chunk: Uint8Array): number | undefined {
    const whole = Math.floor((this.#restLength + chunk.length) / REPORT_LENGTH) * REPORT_LENGTH
    // Where the bytes behind the last whole report begin in the chunk; below 0 when none is whole yet.
    const end = whole - this.#restLength
    let last: number | undefined
    if (whole > 0) {
      if (end >= REPORT_LENGTH) this.#rest.set(chunk.subarray(end - REPORT_LENGTH, end))
      else this.#rest.set(chunk.subarray(0, end), this.#restLength)
      last = readOffset(this.#rest)
      this.#restLength = 0
    }
    const rest = chunk.subarray(Math.max(end, 0))
    this.#rest.set(rest, this.#restLength)
    this.#restLength += rest.length
    return last
  }
}

export interface TransferSink {
  /** A header was read; false refuses it: nothing more is read. */
  onHeader(offset: number, size: number): boolean
  /** The next bytes of the transfer, valid during the call; false ends the reading. */
  onBytes(bytes: Buffer): boolean
}

/** Takes transfers apart as they come in, and holds nothing but a header that is not whole yet. */
export class TransferReader {
  readonly #header = Buffer.alloc(TRANSFER_HEADER_LENGTH)
  readonly #sink: TransferSink
  #headerLength = 0
  #bodyLeft = 0

  constructor(sink: TransferSink) {
    this.#sink = sink
  }

  /** False when the sink refused something: the stream is of no use any more. */
  push(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      if (this.#bodyLeft > 0) {
        const end = Math.min(chunk.length, at + this.#bodyLeft)
        this.#bodyLeft -= end - at
        if (!this.#sink.onBytes(chunk.subarray(at, end))) return false
        at = end
        continue
      }
      const taken = chunk.copy(this.#header, this.#headerLength, at)
      this.#headerLength += taken
      at += taken
      if (this.#headerLength < TRANSFER_HEADER_LENGTH) break
      this.#headerLength = 0
      const size = this.#header.readInt32BE(8)
      if (!this.#sink.onHeader(readOffset(this.#header), size)) return false
      this.#bodyLeft = size
    }
    return true
  }
}

function writeOffset(target: Buffer, offset: number): void {
  target.writeInt32BE(Math.floor(offset / 0x1_0000_0000), 0)
  target.writeUInt32BE(offset % 0x1_0000_0000, 4)
}

function readOffset(bytes: Buffer): number {
  return bytes.readInt32BE(0) * 0x1_0000_0000 + bytes.readUInt32BE(4)
}
