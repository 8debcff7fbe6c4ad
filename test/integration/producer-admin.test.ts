import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MQClientException, RocketMQError } from '../../src/internal/errors.ts'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { Message } from '../../src/protocol/message.ts'
import { createOffsetMsgId } from '../../src/protocol/message-id.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { rejection } from '../support/producers.ts'

const open: Array<() => Promise<void>> = []
let clock: HeldClock
let broker: LoopbackBroker
let faults: FaultTable
let producer: DefaultMQProducer

beforeEach(async () => {
  clock = new HeldClock()
  const network = new MemoryNetwork()
  faults = new FaultTable()
  broker = await LoopbackBroker.start({ network, clock, faults, brokers: 2, topics: { Orders: { queues: 2 } } })
  open.push(() => broker.close())
  producer = await startProducer()
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function startProducer(options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
  const started = new DefaultMQProducer({ producerGroup: newGroup(), drainTimeout: 0, ...broker.clientOptions(), ...options })
  await started.start()
  open.push(() => started.shutdown())
  return started
}

const first = new MessageQueue('Orders', 'broker-a', 0)
const send = (body: string, keys: string, queue = first) => producer.send(new Message({ topic: 'Orders', body, keys }), { queue })

/** What was asked for by `call`, and how it failed when the clock moved on by `millis`. */
async function failing(call: Promise<unknown>, millis = 0): Promise<RocketMQError> {
  const failed = rejection<RocketMQError>(call)
  if (millis > 0) await clock.advance(millis)
  return await failed
}

describe('createTopic', () => {
  it('producer-28 creates the topic on every broker that has the key, with its attributes', async () => {
    await producer.createTopic('TBW102', 'Fresh', 3, { topicSysFlag: 1, attributes: { 'message.type': 'FIFO' } })
    for (const { topicConfigManager } of broker.brokers) {
      const config = topicConfigManager.selectTopicConfig('Fresh')
      expect(config).toMatchObject({ readQueueNums: 3, writeQueueNums: 3, perm: 6, topicSysFlag: 1, order: false })
      expect([...(config?.attributes ?? [])]).toEqual([['message.type', 'FIFO']])
    }
    await clock.advance(0)
    const queues = await producer.fetchPublishMessageQueues('Fresh')
    expect(queues.map(({ brokerName, queueId }) => `${brokerName} ${queueId}`)).toEqual([
      'broker-a 0',
      'broker-a 1',
      'broker-a 2',
      'broker-b 0',
      'broker-b 1',
      'broker-b 2'
    ])
  })

  it('producer-59 system topics, names that are none and bad numbers are refused before anything is asked', async () => {
    const text = async (topic: string, queues = 1): Promise<string> =>
      (await failing(producer.createTopic('TBW102', topic, queues))).message
    expect(await text('SCHEDULE_TOPIC_XXXX')).toBe(
      'create new topic failed: The topic[SCHEDULE_TOPIC_XXXX] is conflict with system topic.'
    )
    expect(await text('rmq_sys_mine')).toContain('is conflict with system topic')
    expect(await text('a b')).toContain('contains illegal characters')
    expect(await text('T', 0)).toContain('queueNum is 0: allowed is a whole number from 1 to 65535')
    const bad = producer.createTopic('TBW102', 'T', 1, { attributes: { 'a,b': 'c' } })
    expect((await failing(bad)).message).toContain('attribute a,b: name and value are texts without = and comma')
  })

  it('producer-28 fails when no broker has the key, and when every broker refuses; a single refusal is logged', async () => {
    const missing = await failing(producer.createTopic('Nowhere', 'T', 1))
    expect([missing.message, missing.code]).toEqual(['create new topic failed: Not found broker, maybe key is wrong', 'NO_ROUTE'])
    const refused = await failing(producer.createTopic('TBW102', 'T', 1, { attributes: { 'no.such': 'x' } }))
    expect(refused.message).toMatch(/^create new topic failed: create topic to broker exception: CODE: 1 {2}DESC: /)
    const warned: string[] = []
    const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} }
    const logging = await startProducer({ logger })
    const refuse = { kind: 'respond', code: 1, remark: 'not here' } as const
    faults.add({ when: { point: 'request', code: 17, brokerName: 'broker-b' }, then: refuse })
    await logging.createTopic('TBW102', 'Half', 1)
    expect(broker.brokers.map(({ topicConfigManager }) => topicConfigManager.selectTopicConfig('Half')?.readQueueNums)).toEqual([
      1,
      undefined
    ])
    expect(warned).toEqual([expect.stringMatching(/^topic Half was not created on broker-b: CODE: 1 {2}DESC: not here/)])
  })
})

describe('queues and offsets', () => {
  it('producer-28 minimum, maximum, a time and the earliest time of a queue', async () => {
    const times: number[] = []
    for (const body of ['a', 'b', 'c']) {
      times.push(clock.now())
      await send(body, 'k')
      await clock.advance(1000)
    }
    expect(await producer.minOffset(first)).toBe(0)
    expect(await producer.maxOffset(first)).toBe(3)
    expect(await producer.earliestMsgStoreTime(first)).toBe(times[0])
    expect(await producer.searchOffset(first, times[1]!)).toBe(1)
    expect(await producer.searchOffset(first, times[1]! + 1)).toBe(2)
    expect(await producer.searchOffset(first, times[1]! + 1, { boundaryType: 'UPPER' })).toBe(1)
    const empty = new MessageQueue('Orders', 'broker-b', 1)
    expect([await producer.maxOffset(empty), await producer.earliestMsgStoreTime(empty)]).toEqual([0, -1])
  })

  it('a producer that knows no route asks for one; an unknown broker is named', async () => {
    const other = await startProducer()
    expect(await other.maxOffset(first)).toBe(0)
    const error = await failing(other.maxOffset(new MessageQueue('Orders', 'broker-z', 0)))
    expect([error.message, error.code]).toEqual(['The broker[broker-z] not exist', 'BROKER_NOT_EXIST'])
    expect((await failing(other.maxOffset({} as MessageQueue))).message).toBe('what was passed is not a MessageQueue')
    expect((await failing(other.searchOffset(first, Number.NaN))).message).toContain('timestamp is NaN')
  })

  it('a topic without queues to write to fails in the words of Java', async () => {
    const error = await failing(producer.fetchPublishMessageQueues('Nowhere'))
    expect([error.message, error.responseCode]).toEqual([
      'Can not find Message Queue for this topic, Nowhere: it does not exist',
      10005
    ])
  })

  it('within a namespace the caller sees names without it', async () => {
    const spaced = await startProducer({ namespace: 'N' })
    await spaced.createTopic('TBW102', 'Mine', 1)
    await clock.advance(0)
    const [queue] = await spaced.fetchPublishMessageQueues('Mine')
    expect(queue).toEqual(new MessageQueue('Mine', 'broker-a', 0))
    const { msgId, offsetMsgId } = await spaced.send(new Message({ topic: 'Mine', body: 'x', keys: 'k' }), { queue })
    expect(broker.messageCount('N%Mine')).toBe(1)
    expect(await spaced.maxOffset(queue!)).toBe(1)
    expect((await spaced.queryMessageByUniqKey('Mine', msgId)).topic).toBe('Mine')
    expect((await spaced.viewMessage('Mine', offsetMsgId)).topic).toBe('Mine')
  })
})

describe('messages', () => {
  const ALL = [0, Number.MAX_SAFE_INTEGER] as const

  it('producer-70 a query by key returns the messages that have it, of every broker, and no others', async () => {
    await send('a1', 'k1 shared')
    await send('b1', 'k2 shared', new MessageQueue('Orders', 'broker-b', 0))
    await send('a2', 'k1')
    const found = async (key: string, max = 10): Promise<string[]> =>
      (await producer.queryMessage('Orders', key, max, ...ALL)).messageList.map(({ body, brokerName }) => `${brokerName} ${body}`)
    expect(await found('k1')).toEqual(['broker-a a1', 'broker-a a2'])
    expect(await found('shared')).toEqual(['broker-a a1', 'broker-b b1'])
    expect(await found('k1', 1)).toEqual(['broker-a a2'])
    const { indexLastUpdateTimestamp } = await producer.queryMessage('Orders', 'k1', 1, ...ALL)
    expect(indexLastUpdateTimestamp).toBe(clock.now())
    const none = await failing(producer.queryMessage('Orders', 'k9', 1, ...ALL))
    expect([none.message, none.responseCode]).toEqual(['query message by key finished, but no message.', 208])
    const early = producer.queryMessage('Orders', 'k1', 1, 0, clock.now() - 1)
    expect((await failing(early)).responseCode).toBe(208)
    const nowhere = await failing(producer.queryMessage('Nowhere', 'k1', 1, ...ALL))
    expect([nowhere.message, nowhere.responseCode]).toEqual(['The topic[Nowhere] not matched route info', 17])
  })

  it('a broker that says nothing costs its messages only, and an error says that it was not asked', async () => {
    await send('a1', 'k1')
    await send('b1', 'k1', new MessageQueue('Orders', 'broker-b', 0))
    faults.add({ when: { point: 'request', code: 12, brokerName: 'broker-b' }, then: { kind: 'drop' } })
    const query = producer.queryMessage('Orders', 'k1', 10, ...ALL)
    await clock.advance(18_000)
    expect((await query).messageList.map(({ body }) => body.toString())).toEqual(['a1'])
    const none = await failing(producer.queryMessage('Orders', 'k9', 10, ...ALL, { timeout: 500 }), 500)
    expect([none.responseCode, none.message]).toEqual([
      208,
      expect.stringMatching(/no message\. Not everything could be asked: .*timeout/)
    ])
  })

  it('producer-70 a key whose hash is that of another finds only its own messages', async () => {
    // Java hashes both to 2112.
    await send('Aa', 'Aa')
    await send('BB', 'BB')
    const { messageList } = await producer.queryMessage('Orders', 'Aa', 10, ...ALL)
    expect(messageList.map(({ body }) => body.toString())).toEqual(['Aa'])
  })

  it('producer-70 a query by unique key returns the message; large bodies come decompressed', async () => {
    const body = 'long '.repeat(2000)
    const { msgId, offsetMsgId } = await send(body, 'k', new MessageQueue('Orders', 'broker-b', 1))
    const message = await producer.queryMessageByUniqKey('Orders', msgId)
    expect(message).toMatchObject({ topic: 'Orders', msgId, offsetMsgId, brokerName: 'broker-b', queueId: 1, keys: 'k' })
    expect(message.body.toString()).toBe(body)
    expect((await failing(producer.queryMessageByUniqKey('Orders', msgId, clock.now() + 1))).responseCode).toBe(208)
  })

  it('producer-28 viewMessage takes the id of the broker, and that of the client', async () => {
    const { msgId, offsetMsgId } = await send('seen', 'k', new MessageQueue('Orders', 'broker-b', 0))
    const fresh = await startProducer()
    for (const id of [offsetMsgId, offsetMsgId.toLowerCase(), msgId]) {
      expect(await fresh.viewMessage('Orders', id)).toMatchObject({ msgId, offsetMsgId, brokerName: 'broker-b' })
    }
  })

  it('producer-70 viewMessage fails for an id that is none, and for one of a message that is not there', async () => {
    await send('x', 'k')
    const address = hostAddress('127.0.0.1', broker.brokers[0]!.port)
    for (const id of ['nonsense', createOffsetMsgId(address, 1), createOffsetMsgId(address, 999_999)]) {
      expect((await failing(producer.viewMessage('Orders', id))).responseCode).toBe(208)
    }
    expect((await failing(producer.viewMessage('Orders', ''))).message).toBe('msgId is empty')
  })

  it('security-X12 an id does not say where to connect: only brokers of the topic are asked', async () => {
    await send('x', 'k')
    const connected: string[] = []
    producer.events.on('connected', (addr) => connected.push(addr))
    const elsewhere = createOffsetMsgId(hostAddress('10.1.2.3', 10_911), 0)
    // Broker and offset match: it is the message of another broker all the same.
    expect((await failing(producer.viewMessage('Orders', elsewhere))).responseCode).toBe(208)
    expect(connected.filter((addr) => !broker.brokers.some((each) => each.addr === addr))).toEqual([])
  })
})

describe('time and giving up', () => {
  it('producer-70 a broker that says nothing fails the call after six seconds, or after the time that was given', async () => {
    await producer.maxOffset(first)
    faults.add({ when: { point: 'request', code: 30 }, then: { kind: 'drop' } })
    for (const [millis, options] of [
      [6000, undefined],
      [1500, { timeout: 1500 }]
    ] as const) {
      let ended = false
      const call = rejection<RocketMQError>(producer.maxOffset(first, options)).finally(() => {
        ended = true
      })
      await clock.advance(millis - 1)
      expect(ended).toBe(false)
      await clock.advance(1)
      expect((await call).message).toMatch(/^Invoke Broker\[.*\] exception: .*timeout/)
    }
  })

  it('an abort ends the call; options that are none are refused; nothing works before the start', async () => {
    const gone = new AbortController()
    gone.abort(new Error('enough'))
    const aborted = await failing(producer.maxOffset(first, { signal: gone.signal }))
    expect([aborted.code, (aborted.cause as Error).message]).toEqual(['ABORTED', 'enough'])
    const later = new AbortController()
    const call = producer.queryMessage('Orders', 'k', 1, 0, 1, { signal: later.signal })
    later.abort(new Error('now'))
    expect((await failing(call)).code).toBe('ABORTED')
    expect((await failing(producer.minOffset(first, { timeout: -1 }))).message).toContain('timeout is -1')
    const cold = new DefaultMQProducer({ producerGroup: newGroup(), ...broker.clientOptions() })
    expect((await rejection<MQClientException>(cold.minOffset(first))).code).toBe('BAD_STATE')
  })
})
