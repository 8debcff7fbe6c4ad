/** 64-bit integers as numbers, big-endian; values outside +-(2^53-1) are refused on reading. */
import { RemotingCommandException } from '../internal/errors.ts'

/** @param what for the error. @throws RemotingCommandException (`BAD_FIELD`) */
export function readInt64(bytes: Buffer, at: number, what: string): number {
  const value = bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) throw new RemotingCommandException(`${what} is outside +-(2^53-1)`, { code: 'BAD_FIELD' })
  return value
}

/** Returns the offset behind it. */
export function writeInt64(target: Buffer, at: number, value: number): number {
  target.writeInt32BE(Math.floor(value / 4_294_967_296), at)
  return target.writeInt32BE(value | 0, at + 4)
}
