import { isUtf8 } from 'node:buffer'
import { RemotingCommandException } from '../internal/errors.ts'
import type { CommandHeader } from './command-header.ts'
import type { ExtFields } from './ext-fields.ts'
import { scanJsonHeader } from './header-json-scan.ts'
import { type JsonLimits, jsonExcess } from './json-limits.ts'
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
  const json = bytes.subarray(start, end)
  if (json.length > SMALL && jsonExcess(json, LIMITS) !== undefined) {
    throw new RemotingCommandException(
      `the JSON header is nested deeper than ${LIMITS.depth} or has more than ${LIMITS.values} names`,
      { code: 'BAD_HEADER' }
    )
  }
  // Java 5.3 refuses it too; a topic with other letters than were meant helps nobody.
  if (!isUtf8(json)) {
    throw new RemotingCommandException('the JSON header is not UTF-8', { code: 'BAD_HEADER' })
  }
  let header: Record<string, unknown>
  try {
    header = JSON.parse(json.toString('utf8'))
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
/** Real ones have some twenty names, in an object within an object. */
const LIMITS: JsonLimits = { depth: 32, values: 1024 }

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
