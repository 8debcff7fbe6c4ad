import { isIP } from 'node:net'
import { Zstd } from '@hpcc-js/wasm-zstd'
import lz4 from 'lz4-napi'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  DefaultMQProducer,
  type DefaultMQProducerOptions,
  lz4NapiCompressor,
  Message,
  MessageQueue,
  type SendResult,
  wasmZstdCompressor
} from '../../dist/index.js'
import { CLIENT_VERSIONS, type PullReader, type ReadMessage, startPullReader } from './harness/java.js'
import { cliPath } from './harness/ours.js'
import { LineProcess } from './harness/processes.js'
import { pullTopic } from './harness/remoting.js'
import {
  expectAllAcknowledged,
  expectBrokerProperties,
  expectSameMessages,
  QUEUES,
  type SentMessage,
  topicOf
} from './support.ts'

// This package's producer, the real broker, and the real consumers.
const real = inject('real')
const COUNT = 10
const COMPRESSED_BIT = 1
const COMPRESSED_MODES = ['compressed', 'lz4', 'zstd']

/** A line of the command line's `send --json`. */
interface SendLine {
  sendStatus: string
  msgId: string
  offsetMsgId: string
  brokerName: string
  queueId: number
  queueOffset: number
}

let producer: DefaultMQProducer
let readers: Map<string, PullReader>

beforeAll(async () => {
  const started = await Promise.all(
    CLIENT_VERSIONS.map(async (version) => [version, await startPullReader({ ...real, version })] as const)
  )
  readers = new Map(started)
  producer = new DefaultMQProducer({ producerGroup: 'interop-ours', namesrvAddr: real.namesrvAddr, sendMsgTimeout: 20_000 })
  await producer.start()
})
afterAll(async () => {
  await producer?.shutdown()
  await Promise.all([...(readers?.values() ?? [])].map((reader) => reader.stop()))
})

/** The same message that the foreign producers of this suite send. */
function build(mode: string, index: number): { message: Message; sent: SentMessage } {
  const text = `ours ${mode} ${index} ü你好 🚀`
  const body = COMPRESSED_MODES.includes(mode) ? Buffer.alloc(9000 + index, text) : Buffer.from(text)
  const sent: SentMessage = {
    case: `ours/${mode}/${index}`,
    mode,
    index,
    // In a batch that the producer makes itself tags may differ.
    tags: mode === 'auto-batch' ? `tag-${index % 3}` : `tag-${mode}`,
    keys: `key-${index} 键-${mode}`,
    text: 'value = {"a":1}, 属性',
    flag: index,
    body: body.toString('base64'),
    status: 'FAILED'
  }
  const message = new Message({
    topic: topicOf(mode),
    tags: sent.tags,
    keys: [`key-${index}`, `键-${mode}`],
    flag: index,
    body,
    properties: { case: sent.case, text: sent.text }
  })
  return { message, sent }
}

function withResult(sent: SentMessage, { sendStatus, msgId, offsetMsgId, messageQueue, queueOffset }: SendResult): SentMessage {
  return { ...sent, status: sendStatus, msgId, offsetMsgId, queueId: messageQueue.queueId, queueOffset }
}

type Send = (message: Message, index: number) => Promise<SendResult | undefined>

const SENDS: Record<string, Send> = {
  await: (message) => producer.send(message),
  callback: (message) =>
    new Promise((resolve, reject) => {
      producer.send(message, {}, (error, result) => (error ? reject(error) : resolve(result)))
    }),
  oneway: async (message) => {
    await producer.sendOneway(message)
    return undefined
  },
  queue: (message, index) => producer.send(message, { queue: new MessageQueue(message.topic, 'broker-a', index % QUEUES) }),
  selector: (message, index) =>
    producer.send(message, {
      selector: (queues, _message, arg) => queues[Number(arg) % queues.length] as MessageQueue,
      arg: index
    }),
  compressed: (message) => producer.send(message)
}

async function sendSingles(mode: string, send = SENDS[mode] as Send): Promise<SentMessage[]> {
  return await Promise.all(
    Array.from({ length: COUNT }, async (_, index) => {
      const { message, sent } = build(mode, index)
      const result = await send(message, index)
      return result === undefined ? { ...sent, status: 'ONEWAY' } : withResult(sent, result)
    })
  )
}

async function sendBatch(): Promise<SentMessage[]> {
  const built = Array.from({ length: COUNT }, (_, index) => build('batch', index))
  const result = await producer.send(built.map(({ message }) => message))
  return built.map(({ sent }) => withResult(sent, result))
}

async function expectReadBack(mode: string, sent: SentMessage[], versions = CLIENT_VERSIONS): Promise<ReadMessage[]> {
  const topic = topicOf(mode)
  expectAllAcknowledged(sent)
  let newest: ReadMessage[] = []
  for (const version of versions) {
    const reader = readers.get(version) as PullReader
    const { messages } = await reader.read(topic, sent.length)
    expectSameMessages(sent, messages)
    expectBrokerProperties(messages)
    if (version === '5.3.3') newest = messages
  }
  // The plain pull of this suite knows zlib only.
  if (mode === 'lz4' || mode === 'zstd') return newest
  const stored = await pullTopic(real.brokerAddr, topic, QUEUES)
  expectSameMessages(sent, stored)
  expect(stored.map(({ sysFlag }) => sysFlag & COMPRESSED_BIT)).toEqual(sent.map(() => (COMPRESSED_MODES.includes(mode) ? 1 : 0)))
  return newest
}

describe('our producer → RocketMQ', () => {
  test.each(Object.keys(SENDS))(
    '%s: each Java consumer reads the bytes, tags, keys and properties that were sent',
    async (mode) => {
      await expectReadBack(mode, await sendSingles(mode))
    }
  )

  test('batch: each Java consumer reads the bytes, tags, keys and properties that were sent', async () => {
    await expectReadBack('batch', await sendBatch())
  })

  const variants: Array<
    [mode: string, options: () => Promise<Partial<DefaultMQProducerOptions>>, versions: typeof CLIENT_VERSIONS]
  > = [
    ['json', async () => ({ serializeType: 'JSON' }), CLIENT_VERSIONS],
    ['auto-batch', async () => ({ autoBatch: true, topics: [topicOf('auto-batch')] }), CLIENT_VERSIONS],
    // 4.7 knows zlib only
    ['lz4', async () => ({ compressType: 'LZ4', compressors: { lz4: lz4NapiCompressor(lz4) } }), ['5.3.3', '4.9.8']],
    [
      'zstd',
      async () => ({ compressType: 'ZSTD', compressors: { zstd: wasmZstdCompressor(await Zstd.load()) } }),
      ['5.3.3', '4.9.8']
    ]
  ]
  test.each(variants)(
    '%s: Java consumers read the bytes, tags, keys and properties that were sent',
    async (mode, options, versions) => {
      const { namesrvAddr } = real
      const variant = new DefaultMQProducer({
        producerGroup: `interop-${mode}`,
        namesrvAddr,
        sendMsgTimeout: 20_000,
        ...(await options())
      })
      await variant.start()
      try {
        await expectReadBack(mode, await sendSingles(mode, (message) => variant.send(message)), versions)
      } finally {
        await variant.shutdown()
      }
    }
  )

  test('the send command: Java reads what it sent', async () => {
    const topic = topicOf('command')
    const args = ['send', '--namesrv', real.namesrvAddr, '--topic', topic, '--tags', 'tag', '--keys', 'key', '--body', 'ü你好 🚀']
    const child = new LineProcess('send command', process.execPath, [cliPath, ...args, '--count', '3', '--json'])
    const printed = await child.jsonUntilExit<SendLine>()
    expect(printed.map(({ sendStatus }) => sendStatus)).toEqual(['SEND_OK', 'SEND_OK', 'SEND_OK'])
    const { messages } = await (readers.get('5.3.3') as PullReader).read(topic, 3)
    const position = ({ queueId, queueOffset, msgId, offsetMsgId }: SendLine | ReadMessage) =>
      `${queueId} ${queueOffset} ${msgId} ${offsetMsgId}`
    expect(messages.map(position).toSorted()).toEqual(printed.map(position).toSorted())
    for (const { body, tags, keys } of messages) {
      expect({ body: Buffer.from(body, 'base64').toString(), tags, keys }).toEqual({ body: 'ü你好 🚀', tags: 'tag', keys: 'key' })
    }
  })

  test('Java takes address, process and time from our unique ids', async () => {
    const reader = readers.get('5.3.3') as PullReader
    const before = Date.now()
    const { msgId } = await producer.send(build('ids', 0).message)
    const after = Date.now()
    const { ip, pid, time } = await reader.decodeId(msgId)
    expect(isIP(ip)).not.toBe(0)
    expect(pid).toBe(process.pid & 0xffff)
    expect(time).toBeGreaterThanOrEqual(before)
    expect(time).toBeLessThanOrEqual(after)
  })
})
