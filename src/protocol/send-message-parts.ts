import { RequestCode } from './codes.ts'
import { quoteJson } from './json-text.ts'
import { languageName } from './language-code.ts'
import { hasShortNames, type SendMessageRequestHeader } from './send-message-header.ts'
import { writeEntry } from './send-message-writers.ts'

/** What of a send request the parts depend on. */
export interface PreparedFor {
  readonly code: number
  readonly language: number
  readonly version: number
  readonly header: SendMessageRequestHeader
}

/** The parts of a header that stay the same from one message to the next, ready to be copied. */
export interface PreparedParts {
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
const prepared: Array<PreparedParts | undefined> = new Array(PREPARED_SLOTS).fill(undefined)

export function preparedParts(request: PreparedFor): PreparedParts {
  const { header, code } = request
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
    found.language === request.language &&
    found.version === request.version
  ) {
    return found
  }
  const made = prepare(request)
  prepared[slot] = made
  return made
}

/** Where the entries of a binary header start when there is no remark. */
export const MAP_AT = 21

/** Cheap and good enough: topics and brokers of one producer seldom share it, and a clash only costs time. */
function slotOf(header: SendMessageRequestHeader): number {
  const { topic, brokerName } = header
  let hash = topic.length * 31 + topic.charCodeAt(topic.length - 1)
  if (brokerName !== undefined) hash = hash * 31 + brokerName.length * 7 + brokerName.charCodeAt(brokerName.length - 1)
  return hash & (PREPARED_SLOTS - 1)
}

function prepare(request: PreparedFor): PreparedParts {
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

export function middlePart(header: SendMessageRequestHeader): Buffer {
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

export function tailPart(header: SendMessageRequestHeader, flag: number): Buffer {
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
