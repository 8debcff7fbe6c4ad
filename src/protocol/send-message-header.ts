import { RequestCode } from './codes.ts'
import type { CommandHeader } from './command-header.ts'
import type { ExtFields } from './ext-fields.ts'
import { badField, intOf, isTrue, longOf, optionalIntOf, parseInt32, parseInt64 } from './header-fields.ts'

/** Header of the send requests; Java's `SendMessageRequestHeader`. Codes 10 and 324 carry these names, 310, 320 and 325 one letter each. */
export interface SendMessageRequestHeader {
  producerGroup: string
  topic: string
  /** Template for topics that are created by sending. */
  defaultTopic: string
  defaultTopicQueueNums: number
  /** Below 0 the broker chooses. */
  queueId: number
  sysFlag: number
  /** Wall clock, ms. */
  bornTimestamp: number
  flag: number
  /** As `encodeProperties` writes them. */
  properties: string
  reconsumeTimes: number
  unitMode: boolean
  maxReconsumeTimes?: number | undefined
  /** The body is a batch; brokers go by this field, not by the code. */
  batch: boolean
  brokerName?: string | undefined
}

/** What Java's clients send when nothing else is set up; taken where a request has no such field. */
const DEFAULT_QUEUE_NUMS = 4

/** Whether fields of this request code have one-letter names. */
export function hasShortNames(code: number): boolean {
  return (
    code === RequestCode.SEND_MESSAGE_V2 || code === RequestCode.SEND_BATCH_MESSAGE || code === RequestCode.SEND_REPLY_MESSAGE_V2
  )
}

/**
 * Topic, queue id, sysFlag, born timestamp and flag are needed; a live broker does without the others too.
 * @throws RemotingCommandException (`BAD_FIELD`) naming the field that is missing or no number.
 */
export function decodeSendMessageRequestHeader(command: CommandHeader): SendMessageRequestHeader {
  if (!hasShortNames(command.code)) return decodeLong(command.extFields)
  return command.rawExtFields === undefined ? decodeShort(command.extFields) : decodeShortBinary(command.rawExtFields, command)
}

function decodeLong(fields: ExtFields): SendMessageRequestHeader {
  return {
    producerGroup: fields.producerGroup ?? '',
    topic: textOf(fields.topic, 'topic'),
    defaultTopic: fields.defaultTopic ?? '',
    defaultTopicQueueNums: optionalIntOf(fields.defaultTopicQueueNums, 'defaultTopicQueueNums') ?? DEFAULT_QUEUE_NUMS,
    queueId: intOf(fields.queueId, 'queueId'),
    sysFlag: intOf(fields.sysFlag, 'sysFlag'),
    bornTimestamp: longOf(fields.bornTimestamp, 'bornTimestamp'),
    flag: intOf(fields.flag, 'flag'),
    properties: fields.properties ?? '',
    reconsumeTimes: optionalIntOf(fields.reconsumeTimes, 'reconsumeTimes') ?? 0,
    unitMode: isTrue(fields.unitMode),
    maxReconsumeTimes: optionalIntOf(fields.maxReconsumeTimes, 'maxReconsumeTimes'),
    batch: isTrue(fields.batch),
    brokerName: fields.bname ?? fields.n
  }
}

function decodeShort(fields: ExtFields): SendMessageRequestHeader {
  return {
    producerGroup: fields.a ?? '',
    topic: textOf(fields.b, 'b'),
    defaultTopic: fields.c ?? '',
    defaultTopicQueueNums: optionalIntOf(fields.d, 'd') ?? DEFAULT_QUEUE_NUMS,
    queueId: intOf(fields.e, 'e'),
    sysFlag: intOf(fields.f, 'f'),
    bornTimestamp: longOf(fields.g, 'g'),
    flag: intOf(fields.h, 'h'),
    properties: fields.i ?? '',
    reconsumeTimes: optionalIntOf(fields.j, 'j') ?? 0,
    unitMode: isTrue(fields.k),
    maxReconsumeTimes: optionalIntOf(fields.l, 'l'),
    batch: isTrue(fields.m),
    brokerName: fields.n ?? fields.bname
  }
}

function textOf(value: string | undefined, name: string): string {
  if (value === undefined) throw badField(name, 'is missing')
  return value
}

/** Straight from the undecoded map; anything out of the ordinary goes the long way, which also finds the words for what is wrong. */
function decodeShortBinary(raw: Buffer, command: CommandHeader): SendMessageRequestHeader {
  const header: SendMessageRequestHeader = {
    producerGroup: '',
    topic: '',
    defaultTopic: '',
    defaultTopicQueueNums: DEFAULT_QUEUE_NUMS,
    queueId: 0,
    sysFlag: 0,
    bornTimestamp: 0,
    flag: 0,
    properties: '',
    reconsumeTimes: 0,
    unitMode: false,
    maxReconsumeTimes: undefined,
    batch: false,
    brokerName: undefined
  }
  const size = raw.length
  /** Bit n: the letter with that place in the alphabet was there. */
  let seen = 0
  let at = 0
  while (at < size) {
    // A name of one letter (00 01 x) and a length below 2^24 whose bytes are there.
    if (size - at < 7 || raw[at] !== 0 || raw[at + 1] !== 1 || raw[at + 3] !== 0) return decodeShort(command.extFields)
    const letter = raw[at + 2] as number
    const length = ((raw[at + 4] as number) << 16) | ((raw[at + 5] as number) << 8) | (raw[at + 6] as number)
    const start = at + 7
    at = start + length
    if (at > size) return decodeShort(command.extFields)
    if (length === 0) {
      // Absent, also when it stood there before.
      if ((seen & (1 << (letter - 0x61))) !== 0) return decodeShort(command.extFields)
      continue
    }
    switch (letter) {
      case 0x61:
        header.producerGroup = cachedText(0, raw, start, at)
        break
      case 0x62:
        header.topic = cachedText(1, raw, start, at)
        break
      case 0x63:
        header.defaultTopic = cachedText(2, raw, start, at)
        break
      case 0x64:
        header.defaultTopicQueueNums = int32(raw, start, at, 'd')
        break
      case 0x65:
        header.queueId = int32(raw, start, at, 'e')
        break
      case 0x66:
        header.sysFlag = int32(raw, start, at, 'f')
        break
      case 0x67:
        header.bornTimestamp = int64(raw, start, at, 'g')
        break
      case 0x68:
        header.flag = int32(raw, start, at, 'h')
        break
      case 0x69:
        header.properties = raw.toString('utf8', start, at)
        break
      case 0x6a:
        header.reconsumeTimes = int32(raw, start, at, 'j')
        break
      case 0x6b:
        header.unitMode = readsTrue(raw, start, at)
        break
      case 0x6c:
        header.maxReconsumeTimes = int32(raw, start, at, 'l')
        break
      case 0x6d:
        header.batch = readsTrue(raw, start, at)
        break
      case 0x6e:
        header.brokerName = cachedText(3, raw, start, at)
        break
      default:
        continue
    }
    seen |= 1 << (letter - 0x61)
  }
  if ((seen & NEEDED) !== NEEDED) throw badField(firstMissing(seen), 'is missing')
  return header
}

/** Bits of b, e, f, g and h. */
const NEEDED = 0b11110010

function firstMissing(seen: number): string {
  for (const letter of 'befgh') if ((seen & (1 << (letter.charCodeAt(0) - 0x61))) === 0) return letter
  return ''
}

function int32(raw: Buffer, start: number, end: number, name: string): number {
  const value = digits(raw, start, end)
  return (value | 0) === value ? value : parseInt32(raw.toString('utf8', start, end), name)
}

function int64(raw: Buffer, start: number, end: number, name: string): number {
  const value = digits(raw, start, end)
  return value >= 0 ? value : parseInt64(raw.toString('utf8', start, end), name)
}

/** The number that up to 15 ASCII digits mean, NaN for everything else, signs included. */
function digits(raw: Buffer, start: number, end: number): number {
  if (end - start > 15) return Number.NaN
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = (raw[i] as number) - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

/** "true" in any case. */
function readsTrue(raw: Buffer, start: number, end: number): boolean {
  return (
    end - start === 4 &&
    ((raw[start] as number) | 0x20) === 0x74 &&
    ((raw[start + 1] as number) | 0x20) === 0x72 &&
    ((raw[start + 2] as number) | 0x20) === 0x75 &&
    ((raw[start + 3] as number) | 0x20) === 0x65
  )
}

/** Group, topic, template and broker name rarely change from one request to the next: the last text is kept with its bytes. */
const lastBytes: Buffer[] = [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)]
const lastText = ['', '', '', '']

function cachedText(slot: number, raw: Buffer, start: number, end: number): string {
  const bytes = lastBytes[slot] as Buffer
  const length = end - start
  if (bytes.length === length && length <= 64) {
    let i = 0
    while (i < length && bytes[i] === raw[start + i]) i++
    if (i === length) return lastText[slot] as string
  }
  const text = raw.toString('utf8', start, end)
  lastBytes[slot] = Buffer.from(raw.subarray(start, end))
  lastText[slot] = text
  return text
}
