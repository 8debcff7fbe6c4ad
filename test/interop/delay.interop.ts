import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { DefaultMQProducer, Message, type MessageExt, MessageQueue, type SendResult } from '../../dist/index.js'
import {
  OLD_SERVER_VERSION,
  type PullReader,
  type ReadMessage,
  startProgram,
  startPullReader,
  startRealBroker,
  startRealNameServer,
  temporaryDirectory
} from './harness/java.js'
import { type OurBroker, startOurBroker } from './harness/ours.js'
import { QUEUES, topicOf } from './support.ts'

// Messages that are delivered later, recall, and what a producer may ask: ours with the real broker, Java's with ours.
const real = inject('real')
/** Of a machine that does other things as well, ms. */
const LATE = 4000

let producer: DefaultMQProducer
let reader: PullReader

beforeAll(async () => {
  reader = await startPullReader(real)
  producer = new DefaultMQProducer({ producerGroup: 'interop-delay', namesrvAddr: real.namesrvAddr, sendMsgTimeout: 20_000 })
  await producer.start()
})
afterAll(async () => {
  await producer?.shutdown()
  await reader?.stop()
})

/** Asks again while `ask` fails, at most 10 s: the index of the real broker follows its log. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (tries === 50) throw error
      await setTimeout(200)
    }
  }
}

describe('our producer → RocketMQ, delivered later', () => {
  test('delay levels 1 to 3, messages for a point in time, and recall, read by a Java consumer', async () => {
    const topic = topicOf('delay')
    const waits: Record<string, { options: object; millis: number; rounded: number }> = {
      'level-1': { options: { delayTimeLevel: 1 }, millis: 1000, rounded: 0 },
      'level-2': { options: { delayTimeLevel: 2 }, millis: 5000, rounded: 0 },
      'level-3': { options: { delayTimeLevel: 3 }, millis: 10_000, rounded: 0 },
      sec: { options: { delayTimeSec: 3 }, millis: 3000, rounded: 1000 },
      ms: { options: { delayTimeMs: 1500 }, millis: 1500, rounded: 1000 },
      at: { options: { deliverTimeMs: Date.now() + 7000 }, millis: 6000, rounded: 1000 },
      past: { options: { deliverTimeMs: 1000 }, millis: 0, rounded: 0 }
    }
    const send = (name: string, options: object): Promise<SendResult> =>
      producer.send(new Message({ topic, body: name, keys: name, properties: { case: name }, ...options }))
    const results = new Map<string, SendResult>()
    for (const [name, { options }] of Object.entries(waits)) results.set(name, await send(name, options))
    const { recallHandle, msgId } = await send('recalled', { delayTimeSec: 5 })
    expect(await producer.recallMessage(topic, recallHandle as string)).toBe(msgId)

    const { messages } = await reader.read(topic, Object.keys(waits).length)
    const byCase = new Map(messages.map((message) => [message.properties['case'] as string, message]))
    expect([...byCase.keys()].toSorted()).toEqual(Object.keys(waits).toSorted())
    for (const [name, { millis, rounded }] of Object.entries(waits)) {
      const read = byCase.get(name) as ReadMessage
      expect(read.msgId, name).toBe(results.get(name)?.msgId)
      const waited = read.storeTimestamp - read.bornTimestamp
      expect(waited, name).toBeGreaterThanOrEqual(millis)
      expect(waited, name).toBeLessThan(millis + rounded + LATE)
    }
    expect(results.get('sec')?.recallHandle).toBeDefined()
    expect(results.get('level-1')?.recallHandle).toBeUndefined()
    await expect(send('too far', { delayTimeSec: 4 * 24 * 3600 })).rejects.toMatchObject({ responseCode: 13 })
  })

  test('create a topic, its queues and offsets, messages by id and by key', async () => {
    const topic = topicOf('administered')
    await producer.createTopic('TBW102', topic, 3, { attributes: { 'message.type': 'NORMAL' } })
    const queues = await eventually(() => producer.fetchPublishMessageQueues(topic))
    expect(queues).toHaveLength(3)
    const queue = queues[1] as MessageQueue
    expect([await producer.minOffset(queue), await producer.maxOffset(queue)]).toEqual([0, 0])
    const sent: SendResult[] = []
    for (const keys of ['one shared', 'two shared', 'three']) {
      sent.push(await producer.send(new Message({ topic, body: `${keys} ü`.repeat(900), keys }), { queue }))
      await setTimeout(50)
    }
    await eventually(async () => expect(await producer.maxOffset(queue)).toBe(3))
    const [first, second] = sent as [SendResult, SendResult]
    const viewed = await producer.viewMessage(topic, second.offsetMsgId)
    expect(viewed).toMatchObject({
      topic,
      msgId: second.msgId,
      offsetMsgId: second.offsetMsgId,
      queueOffset: 1,
      keys: 'two shared'
    })
    expect(viewed.body.toString()).toBe('two shared ü'.repeat(900))
    expect(await producer.earliestMsgStoreTime(queue)).toBe((await producer.viewMessage(topic, first.offsetMsgId)).storeTimestamp)
    expect(await producer.searchOffset(queue, viewed.storeTimestamp)).toBe(1)
    expect(await producer.searchOffset(queue, viewed.storeTimestamp + 1)).toBe(2)
    const found = await eventually(() => producer.queryMessage(topic, 'shared', 10, 0, Number.MAX_SAFE_INTEGER))
    expect(found.messageList.map(({ msgId }: MessageExt) => msgId).toSorted()).toEqual([first.msgId, second.msgId].toSorted())
    expect((await producer.queryMessageByUniqKey(topic, first.msgId)).offsetMsgId).toBe(first.offsetMsgId)
    expect((await producer.viewMessage(topic, first.msgId)).offsetMsgId).toBe(first.offsetMsgId)
    await expect(producer.queryMessage(topic, 'nothing', 10, 0, Date.now())).rejects.toMatchObject({ responseCode: 208 })
    await expect(producer.maxOffset(new MessageQueue(topic, 'nobody', 0))).rejects.toThrow('The broker[nobody] not exist')
  })
})

describe(`our producer → RocketMQ ${OLD_SERVER_VERSION}`, () => {
  const home = temporaryDirectory('rocketmq-delay-old')
  const stops: Array<() => Promise<unknown>> = []
  let old: DefaultMQProducer
  let oldReader: PullReader

  beforeAll(async () => {
    const nameServer = await startRealNameServer({ home: home.path })
    stops.push(() => nameServer.stop())
    const { namesrvAddr } = nameServer
    const broker = await startRealBroker({ namesrvAddr, home: home.path })
    stops.push(() => broker.stop())
    old = new DefaultMQProducer({ producerGroup: 'interop-delay-old', namesrvAddr, sendMsgTimeout: 20_000 })
    await old.start()
    stops.push(() => old.shutdown())
    await eventually(() => old.createTopic('TBW102', topicOf('delay-old'), 2))
    oldReader = await startPullReader({ namesrvAddr, home: home.path })
    stops.push(() => oldReader.stop())
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
    home.remove()
  })

  test('delay levels, the calls that ask; a point in time is not known there and delivered at once', async () => {
    const topic = topicOf('delay-old')
    const [queue] = await eventually(() => old.fetchPublishMessageQueues(topic))
    const waits = { 'level-1': 1000, 'level-2': 5000, sec: 0 }
    const options: Record<string, object> = {
      'level-1': { delayTimeLevel: 1 },
      'level-2': { delayTimeLevel: 2 },
      sec: { delayTimeSec: 60 }
    }
    const results: SendResult[] = []
    for (const name of Object.keys(waits)) {
      const message = new Message({ topic, body: name, keys: name, properties: { case: name }, ...options[name] })
      results.push(await old.send(message, { queue: queue as MessageQueue }))
    }
    expect(results[2]?.recallHandle).toBeUndefined()
    const { messages } = await oldReader.read(topic, 3)
    for (const { properties, storeTimestamp, bornTimestamp } of messages) {
      const least = waits[properties['case'] as keyof typeof waits]
      expect(storeTimestamp - bornTimestamp).toBeGreaterThanOrEqual(least)
      expect(storeTimestamp - bornTimestamp).toBeLessThan(least + LATE)
    }
    expect(messages).toHaveLength(3)
    expect([await old.minOffset(queue as MessageQueue), await old.maxOffset(queue as MessageQueue)]).toEqual([0, 3])
    const { msgId, offsetMsgId } = results[2] as SendResult
    const viewed = await old.viewMessage(topic, offsetMsgId)
    expect(viewed.msgId).toBe(msgId)
    expect(await old.earliestMsgStoreTime(queue as MessageQueue)).toBe(viewed.storeTimestamp)
    expect(await old.searchOffset(queue as MessageQueue, viewed.storeTimestamp)).toBe(0)
    const byKey = await eventually(() => old.queryMessage(topic, 'sec', 10, 0, Number.MAX_SAFE_INTEGER))
    expect(byKey.messageList.map((message: MessageExt) => message.msgId)).toEqual([msgId])
    expect((await old.queryMessageByUniqKey(topic, msgId)).offsetMsgId).toBe(offsetMsgId)
  })
})

describe('Java 5.3.3 → our broker, delivered later', () => {
  const home = temporaryDirectory('rocketmq-delayed')
  let broker: OurBroker
  let ourReader: PullReader

  beforeAll(async () => {
    broker = await startOurBroker({
      topics: { [topicOf('java-delay')]: QUEUES },
      args: ['--set', 'recallMessageEnable=true']
    })
    ourReader = await startPullReader({ namesrvAddr: broker.namesrvAddr, home: home.path })
  })
  afterAll(async () => {
    await ourReader?.stop()
    await broker?.stop()
    home.remove()
  })

  interface Line {
    case: string
    status?: string
    msgId?: string
    offsetMsgId?: string
    error?: string
  }

  async function run(namesrvAddr: string, at: PullReader): Promise<{ lines: Line[]; messages: ReadMessage[] }> {
    const topic = topicOf('java-delay')
    const args = ['--namesrv', namesrvAddr, '--topic', topic]
    const lines = await startProgram({ main: 'DelayedProducer', version: '5.3.3', args, home: home.path }).jsonUntilExit<Line>()
    const { messages } = await at.read(topic, 6)
    return { lines, messages }
  }

  /** What does not depend on when and where. */
  const kept = ({ properties, tags, keys, body }: ReadMessage): unknown => {
    const names = Object.keys(properties).filter((name) => !['MIN_OFFSET', 'MAX_OFFSET'].includes(name))
    return [Buffer.from(body, 'base64').toString(), tags, keys, names.toSorted()]
  }
  const byBody = (messages: ReadMessage[]): unknown[] => messages.map(kept).toSorted()

  test('our broker answers, delivers and stores as the real one does', async () => {
    const [ours, theirs] = await Promise.all([run(broker.namesrvAddr, ourReader), run(real.namesrvAddr, reader)])
    const comparable = (lines: Line[]): unknown[] =>
      lines.map(({ msgId, offsetMsgId, error, ...rest }) => ({
        ...rest,
        hasId: msgId !== undefined,
        error: error?.replace(/BROKER: \S+/, '').split('\n')[0],
        ...('byKey' in rest ? { byKey: '', byId: '', byOffset: '' } : {}),
        ...('sent' in rest ? { sent: '', same: (rest as { sent: string }).sent === msgId } : {})
      }))
    expect(comparable(ours.lines)).toEqual(comparable(theirs.lines))
    expect(ours.lines.map((line) => line.case)).toContain('recall')
    expect(byBody(ours.messages)).toEqual(byBody(theirs.messages))
    expect(ours.messages.map(({ properties }) => properties['case']).toSorted()).toEqual([
      'level-1',
      'level-2',
      'ms-1500',
      'now',
      'past',
      'sec-3'
    ])
    for (const { properties, storeTimestamp, bornTimestamp } of ours.messages) {
      const least = { now: 0, past: 0, 'level-1': 1000, 'level-2': 5000, 'ms-1500': 1500, 'sec-3': 3000 }[
        properties['case'] as string
      ]
      expect(storeTimestamp - bornTimestamp).toBeGreaterThanOrEqual(least as number)
    }
  })
})
