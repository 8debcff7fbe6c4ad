import { RemotingCommandException } from '../internal/errors.ts'
import type { CommandHeader } from './command-header.ts'
import { type ExtFields, emptyExtFields } from './ext-fields.ts'

/**
 * ```
 * header  := code:int16 language:int8 version:int16 opaque:int32 flag:int32 remarkLen:int32 remark extLen:int32 entry*
 * entry   := keyLen:int16 key valueLen:int32 value          (UTF-8; a zero-length value reads as absent)
 * ```
 * Mirrors `RocketMQSerializable`.
 */
const FIXED = 21

export function decodeRocketMQHeader(command: CommandHeader, bytes: Buffer, start: number, end: number): void {
  if (end - start < FIXED) throw bad(`the header has ${end - start} bytes, at least ${FIXED} are needed`)
  command.code = bytes.readInt16BE(start)
  command.language = bytes.readUInt8(start + 2)
  command.version = bytes.readInt16BE(start + 3)
  command.opaque = bytes.readInt32BE(start + 5)
  command.flag = bytes.readInt32BE(start + 9)
  const remarkLength = bytes.readInt32BE(start + 13)
  let at = start + 17
  if (remarkLength < 0 || remarkLength > end - at - 4) throw bad(`remark length ${remarkLength} passes the header's end`)
  if (remarkLength > 0) command.remark = bytes.toString('utf8', at, at + remarkLength)
  at += remarkLength
  const extLength = bytes.readInt32BE(at)
  at += 4
  if (extLength < 0 || extLength > end - at) throw bad(`extFields length ${extLength} passes the header's end`)
  if (extLength > 0) command.rawExtFields = bytes.subarray(at, at + extLength)
}

/** Names of the map before, in their order: requests and answers of one kind repeat them. */
const guesses: Array<{ name: string; bytes: Uint8Array }> = []
/** Most names that are remembered, and the longest. */
const MOST_GUESSES = 32
const LONGEST_GUESS = 64

export function decodeRocketMQExtFields(raw: Buffer): ExtFields {
  const fields = emptyExtFields()
  const size = raw.length
  // One character a byte: slices of it cost next to nothing, and are right wherever the bytes are ASCII.
  const text = raw.toString('latin1')
  let at = 0
  for (let i = 0; at < size; i++) {
    if (size - at < 2) throw bad('a key length passes the end of extFields')
    const keyLength = raw.readInt16BE(at)
    at += 2
    if (keyLength < 0 || keyLength > size - at - 4) throw bad(`key length ${keyLength} passes the end of extFields`)
    const key = readName(raw, at, keyLength, i)
    at += keyLength
    const valueLength = raw.readInt32BE(at)
    at += 4
    if (valueLength < 0 || valueLength > size - at) throw bad(`value length ${valueLength} passes the end of extFields`)
    const end = at + valueLength
    if (keyLength > 0) {
      if (valueLength > 0) fields[key] = isAscii(raw, at, end) ? text.slice(at, end) : raw.toString('utf8', at, end)
      // The last one of a name counts, and it reads as absent.
      else if (fields[key] !== undefined) delete fields[key]
    }
    at = end
  }
  return fields
}

function readName(raw: Buffer, at: number, length: number, place: number): string {
  const guess = guesses[place]
  if (guess !== undefined && guess.bytes.length === length) {
    let i = 0
    while (i < length && raw[at + i] === guess.bytes[i]) i++
    if (i === length) return guess.name
  }
  const name = raw.toString('utf8', at, at + length)
  if (place < MOST_GUESSES && length <= LONGEST_GUESS)
    guesses[place] = { name, bytes: Uint8Array.from(raw.subarray(at, at + length)) }
  return name
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) > 0x7f) return false
  return true
}

function bad(message: string): RemotingCommandException {
  return new RemotingCommandException(`bad ROCKETMQ header: ${message}`, { code: 'BAD_HEADER' })
}

export function rocketMQHeaderBound(command: CommandHeader): number {
  let bound = FIXED + (command.remark?.length ?? 0) * 3
  if (command.hasExtFields) {
    const fields = command.extFields
    for (const name in fields) bound += 6 + (name.length + fields[name].length) * 3
  }
  return bound
}

export function writeRocketMQHeader(command: CommandHeader, target: Buffer, offset: number): number {
  target.writeUInt16BE(command.code & 0xffff, offset)
  target.writeUInt8(command.language & 0xff, offset + 2)
  target.writeInt16BE(command.version, offset + 3)
  target.writeInt32BE(command.opaque, offset + 5)
  target.writeInt32BE(command.flag, offset + 9)
  let at = offset + 17
  const remarkLength = command.remark === undefined ? 0 : target.write(command.remark, at, 'utf8')
  target.writeInt32BE(remarkLength, offset + 13)
  at += remarkLength
  const extLengthAt = at
  at += 4
  if (command.hasExtFields) {
    const fields = command.extFields
    for (const name in fields) {
      const keyLength = target.write(name, at + 2, 'utf8')
      target.writeInt16BE(keyLength, at)
      at += 2 + keyLength
      const valueLength = target.write(fields[name], at + 4, 'utf8')
      target.writeInt32BE(valueLength, at)
      at += 4 + valueLength
    }
  }
  target.writeInt32BE(at - extLengthAt - 4, extLengthAt)
  return at
}
