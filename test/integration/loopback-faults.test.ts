import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import type { LoopbackFaultAction } from '../../src/loopback/fault-kinds.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackFault } from '../../src/loopback/loopback-faults.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

const open: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), topics: { Orders: { queues: 2 } }, ...options })
  open.push(() => broker.close())
  return broker
}

async function produce(broker: LoopbackBroker, options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({
    producerGroup: 'faults',
    retryTimesWhenSendFailed: 0,
    ...broker.clientOptions(),
    ...options
  })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

const message = (): Message => new Message({ topic: 'Orders', body: 'x' })

async function failure(sent: Promise<unknown>): Promise<RocketMQError> {
  return (await sent.then(
    () => undefined,
    (error: unknown) => error
  )) as RocketMQError
}

interface Case {
  then: LoopbackFaultAction
  /** Fields of the error; undefined: the send succeeds. */
  error: Record<string, unknown> | undefined
  /** Messages in the store. */
  stored: number
}

const cases: Case[] = [
  {
    then: { kind: 'respond', code: 'SYSTEM_BUSY', remark: 'not now' },
    error: { responseCode: 2, maybeStored: false },
    stored: 0
  },
  { then: { kind: 'respond', code: 13 }, error: { responseCode: 13 }, stored: 0 },
  { then: { kind: 'delay', millis: 10 }, error: undefined, stored: 1 },
  { then: { kind: 'queue', millis: 10 }, error: undefined, stored: 1 },
  { then: { kind: 'queue', millis: 60_000 }, error: { responseCode: 2, maybeStored: false }, stored: 0 },
  { then: { kind: 'late', millis: 300 }, error: { maybeStored: true, cause: { code: 'TIMEOUT' } }, stored: 1 },
  { then: { kind: 'drop' }, error: { maybeStored: true, cause: { code: 'TIMEOUT' } }, stored: 0 },
  { then: { kind: 'drop', when: 'after' }, error: { maybeStored: true, cause: { code: 'TIMEOUT' } }, stored: 1 },
  { then: { kind: 'close' }, error: { maybeStored: true, cause: { code: 'CONNECTION_LOST' } }, stored: 0 },
  {
    then: { kind: 'close', when: 'insteadOfReply' },
    error: { maybeStored: true, cause: { code: 'CONNECTION_LOST' } },
    stored: 1
  },
  { then: { kind: 'close', when: 'after' }, error: undefined, stored: 1 },
  { then: { kind: 'halfOpen' }, error: { maybeStored: true, cause: { code: 'TIMEOUT' } }, stored: 0 },
  { then: { kind: 'truncate' }, error: { maybeStored: true, cause: { code: 'CONNECTION_LOST' } }, stored: 1 },
  { then: { kind: 'garbageHeader' }, error: { maybeStored: true }, stored: 1 },
  { then: { kind: 'oversizedLength' }, error: { maybeStored: true }, stored: 1 },
  { then: { kind: 'duplicate' }, error: undefined, stored: 1 },
  { then: { kind: 'wrongOpaque' }, error: { maybeStored: true, cause: { code: 'TIMEOUT' } }, stored: 1 },
  { then: { kind: 'hold' }, error: { maybeStored: true, cause: { code: 'TIMEOUT' } }, stored: 0 }
]

describe('faults of the requests', () => {
  it.each(cases)('loopback-1 $then: what the producer sees, and what is stored', async ({ then, error, stored }) => {
    const broker = await start()
    const producer = await produce(broker)
    await producer.send(message())
    const fault = broker.faults.add({ when: { code: 'SEND_MESSAGE_V2', topic: 'Orders' }, then, times: 1 })
    const silent = (error?.['cause'] as { code?: string } | undefined)?.code === 'TIMEOUT'
    const sent = producer.send(message(), silent ? { timeout: 150 } : {})
    if (error === undefined) expect((await sent).sendStatus).toBe('SEND_OK')
    else expect(await failure(sent)).toMatchObject(error)
    await fault.fired()
    broker.faults.assertAllFired()
    expect([fault.hits, broker.messageCount('Orders')]).toEqual([1, stored + 1])
    fault.release()
    if (then.kind === 'halfOpen') {
      // After some requests without a byte in return the client gives the connection up.
      for (let i = 0; i < 5 && (await failure(producer.send(message(), { timeout: 100 }))) !== undefined; i++);
    }
    // The fault is spent: the same producer goes on.
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
  })

  it('loopback-1 faults of the store: the status the producer gets, and that failed syncs and full disks acknowledge nothing', async () => {
    const broker = await start({ storeConfig: { flushDiskType: 'SYNC_FLUSH' } })
    const producer = await produce(broker, { retryAnotherBrokerWhenNotStoreOK: false })
    for (const status of ['FLUSH_DISK_TIMEOUT', 'FLUSH_SLAVE_TIMEOUT', 'SLAVE_NOT_AVAILABLE'] as const) {
      broker.faults.add({ when: { topic: 'Orders' }, then: { kind: 'storeStatus', status }, times: 1 })
      expect((await producer.send(message())).sendStatus).toBe(status)
    }
    broker.faults.add({ then: { kind: 'slowSync', millis: 20 }, times: 1 })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    broker.faults.add({ when: { topic: 'Orders' }, then: { kind: 'diskFull' }, times: 1 })
    const full = await failure(producer.send(message()))
    expect(full).toMatchObject({ responseCode: 14 })
    expect(full.message).toContain('the disk is full (fault)')
    broker.faults.add({ then: { kind: 'failSync' }, times: 1 })
    expect(await failure(producer.send(message()))).toMatchObject({ responseCode: 1 })
    broker.faults.assertAllFired()
  })

  it('loopback-1 faults of the routes: stale and empty', async () => {
    const broker = await start({ brokers: 2, topics: { Orders: { queues: 1 } } })
    const stale = broker.faults.add({ when: { topic: 'Orders' }, then: { kind: 'staleRoute' } })
    const first = await produce(broker)
    await first.send(message())
    expect(stale.hits).toBeGreaterThan(0)
    stale.remove()
    const empty = broker.faults.add({ then: { kind: 'emptyRoute' } })
    const second = await produce(broker, { instanceName: 'second' })
    expect(await failure(second.send(message()))).toBeDefined()
    expect(empty.hits).toBeGreaterThan(0)
  })

  it('loopback-1 a name server that is down: who has a route sends on, who has none fails until it is back', async () => {
    const broker = await start()
    const first = await produce(broker)
    await first.send(message())
    const down = broker.faults.add({ then: { kind: 'nameServerDown' } })
    const third = await produce(broker, { instanceName: 'third' })
    expect(await failure(third.send(message()))).toBeDefined()
    expect(down.hits).toBeGreaterThan(0)
    expect((await first.send(message())).sendStatus).toBe('SEND_OK')
    down.remove()
    // The end of the last connection that was closed may still be on its way.
    expect((await vi.waitFor(() => third.send(message()))).sendStatus).toBe('SEND_OK')
  })
})

describe('faults of connections and of what a put waits for', () => {
  it('loopback-1 refuseConnections: who is connected goes on, nobody else comes in until it is removed', async () => {
    const broker = await start()
    const early = await produce(broker)
    await early.send(message())
    const refusing = broker.faults.add({ when: { server: 'broker' }, then: { kind: 'refuseConnections' } })
    const late = await produce(broker, { instanceName: 'late' })
    expect(await failure(late.send(message()))).toMatchObject({ code: 'SEND_FAILED' })
    expect((await early.send(message())).sendStatus).toBe('SEND_OK')
    expect([refusing.hits > 0, broker.messageCount('Orders')]).toEqual([true, 2])
    refusing.remove()
    expect((await vi.waitFor(() => late.send(message()))).sendStatus).toBe('SEND_OK')
  })

  it.each(['append', 'flush', 'replicate'] as const)(
    'loopback-1 hold at %s: the answer waits for the release, another message does not',
    async (point) => {
      const broker = await start({ storeConfig: { flushDiskType: 'SYNC_FLUSH' } })
      const producer = await produce(broker)
      const held = broker.faults.add({ when: { topic: 'Orders' }, then: { kind: 'hold', point }, times: 1 })
      let answered = false
      const sent = producer.send(message()).finally(() => {
        answered = true
      })
      await held.fired()
      expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
      expect(answered).toBe(false)
      held.release()
      expect((await sent).sendStatus).toBe('SEND_OK')
      expect(broker.messageCount('Orders')).toBe(2)
    }
  )

  it('loopback-1 staleRoute: who asks now learns of brokers that are gone, and the send finds the one that is left', async () => {
    const broker = await start({ brokers: 2, topics: { Orders: { queues: 1 } } })
    const stale = broker.faults.add({ then: { kind: 'staleRoute' } })
    await broker.kill('broker-b')
    const producer = await produce(broker, { retryTimesWhenSendFailed: 1 })
    const queues = await producer.fetchPublishMessageQueues('Orders')
    expect(new Set(queues.map(({ brokerName }) => brokerName))).toEqual(new Set(['broker-a', 'broker-b']))
    const results = [await producer.send(message()), await producer.send(message())]
    expect(results.map(({ messageQueue }) => messageQueue.brokerName)).toEqual(['broker-a', 'broker-a'])
    expect(producer.stats.retries).toBeGreaterThan(0)
    expect(stale.hits).toBeGreaterThan(0)
  })
})

describe('faults as data', () => {
  it('loopback-2 nth, times, queue and group choose events; hits and matches are counted', async () => {
    const broker = await start()
    const producer = await produce(broker)
    const third = broker.faults.add({ when: { code: 310, group: 'faults', nth: 3 }, then: { kind: 'respond', code: 1 } })
    const results: unknown[] = []
    for (let i = 0; i < 4; i++) results.push(await failure(producer.send(message())))
    expect(results.map((error) => error !== undefined)).toEqual([false, false, true, false])
    expect([third.hits, third.matches]).toEqual([1, 3])
  })

  it('loopback-2 the same seed strikes at the same events', async () => {
    const strikes = async (seed: number): Promise<boolean[]> => {
      const broker = await start({ seed })
      const producer = await produce(broker)
      broker.faults.add({ when: { code: 310, probability: 0.5 }, then: { kind: 'respond', code: 1 } })
      const struck: boolean[] = []
      for (let i = 0; i < 20; i++) struck.push((await failure(producer.send(message()))) !== undefined)
      return struck
    }
    const [one, again, other] = [await strikes(7), await strikes(7), await strikes(8)]
    expect(one).toEqual(again)
    expect(one).not.toEqual(other)
    expect(new Set(one).size).toBe(2)
  })

  it('loopback-3 fired() waits for hits, is aborted, and says when it cannot come any more', async () => {
    const broker = await start()
    const producer = await produce(broker)
    const fault = broker.faults.add({ when: { code: 310 }, then: { kind: 'respond', code: 1 }, times: 2 })
    const twice = fault.fired(2)
    await failure(producer.send(message()))
    await failure(producer.send(message()))
    await twice
    await expect(fault.fired(3)).rejects.toThrow('fired() is called with 3: allowed is a whole number from 1 to 2')
    const never = broker.faults.add({ when: { code: 310, nth: 100 }, then: { kind: 'drop' } })
    const waiting = expect(never.fired()).rejects.toMatchObject({ code: 'FAULT_ENDED' })
    never.remove()
    await waiting
    const controller = new AbortController()
    const aborted = expect(
      broker.faults.add({ then: { kind: 'diskFull' } }).fired(1, { signal: controller.signal })
    ).rejects.toMatchObject({
      code: 'ABORTED',
      message: 'waited until the fault diskFull struck 1 times, it struck 0 times of 0 that agreed: enough'
    })
    controller.abort(new Error('enough'))
    await aborted
    const closing = expect(broker.faults.add({ then: { kind: 'diskFull' } }).fired()).rejects.toMatchObject({
      code: 'FAULT_ENDED'
    })
    await broker.close()
    await closing
  })

  it('loopback-3 assertAllFired prints a table of the faults that never struck, removed ones too', async () => {
    const broker = await start({ seed: 42 })
    const producer = await produce(broker)
    broker.faults.add({ when: { code: 310 }, then: { kind: 'duplicate' }, times: 1 })
    broker.faults.add({ when: { code: 'PULL_MESSAGE' }, then: { kind: 'drop' }, times: 2 }).remove()
    broker.faults.add({ when: { code: 310, nth: 9 }, then: { kind: 'close' } })
    await producer.send(message())
    await producer.send(message())
    expect(() => broker.faults.assertAllFired()).toThrow(
      [
        '2 faults never struck (seed 42):',
        '  then   when                     times  matched',
        '  drop   {"code":"PULL_MESSAGE"}  2      0',
        '  close  {"code":310,"nth":9}     any    2'
      ].join('\n')
    )
    broker.faults.clear()
    broker.faults.assertAllFired()
  })

  const bad: Array<[string, unknown, string]> = [
    [
      'an unknown field',
      { then: { kind: 'drop' }, wen: {} },
      'fault.wen is an object: allowed is no such field, but when, then, times'
    ],
    ['an unknown field of when', { when: { tpoic: 'Orders' }, then: { kind: 'drop' } }, "when.tpoic is 'Orders': allowed is"],
    ['an unknown kind', { then: { kind: 'explode' } }, "then.kind is 'explode': allowed is respond, delay,"],
    [
      'an unknown code name',
      { when: { code: 'SEND_MESAGE' }, then: { kind: 'drop' } },
      "when.code is 'SEND_MESAGE': allowed is a whole number or one of RocketMQ's names, for example SEND_MESSAGE"
    ],
    [
      'an unknown topic',
      { when: { topic: 'Odrers' }, then: { kind: 'drop' } },
      "when.topic is 'Odrers': allowed is a topic that exists"
    ],
    [
      'an unknown broker',
      { when: { brokerName: 'broker-z' }, then: { kind: 'drop' } },
      "when.brokerName is 'broker-z': allowed is broker-a"
    ],
    ['nth below 1', { when: { nth: 0 }, then: { kind: 'drop' } }, 'when.nth is 0: allowed is a whole number from 1'],
    [
      'a probability above 1',
      { when: { probability: 1.5 }, then: { kind: 'drop' } },
      'when.probability is 1.5: allowed is a number above 0 and up to 1'
    ],
    ['times 0', { then: { kind: 'drop' }, times: 0 }, 'times is 0: allowed is a whole number from 1'],
    ['a negative queue', { when: { queueId: -1 }, then: { kind: 'drop' } }, 'when.queueId is -1'],
    [
      'a queue that the topic does not have',
      { when: { topic: 'Orders', queueId: 2 }, then: { kind: 'drop' } },
      'when.queueId is 2: allowed is a queue of Orders, 0 to 1'
    ],
    [
      'more times than nth can strike',
      { when: { nth: 3 }, then: { kind: 'drop' }, times: 2 },
      'times is 2: allowed is 1: with when.nth a fault strikes once'
    ],
    ['to kill the name server by a request', { when: { server: 'namesrv' }, then: { kind: 'kill' } }, "when.server is 'namesrv'"],
    [
      'a broker where the name server is meant',
      { when: { brokerName: 'broker-a' }, then: { kind: 'nameServerDown' } },
      "when.brokerName is 'broker-a': allowed is no such field"
    ],
    [
      'a field of another kind',
      { then: { kind: 'drop', millis: 5 } },
      'then.millis is 5: allowed is no such field, but kind, when'
    ],
    ['no delay', { then: { kind: 'delay' } }, 'then.millis is undefined: allowed is a whole number from 0'],
    [
      'an unknown response code',
      { then: { kind: 'respond', code: 'BUSY' } },
      "then.code is 'BUSY': allowed is a whole number or one of RocketMQ's names, for example SYSTEM_BUSY"
    ],
    [
      'an unknown status',
      { then: { kind: 'storeStatus', status: 'PUT_OK' } },
      "then.status is 'PUT_OK': allowed is FLUSH_DISK_TIMEOUT"
    ],
    [
      'a request code at the store',
      { when: { code: 310 }, then: { kind: 'diskFull' } },
      'when.code is 310: allowed is no such field, but topic, queueId, brokerName, nth, probability'
    ]
  ]
  it.each(bad)('loopback-4 refuses %s with field, value and what is allowed', async (_what, fault, text) => {
    const broker = await start()
    expect(() => broker.faults.add(fault as LoopbackFault)).toThrow(text)
    expect(broker.faults.all).toHaveLength(0)
  })
})
