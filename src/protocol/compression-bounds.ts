import { RemotingCommandException } from '../internal/errors.ts'

/**
 * How large compressed frames can get, told from their block headers alone: libraries without an output limit must not be asked to
 * decompress a bomb. The bounds count each block in full, so they may be one block above the truth.
 */

/**
 * ```
 * frame := magic:int32le flags:int8 blockSize:int8 contentSize:int64le? dictionary:int32le? checksum:int8 block* 0:int32le
 * block := size:int32le (top bit: stored as it is) data checksum:int32le?
 * ```
 */
export function lz4OutputBound(frame: Uint8Array): number {
  const view = viewOf(frame)
  if (frame.length < 7 || view.getUint32(0, true) !== 0x184d2204) throw bad('LZ4')
  const flags = view.getUint8(4)
  const blockMax = 1 << (8 + 2 * ((view.getUint8(5) >> 4) & 7))
  let at = 7 + ((flags & 8) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0)
  let bound = 0
  for (;;) {
    if (at + 4 > frame.length) throw bad('LZ4')
    const word = view.getUint32(at, true)
    at += 4
    if (word === 0) return bound
    const size = word & 0x7fffffff
    if (size > frame.length - at) throw bad('LZ4')
    // A byte of a compressed block stands for at most 255.
    bound += word >= 0x80000000 ? size : Math.min(blockMax, size * 255)
    at += size + ((flags & 16) !== 0 ? 4 : 0)
  }
}

/**
 * ```
 * frame := magic:int32le descriptor:int8 window:int8? dictionary:0|1|2|4 bytes contentSize:0|1|2|4|8 bytes block* checksum:int32le?
 * block := header:int24le (bit 0 last, bits 1-2 type, rest size) data
 * ```
 */
export function zstdOutputBound(frame: Uint8Array): number {
  const view = viewOf(frame)
  if (frame.length < 6 || view.getUint32(0, true) !== 0xfd2fb528) throw bad('ZSTD')
  const descriptor = view.getUint8(4)
  const singleSegment = (descriptor & 0x20) !== 0
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  let at = 5 + (singleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] as number) + contentSizeBytes
  let bound = 0
  for (let last = false; !last; ) {
    if (at + 3 > frame.length) throw bad('ZSTD')
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16)
    at += 3
    last = (header & 1) !== 0
    const type = (header >> 1) & 3
    const size = header >> 3
    // 0 as it is, 1 one byte repeated, 2 compressed: at most 128 KiB each, whatever the header says.
    bound += type === 2 ? MAX_ZSTD_BLOCK : Math.min(size, MAX_ZSTD_BLOCK)
    at += type === 1 ? 1 : size
    if (type === 3 || at > frame.length) throw bad('ZSTD')
  }
  return bound
}

const MAX_ZSTD_BLOCK = 131_072

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function bad(format: string): RemotingCommandException {
  return new RemotingCommandException(`the body is not a whole ${format} frame`, { code: 'BAD_COMPRESSION' })
}
