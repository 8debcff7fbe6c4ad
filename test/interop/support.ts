import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { CLIENT_VERSIONS, type ReadMessage, startProgram } from './harness/java.js'
import { LineProcess } from './harness/processes.js'
import { pullTopic, type StoredMessage } from './harness/remoting.js'
import { nodePeerDirectory } from './harness/tools.js'

/** Foreign producers: the Java clients by version, and ali-ons. */
export const PEERS = [...CLIENT_VERSIONS, 'ali-ons']

/** The ways in which this package's producer sends. */
export const OUR_MODES = [
  'await',
  'callback',
  'oneway',
  'queue',
  'selector',
  'batch',
  'compressed',
  'lz4',
  'zstd',
  'json',
  'auto-batch'
]

/** Topics of requests at the real broker: one for each replier, one for our own. */
export const REQUEST_TOPICS = [...CLIENT_VERSIONS, 'ours'].map((name) => `requests-${name}`)

export const topicOf = (name: string): string => `Interop-${name.replaceAll('.', '_')}`

/** A second topic of a peer, at the real broker, for comparing what the two brokers store. */
export const comparedWith = (peer: string): string => `${peer}-compared`

export const QUEUES = 4

/** What a producer says it sent, and what it was answered. */
export interface SentMessage {
  /** Also a user property of the message; tells the messages of a topic apart. */
  case: string
  mode: string
  index: number
  tags: string
  keys: string
  text: string
  flag: number
  /** Base64. */
  body: string
  status: string
  /** A batch has one id a message, comma-joined; ali-ons gives none. */
  msgId?: string | null
  offsetMsgId?: string | null
  queueId?: number | null
  /** Of a batch: that of its first message. */
  queueOffset?: number | null
  error?: string | null
}

interface Cluster {
  namesrvAddr: string
  home: string
}

/** Runs a foreign producer to its end, through every mode it has. */
export async function sendAs(peer: string, { namesrvAddr, home }: Cluster, topic: string): Promise<SentMessage[]> {
  const args = ['--namesrv', namesrvAddr, '--topic', topic, '--count', '10']
  const child =
    peer === 'ali-ons'
      ? new LineProcess(peer, process.execPath, [`${nodePeerDirectory}producer.mjs`, ...args])
      : startProgram({ main: 'Producer', version: peer, args: [...args, '--peer', peer], home })
  return await child.jsonUntilExit<SentMessage>()
}

/** Every message was acknowledged, except the oneway ones, which nobody acknowledges. */
export function expectAllAcknowledged(sent: SentMessage[]): void {
  expect(sent.length).toBeGreaterThan(0)
  expect(sent.map(({ case: name, status, error }) => ({ name, status, error: error ?? null }))).toEqual(
    sent.map(({ case: name, mode }) => ({ name, status: mode === 'oneway' ? 'ONEWAY' : 'SEND_OK', error: null }))
  )
}

/**
 * What was read is what was sent: as many messages, and for each the same bytes, tags, keys, flag and user properties, at the queue,
 * offset and id that the producer was told.
 */
export function expectSameMessages(sent: SentMessage[], read: (ReadMessage | StoredMessage)[]): void {
  const byCase = new Map(read.map((message) => [message.properties.case, message]))
  expect([...byCase.keys()].toSorted()).toEqual(sent.map((message) => message.case).toSorted())
  expect(read).toHaveLength(sent.length)
  const found = sent.map((message) => observed(message, byCase.get(message.case) as ReadMessage))
  expect(found).toEqual(sent.map(expected))
}

/** Ids and positions are compared only where the producer was told them, and the reader tells them. */
function observed(sent: SentMessage, read: ReadMessage): Record<string, unknown> {
  const known = expected(sent)
  const seen = {
    case: read.properties.case,
    tags: read.tags,
    keys: read.keys,
    text: read.properties.text,
    flag: read.flag,
    body: read.body,
    uniqKey: read.properties.UNIQ_KEY,
    offsetMsgId: read.offsetMsgId ?? known.offsetMsgId,
    queueId: read.queueId,
    queueOffset: read.queueOffset
  }
  return Object.fromEntries(Object.entries(seen).filter(([name]) => name in known))
}

function expected(sent: SentMessage): Record<string, unknown> {
  const batch = sent.mode === 'batch'
  const own = (ids: string) => (batch ? ids.split(',')[sent.index] : ids)
  const { case: name, tags, keys, text, flag, body, msgId, offsetMsgId, queueId, queueOffset } = sent
  return {
    case: name,
    tags,
    keys,
    text,
    flag,
    body,
    // in a batch of Java 5.3.3 each message ends up with the batch's own id, which no result lists
    ...(msgId && !(batch && name.startsWith('5.3.3/')) && { uniqKey: own(msgId) }),
    ...(offsetMsgId && { offsetMsgId: own(offsetMsgId) }),
    ...(typeof queueId === 'number' && { queueId }),
    ...(typeof queueOffset === 'number' && { queueOffset: queueOffset + (batch ? sent.index : 0) })
  }
}

/** What the broker itself adds to a message, whoever sent it. */
export function expectBrokerProperties(read: { properties: Record<string, string> }[]): void {
  for (const { properties } of read) {
    expect(properties).toMatchObject({ MSG_REGION: 'DefaultRegion', TRACE_ON: 'true' })
  }
}

/** What a broker keeps of each message apart from its place and its unique id, for comparing two brokers. */
export function keptOf(stored: StoredMessage[]): Record<string, unknown> {
  return Object.fromEntries(
    stored.map(({ properties, sysFlag, bodyCRC }) => {
      const { UNIQ_KEY: uniqKey, ...rest } = properties
      return [properties.case, { ...rest, hasUniqKey: uniqKey !== undefined, sysFlag, bodyCRC }]
    })
  )
}

/** Pulls until the topic holds `count` messages, at most 20 s. */
export async function pullUntil(brokerAddr: string, topic: string, count: number): Promise<StoredMessage[]> {
  for (let tries = 0; ; tries++) {
    const messages = await pullTopic(brokerAddr, topic, QUEUES)
    if (messages.length >= count || tries === 200) return messages
    await delay(100)
  }
}
