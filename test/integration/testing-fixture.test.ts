import { test as base, describe, expect, vi } from 'vitest'
import type { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import {
  type BrokerFixtures,
  type BrokerMatchers,
  brokerFixture,
  type FileBrokerFixtures,
  fileBrokerFixture,
  type LeakPolicy,
  matchers,
  type TestBrokerOptions
} from '../../src/testing.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: has to be declared as Vitest declares it.
  interface Matchers<T = any> extends BrokerMatchers<T> {}
}
expect.extend(matchers)

const order = (body: string): Message => new Message({ topic: 'Orders', body })

const ofFile = base.extend<FileBrokerFixtures>(fileBrokerFixture({ topics: { Orders: { queues: 1 } } }))

describe('a broker per test', () => {
  const test = base.extend<BrokerFixtures>(brokerFixture({ topics: { Orders: { queues: 1 } } }))
  const brokers = new Set<LoopbackBroker>()

  test('tool-1 a test gets a running broker and a started producer', async ({ broker, producer }) => {
    brokers.add(broker)
    await producer.send(order('first'))
    expect(broker).toHaveReceivedTimes('Orders', 1)
  })

  test('tool-1 the next test gets another broker, and the one before is closed', async ({ broker, createProducer }) => {
    const [before] = brokers
    expect(() => before?.messages('Orders')).toThrow(/this one is CLOSED/)
    expect(broker).toHaveReceivedTimes('Orders', 0)
    const producers = await Promise.all([createProducer(), createProducer({ producerGroup: 'mine' })])
    for (const producer of producers) await producer.send(order('second'))
    expect(producers[1]?.producerGroup).toBe('mine')
    expect(broker).toHaveReceivedTimes('Orders', 2, 'second')
  })

  test('tool-1 they work while the runner holds the timers', async ({ broker, producer }) => {
    vi.useFakeTimers()
    try {
      await producer.send(order('frozen'))
      await producer.sendOneway(order('oneway'))
      await expect(broker).toReceive('Orders', 'oneway')
      await expect(broker).not.toReceive('Orders', 'never', { timeout: 20 })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a broker without sockets', () => {
  const test = base.extend<BrokerFixtures>(brokerFixture({ network: new MemoryNetwork(), topics: { Orders: { queues: 1 } } }))

  test('tool-1 it works while the runner holds timers, turns and microtasks', async ({ broker, producer }) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Date', 'performance'] })
    try {
      await new Promise<void>((resolve, reject) => {
        producer.send(order('called back'), {}, (error) => (error ? reject(error) : resolve()))
      })
      await expect(producer.send(order('')).catch((error) => error.code)).resolves.toBe('MESSAGE_ILLEGAL')
      await expect(broker).toReceive('Orders', 'called back')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a broker per file', () => {
  const test = ofFile
  const seen: [LoopbackBroker, DefaultMQProducer][] = []

  test('tool-1 the first test of a file sends', async ({ broker, producer }) => {
    await producer.send(order('first'))
    seen.push([broker, producer])
  })

  test('tool-1 the second test of the file finds the broker and what it holds, and a producer of its own', ({
    broker,
    producer
  }) => {
    const [before, old] = seen[0]!
    expect(broker).toBe(before)
    expect(broker).toHaveReceived('Orders', 'first')
    expect([old.serviceState, producer.serviceState]).toEqual(['SHUTDOWN_ALREADY', 'RUNNING'])
  })
})

describe('producers that a test leaves running', () => {
  /** Runs `body` as the test called `name` of the fixture; resolves with what the fixture throws. */
  async function run(options: TestBrokerOptions, body: (broker: LoopbackBroker) => Promise<unknown>): Promise<unknown> {
    const fixture = brokerFixture(options)
    return fixture
      .testBroker({ task: { name: 'pays twice' } }, (own) =>
        fixture.broker({ testBroker: own }, async (broker) => void (await body(broker)))
      )
      .then(
        () => undefined,
        (error: unknown) => error
      )
  }
  const leaking = (leaked: DefaultMQProducer[]) => async (broker: LoopbackBroker) => {
    const producer = new DefaultMQProducer({ producerGroup: 'forgotten', ...broker.clientOptions() })
    leaked.push(producer)
    await producer.start()
  }

  base('tool-2 are shut down and fail the test, with its name, their group and where they were started', async () => {
    const leaked: DefaultMQProducer[] = []
    const error = await run({}, leaking(leaked))
    expect(error).toMatchObject({ code: 'LEAKED_PRODUCERS' })
    expect(String(error)).toMatch(/test "pays twice": group "forgotten", started at .*testing-fixture\.test\.ts:\d+/)
    expect(leaked[0]?.serviceState).toBe('SHUTDOWN_ALREADY')
  })

  base('tool-2 are only warned of, or not mentioned, where that is asked for', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      expect(await run({ leaks: 'ignore' }, leaking([]))).toBeUndefined()
      expect(warn).not.toHaveBeenCalled()
      expect(await run({ leaks: 'warn' }, leaking([]))).toBeUndefined()
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('pays twice'), { code: 'LEAKED_PRODUCERS' })
    } finally {
      warn.mockRestore()
    }
  })

  base('tool-2 are not those that were shut down, failed to start, or belong to another broker', async () => {
    const outcome = await run({}, async (broker) => {
      const inner = await run({}, async (other) => {
        const producer = new DefaultMQProducer({ producerGroup: 'of-another', ...broker.clientOptions() })
        await producer.start()
        expect(other.namesrvAddr).not.toBe(broker.namesrvAddr)
        await producer.shutdown()
        const failing = new DefaultMQProducer({ producerGroup: 'bad group!', ...other.clientOptions() })
        await expect(failing.start()).rejects.toThrow(/group/)
      })
      expect(inner).toBeUndefined()
    })
    expect(outcome).toBeUndefined()
  })

  base('tool-2 an unknown policy is refused when the fixture is made', () => {
    expect(() => brokerFixture({ leaks: 'loud' as LeakPolicy })).toThrow('leaks is loud: allowed is one of fail, warn, ignore')
  })
})
