import { afterEach, describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

// The producer's behaviour in trouble, by the faults that applications have for their own tests.

const clock = new HeldClock()
const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) {
    const closed = close()
    await clock.advance(3000)
    await closed
  }
})

async function start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
  const topics = { Orders: { queues: 1 } }
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), clock, topics, ...options })
  open.push(() => broker.close())
  return broker
}

async function produce(broker: LoopbackBroker, options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'g', ...broker.clientOptions(), ...options })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

const message = (body = 'x'): Message => new Message({ topic: 'Orders', body })
const SENDS = { code: 'SEND_MESSAGE_V2' }

/** Outcome, and how long it took on the held clock. */
async function outcome<T>(sent: Promise<T>): Promise<{ result?: T; error?: RocketMQError; millis: number }> {
  const from = clock.monotonic()
  let ended: { result?: T; error?: RocketMQError; millis: number } | undefined
  sent.then(
    (result) => {
      ended = { result, millis: clock.monotonic() - from }
    },
    (error: RocketMQError) => {
      ended = { error, millis: clock.monotonic() - from }
    }
  )
  while (ended === undefined) await clock.advance(10)
  return ended
}

describe('a producer under the faults of the loopback broker', () => {
  it('net-N1 a broker that is killed and restarted under load loses nothing that was acknowledged', async () => {
    const broker = await start({ brokers: 2 })
    const producer = await produce(broker, { retryTimesWhenSendFailed: 3 })
    broker.faults.add({ when: { ...SENDS, brokerName: 'broker-a', nth: 10 }, then: { kind: 'kill', restartAfter: 200 } })
    broker.faults.add({ when: { ...SENDS, brokerName: 'broker-b', nth: 30 }, then: { kind: 'kill', restartAfter: 200 } })
    const acknowledged: string[] = []
    for (let i = 0; i < 100; i++) {
      const { result } = await outcome(producer.send(message(String(i))))
      if (result !== undefined) acknowledged.push(result.msgId)
      await clock.advance(20)
    }
    broker.faults.assertAllFired()
    const stored = new Set(broker.messages('Orders').map(({ msgId }) => msgId))
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(90)
  })

  it('net-N2 without a name server known topics go on; an unknown one fails in time, and is found later', async () => {
    const broker = await start()
    const producer = await produce(broker)
    await outcome(producer.send(message()))
    const down = broker.faults.add({ then: { kind: 'nameServerDown' } })
    expect((await outcome(producer.send(message()))).result?.sendStatus).toBe('SEND_OK')
    const unknown = (): Message => new Message({ topic: 'New', body: 'x' })
    const { error, millis } = await outcome(producer.send(unknown()))
    expect(error).toMatchObject({ code: 'NAME_SERVER_UNREACHABLE', maybeStored: false })
    expect(millis).toBeLessThanOrEqual(3000)
    down.remove()
    await clock.advance(1000)
    expect((await outcome(producer.send(unknown()))).result?.sendStatus).toBe('SEND_OK')
  })

  it('net-N4 a half-open connection: each send ends at its own deadline, and a new connection takes its place', async () => {
    const broker = await start()
    const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
    await outcome(producer.send(message()))
    broker.faults.add({ when: SENDS, then: { kind: 'halfOpen' }, times: 1 })
    const ends = await Promise.all([
      outcome(producer.send(message(), { timeout: 400 })),
      outcome(producer.send(message(), { timeout: 800 }))
    ])
    for (const [i, limit] of [400, 800].entries()) {
      expect(ends[i]?.error?.cause).toMatchObject({ code: 'TIMEOUT' })
      expect(ends[i]?.millis).toBeGreaterThanOrEqual(limit)
      expect(ends[i]?.millis).toBeLessThanOrEqual(limit + 50)
    }
    expect((await outcome(producer.send(message()))).result?.sendStatus).toBe('SEND_OK')
  })

  it('net-N5 an answer that comes after its deadline settles nothing twice', async () => {
    const broker = await start()
    const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
    broker.faults.add({ when: SENDS, then: { kind: 'late', millis: 1000 }, times: 1 })
    let calls = 0
    const called = new Promise<RocketMQError | undefined>((resolve) => {
      producer.send(message('late'), { timeout: 500 }, (error) => {
        calls++
        resolve(error)
      })
    })
    expect((await outcome(called)).result).toMatchObject({ maybeStored: true })
    await clock.advance(2000)
    const next = await outcome(producer.send(message('next')))
    expect([calls, next.result?.queueOffset]).toEqual([1, 1])
  })

  it('net-N6 a silent broker uses up its share of the time, and the retry reaches the other', async () => {
    const broker = await start({ brokers: 2 })
    const producer = await produce(broker)
    await outcome(producer.send(message()))
    await outcome(producer.send(message()))
    const silent = broker.faults.add({ when: { ...SENDS, brokerName: 'broker-a' }, then: { kind: 'drop' } })
    const sent = [await outcome(producer.send(message())), await outcome(producer.send(message()))]
    expect(sent.map(({ result }) => result?.messageQueue.brokerName)).toEqual(['broker-b', 'broker-b'])
    for (const { millis } of sent) expect(millis).toBeLessThan(3000)
    expect(silent.hits).toBeGreaterThan(0)
  })

  it.each(['SYSTEM_BUSY', 'SYSTEM_ERROR', 'TOPIC_NOT_EXIST', 'NO_PERMISSION'])(
    'net-N7 an answer %s is tried again',
    async (code) => {
      const broker = await start({ brokers: 2 })
      const producer = await produce(broker)
      const fault = broker.faults.add({ when: SENDS, then: { kind: 'respond', code }, times: 2 })
      const { result } = await outcome(producer.send(message()))
      expect([result?.sendStatus, fault.hits, broker.messageCount('Orders')]).toEqual(['SEND_OK', 2, 1])
    }
  )

  it.each(['truncate', 'garbageHeader', 'oversizedLength'] as const)(
    'net-N8 %s fails what waits on the connection at once, and no byte of it reaches the next one',
    async (kind) => {
      const broker = await start()
      const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
      await outcome(producer.send(message()))
      broker.faults.add({ when: SENDS, then: { kind }, times: 1 })
      const { error, millis } = await outcome(producer.send(message()))
      expect(error).toMatchObject({ maybeStored: true, cause: { code: 'CONNECTION_LOST' } })
      expect(millis).toBeLessThan(100)
      const next = await outcome(producer.send(message()))
      expect(next.result).toMatchObject({ sendStatus: 'SEND_OK', queueOffset: 2 })
    }
  )

  it('net-N13 sends against a broker that answers nothing stay within the limit, and go on when it does', async () => {
    const broker = await start()
    const producer = await produce(broker, { backPressureForAsyncSendNum: 10, whenFull: 'reject' })
    const held = broker.faults.add({ when: SENDS, then: { kind: 'hold' } })
    const sends = Array.from({ length: 15 }, () =>
      producer.send(message()).then(
        () => 'SEND_OK',
        ({ code }) => code
      )
    )
    await held.fired(10)
    held.release()
    const { result = [] } = await outcome(Promise.all(sends))
    expect(result.filter((code) => code === 'SEND_OK')).toHaveLength(10)
    expect(result.filter((code) => code === 'BACK_PRESSURE')).toHaveLength(5)
  })

  it('net-N17 what is stored after refusals and lost answers is the body as it was at the call, under one id', async () => {
    const broker = await start({ brokers: 2 })
    const producer = await produce(broker, { retryTimesWhenSendFailed: 3, compressMsgBodyOverHowmuch: 100 })
    broker.faults.add({ when: SENDS, then: { kind: 'respond', code: 'SYSTEM_BUSY' }, times: 1 })
    // The first answer is the refusal.
    broker.faults.add({ when: { ...SENDS, nth: 2 }, then: { kind: 'close', when: 'insteadOfReply' } })
    const body = Buffer.alloc(1000, 'a')
    const sending = producer.send(new Message({ topic: 'Orders', body }))
    body.fill('b')
    const { result } = await outcome(sending)
    broker.faults.assertAllFired()
    const stored = broker.messages('Orders')
    expect(stored.map((each) => [each.msgId, each.body.toString()])).toEqual(
      Array.from({ length: 2 }, () => [result?.msgId, 'a'.repeat(1000)])
    )
  })
})
