import { writeInt32 } from './big-endian.ts'

/**
 * Something a connection can put on the wire. The connection reserves `8 + headerBound` bytes in its outgoing buffer, lets the frame
 * write its header there, fills in the two length words, and copies the body behind it (a large body goes as its own chunk).
 *
 * ```
 * frame  := length:int32 (bytes that follow) | serializeType:int8 headerLength:int24 | header | body
 * ```
 */
export interface OutgoingFrame {
  /** 0 JSON, 1 ROCKETMQ. */
  readonly serializeType: number
  readonly opaque: number
  /** Bit 0 response, bit 1 oneway. */
  readonly flag: number
  readonly body: Uint8Array | undefined
  /**
   * Told where the body was copied to, if it was. A frame that may be asked for its body again can retain the store, and give up the bytes
   * it was made with.
   */
  bodyCopied?(store: FrameStore, at: number): void
  /** Upper bound of the header's length, bytes. */
  headerBound(): number
  /** Writes the header into `target` from `offset` on and returns the offset behind it. */
  writeHeader(target: Buffer, offset: number): number
}

/** Bodies up to this are copied into the outgoing buffer while the frame is encoded; larger ones go to the socket as they are, bytes. */
export const LARGEST_COPIED_BODY = 64 * 1024

/** Memory that a frame was encoded into. What it holds stays as it is for whoever retains it. */
export interface FrameStore {
  readonly buffer: Buffer
  retain(): void
  /** Ends one {@link retain}. */
  release(): void
}

/** The whole frame as one buffer; for tests and cold paths. */
export function frameToBuffer(frame: OutgoingFrame): Buffer {
  const scratch = Buffer.allocUnsafe(8 + frame.headerBound())
  const end = writeFrameHead(frame, scratch, 0)
  return frame.body === undefined ? scratch.subarray(0, end) : Buffer.concat([scratch.subarray(0, end), frame.body])
}

/** Writes both length words and the header; the body has to follow. Returns the offset behind the header. */
export function writeFrameHead(frame: OutgoingFrame, target: Buffer, offset: number): number {
  const end = frame.writeHeader(target, offset + 8)
  const headerLength = end - offset - 8
  writeInt32(target, offset, 4 + headerLength + (frame.body?.length ?? 0))
  writeInt32(target, offset + 4, (frame.serializeType << 24) | headerLength)
  return end
}
