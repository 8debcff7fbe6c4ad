import { describe, expect, it, onTestFinished } from 'vitest'
import { RequestTimeoutException, type RocketMQError } from '../../src/internal/errors.ts'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import type { StoredMessage } from '../../src/loopback/stored-messages.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { MessageUtil } from '../../src/producer/message-util.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { rejection } from '../support/producers.ts'

const REPLIES = 'DefaultCluster_REPLY_TOPIC'

class Rig {
  readonly clock = new HeldClock()
  readonly faults = new FaultTable()
  readonly #open: DefaultMQProducer[] = []
  broker!: LoopbackBroker
  requester!: DefaultMQProducer
  replier!: DefaultMQProducer

  static async start(options: LoopbackBrokerOptions = {}, requester: Partial<DefaultMQProducerOptions> = {}): Promise<Rig> {
    const rig = new Rig()
    const { clock, faults } = rig
    const network = new MemoryNetwork()
    rig.broker = await LoopbackBroker.start({ network, clock, faults, topics: { Ask: { queues: 1 } }, ...options })
    onTestFinished(() => rig.stop())
    rig.requester = await rig.producer(requester)
    rig.replier = await rig.producer()
    return rig
  }

  async producer(options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
    const given = { producerGroup: newGroup(), drainTimeout: 0, ...this.broker.clientOptions(), ...options }
    const producer = new DefaultMQProducer(given)
    await producer.start()
    this.#open.push(producer)
    return producer
  }

  /** The `count`th request, as a consumer gets it. */
  async consumed(count = 1): Promise<StoredMessage> {
    await this.broker.waitForMessages('Ask', count)
    return this.broker.messages('Ask')[count - 1]!
  }

  async stop(): Promise<void> {
    for (const producer of this.#open) {
      const down = producer.shutdown()
      await this.clock.advance(0)
      await down
    }
    await this.broker.close()
  }
}

const question = (more: Record<string, unknown> = {}): Message => new Message({ topic: 'Ask', tags: 'q', body: 'ping', ...more })

describe('request', () => {
  it('producer-49 resolves with the reply that a consumer sent back', async () => {
    const rig = await Rig.start()
    const given = question()
    const before = new Map(given.properties)
    const asked = rig.requester.request(given, { timeout: 2000 })
    const request = await rig.consumed()
    expect(request).toMatchObject({ topic: 'Ask', tags: 'q' })
    const {
      CORRELATION_ID: correlationId,
      REPLY_TO_CLIENT: client,
      TTL: ttl,
      CLUSTER: cluster
    } = Object.fromEntries(request.properties)
    expect(correlationId).toMatch(/^[0-9a-f]{8}-/)
    expect([ttl, cluster]).toEqual(['2000', 'DefaultCluster'])

    const answer = MessageUtil.createReplyMessage(request, 'pong')
    answer.putUserProperty('by', 'me')
    answer.flag = 5
    const sent = await rig.replier.send(answer)
    const reply = await asked
    expect(reply).toBeInstanceOf(Message)
    expect([reply.topic, reply.body.toString(), reply.flag]).toEqual([REPLIES, 'pong', 5])
    expect(Object.fromEntries(reply.properties)).toMatchObject({
      CORRELATION_ID: correlationId,
      REPLY_TO_CLIENT: client,
      MSG_TYPE: 'reply',
      UNIQ_KEY: sent.msgId,
      by: 'me',
      ARRIVE_TIME: String(rig.clock.now()),
      PUSH_REPLY_TIME: String(rig.clock.now())
    })
    expect(rig.broker.messages(REPLIES).map(({ offsetMsgId, body }) => [offsetMsgId, body.toString()])).toEqual([
      [sent.offsetMsgId, 'pong']
    ])
    expect(given.properties).toEqual(before)
  })

  it('producer-50 rejects with RequestTimeoutException when no reply comes in time', async () => {
    const rig = await Rig.start()
    let failed: RequestTimeoutException | undefined
    rig.requester.request(question(), { timeout: 800 }).catch((error: RequestTimeoutException) => {
      failed = error
    })
    await rig.clock.advance(799)
    expect(failed).toBeUndefined()
    await rig.clock.advance(1)
    expect(failed).toBeInstanceOf(RequestTimeoutException)
    expect(failed).toMatchObject({ code: 'REQUEST_TIMEOUT', responseCode: 10_006, maybeStored: true })
    expect(failed?.message).toContain('send request message to <Ask> OK, but wait reply message timeout, 800 ms.')
    expect(failed?.uniqKey).toBe((await rig.consumed()).msgId)
  })

  it('producer-131 a late reply and a second one are dropped and counted, and their sender is told success', async () => {
    const rig = await Rig.start()
    const late = rejection<RequestTimeoutException>(rig.requester.request(question(), { timeout: 100 }))
    const first = await rig.consumed(1)
    await rig.clock.advance(100)
    await late
    const asked = rig.requester.request(question())
    const second = await rig.consumed(2)
    for (const [request, text] of [
      [first, 'too late'],
      [second, 'in time'],
      [second, 'twice']
    ] as const) {
      expect((await rig.replier.send(MessageUtil.createReplyMessage(request, text))).sendStatus).toBe('SEND_OK')
    }
    expect((await asked).body.toString()).toBe('in time')
    expect([rig.requester.stats.lateReplies, rig.replier.stats.lateReplies]).toEqual([2, 0])
  })

  it('producer-132 fails with the reason when the request cannot be sent', async () => {
    const rig = await Rig.start({}, { retryTimesWhenSendAsyncFailed: 0 })
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'respond', code: 13, remark: 'no good' } })
    const error = await rejection<RocketMQError & { cause: RocketMQError }>(rig.requester.request(question()))
    expect(error.name).toBe('MQClientException')
    expect(error.message).toContain('send request message to <Ask> fail: CODE: 13  DESC: no good')
    expect(error).toMatchObject({ responseCode: 13, maybeStored: false })
    expect(error.cause.name).toBe('MQBrokerException')
    expect(error.attempts).toHaveLength(1)

    const unsent = rejection<RocketMQError>(rig.requester.request(new Message({ topic: 'Nowhere', body: 'x' }), { timeout: 300 }))
    rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'drop' } })
    await rig.clock.advance(300)
    expect(await unsent).toMatchObject({ name: 'MQClientException', maybeStored: false })
  })

  it('producer-132 a send that gets no answer within the timeout fails as a send, not as a missing reply', async () => {
    const rig = await Rig.start()
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'drop' } })
    const failed = rejection<RocketMQError>(rig.requester.request(question(), { timeout: 500 }))
    await rig.clock.advance(500)
    const error = await failed
    expect(error.message).toContain('send request message to <Ask> fail')
    expect(error).toMatchObject({ name: 'MQClientException', maybeStored: true })
  })

  it('producer-133 a signal ends it at once, whether it was sent or not', async () => {
    const rig = await Rig.start()
    const reason = new Error('enough')
    const aborted = (): { signal: AbortSignal; abort: () => void } => {
      const controller = new AbortController()
      return { signal: controller.signal, abort: () => controller.abort(reason) }
    }
    const before = aborted()
    before.abort()
    await expect(rig.requester.request(question(), before)).rejects.toMatchObject({ code: 'ABORTED', cause: reason })
    expect(rig.broker.messageCount('Ask')).toBe(0)

    const preparing = aborted()
    const first = rejection(rig.requester.request(question(), preparing))
    preparing.abort()
    expect(await first).toMatchObject({ code: 'ABORTED', maybeStored: false })

    const waiting = aborted()
    const second = rejection(rig.requester.request(question(), waiting))
    await rig.consumed(1)
    await rig.clock.advance(0)
    waiting.abort()
    expect(await second).toMatchObject({ code: 'ABORTED', maybeStored: true, cause: reason })

    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'drop' } })
    const sending = aborted()
    const third = rejection(rig.requester.request(question(), sending))
    await rig.clock.advance(0)
    sending.abort()
    expect(await third).toMatchObject({ code: 'ABORTED', maybeStored: true })
    expect(rig.broker.messageCount('Ask')).toBe(1)
  })

  it('producer-134 a large reply is decompressed; one that cannot be read is refused, and told as the cause of the timeout', async () => {
    const rig = await Rig.start()
    const large = 'pong '.repeat(5000)
    const asked = rig.requester.request(question())
    await rig.replier.send(MessageUtil.createReplyMessage(await rig.consumed(1), large))
    expect((await asked).body.toString()).toBe(large)

    const broken = rejection<RequestTimeoutException & { cause: Error }>(rig.requester.request(question(), { timeout: 1000 }))
    const bad = MessageUtil.createReplyMessage(await rig.consumed(2), 'not zlib')
    const hooked = await rig.producer({
      retryTimesWhenSendFailed: 0,
      compressMsgBodyOverHowmuch: 4,
      compressType: 'LZ4',
      compressors: garbage
    })
    const refused = await rejection<RocketMQError>(hooked.send(bad))
    expect(refused.message).toContain('push reply message to ')
    await rig.clock.advance(1000)
    const error = await broken
    expect(error).toBeInstanceOf(RequestTimeoutException)
    expect(error.cause.message).toContain('lz4')
  })

  it('producer-135 a reply reaches it through a broker that never got the request', async () => {
    const rig = await Rig.start({ brokers: 2 })
    const asked = rig.requester.request(question(), { queue: new MessageQueue('Ask', 'broker-a', 0) })
    const request = await rig.consumed()
    expect(request.brokerName).toBe('broker-a')
    const reply = MessageUtil.createReplyMessage(request, 'the other way')
    await rig.replier.send(reply, { queue: new MessageQueue(REPLIES, 'broker-b', 0) })
    expect((await asked).body.toString()).toBe('the other way')
  })

  it('producer-135 a broker that takes no heartbeat holds up the first request for half its time, and no other', async () => {
    const rig = await Rig.start({ brokers: 2 })
    rig.faults.add({ when: { point: 'request', code: 34, brokerName: 'broker-b' }, then: { kind: 'drop' } })
    const queue = new MessageQueue('Ask', 'broker-a', 0)
    const first = rejection(rig.requester.request(question(), { queue, timeout: 1000 }))
    await rig.clock.advance(499)
    expect(rig.broker.messageCount('Ask')).toBe(0)
    await rig.clock.advance(1)
    expect(rig.broker.messageCount('Ask')).toBe(1)
    const second = rejection(rig.requester.request(question(), { queue, timeout: 1000 }))
    await rig.clock.advance(0)
    expect(rig.broker.messageCount('Ask')).toBe(2)
    await rig.clock.advance(1000)
    await Promise.all([first, second])
  })

  it('producer-136 many at once get their own replies, by selector too', async () => {
    const rig = await Rig.start()
    const asked = Array.from({ length: 50 }, (_, i) =>
      rig.requester.request(question({ body: `q${i}` }), { selector: (queues) => queues[0]! })
    )
    await rig.broker.waitForMessages('Ask', 50)
    for (const request of rig.broker.messages('Ask').reverse()) {
      await rig.replier.send(MessageUtil.createReplyMessage(request, `re:${request.body}`))
    }
    const replies = (await Promise.all(asked)).map(({ body }) => body.toString())
    expect(replies).toEqual(Array.from({ length: 50 }, (_, i) => `re:q${i}`))
  })
})

/** Compresses to something nobody can read. */
const garbage = { lz4: { compress: () => Buffer.from('garbage'), decompress: () => Buffer.alloc(0) } }

describe('request with a callback', () => {
  it('producer-51 gets the reply with its flag, once and not before the call has returned', async () => {
    const rig = await Rig.start()
    const calls: Array<[unknown, Message | undefined]> = []
    rig.requester.request(question(), {}, (error, reply) => void calls.push([error, reply]))
    const answer = MessageUtil.createReplyMessage(await rig.consumed(), 'pong')
    answer.flag = 9
    await rig.replier.send(answer)
    await rig.clock.advance(10_000)
    expect(calls).toHaveLength(1)
    expect(calls[0]![0]).toBeUndefined()
    expect([calls[0]![1]!.body.toString(), calls[0]![1]!.flag]).toEqual(['pong', 9])
  })

  it('producer-51 gets a reply that overtakes the answer to the request, and nothing more when that answer never comes', async () => {
    const rig = await Rig.start()
    rig.faults.add({ when: { point: 'response', code: 310 }, then: { kind: 'drop' } })
    const calls: unknown[] = []
    rig.requester.request(question(), {}, (error, reply) => void calls.push(error ?? reply?.body.toString()))
    const request = await rig.consumed()
    await rig.replier.send(MessageUtil.createReplyMessage(request, 'pong'))
    await rig.clock.advance(60_000)
    expect(calls).toEqual(['pong'])
  })

  it('producer-51 gets its failed send once; wrong use and a missing reply reach it too', async () => {
    const rig = await Rig.start()
    const errors: Array<[string, RocketMQError | undefined]> = []
    const note = (name: string) => (error: RocketMQError | undefined) => {
      errors.push([name, error])
      if (name === 'throws') throw new Error('callback boom')
    }
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'respond', code: 13, remark: 'no' }, times: 1 })
    rig.requester.request(question(), {}, note('refused'))
    await rig.clock.advance(0)
    rig.requester.request(undefined as never, {}, note('no message'))
    rig.requester.request(question(), { timeout: -1 }, note('no time'))
    rig.requester.request(question(), note('without options') as never)
    rig.requester.request(question(), { timeout: 50 }, note('throws'))
    expect(errors.map(([name]) => name)).toEqual(['refused'])
    await rig.clock.advance(10_000)
    expect(Object.fromEntries(errors.map(([name, error]) => [name, error?.message.split(':')[0]]))).toEqual({
      refused: 'send request message to <Ask> fail',
      'no message': 'CODE',
      'no time': 'sendDefaultImpl call timeout',
      'without options': 'CODE',
      throws: 'CODE'
    })
    expect(errors).toHaveLength(5)
  })
})

describe('a shutdown with requests under way', () => {
  it('producer-137 waits for their replies within drainTimeout, then gives them up', async () => {
    const rig = await Rig.start({}, { drainTimeout: 1000 })
    const answered = rig.requester.request(question())
    const open = rejection<RocketMQError>(rig.requester.request(question()))
    await rig.broker.waitForMessages('Ask', 2)
    await rig.clock.advance(0)
    const down = rig.requester.shutdown()
    await rig.clock.advance(500)
    await rig.replier.send(MessageUtil.createReplyMessage(rig.broker.messages('Ask')[0]!, 'pong'))
    expect((await answered).body.toString()).toBe('pong')
    await rig.clock.advance(500)
    expect(await open).toMatchObject({ code: 'SHUTDOWN', maybeStored: true })
    await down
    await expect(rig.requester.request(question())).rejects.toThrow('SHUTDOWN_ALREADY')
  })
})

describe('replies at the broker', () => {
  it('store-131 a reply to a client that is not there is refused with the reason, and stored all the same', async () => {
    const rig = await Rig.start()
    const request = { properties: { CLUSTER: 'DefaultCluster', CORRELATION_ID: 'c', REPLY_TO_CLIENT: 'nobody@1', TTL: '1' } }
    const replier = await rig.producer({ retryTimesWhenSendFailed: 0 })
    const send = (): Promise<RocketMQError> => rejection(replier.send(MessageUtil.createReplyMessage(request, 'pong')))
    expect((await send()).message).toContain('push reply message fail, channel of <nobody@1> not found.')
    expect(rig.broker.messageCount(REPLIES)).toBe(1)
    const lost = MessageUtil.createReplyMessage({ properties: { CLUSTER: 'DefaultCluster' } }, 'pong')
    await expect(replier.send(lost)).rejects.toThrow('reply message properties[REPLY_TO_CLIENT] is null')
  })

  it('store-131 with storeReplyMessageEnable off nothing is stored, and the id is 0', async () => {
    const rig = await Rig.start({ brokerConfig: { storeReplyMessageEnable: false } })
    const asked = rig.requester.request(question())
    const sent = await rig.replier.send(MessageUtil.createReplyMessage(await rig.consumed(), 'pong'))
    expect(sent).toMatchObject({ sendStatus: 'SEND_OK', offsetMsgId: '0', queueOffset: 0 })
    expect((await asked).body.toString()).toBe('pong')
    expect(rig.broker.messageCount(REPLIES)).toBe(0)
  })

  it('store-131 a client that lost one of its groups is still found by its id', async () => {
    const rig = await Rig.start({}, { instanceName: 'shared' })
    const other = await rig.producer({ instanceName: 'shared', topics: ['Ask'] })
    await rig.clock.advance(1000)
    const asked = rig.requester.request(question())
    const request = await rig.consumed()
    await other.shutdown()
    await rig.replier.send(MessageUtil.createReplyMessage(request, 'pong'))
    expect((await asked).body.toString()).toBe('pong')
  })
})
