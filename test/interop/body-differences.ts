import { type FastjsonValue, isObject, parseFastjson } from '../../src/protocol/fastjson.ts'
import { wireVectors } from '../golden/load.ts'
import type { BodyDifference } from './body-outcomes.ts'

/** A difference between Java's decoder of a body and ours that is meant. */
export interface BodyRule {
  name: string
  /** Name of the form. */
  kind: string
  java: string
  here: string
  reason: string
  /** Bytes that show it. */
  example: Buffer
  matches(difference: BodyDifference, bytes: Buffer): boolean
}

/** Also listed for readers: `docs/compatibility.md`, "Bodies that nobody writes"; `documentation.test.ts` compares. */
export const BODY_RULES: BodyRule[] = [
  {
    name: 'routes that are no JSON, numbers and objects as names aside',
    kind: 'route',
    java: 'single quotes, comments and the rest, as in headers',
    here: 'refused',
    reason: 'no name server writes them',
    example: Buffer.from(`{"brokerDatas":[],'queueDatas':[]}`),
    matches: ({ what, here }, bytes) => what === 'refused here' && /^not JSON at character/.test(String(here)) && !isJson(bytes)
  },
  {
    name: 'routes with values of another kind',
    kind: 'route',
    java: 'refused as a whole, or converted',
    here: 'left out: the default, or an entry less',
    reason: 'a route with a queue less is better than none',
    example: Buffer.from('{"brokerDatas":[],"queueDatas":[{"brokerName":"b","perm":"x","readQueueNums":1,"writeQueueNums":1}]}'),
    matches: ({ what, here }, bytes) =>
      (what !== 'refused here' || /is not a JSON object/.test(String(here))) && !wellTyped(parsed(bytes))
  },
  {
    name: 'routes with names in another spelling or twice',
    kind: 'route',
    java: 'found, the first or the last of them',
    here: 'passed over; the last',
    reason: 'as in headers',
    example: Buffer.from('{"brokerDatas":[],"queueDatas":[],"OrderTopicConf":"b:4"}'),
    matches: (_, bytes) => oddNames(bytes.toString('utf8'))
  },
  {
    name: 'routes without the name of a broker or cluster',
    kind: 'route',
    java: 'null',
    here: 'the empty text',
    reason: 'no address is found for either',
    example: Buffer.from('{"brokerDatas":[],"queueDatas":[{"perm":6,"readQueueNums":1,"writeQueueNums":1}]}'),
    matches: ({ what, java, here }) => /\.(brokerName|cluster)$/.test(what) && java === undefined && here === ''
  },
  {
    name: 'routes with numbers as names elsewhere than in tables',
    kind: 'route',
    java: 'refused',
    here: 'unknown names, passed over',
    reason: 'nothing depends on them',
    example: Buffer.from('{"brokerDatas":[],"queueDatas":[],0:"127.0.0.1:10911"}'),
    matches: ({ what, java }) => what === 'refused by Java' && /illegal identifier/.test(String(java))
  },
  {
    name: 'batches whose sizes do not agree',
    kind: 'batch',
    java: 'the size of an item is not looked at',
    here: 'refused as a whole',
    reason: 'what lies in one length may lie in the next',
    example: changed(batchBody(), (body) => body.writeInt32BE(body.readInt32BE(0) + 1, 0)),
    matches: ({ what, here }, bytes) =>
      what === 'refused here' && /^message \d+ of the batch does not fit/.test(String(here)) && !itemsFit(bytes)
  },
  {
    name: 'stored messages whose sizes do not agree',
    kind: 'record',
    java: 'the size of the record is not looked at, a length below zero is zero',
    here: 'refused',
    reason: 'a record that was damaged is not handed on',
    example: changed(storedMessage(), (record) => record.writeInt32BE(record.length - 1, 0)),
    matches: ({ what, here }, bytes) =>
      what === 'refused here' && /^bad message record: /.test(String(here)) && recordLength(bytes) !== bytes.readInt32BE(0)
  },
  {
    name: 'stored messages with numbers beyond 2^53',
    kind: 'record',
    java: '64 bits',
    here: 'refused',
    reason: 'offsets and times are JavaScript numbers; no log gets there',
    example: changed(storedMessage(), (record) => record.writeInt32BE(0x7fffffff, 20)),
    matches: ({ what, here }) => what === 'refused here' && /is outside \+-\(2\^53/.test(String(here))
  }
]

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

function batchBody(): Buffer {
  return Buffer.from(wireVectors().batchBodies[0]?.encodedHex ?? '', 'hex')
}

function storedMessage(): Buffer {
  return Buffer.from(wireVectors().storedMessages[0]?.encodedHex ?? '', 'hex')
}

function parsed(bytes: Buffer): FastjsonValue | undefined {
  try {
    return parseFastjson(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** By the runtime's own parser, numbers as names put in quotes first. */
function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8').replace(/([{,])(-?(?:0|[1-9]\d*)):/g, '$1"$2":'))
    return true
  } catch {
    return false
  }
}

const isText = (value: FastjsonValue | undefined): boolean => value === undefined || value === null || typeof value === 'string'
const isInt32 = (value: FastjsonValue | undefined): boolean =>
  value === undefined || value === null || (typeof value === 'number' && (value | 0) === value)
const isFlag = (value: FastjsonValue | undefined): boolean => value === undefined || value === null || typeof value === 'boolean'

function isList(value: FastjsonValue | undefined, item: (value: FastjsonValue) => boolean): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.every(item))
}

function isTable(value: FastjsonValue | undefined, item: (value: FastjsonValue, name: string) => boolean): boolean {
  return (
    value === undefined ||
    value === null ||
    (isObject(value) && Object.keys(value).every((name) => item(value[name] as FastjsonValue, name)))
  )
}

/** Whether every value that a route has is of the kind that name servers give it. */
function wellTyped(route: FastjsonValue | undefined): boolean {
  if (!isObject(route)) return false
  const { orderTopicConf, queueDatas, brokerDatas, filterServerTable, topicQueueMappingByBroker } = route
  const queue = (value: FastjsonValue): boolean =>
    isObject(value) &&
    isText(value.brokerName) &&
    [value.perm, value.readQueueNums, value.writeQueueNums, value.topicSysFlag].every(isInt32)
  const broker = (value: FastjsonValue): boolean =>
    isObject(value) &&
    [value.brokerName, value.cluster, value.zoneName].every(isText) &&
    isFlag(value.enableActingMaster) &&
    isTable(value.brokerAddrs, (address, id) => typeof address === 'string' && /^-?\d{1,15}$/.test(id))
  return (
    isText(orderTopicConf) &&
    isList(queueDatas, queue) &&
    isList(brokerDatas, broker) &&
    isTable(filterServerTable, (servers) => isList(servers, (server) => typeof server === 'string')) &&
    isTable(topicQueueMappingByBroker, isObject)
  )
}

const NAMES = [
  'orderTopicConf',
  'queueDatas',
  'brokerDatas',
  'filterServerTable',
  'topicQueueMappingByBroker',
  'brokerName'
].concat(['readQueueNums', 'writeQueueNums', 'perm', 'topicSysFlag', 'cluster', 'brokerAddrs', 'enableActingMaster', 'zoneName'])

const folded = (name: string): string => name.toLowerCase().replace(/[_-]/g, '')

/** Whether a name stands twice in one object, is like one of a route but for its spelling, or has a meaning to fastjson. */
function oddNames(text: string): boolean {
  const open: Array<Set<string>> = []
  let last = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+|[{}[\]:]/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (token !== ':') last = token
    else {
      const name = unquoted(last)
      const seen = open.at(-1)
      if (seen?.has(name) || name === '@type' || name === '$ref') return true
      if (!NAMES.includes(name) && NAMES.some((known) => folded(known) === folded(name))) return true
      seen?.add(name)
    }
  }
  return false
}

function unquoted(token: string): string {
  try {
    return String(JSON.parse(token))
  } catch {
    return token
  }
}

/** Whether the items of a batch end where their sizes say, and the last at its end. */
function itemsFit(body: Buffer): boolean {
  let at = 0
  while (at < body.length) {
    if (at + 22 > body.length) return false
    const bodyLength = body.readInt32BE(at + 16)
    if (bodyLength < 0 || at + 22 + bodyLength > body.length) return false
    const size = 22 + bodyLength + body.readInt16BE(at + 20 + bodyLength)
    if (body.readInt32BE(at) !== size || body.readInt16BE(at + 20 + bodyLength) < 0) return false
    at += size
  }
  return at === body.length
}

/** Length of a stored message by the lengths inside it; -1 when one is below zero or passes the end. */
function recordLength(record: Buffer): number {
  if (record.length < 91) return -1
  const sysFlag = record.readInt32BE(36)
  let at = 48 + ((sysFlag & 16) !== 0 ? 20 : 8) + 8 + ((sysFlag & 32) !== 0 ? 20 : 8) + 12
  const lengths = [4, record.readInt32BE(4) === -626843477 ? 2 : 1, 2]
  for (const size of lengths) {
    if (at + size > record.length) return -1
    const length = size === 1 ? record.readUInt8(at) : record.readIntBE(at, size)
    if (length < 0 || at + size + length > record.length) return -1
    at += size + length
  }
  return at
}
