import * as zlib from 'node:zlib'

/** CRC-32 as RocketMQ stores it: 31 bits. */
export function crc32(bytes: Uint8Array): number {
  return zlib.crc32(bytes) & 0x7fffffff
}
