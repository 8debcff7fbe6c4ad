import { writeInt32 } from './big-endian.ts'
import { RequestCode } from './codes.ts'
import { emptyExtFields } from './ext-fields.ts'
import { quoteJson } from './json-text.ts'
import { LanguageCode, languageName } from './language-code.ts'
import type { OutgoingFrame } from './outgoing-frame.ts'
import { CURRENT_VERSION, ONEWAY_FLAG, RemotingCommand, SerializeType } from './remoting-command.ts'
import { hasShortNames, type SendMessageRequestHeader } from './send-message-header.ts'
import { writeUtf8 } from './utf8.ts'

export interface SendMessageRequestOptions {
  /** @default JSON */
  serializeType?: number
  /** No answer is wanted. @default false */
  oneway?: boolean
  /** LanguageCode ordinal. @default JAVA */
  language?: number
  /** MQVersion ordinal. @default CURRENT_VERSION */
  version?: number
}

/** The parts of a header that stay the same from one message to the next, ready to be copied. */
interface Prepared {
  code: number
  language: number
  version: number
  producerGroup: string
  topic: string
  defaultTopic: string
  defaultTopicQueueNums: number
  brokerName: string | undefined
  /** JSON from the start to where the queue id follows. */
  jsonHead: Buffer
  /** JSON between flag and opaque, and behind opaque. */
  jsonLanguage: Buffer
  jsonVersion: Buffer
  /** The binary header up to and including the entries that stay the same; opaque, flag and the map's length are filled in. */
  binaryHead: Buffer
}

/** One per topic and broker is enough for most producers; what does not fit is prepared anew. */
const PREPARED_SLOTS = 64
const prepared: Array<Prepared | undefined> = new Array(PREPARED_SLOTS).fill(undefined)

/**
 * A send request with one-letter field names (codes 310, 320, 325) whose header is written straight into the outgoing buffer.
 * Requests that interceptors look at go out as {@link toCommand}.
 */
export class SendMessageRequest implements OutgoingFrame {
  readonly code: number
  header: SendMessageRequestHeader
  body: Uint8Array | undefined
  readonly serializeType: number
  readonly language: number
  readonly version: number
  opaque = 0
  flag: number

  constructor(code: number, header: SendMessageRequestHeader, body: Uint8Array | undefined, options?: SendMessageRequestOptions) {
    this.code = code
    this.header = header
    this.body = body
    this.serializeType = options?.serializeType ?? SerializeType.JSON
    this.language = options?.language ?? LanguageCode.JAVA
    this.version = options?.version ?? CURRENT_VERSION
    this.flag = options?.oneway === true ? ONEWAY_FLAG : 0
  }

  headerBound(): number {
    const { producerGroup, topic, defaultTopic, brokerName, properties } = this.header
    const texts = producerGroup.length + topic.length + defaultTopic.length + (brokerName?.length ?? 0) + properties.length
    // 512 hold names, numbers and punctuation; a character takes 6 bytes when escaped in JSON, at most 3 in UTF-8.
    return 512 + texts * (this.serializeType === SerializeType.JSON ? 6 : 3)
  }

  writeHeader(target: Buffer, offset: number): number {
    const { header } = this
    const head = this.#prepare()
    if (this.serializeType !== SerializeType.JSON) return this.#writeBinary(head, target, offset)
    target.set(head.jsonHead, offset)
    let at = writeDigits(target, offset + head.jsonHead.length, header.queueId)
    const middle = middlePart(header)
    target.set(middle, at)
    at = writeJsonText(target, at + middle.length, header.properties)
    const tail = tailPart(header, this.flag)
    target.set(tail, at)
    at += tail.length
    target.set(head.jsonLanguage, at)
    at = writeDigits(target, at + head.jsonLanguage.length, this.opaque)
    target.set(head.jsonVersion, at)
    return at + head.jsonVersion.length
  }

  #writeBinary(head: Prepared, target: Buffer, offset: number): number {
    const { header } = this
    target.set(head.binaryHead, offset)
    writeInt32(target, offset + 5, this.opaque)
    writeInt32(target, offset + 9, this.flag)
    let at = offset + head.binaryHead.length
    at = writeNumber(target, at, 0x65, header.queueId)
    at = writeNumber(target, at, 0x66, header.sysFlag)
    at = writeEntry(target, at, 0x67, timeText(header.bornTimestamp))
    at = writeNumber(target, at, 0x68, header.flag)
    if (header.properties !== '') at = writeEntry(target, at, 0x69, header.properties)
    at = writeNumber(target, at, 0x6a, header.reconsumeTimes)
    at = writeEntry(target, at, 0x6b, header.unitMode ? 'true' : 'false')
    if (header.maxReconsumeTimes !== undefined) at = writeNumber(target, at, 0x6c, header.maxReconsumeTimes)
    at = writeEntry(target, at, 0x6d, header.batch ? 'true' : 'false')
    writeInt32(target, offset + MAP_AT - 4, at - offset - MAP_AT)
    return at
  }

  #prepare(): Prepared {
    const { header, code } = this
    const slot = slotOf(header)
    const found = prepared[slot]
    if (
      found !== undefined &&
      found.topic === header.topic &&
      found.producerGroup === header.producerGroup &&
      found.brokerName === header.brokerName &&
      found.defaultTopic === header.defaultTopic &&
      found.defaultTopicQueueNums === header.defaultTopicQueueNums &&
      found.code === code &&
      found.language === this.language &&
      found.version === this.version
    ) {
      return found
    }
    const made = prepare(this)
    prepared[slot] = made
    return made
  }

  /** The same request with its fields as a map, for code that adds or signs fields. */
  toCommand(): RemotingCommand {
    const fields = headerFields(this.code, this.header)
    const body = this.body === undefined ? undefined : Buffer.from(this.body.buffer, this.body.byteOffset, this.body.byteLength)
    const command = RemotingCommand.request(this.code, fields, body, this.serializeType)
    command.language = this.language
    command.version = this.version
    command.flag = this.flag
    command.opaque = this.opaque
    return command
  }
}

/** The header as a map, with the names that belong to the request code. */
export function headerFields(code: number, header: SendMessageRequestHeader): Record<string, string> {
  const fields = emptyExtFields()
  const names = hasShortNames(code) ? SHORT_NAMES : LONG_NAMES
  const values = [
    header.producerGroup,
    header.topic,
    header.defaultTopic,
    header.defaultTopicQueueNums,
    header.queueId,
    header.sysFlag,
    header.bornTimestamp,
    header.flag,
    header.properties,
    header.reconsumeTimes,
    header.unitMode,
    header.maxReconsumeTimes,
    header.batch,
    header.brokerName
  ]
  values.forEach((value, i) => {
    if (value !== undefined) fields[names[i] as string] = String(value)
  })
  return fields
}

const SHORT_NAMES = [...'abcdefghijklmn']
const LONG_NAMES = [
  'producerGroup',
  'topic',
  'defaultTopic',
  'defaultTopicQueueNums',
  'queueId',
  'sysFlag',
  'bornTimestamp',
  'flag',
  'properties',
  'reconsumeTimes',
  'unitMode',
  'maxReconsumeTimes',
  'batch',
  'bname'
]

/** Where the entries of a binary header start when there is no remark. */
const MAP_AT = 21

/** Cheap and good enough: topics and brokers of one producer seldom share it, and a clash only costs time. */
function slotOf(header: SendMessageRequestHeader): number {
  const { topic, brokerName } = header
  let hash = topic.length * 31 + topic.charCodeAt(topic.length - 1)
  if (brokerName !== undefined) hash = hash * 31 + brokerName.length * 7 + brokerName.charCodeAt(brokerName.length - 1)
  return hash & (PREPARED_SLOTS - 1)
}

function prepare(request: SendMessageRequest): Prepared {
  const { code, language, version, header } = request
  const { producerGroup, topic, defaultTopic, defaultTopicQueueNums, brokerName } = header
  if (!hasShortNames(code))
    throw new RangeError(`SendMessageRequest writes ${RequestCode.SEND_MESSAGE_V2} and its kind, not ${code}`)
  const broker = brokerName === undefined ? '' : `"n":${quoteJson(brokerName)},`
  const name = languageName(language)
  const fields = [producerGroup, topic, defaultTopic, String(defaultTopicQueueNums)]
  const size = MAP_AT + [...fields, brokerName ?? ''].reduce((sum, text) => sum + 7 + text.length * 3, 0)
  const head = Buffer.alloc(size)
  head.writeUInt16BE(code & 0xffff, 0)
  head.writeUInt8(language & 0xff, 2)
  head.writeInt16BE(version, 3)
  let at = MAP_AT
  fields.forEach((text, i) => {
    if (text !== '') at = writeEntry(head, at, 0x61 + i, text)
  })
  if (brokerName !== undefined && brokerName !== '') at = writeEntry(head, at, 0x6e, brokerName)
  return {
    code,
    language,
    version,
    producerGroup,
    topic,
    defaultTopic,
    defaultTopicQueueNums,
    brokerName,
    jsonHead: Buffer.from(
      `{"code":${code},"extFields":{"a":${quoteJson(producerGroup)},"b":${quoteJson(topic)},"c":${quoteJson(defaultTopic)},"d":"${defaultTopicQueueNums}",${broker}"e":"`
    ),
    jsonLanguage: Buffer.from(`${name === undefined ? '' : `,"language":"${name}"`},"opaque":`),
    jsonVersion: Buffer.from(`,"version":${version}}`),
    binaryHead: head.subarray(0, at)
  }
}

/** Many messages are born in one millisecond, with the same flags: the bytes between queue id and properties are kept. */
let middle = Buffer.alloc(0)
let middleTime = Number.NaN
let middleSysFlag = 0
let middleFlag = 0

function middlePart(header: SendMessageRequestHeader): Buffer {
  const { bornTimestamp, sysFlag, flag } = header
  if (bornTimestamp !== middleTime || sysFlag !== middleSysFlag || flag !== middleFlag) {
    middleTime = bornTimestamp
    middleSysFlag = sysFlag
    middleFlag = flag
    middle = Buffer.from(`","f":"${sysFlag}","g":"${bornTimestamp}","h":"${flag}","i":`)
  }
  return middle
}

/** The bytes between properties and language, kept while their values repeat. */
let tail = Buffer.alloc(0)
let tailReconsumeTimes = Number.NaN
let tailMaxReconsumeTimes: number | undefined
let tailUnitMode = false
let tailBatch = false
let tailFlag = 0

function tailPart(header: SendMessageRequestHeader, flag: number): Buffer {
  const { reconsumeTimes, unitMode, maxReconsumeTimes, batch } = header
  if (
    reconsumeTimes !== tailReconsumeTimes ||
    maxReconsumeTimes !== tailMaxReconsumeTimes ||
    unitMode !== tailUnitMode ||
    batch !== tailBatch ||
    flag !== tailFlag
  ) {
    tailReconsumeTimes = reconsumeTimes
    tailMaxReconsumeTimes = maxReconsumeTimes
    tailUnitMode = unitMode
    tailBatch = batch
    tailFlag = flag
    const most = maxReconsumeTimes === undefined ? '' : `,"l":"${maxReconsumeTimes}"`
    tail = Buffer.from(`,"j":"${reconsumeTimes}","k":"${unitMode}"${most},"m":"${batch}"},"flag":${flag}`)
  }
  return tail
}

/** Writes `text` as a JSON string. */
function writeJsonText(target: Buffer, start: number, text: string): number {
  let at = start
  target[at++] = 0x22
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20) {
      target[at] = 0x5c
      target[at + 1] = 0x75
      target[at + 2] = 0x30
      target[at + 3] = 0x30
      target[at + 4] = 0x30 + (unit >> 4)
      target[at + 5] = HEX_DIGITS.charCodeAt(unit & 0xf)
      at += 6
    } else if (unit > 0x7e || unit === 0x22 || unit === 0x5c) {
      // Rare: text that is not ASCII or has more to escape.
      return start + target.write(JSON.stringify(text), start)
    } else {
      target[at++] = unit
    }
  }
  target[at] = 0x22
  return at + 1
}

const HEX_DIGITS = '0123456789abcdef'

/** Writes an integer in decimal. */
function writeDigits(target: Buffer, at: number, value: number): number {
  if (value < 0 || value > 0x7fffffff) return at + writeUtf8(target, at, String(value))
  let digits = 1
  for (let bound = 10; bound <= value; bound *= 10) digits++
  let rest = value
  for (let place = at + digits - 1; place >= at; place--) {
    target[place] = 0x30 + (rest % 10)
    rest = (rest / 10) | 0
  }
  return at + digits
}

/** Many messages are born in one millisecond. */
let lastTime = Number.NaN
let lastTimeText = ''

function timeText(millis: number): string {
  if (millis !== lastTime) {
    lastTime = millis
    lastTimeText = String(millis)
  }
  return lastTimeText
}

/** An entry of the binary map whose name is one letter: `00 01 letter length:int32 value`. */
function writeEntry(target: Buffer, at: number, letter: number, text: string): number {
  const length = writeUtf8(target, at + 7, text)
  target[at] = 0
  target[at + 1] = 1
  target[at + 2] = letter
  writeInt32(target, at + 3, length)
  return at + 7 + length
}

function writeNumber(target: Buffer, at: number, letter: number, value: number): number {
  if (value < 0 || value > 9) return writeEntry(target, at, letter, String(value))
  target[at] = 0
  target[at + 1] = 1
  target[at + 2] = letter
  writeInt32(target, at + 3, 1)
  target[at + 7] = 0x30 + value
  return at + 8
}
