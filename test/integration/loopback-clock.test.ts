import { afterEach, describe, expect, it, vi } from 'vitest'
import { realClock } from '../../src/internal/clock.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { LocalTransactionState } from '../../src/producer/transaction-listener.ts'
import { TransactionMQProducer } from '../../src/producer/transaction-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/turns.ts'

const open: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start({ clock: 'held', topics: { Orders: { queues: 1 } }, ...options })
  open.push(() => broker.close())
  return broker
}

async function produce(broker: LoopbackBroker, options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'clocked', ...broker.clientOptions(), ...options })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

const message = (body = 'x', delayTimeLevel = 0): Message => new Message({ topic: 'Orders', body, delayTimeLevel })
const memory = (): LoopbackBrokerOptions => ({ network: new MemoryNetwork() })
const count = (broker: LoopbackBroker, code: string): number => broker.requests({ code }).length
const codeOf = (error: { code: string }): string => error.code

describe('a clock that tests hold', () => {
  it('loopback-20 the broker has it where it was started with one, and hands it to producers', async () => {
    const broker = await start(memory())
    expect(broker.clientOptions().clock).toBe(broker.clock)
    const now = broker.clock.now()
    await broker.clock.advance('1m500ms')
    expect(broker.clock.now() - now).toBe(60_500)
    const clock = new HeldClock(1000)
    expect((await start({ ...memory(), clock })).clock).toBe(clock)
    const real = await LoopbackBroker.start(memory())
    open.push(() => real.close())
    expect(() => real.clock).toThrow("it follows the system's clock. Start it with { clock: 'held' }")
    await expect(LoopbackBroker.start({ clock: 'fake' as never })).rejects.toThrow("clock is 'fake': allowed is 'held'")
  })

  it.each([
    ['memory, 24 h', memory, 24],
    ['TCP, 2 h 30 min', () => ({}), 2.5]
  ])(
    'loopback-21 what is due comes when it is due and as often, over %s',
    async (_name, options, hours) => {
      const broker = await start(options())
      const { clock } = broker
      const asked: number[] = []
      const began = clock.now()
      const producer = new TransactionMQProducer({
        producerGroup: 'clocked',
        ...broker.clientOptions(),
        transactionListener: {
          executeLocalTransaction: () => LocalTransactionState.UNKNOW,
          checkLocalTransaction: () => {
            asked.push(clock.now() - began)
            return LocalTransactionState.UNKNOW
          }
        }
      })
      await producer.start()
      open.push(() => producer.shutdown())
      await producer.send(message('two hours', 18))
      await producer.send(new Message({ topic: 'Orders', body: 'a point in time', deliverTimeMs: began + 7_500_000 }))
      await producer.sendMessageInTransaction(new Message({ topic: 'Orders', body: 'never ended' }))
      await clock.advance('10s')
      const counts = (): number[] =>
        ['GET_ROUTEINFO_BY_TOPIC', 'HEART_BEAT', 'REGISTER_BROKER'].map((code) => count(broker, code))
      const before = counts()
      await clock.advance(hours * 3_600_000 - 10_000)
      const periods = (hours * 3600) / 30
      // Routes at 0.01 s and every 30 s, heartbeats at 1 s and every 30 s, registrations every 30 s, and one
      // for the topic that the transaction is put aside in.
      expect(counts().map((after, i) => after - before[i])).toEqual([periods - 1, periods - 1, periods + 1])
      expect(broker.messages('Orders').map(({ body, storeTimestamp }) => [body.toString(), storeTimestamp - began])).toEqual([
        ['two hours', 7_200_000],
        ['a point in time', 7_500_000]
      ])
      // Every 30 s, 15 times.
      expect(asked).toEqual(Array.from({ length: 15 }, (_, i) => (i + 1) * 30_000))
      expect(broker.producers()).toHaveLength(1)
      // The last heartbeat was 29 s ago; every 10 s the broker looks for those whose last is more than 120 s old.
      broker.faults.add({ when: { code: 'HEART_BEAT' }, then: { kind: 'respond', code: 'SYSTEM_ERROR' } })
      await clock.advance('90s')
      expect(broker.producers()).toHaveLength(1)
      await clock.advance('10s')
      expect(broker.producers()).toHaveLength(0)
    },
    60_000
  )

  it.each([
    ['TCP', () => ({})],
    ['TCP and files', () => ({ dataDir: tempFolder(), storeConfig: { flushDiskType: 'SYNC_FLUSH' as const } })],
    [
      'memory and a slave',
      () => ({ ...memory(), brokers: [{ slaves: 1 }], storeConfig: { brokerRole: 'SYNC_MASTER' as const, slaveTimeout: 50 } })
    ],
    ['TCP and a slave with files', () => ({ brokers: [{ slaves: 1 }], dataDir: tempFolder() })]
  ])('loopback-22 a step waits until all is answered, read and synced: %s', async (_name, options) => {
    const broker = await start(options())
    const producer = await produce(broker, { sendMsgTimeout: 20 })
    const outcomes: string[] = []
    for (let i = 0; i < 20; i++) {
      void producer.send(message()).then(
        ({ sendStatus }) => outcomes.push(sendStatus),
        (error) => outcomes.push(codeOf(error))
      )
    }
    // Each of them would time out if the clock moved before it has been answered.
    await broker.clock.advance('1m')
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => 'SEND_OK'))
    if (broker.slaves.length > 0) expect(broker.slaves[0].store.getMaxPhyOffset()).toBe(broker.brokers[0].store.getMaxPhyOffset())
    await broker.kill('broker-a')
    await broker.clock.advance('5m')
    await broker.restart('broker-a')
    await broker.clock.advance('1m')
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
  })

  it.each(['drop', 'hold', 'halfOpen'] as const)(
    'loopback-23 a request that a fault keeps (%s) waits for the clock, and the clock not for it',
    async (kind) => {
      const broker = await start()
      const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
      await producer.send(message())
      broker.faults.add({ when: { code: 'SEND_MESSAGE_V2' }, then: { kind } })
      const sent = producer.send(message('lost'), { timeout: 3000 }).catch(codeOf)
      await broker.clock.advance(2999)
      expect(broker.clock.pending().join('\n')).toMatch(
        /SEND_MESSAGE_V2 \(310\) from 127\.0\.0\.1:\d+ to broker-a \(127\.0\.0\.1:\d+\), since 2999 ms of the clock/
      )
      await broker.clock.advance(1)
      expect(await sent).toBe('SEND_FAILED')
      // What it says to the broker at the end is not answered either.
      const ended = producer.shutdown()
      await broker.clock.advance('1m')
      await ended
    }
  )

  it('loopback-23 neither does it wait for a flush that a fault holds, which ends at its timeout', async () => {
    const broker = await start({ ...memory(), storeConfig: { flushDiskType: 'SYNC_FLUSH' } })
    const producer = await produce(broker, { sendMsgTimeout: 10_000 })
    broker.faults.add({ when: { topic: 'Orders' }, then: { kind: 'slowSync', millis: 60_000 }, times: 1 })
    const sent = producer.send(message()).then(({ sendStatus }) => sendStatus, codeOf)
    await broker.clock.advance('10s')
    expect(await sent).toBe('FLUSH_DISK_TIMEOUT')
  })

  it('loopback-24 a step that is not quiet in time fails with the list of what goes on, and can be tried again', async () => {
    const clock = new HeldClock(0, { stepTimeout: 60_000 })
    const broker = await start({ ...memory(), clock })
    const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
    broker.faults.add({ when: { code: 'SEND_MESSAGE_V2' }, then: { kind: 'drop' } })
    const sent = producer.send(message()).catch(codeOf)
    let finish!: () => void
    const lookup = new Promise<void>((resolve) => {
      finish = resolve
    })
    void clock.track(lookup, 'a look into the database')
    const advanced = clock.advance('10s').catch((thrown) => thrown)
    await until(() => {
      const onlySend = clock.activity.waiting().length === 1 && clock.activity.waiting()[0].startsWith('SEND_MESSAGE_V2')
      return onlySend && count(broker, 'HEART_BEAT') === 1 && clock.activity.active().length === 1
    })
    // A minute of real time later.
    const late = realClock.monotonic() + 60_000
    vi.spyOn(realClock, 'monotonic').mockReturnValue(late)
    const error = await advanced
    vi.restoreAllMocks()
    expect(error).toMatchObject({ code: 'CLOCK_NOT_QUIET' })
    expect(error.message).toMatch(
      /the clock stays at 0 ms: .*60000 ms of real time\. Under way:\n {2}a look into the database, for \d+ ms of real time\nRequests without an answer:\n {2}SEND_MESSAGE_V2 \(310\) from .* to broker-a \(.*\), since 0 ms of the clock/
    )
    finish()
    await clock.advance('10s')
    expect([await sent, clock.monotonic()]).toEqual(['SEND_FAILED', 10_000])
  })

  it('loopback-25 a broker may be killed by a fault and closed while the clock moves', async () => {
    const broker = await start()
    const producer = await produce(broker, { retryTimesWhenSendFailed: 5 })
    await producer.send(message())
    broker.faults.add({ when: { code: 'HEART_BEAT' }, then: { kind: 'kill', restartAfter: 45_000 }, times: 1 })
    await broker.clock.advance('5m')
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    let closing: Promise<void> | undefined
    broker.clock.setTimeout(() => {
      closing = broker.close()
    }, 60_000)
    await broker.clock.advance('1h')
    await closing
    expect(closing).toBeDefined()
    await producer.shutdown()
    expect(broker.clock.pending()).toEqual(['no timer waits'])
  })
})
