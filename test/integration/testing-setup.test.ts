import { expect, it } from 'vitest'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { type BrokerHooks, type SetupOptions, setupBroker } from '../../src/testing.ts'

type Callback = () => Promise<void>

/** A runner that keeps the hooks, and runs tests by hand as node:test does: the hook gets the test. */
class HandRunner {
  readonly hooks = new Map<string, Callback>()
  readonly given: BrokerHooks

  constructor(...names: string[]) {
    // No name of this file's own tests.
    this.given = { expect: {} } as BrokerHooks
    for (const name of names) Object.assign(this.given, { [name]: (callback: Callback) => void this.hooks.set(name, callback) })
  }

  run(name: string, context?: object): Promise<void> {
    return (this.hooks.get(name) as (context?: object) => Promise<void>)(context)
  }
}

it('tool-3 a broker for the tests of a file: there between beforeAll and afterAll, and not outside', async () => {
  const runner = new HandRunner('beforeAll', 'afterAll')
  const setup = setupBroker(runner.given, { topics: { Orders: {} } })
  expect(() => setup.broker).toThrow(/only while the tests do/)
  await runner.run('beforeAll')
  const producer = await setup.createProducer()
  await producer.send(new Message({ topic: 'Orders', body: 'x' }))
  expect(setup.broker.messageCount('Orders')).toBe(1)
  await runner.run('afterAll')
  expect(producer.serviceState).toBe('SHUTDOWN_ALREADY')
  await expect(setup.createProducer()).rejects.toThrow(/only while the tests do/)
})

it('tool-3 with hooks around each test producers end with it, and a leak carries the name of its test', async () => {
  const runner = new HandRunner('beforeAll', 'afterAll', 'beforeEach', 'afterEach')
  const setup = setupBroker(runner.given)
  await runner.run('beforeAll')
  const ofTheFile = setup.autoShutdown(new DefaultMQProducer({ producerGroup: 'file', ...setup.broker.clientOptions() }))
  await ofTheFile.start()
  await runner.run('beforeEach', { name: 'refunds' })
  await new DefaultMQProducer({ producerGroup: 'forgotten', ...setup.broker.clientOptions() }).start()
  await expect(runner.run('afterEach')).rejects.toThrow(/test "refunds": group "forgotten"/)
  expect(ofTheFile.serviceState).toBe('SHUTDOWN_ALREADY')
  await runner.run('beforeEach', { name: 'clean' })
  await runner.run('afterEach')
  await runner.run('afterAll')
})

it('tool-3 each test has a broker of its own where that is asked for', async () => {
  const runner = new HandRunner('beforeAll', 'afterAll', 'beforeEach', 'afterEach')
  const setup = setupBroker(runner.given, { scope: 'test' })
  expect(runner.hooks.has('beforeAll')).toBe(false)
  await runner.run('beforeEach', { name: 'one' })
  const first = setup.broker
  await runner.run('afterEach')
  await runner.run('beforeEach', { name: 'two' })
  expect(setup.broker).not.toBe(first)
  await runner.run('afterEach')
  expect(() => setup.broker).toThrow(/only while the tests do/)
})

it('tool-3 a test that ends with a send under way ends on a held clock too, which moves no further than it has to', async () => {
  const runner = new HandRunner('beforeAll', 'afterAll', 'beforeEach', 'afterEach')
  const setup = setupBroker(runner.given, { clock: 'held', topics: { Orders: {} } })
  await runner.run('beforeAll')
  const began = setup.broker.clock.now()
  await runner.run('beforeEach', { name: 'clean' })
  await (await setup.createProducer()).send(new Message({ topic: 'Orders', body: 'x' }))
  await runner.run('afterEach')
  expect(setup.broker.clock.now()).toBe(began)
  await runner.run('beforeEach', { name: 'has timed out' })
  const producer = await setup.createProducer()
  const drop = setup.broker.faults.add({ when: { code: 'SEND_MESSAGE_V2' }, then: { kind: 'drop' }, times: 1 })
  const sent = producer.send(new Message({ topic: 'Orders', body: 'x' }), { timeout: 60_000 }).catch((error) => error.code)
  await drop.fired()
  await runner.run('afterEach')
  expect(await sent).toBe('SHUTDOWN')
  await runner.run('afterAll')
})

it('tool-3 hooks take no parameter, which Jest would take for a callback to wait for', () => {
  const runner = new HandRunner('beforeAll', 'afterAll', 'beforeEach', 'afterEach')
  setupBroker(runner.given)
  expect([...runner.hooks.values()].map((hook) => hook.length)).toEqual([0, 0, 0, 0])
})

it.each<[string[], SetupOptions, RegExp]>([
  [['beforeAll'], {}, /afterAll is undefined: allowed is the function of that name/],
  [['beforeAll', 'afterAll'], { scope: 'test' }, /beforeEach is undefined/],
  [['beforeAll', 'afterAll', 'beforeEach'], {}, /afterEach is undefined/],
  [['beforeAll', 'afterAll'], { scope: 'suite' as 'file' }, /scope is suite: allowed is one of file, test/]
])('tool-3 hooks %j with %j are refused', (names, options, text) => {
  expect(() => setupBroker(new HandRunner(...names).given, options)).toThrow(text)
})
