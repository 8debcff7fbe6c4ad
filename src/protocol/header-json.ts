import { isUtf8 } from 'node:buffer'
import { RemotingCommandException } from '../internal/errors.ts'
import type { CommandHeader } from './command-header.ts'
import type { ExtFields } from './ext-fields.ts'
import { scanJsonHeader } from './header-json-scan.ts'
import { LanguageCode, languageName, languageOrdinal } from './language-code.ts'
import { learnSendAnswer, readSendAnswer } from './send-answer-pattern.ts'

/**
 * JSON header: `{"code","extFields","flag","language","opaque","remark","serializeTypeCurrentRPC","version"}`.
 * Values of extFields are text on the wire; some clients send numbers and booleans, which are read as their text.
 */
export function decodeJsonHeader(command: CommandHeader, bytes: Buffer, start: number, end: number): void {
  if (readSendAnswer(command, bytes, start, end)) return
  if (scanJsonHeader(command, bytes, start, end)) {
    if (command.flag === RESPONSE) learnSendAnswer(command, bytes, start, end)
    return
  }
  if (end - start > SMALL) checkShape(bytes, start, end)
  // Java 5.3 refuses it too; a topic with other letters than were meant helps nobody.
  if (!isUtf8(bytes.subarray(start, end))) {
    throw new RemotingCommandException('the JSON header is not UTF-8', { code: 'BAD_HEADER' })
  }
  let header: Record<string, unknown>
  try {
    header = JSON.parse(bytes.toString('utf8', start, end))
  } catch (cause) {
    throw new RemotingCommandException('the JSON header is not valid JSON', { code: 'BAD_HEADER', cause })
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new RemotingCommandException('the JSON header is not an object', { code: 'BAD_HEADER' })
  }
  command.code = int32(header, 'code')
  command.opaque = int32(header, 'opaque')
  command.flag = int32(header, 'flag')
  command.version = int32(header, 'version')
  const language = header['language']
  command.language = language === undefined ? LanguageCode.JAVA : languageOrdinal(language)
  const remark = header['remark']
  if (remark !== undefined && remark !== null) command.remark = textOf(remark)
  const fields = header['extFields']
  if (fields !== undefined && fields !== null) command.extFields = textFields(fields)
}

/** The flag of an answer. */
const RESPONSE = 1

/** Up to this size a header cannot hold enough to be slow. */
const SMALL = 1024
const MAX_DEPTH = 32
/** Most names, and most items, anywhere in a header; real ones have some twenty. */
const MAX_NAMES = 1024

/** Refuses what would keep `JSON.parse` busy for many milliseconds: deep nesting and thousands of names. */
function checkShape(bytes: Buffer, start: number, end: number): void {
  let depth = 0
  let names = 0
  let items = 0
  for (let at = start; at < end; at++) {
    switch (bytes[at]) {
      case 0x22:
        at++
        while (at < end && bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1
        break
      case 0x5b:
      case 0x7b:
        depth++
        break
      case 0x5d:
      case 0x7d:
        depth--
        break
      case 0x3a:
        names++
        break
      case 0x2c:
        items++
        break
    }
    if (depth > MAX_DEPTH || names > MAX_NAMES || items > MAX_NAMES) {
      throw new RemotingCommandException(
        `the JSON header is nested deeper than ${MAX_DEPTH} or has more than ${MAX_NAMES} names`,
        {
          code: 'BAD_HEADER'
        }
      )
    }
  }
}

/** As Java's `Integer.parseInt` reads it. */
const INTEGER = /^[+-]?\d+$/

function int32(header: Record<string, unknown>, name: string): number {
  const value = header[name]
  if (typeof value === 'number' && (value | 0) === value) return value
  if (value === undefined || value === null) return 0
  const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : Number.NaN
  if ((number | 0) === number) return number | 0
  throw new RemotingCommandException(`header field ${name} is not a 32-bit integer`, { code: 'BAD_HEADER' })
}

function textFields(fields: unknown): ExtFields {
  if (typeof fields !== 'object' || Array.isArray(fields)) {
    throw new RemotingCommandException('header field extFields is not an object', { code: 'BAD_HEADER' })
  }
  const record = fields as Record<string, unknown>
  Object.setPrototypeOf(record, null)
  for (const name in record) {
    const value = record[name]
    if (typeof value === 'string') continue
    if (value === null || value === undefined) delete record[name]
    else record[name] = textOf(value)
  }
  return record as ExtFields
}

/** What is no string reads as its JSON text. */
function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function jsonHeader(command: CommandHeader): string {
  const ext = command.hasExtFields ? `,"extFields":${JSON.stringify(command.extFields)}` : ''
  const remark = command.remark === undefined ? '' : `,"remark":${JSON.stringify(command.remark)}`
  const language = languageName(command.language)
  const name = language === undefined ? '' : `,"language":"${language}"`
  return `{"code":${command.code}${ext},"flag":${command.flag}${name},"opaque":${command.opaque}${remark},"serializeTypeCurrentRPC":"JSON","version":${command.version}}`
}

export function jsonHeaderBound(command: CommandHeader): number {
  let bound = 192 + (command.remark?.length ?? 0) * 6
  if (command.hasExtFields) {
    const fields = command.extFields
    for (const name in fields) bound += 6 + (name.length + fields[name].length) * 6
  }
  return bound
}

export function writeJsonHeader(command: CommandHeader, target: Buffer, offset: number): number {
  return offset + target.write(jsonHeader(command), offset, 'utf8')
}
