import { isDeepStrictEqual, types } from 'node:util'
import { MQClientException } from '../internal/errors.ts'
import type { StoredMessage } from '../loopback/stored-messages.ts'

/** What a message has to be like; fields that are left out do not matter. */
export interface MessagePattern {
  /** Text, bytes, a pattern for the text, or a function that says yes. */
  body?: string | Uint8Array | RegExp | ((body: Buffer) => boolean)
  /** The value the body holds as JSON, compared deeply. */
  json?: unknown
  /** The whole text, or a pattern in it. */
  tags?: string | RegExp
  /** Each of these keys has to be there. */
  keys?: string | readonly string[]
  /** Each of these properties has to be there, with this value. */
  properties?: Readonly<Record<string, string | RegExp>>
  /** The `msgId` of the send's result. */
  msgId?: string
  /** The queue it is in. */
  queueId?: number
  /** The broker that holds it. */
  brokerName?: string
}

/** A pattern, or a body alone. */
export type ExpectedMessage = MessagePattern | string | Uint8Array | RegExp

const FIELDS = ['body', 'json', 'tags', 'keys', 'properties', 'msgId', 'queueId', 'brokerName']

/** @throws MQClientException naming a field that is unknown or of the wrong kind. */
export function messagePattern(expected: ExpectedMessage = {}): MessagePattern {
  if (typeof expected === 'string' || ArrayBuffer.isView(expected) || types.isRegExp(expected)) return { body: expected }
  if (typeof expected !== 'object' || expected === null) throw bad('expected', expected, 'a pattern, a text, bytes or a RegExp')
  const pattern = expected as MessagePattern
  for (const field of Object.keys(pattern)) {
    if (!FIELDS.includes(field))
      throw bad(field, (pattern as Record<string, unknown>)[field], `one of the fields ${FIELDS.join(', ')}`)
  }
  const { body, tags, keys, properties, msgId, queueId, brokerName } = pattern
  if (body !== undefined && !isText(body) && !ArrayBuffer.isView(body) && typeof body !== 'function') {
    throw bad('body', body, 'a text, bytes, a RegExp or a function')
  }
  if (tags !== undefined && !isText(tags)) throw bad('tags', tags, 'a text or a RegExp')
  if (keys !== undefined && ![keys].flat().every((key) => typeof key === 'string'))
    throw bad('keys', keys, 'a text or a list of texts')
  if (
    properties !== undefined &&
    (typeof properties !== 'object' || properties === null || !Object.values(properties).every(isText))
  ) {
    throw bad('properties', properties, 'an object of texts and RegExps')
  }
  if (msgId !== undefined && typeof msgId !== 'string') throw bad('msgId', msgId, 'a text')
  if (queueId !== undefined && !Number.isInteger(queueId)) throw bad('queueId', queueId, 'a whole number')
  if (brokerName !== undefined && typeof brokerName !== 'string') throw bad('brokerName', brokerName, 'a text')
  return pattern
}

export function matches(message: StoredMessage, pattern: MessagePattern): boolean {
  const { tags, keys, properties = {}, msgId, queueId, brokerName } = pattern
  const own = message.keys?.split(' ') ?? []
  return (
    (pattern.body === undefined || bodyMatches(message.body, pattern.body)) &&
    (!('json' in pattern) || jsonMatches(message.body, pattern.json)) &&
    (tags === undefined || textMatches(message.tags, tags)) &&
    (keys === undefined || [keys].flat().every((key) => own.includes(key))) &&
    Object.entries(properties).every(([name, value]) => textMatches(message.properties.get(name), value)) &&
    (msgId === undefined || message.msgId === msgId) &&
    (queueId === undefined || message.queueId === queueId) &&
    (brokerName === undefined || message.brokerName === brokerName)
  )
}

/** The pattern as people read it. */
export function patternText(pattern: MessagePattern): string {
  const parts = Object.entries(pattern).map(([name, value]) => `${name} ${valueText(value)}`)
  return parts.length === 0 ? 'any message' : `a message with ${parts.join(', ')}`
}

function valueText(value: unknown): string {
  if (ArrayBuffer.isView(value))
    return `bytes ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex').slice(0, 64)}`
  if (types.isRegExp(value) || typeof value === 'function') return String(value)
  return JSON.stringify(value, (_key, part) => (types.isRegExp(part) ? String(part) : part)) ?? 'undefined'
}

function bodyMatches(body: Buffer, expected: NonNullable<MessagePattern['body']>): boolean {
  if (typeof expected === 'function') return expected(body)
  if (typeof expected === 'string' || types.isRegExp(expected)) return textMatches(body.toString(), expected)
  return body.equals(Buffer.from(expected.buffer, expected.byteOffset, expected.byteLength))
}

function jsonMatches(body: Buffer, expected: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(body.toString()), JSON.parse(JSON.stringify(expected)))
  } catch {
    return false
  }
}

/** Stateful patterns (`/g`, `/y`) start anew at every text. */
function textMatches(text: string | undefined, expected: string | RegExp): boolean {
  if (typeof expected === 'string') return text === expected
  expected.lastIndex = 0
  return text !== undefined && expected.test(text)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || types.isRegExp(value)
}

function bad(field: string, value: unknown, allowed: string): MQClientException {
  return new MQClientException(`${field} is ${valueText(value)}: allowed is ${allowed}`, { code: 'ILLEGAL_ARGUMENT' })
}
