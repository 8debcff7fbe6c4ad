import { MQClientException } from '../internal/errors.ts'
import { escapeControls } from '../internal/logger.ts'
import type { HostAddress } from './host-address.ts'
import { KEY_SEPARATOR, MessageConst, RESERVED_PROPERTIES } from './message-const.ts'
import { NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, type Properties } from './properties.ts'

/** What a message is made of. */
export interface MessageOptions {
  /** Letters, digits, `%|_-`; at most 127. */
  topic: string
  /** Text is sent as UTF-8. */
  body: Uint8Array | string
  /** One word for consumers to filter by. @default none */
  tags?: string
  /** Several keys may be given as one text, separated by spaces. @default none */
  keys?: string | string[]
  /** User properties; reserved names are refused. @default none */
  properties?: Readonly<Record<string, string>> | ReadonlyMap<string, string>
  /** 1 to 18 for 1s to 2h with the broker's default levels; 0 for none. @default 0 */
  delayTimeLevel?: number
  /** Deliver so many seconds after the broker got it; from 5.0 on, at most 3 days by default. 0 for none. @default 0 */
  delayTimeSec?: number
  /** The same in ms; brokers round up to whole seconds by default. @default 0 */
  delayTimeMs?: number
  /** Deliver at this time, ms since 1970 by the broker's clock; at once when it has passed. 0 for none. @default 0 */
  deliverTimeMs?: number
  /** Free for the application; 32 bits. @default 0 */
  flag?: number
  /** Whether the broker's answer waits for flush and replication, where the broker is set up so. @default true */
  waitStoreMsgOK?: boolean
  /**
   * Client message id; made at the send when absent. Give the same one to send a message again.
   * @default a new one for each send
   */
  uniqKey?: string
}

/** The properties that make a broker deliver a message later. */
const DELAYS = [
  MessageConst.DELAY,
  MessageConst.TIMER_DELAY_SEC,
  MessageConst.TIMER_DELAY_MS,
  MessageConst.TIMER_DELIVER_MS
] as const

const TIMER_PROPERTIES = {
  delayTimeSec: MessageConst.TIMER_DELAY_SEC,
  delayTimeMs: MessageConst.TIMER_DELAY_MS,
  deliverTimeMs: MessageConst.TIMER_DELIVER_MS
} as const

type TimerOption = keyof typeof TIMER_PROPERTIES

/**
 * A message to send.
 *
 * @example
 * new Message({ topic: 'Orders', tags: 'paid', keys: ['o-1'], body: Buffer.from('...') })
 */
export class Message {
  /** Without namespace. */
  topic: string
  /** Shares the memory of what was given. */
  body: Buffer
  /** Free for the application; 32 bits. */
  flag: number
  /** All properties, system ones included, as they travel. Set user properties with {@link putUserProperty}. */
  readonly properties: Properties

  /**
   * @throws MQClientException for a reserved or blank property name, a blank value, a separator character, a time that is none, or more
   * than one of the options that delay.
   */
  constructor(options: MessageOptions)
  /** @internal */
  constructor(options: MessageOptions, properties?: Properties)
  constructor(options: MessageOptions, properties?: Properties) {
    if (typeof options !== 'object' || options === null) throw notOptions(options)
    if (properties === undefined) refuseForeignNames(options)
    if (typeof options.topic !== 'string') throw badOption('topic', options.topic, 'text')
    this.topic = options.topic
    this.body = bodyBuffer(options.body, options)
    this.flag = options.flag === undefined ? 0 : checkedFlag(options.flag)
    this.properties = properties ?? new Map()
    if (properties !== undefined) return
    if (options.tags !== undefined && options.tags !== '') this.tags = options.tags
    if (options.keys !== undefined && options.keys !== '') this.keys = options.keys
    this.waitStoreMsgOK = options.waitStoreMsgOK ?? true
    if (options.delayTimeLevel !== undefined && options.delayTimeLevel !== 0) this.delayTimeLevel = options.delayTimeLevel
    if (options.delayTimeSec !== undefined) setOnlyTimer(this.properties, 'delayTimeSec', options.delayTimeSec)
    if (options.delayTimeMs !== undefined) setOnlyTimer(this.properties, 'delayTimeMs', options.delayTimeMs)
    if (options.deliverTimeMs !== undefined) setOnlyTimer(this.properties, 'deliverTimeMs', options.deliverTimeMs)
    if (options.uniqKey !== undefined) this.uniqKey = options.uniqKey
    if (options.properties !== undefined) {
      if (typeof options.properties !== 'object' || options.properties === null || Array.isArray(options.properties)) {
        throw badOption('properties', options.properties, 'an object or a Map of texts')
      }
      const entries = isMap(options.properties) ? options.properties : Object.entries(options.properties)
      for (const [name, value] of entries) this.putUserProperty(name, value)
    }
  }

  /**
   * A message of parts that are there already: nothing is checked, copied or added.
   * @internal
   */
  static of(topic: string, body: Buffer, flag: number, properties: Properties): Message {
    return new Message({ topic, body, flag }, properties)
  }

  /** One word for consumers to filter by; undefined when there is none. */
  get tags(): string | undefined {
    return this.properties.get(MessageConst.TAGS)
  }

  /** Undefined takes it away. */
  set tags(tags: string | undefined) {
    setText(this.properties, MessageConst.TAGS, tags)
  }

  /** All keys, separated by spaces. May be set from an array. */
  get keys(): string | undefined {
    return this.properties.get(MessageConst.KEYS)
  }

  /** An array is joined with spaces; undefined takes them away. */
  set keys(keys: string | string[] | undefined) {
    setText(this.properties, MessageConst.KEYS, Array.isArray(keys) ? joinedKeys(keys) : keys)
  }

  /** 0 when there is none. */
  get delayTimeLevel(): number {
    return Number(this.properties.get(MessageConst.DELAY) ?? 0)
  }

  /** 1 to 18 for 1s to 2h with the broker's default levels; 0 for none. */
  set delayTimeLevel(level: number) {
    if (!Number.isInteger(level) || level < 0 || level > MAX_INT) {
      throw badOption('delayTimeLevel', level, `a whole number from 0 to ${MAX_INT}`)
    }
    for (const name of DELAYS) this.properties.delete(name)
    this.properties.set(MessageConst.DELAY, String(level))
  }

  /** Seconds; 0 when there is none. A message has one delay: the last that is set counts. */
  get delayTimeSec(): number {
    return Number(this.properties.get(MessageConst.TIMER_DELAY_SEC) ?? 0)
  }

  /** @throws MQClientException for a value that is no time. */
  set delayTimeSec(seconds: number) {
    setTimer(this.properties, 'delayTimeSec', seconds)
  }

  /** Ms; 0 when there is none. */
  get delayTimeMs(): number {
    return Number(this.properties.get(MessageConst.TIMER_DELAY_MS) ?? 0)
  }

  /** @throws MQClientException for a value that is no time. */
  set delayTimeMs(millis: number) {
    setTimer(this.properties, 'delayTimeMs', millis)
  }

  /** Ms since 1970; 0 when there is none. */
  get deliverTimeMs(): number {
    return Number(this.properties.get(MessageConst.TIMER_DELIVER_MS) ?? 0)
  }

  /** @throws MQClientException for a value that is no time. */
  set deliverTimeMs(millis: number) {
    setTimer(this.properties, 'deliverTimeMs', millis)
  }

  /** Whether the broker's answer waits for flush and replication, where the broker is set up so. */
  get waitStoreMsgOK(): boolean {
    return this.properties.get(MessageConst.WAIT) !== 'false'
  }

  /** See the getter. */
  set waitStoreMsgOK(wait: boolean) {
    if (typeof wait !== 'boolean') throw badOption('waitStoreMsgOK', wait, 'true or false')
    this.properties.set(MessageConst.WAIT, wait ? 'true' : 'false')
  }

  /** Client message id; undefined until the send makes one. */
  get uniqKey(): string | undefined {
    return this.properties.get(MessageConst.UNIQ_KEY)
  }

  /** Undefined: the send makes one. */
  set uniqKey(uniqKey: string | undefined) {
    setText(this.properties, MessageConst.UNIQ_KEY, uniqKey)
  }

  /** Id of its transaction; undefined when there is none. */
  get transactionId(): string | undefined {
    return this.properties.get(MessageConst.TRANSACTION_ID)
  }

  /** Undefined takes it away. */
  set transactionId(transactionId: string | undefined) {
    setText(this.properties, MessageConst.TRANSACTION_ID, transactionId)
  }

  /** @throws MQClientException when RocketMQ uses the name itself, name or value is blank, or one holds a separator character. */
  putUserProperty(name: string, value: string): void {
    if (RESERVED_PROPERTIES.has(name)) {
      throw badProperty(`The Property<${name}> is used by system, input another please`)
    }
    if (isBlank(name) || isBlank(value)) {
      throw badProperty('The name or value of property can not be null or blank string!', `${shown(name)} is ${shown(value)}.`)
    }
    if (typeof name !== 'string' || typeof value !== 'string') {
      throw badProperty(`The name or value of property is not a string: ${shown(name)} is ${shown(value)}`)
    }
    refuseSeparators(name, name)
    refuseSeparators(name, value)
    this.properties.set(name, value)
  }

  /** A property that the application set; undefined when there is none. */
  getUserProperty(name: string): string | undefined {
    return this.properties.get(name)
  }

  /** Any property; undefined when there is none. */
  getProperty(name: string): string | undefined {
    return this.properties.get(name)
  }
}

/** A message as a broker stored it; Java's `MessageExt`. */
export interface MessageExt {
  /** With its namespace. */
  topic: string
  /** From 0. */
  queueId: number
  /** As the sender gave it: decompressed, unless the decoder was told not to. */
  body: Buffer
  /** Free for the application; 32 bits. */
  flag: number
  /** All properties, system ones included. */
  properties: Properties
  /** Undefined when there are none. */
  tags: string | undefined
  /** Separated by spaces; undefined when there are none. */
  keys: string | undefined
  /** The client's id where there is one, else {@link offsetMsgId}. */
  msgId: string
  /** Host of the broker and physical offset, as hex. */
  offsetMsgId: string
  /** Logical offset in its queue. */
  queueOffset: number
  /** Physical offset in the broker's commit log. */
  commitLogOffset: number
  /** Bytes of the stored record. */
  storeSize: number
  /** Of the stored body. */
  bodyCRC: number
  /** Bits of Java's `MessageSysFlag`: compression, transaction, IPv6 hosts. */
  sysFlag: number
  /** When it was sent, wall clock ms of the sender. */
  bornTimestamp: number
  /** Address of the sender, as the broker saw it. */
  bornHost: HostAddress
  /** When it was stored, wall clock ms of the broker. */
  storeTimestamp: number
  /** Address of the broker. */
  storeHost: HostAddress
  /** How often its consumers gave it back. */
  reconsumeTimes: number
  /** Of a committed transaction: physical offset of the half message. */
  preparedTransactionOffset: number
  /** Known to whoever fetched the message, not from the record. */
  brokerName?: string
  /** Id of its transaction, where it is known. */
  transactionId?: string
}

/** Largest number of 32 bits. */
const MAX_INT = 0x7fffffff

/** @throws MQClientException (`ILLEGAL_ARGUMENT`) for anything but a whole number of 32 bits. */
export function checkedFlag(flag: number): number {
  if (typeof flag !== 'number' || (flag | 0) !== flag)
    throw badOption('flag', flag, `a whole number from ${-MAX_INT - 1} to ${MAX_INT}`)
  return flag
}

/** Undefined, and with it no property, for an empty list. */
function joinedKeys(keys: string[]): string | undefined {
  for (const key of keys) if (typeof key !== 'string') throw badOption('keys', key, 'a text or an array of texts')
  return keys.length === 0 ? undefined : keys.join(KEY_SEPARATOR)
}

/** Bytes that are already a Buffer are not copied; other views share their memory. */
function bodyBuffer(body: Uint8Array | string, options: object): Buffer {
  if (typeof body === 'string') return Buffer.from(body, 'utf8')
  if (Buffer.isBuffer(body)) return body
  if (!ArrayBuffer.isView(body)) {
    const foreign = body === undefined ? FOREIGN_BODY_NAMES.find((name) => name in options) : undefined
    throw new MQClientException('the message body is not a string, Buffer or typed array', {
      code: 'MESSAGE_ILLEGAL',
      hint: foreign === undefined ? BODY_HINT : `What stands in ${foreign} goes into body here.`
    })
  }
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

function isMap(value: object): value is ReadonlyMap<string, string> {
  return typeof (value as Map<string, string>).get === 'function' && Symbol.iterator in value
}

function isBlank(text: unknown): boolean {
  if (text === undefined || text === null) return true
  return typeof text === 'string' && text.trim() === ''
}

function setText(properties: Properties, name: string, value: string | undefined): void {
  if (value === undefined) {
    properties.delete(name)
    return
  }
  if (typeof value !== 'string') throw badProperty(`The value of property ${name} is not a string: it is ${shown(value)}`)
  refuseSeparators(name, value)
  properties.set(name, value)
}

/** Two ways at once are a mistake. */
function setOnlyTimer(properties: Properties, option: TimerOption, value: number): void {
  if (value !== 0 && DELAYS.some((name) => properties.has(name))) {
    throw new MQClientException(
      'delayTimeLevel, delayTimeSec, delayTimeMs and deliverTimeMs exclude each other: give one of them',
      { code: 'BAD_OPTION' }
    )
  }
  setTimer(properties, option, value)
}

function setTimer(properties: Properties, option: TimerOption, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw badOption(option, value, 'a whole number from 0 on')
  properties.delete(TIMER_PROPERTIES[option])
  if (value === 0) return
  for (const name of DELAYS) properties.delete(name)
  properties.set(TIMER_PROPERTIES[option], String(value))
}

function refuseSeparators(name: string, text: string): void {
  if (text.includes(NAME_VALUE_SEPARATOR) || text.includes(PROPERTY_SEPARATOR)) {
    throw badProperty(`The property ${JSON.stringify(name)} holds a separator character (U+0001 or U+0002)`)
  }
}

const BODY_HINT = 'Give text or bytes; JSON.stringify(value) makes text of an object.'

/** What the body is called elsewhere. */
const FOREIGN_BODY_NAMES = ['value', 'payload', 'content', 'data', 'message', 'msg']

function badOption(name: string, value: unknown, allowed: string): MQClientException {
  return new MQClientException(`${name} is ${shown(value)}: allowed is ${allowed}`, { code: 'ILLEGAL_ARGUMENT' })
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${escapeControls(value.slice(0, 64))}'`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function notOptions(value: unknown): MQClientException {
  const shown = typeof value === 'string' ? 'a text' : String(value)
  return new MQClientException(`what a message is made of is ${shown}: allowed is an object`, {
    code: 'ILLEGAL_ARGUMENT',
    hint: 'new Message({ topic, tags, body }): one object, where Java and ali-ons take a list.'
  })
}

const NAMES: ReadonlySet<string> = new Set<keyof MessageOptions>([
  'topic',
  'body',
  'tags',
  'keys',
  'properties',
  'delayTimeLevel',
  'delayTimeSec',
  'delayTimeMs',
  'deliverTimeMs',
  'flag',
  'waitStoreMsgOK',
  'uniqKey'
])

/** What the parts of a message are called elsewhere, in lower case. */
const FOREIGN_NAMES: ReadonlyMap<string, string> = new Map([
  ...[...NAMES].map((name): [string, string] => [name.toLowerCase(), name]),
  ['tag', 'tags'],
  ['key', 'keys'],
  ['header', 'properties'],
  ['headers', 'properties'],
  ['property', 'properties'],
  ['userproperties', 'properties'],
  ['delaylevel', 'delayTimeLevel'],
  ['delaytime', 'delayTimeMs'],
  ['delayseconds', 'delayTimeSec'],
  ['delayms', 'delayTimeMs'],
  ['deliverytimestamp', 'deliverTimeMs'],
  ['delivertimestamp', 'deliverTimeMs'],
  ['delivertime', 'deliverTimeMs'],
  ['startdelivertime', 'deliverTimeMs']
])

/** A part by the wrong name would be missing from the message, and nobody would notice. Names that are like none do no harm. */
function refuseForeignNames(options: object): void {
  for (const name in options) {
    if (NAMES.has(name)) continue
    const right = FOREIGN_NAMES.get(name.toLowerCase())
    if (right === undefined) continue
    throw new MQClientException(`a message has no ${name.slice(0, 64)}: use ${right}`, { code: 'ILLEGAL_ARGUMENT' })
  }
}

function badProperty(message: string, hint?: string): MQClientException {
  return new MQClientException(message, { code: 'BAD_PROPERTY', ...(hint === undefined ? {} : { hint }) })
}
