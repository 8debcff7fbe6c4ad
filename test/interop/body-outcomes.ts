import { RocketMQError } from '../../src/internal/errors.ts'
import { decodeBatch } from '../../src/protocol/batch-codec.ts'
import { crc32 } from '../../src/protocol/crc32.ts'
import type { HostAddress } from '../../src/protocol/host-address.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import { decodeProperties } from '../../src/protocol/properties.ts'
import { decodeTopicRoute } from '../../src/protocol/topic-route.ts'
import { conversations, wireVectors } from '../golden/load.ts'
import { mutatedBytes, pick, type Random } from '../support/mutated-bytes.ts'
import { mutatedJsonText } from './frame-mutations.ts'

/** A form of bodies: how Java's decoder is told it, what ours makes of it, and mutated ones. */
export interface BodyKind {
  name: string
  /** Of `Decoder.java`. */
  number: number
  decode(bytes: Buffer): unknown
  mutate(random: Random): Buffer
}

/** What Java's decoder said. */
export interface BodyOutcome {
  value?: unknown
  refused?: string
  reason?: string
}

export interface BodyDifference {
  /** `refused here`, `refused by Java`, or the path of a value: `queueDatas.0.perm`. */
  what: string
  java: unknown
  here: unknown
}

export function bodyDifferences(kind: BodyKind, bytes: Buffer, java: BodyOutcome): BodyDifference[] {
  let here: unknown
  try {
    here = kind.decode(bytes)
  } catch (error) {
    if (!(error instanceof RocketMQError)) throw error
    return java.refused === undefined ? [{ what: 'refused here', java: java.value, here: error.message }] : []
  }
  if (java.refused !== undefined) return [{ what: 'refused by Java', java: `${java.refused}: ${java.reason}`, here }]
  const theirs = flat(java.value)
  const ours = flat(here)
  return [...new Set([...theirs.keys(), ...ours.keys()])]
    .filter((what) => theirs.get(what) !== ours.get(what))
    .map((what) => ({ what, java: theirs.get(what), here: ours.get(what) }))
}

/** Paths and values; what is null or undefined is not there. */
function flat(value: unknown, path = '', found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== 'object') found.set(path, value)
  else if (value !== null) {
    for (const [name, item] of Object.entries(value)) {
      if (item !== undefined) flat(item, path === '' ? name : `${path}.${name}`, found)
    }
  }
  return found
}

const bodyOf = (body: Buffer): object => ({ bodyLength: body.length, bodyCRC: crc32(body) })

function decodeRoute(bytes: Buffer): unknown {
  const { orderTopicConf, queueDatas, brokerDatas, filterServerTable } = decodeTopicRoute(bytes)
  return {
    orderTopicConf,
    queueDatas,
    brokerDatas: brokerDatas.map((broker) => ({ ...broker, brokerAddrs: Object.fromEntries(broker.brokerAddrs) })),
    filterServerTable: Object.fromEntries(filterServerTable)
  }
}

function decodeItems(bytes: Buffer): unknown {
  return decodeBatch(bytes).map(({ flag, body, propertiesString }) => ({
    flag,
    ...bodyOf(body),
    properties: Object.fromEntries(decodeProperties(propertiesString))
  }))
}

const hostText = ({ host, port }: HostAddress): string => `${host} ${port}`

function decodeRecord(bytes: Buffer): unknown {
  const message = decodeMessage(bytes, 0, { decompressBody: false })
  return {
    topic: message.topic,
    queueId: message.queueId,
    flag: message.flag,
    queueOffset: String(message.queueOffset),
    commitLogOffset: String(message.commitLogOffset),
    storeSize: message.storeSize,
    storedCRC: message.bodyCRC,
    sysFlag: message.sysFlag,
    bornTimestamp: String(message.bornTimestamp),
    bornHost: hostText(message.bornHost),
    storeTimestamp: String(message.storeTimestamp),
    storeHost: hostText(message.storeHost),
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: String(message.preparedTransactionOffset),
    msgId: message.offsetMsgId,
    properties: Object.fromEntries(message.properties),
    ...(message.body.length === 0 ? {} : bodyOf(message.body))
  }
}

/** Bodies of recorded frames. */
function recorded(dir: 'c2s' | 's2c', code: number): Buffer[] {
  const frames = conversations().flatMap((conversation) => conversation.frames)
  return frames
    .filter((frame) => frame.dir === dir && (frame.requestCode ?? frame.code) === code && frame.truncated !== true)
    .map((frame) => Buffer.from(frame.hex, 'hex'))
    .map((frame) => frame.subarray(8 + (frame.readInt32BE(4) & 0xffffff)))
    .filter((body) => body.length > 0)
}

const buffer = (hex: string): Buffer => Buffer.from(hex, 'hex')

const { topicRouteDataJson, batchBodies, propertyStrings, storedMessages } = wireVectors()
const routes = [...recorded('s2c', 105), ...Object.values(topicRouteDataJson).map((text) => Buffer.from(text))]
const batches = [...recorded('c2s', 320), ...batchBodies.map(({ encodedHex }) => buffer(encodedHex))]
const properties = [
  ...propertyStrings.map(({ string }) => string),
  ...storedMessages.map(({ properties }) =>
    Object.entries(properties)
      .map(([name, value]) => `${name}\u0001${value}\u0002`)
      .join('')
  )
].map((text) => Buffer.from(text))
const records = storedMessages.map(({ encodedHex }) => buffer(encodedHex))

const SEPARATORS = [
  '\u0001',
  '\u0002',
  '\u0001\u0001',
  '\u0002\u0002',
  '\u0001\u0002',
  '\u0002\u0001',
  'TAGS',
  '\u0000',
  'x'
].map((text) => Buffer.from(text))

export const KINDS: BodyKind[] = [
  {
    name: 'route',
    number: 1,
    decode: decodeRoute,
    mutate: (random) => mutatedJsonText(pick(random, routes), random)
  },
  {
    name: 'batch',
    number: 2,
    decode: decodeItems,
    mutate: (random) => mutatedWords(pick(random, batches), batches, random, [0, 12, 16])
  },
  {
    name: 'properties',
    number: 3,
    decode: (bytes) => Object.fromEntries(decodeProperties(bytes.toString('utf8'))),
    mutate: (random) => {
      let text = pick(random, properties)
      for (let times = 1 + Math.floor(random() * 3); times > 0; times--) {
        const at = Math.floor(random() * (text.length + 1))
        text = Buffer.concat([text.subarray(0, at), pick(random, SEPARATORS), text.subarray(at + pick(random, [0, 0, 1, 4]))])
      }
      return text
    }
  },
  {
    name: 'record',
    number: 4,
    decode: decodeRecord,
    mutate: (random) => mutatedWords(pick(random, records), records, random, [0, 4, 36, 52, 68, 84])
  }
]

/** Bytes anywhere, or one of the words that stand at these places: sizes, magics, flags, ports. */
function mutatedWords(original: Buffer, others: Buffer[], random: Random, places: number[]): Buffer {
  if (random() < 0.5) return mutatedBytes(original, others, random)
  const bytes = Buffer.from(original)
  const at = pick(random, places)
  const step = pick(random, [1, -1, 2, -2, 16, 65_536, -65_536])
  if (at + 4 <= bytes.length) bytes.writeInt32BE((bytes.readInt32BE(at) + step) | 0, at)
  return random() < 0.3 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes
}
