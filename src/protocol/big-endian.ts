import { RemotingCommandException } from '../internal/errors.ts'

/** Big-endian integers of hot paths; `Buffer`'s own methods check their arguments at ten times the price. */

/** Returns the offset behind it. */
export function writeInt32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}

/** 64 bits of a number within +-(2^53-1). Returns the offset behind it. */
export function writeInt64(target: Uint8Array, at: number, value: number): number {
  writeInt32(target, at, Math.floor(value / 4_294_967_296))
  return writeInt32(target, at + 4, value | 0)
}

/** The caller has made sure that the bytes are there. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** @param what for the error. @throws RemotingCommandException (`BAD_FIELD`) outside +-(2^53-1). */
export function readInt64(bytes: Buffer, at: number, what: string): number {
  const value = bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) throw new RemotingCommandException(`${what} is outside +-(2^53-1)`, { code: 'BAD_FIELD' })
  return value
}
