import { MQClientException } from '../internal/errors.ts'
import type { LoopbackBroker } from '../loopback/loopback-broker.ts'
import type { DefaultMQProducer } from '../producer/default-mq-producer.ts'
import { TestBroker } from './test-broker.ts'
import { checkTestOptions, type Stoppable, type TestBrokerOptions, type TestProducerOptions } from './test-broker-options.ts'

/** Registers what the runner shall call. */
export type Hook = (callback: () => Promise<void>) => unknown

/** The runner's own functions; node:test calls the first two `before` and `after`. */
export interface BrokerHooks {
  /** Runs before the first test. */
  beforeAll: Hook
  /** Runs after the last test. */
  afterAll: Hook
  /** Producers are shut down, and leaks reported, after each test when both are given. @default after the last test of the file */
  beforeEach?: Hook
  /** Goes with `beforeEach`. @default none */
  afterEach?: Hook
  /** Jest's or Vitest's: tells the name of the test under way. @default the global one, where there is one */
  expect?: unknown
}

/** What `setupBroker` takes besides the hooks. */
export interface SetupOptions extends TestBrokerOptions {
  /** Whether each test has a broker of its own; needs `beforeEach` and `afterEach`. @default 'file' */
  scope?: 'file' | 'test'
}

/** What the tests of a file use. */
export interface BrokerSetup {
  /**
   * The broker; there only while tests run.
   * @throws MQClientException with code BAD_STATE outside.
   */
  readonly broker: LoopbackBroker
  /** A started producer, shut down by the fixture. */
  createProducer(options?: TestProducerOptions): Promise<DefaultMQProducer>
  /** Lets the fixture shut down a producer that the test made itself, and returns it. */
  autoShutdown<T extends Stoppable>(producer: T): T
}

/**
 * A broker for the tests of a file, for Jest, node:test, Vitest and every other runner with such hooks.
 *
 * @example
 * const setup = setupBroker({ beforeAll, afterAll, beforeEach, afterEach }, { topics: { Orders: {} } })
 * test('pays', async () => {
 *   const producer = await setup.createProducer()
 *   await producer.send(new Message({ topic: 'Orders', body: 'paid' }))
 *   assertReceived(setup.broker, 'Orders', { body: 'paid' })
 * })
 * @throws MQClientException naming a hook that is missing or an option that is wrong.
 */
export function setupBroker(hooks: BrokerHooks, options: SetupOptions = {}): BrokerSetup {
  checkTestOptions(options)
  const { scope = 'file', ...testOptions } = options
  const { beforeAll, afterAll, beforeEach, afterEach } = checkHooks(hooks, scope)
  let running: TestBroker | undefined
  let testName: string | undefined

  const start = async (): Promise<void> => {
    running = await TestBroker.start(testOptions, () => currentTest(hooks.expect))
  }
  const close = async (): Promise<void> => {
    const testBroker = running
    running = undefined
    await testBroker?.close()
  }
  if (scope === 'file') {
    beforeAll(start)
    afterAll(close)
  }
  if (beforeEach !== undefined && afterEach !== undefined) {
    // Without parameters: Jest would take one for a callback, and Vitest reads the names of fixtures from them.
    beforeEach(async function () {
      // biome-ignore lint/complexity/noArguments: see above.
      const name = currentTest(hooks.expect) ?? nameOf(arguments[0]) ?? 'unknown'
      if (scope === 'test') await start()
      testName = name
      running?.beginTest(name)
    })
    afterEach(() => (scope === 'test' ? close() : (running?.endTest(testName) ?? Promise.resolve())))
  }

  const testBroker = (): TestBroker => {
    if (running !== undefined) return running
    throw new MQClientException(
      'The broker runs only while the tests do: use it in tests and hooks, not while the file is loaded',
      {
        code: 'BAD_STATE'
      }
    )
  }
  return {
    get broker() {
      return testBroker().broker
    },
    createProducer: async (producerOptions) => testBroker().createProducer(producerOptions),
    autoShutdown: (producer) => testBroker().own(producer)
  }
}

function checkHooks(hooks: BrokerHooks, scope: unknown): BrokerHooks {
  const bad = (text: string): MQClientException => new MQClientException(text, { code: 'BAD_OPTION' })
  if (scope !== 'file' && scope !== 'test') throw bad(`scope is ${String(scope)}: allowed is one of file, test`)
  const given = (hooks ?? {}) as unknown as Record<string, unknown>
  const needed = scope === 'test' || given.beforeEach !== undefined || given.afterEach !== undefined
  for (const name of ['beforeAll', 'afterAll', ...(needed ? ['beforeEach', 'afterEach'] : [])]) {
    if (typeof given[name] === 'function') continue
    throw bad(
      `${name} is ${typeof given[name]}: allowed is the function of that name of the test runner (node:test: before, after)`
    )
  }
  return hooks
}

/** Jest's and Vitest's `expect` know the test under way. */
function currentTest(given: unknown): string | undefined {
  const runner = (given ?? (globalThis as { expect?: unknown }).expect) as
    | { getState?(): { currentTestName?: string } }
    | undefined
  try {
    return runner?.getState?.().currentTestName
  } catch {
    return undefined
  }
}

/** node:test hands the test to its hooks, Vitest a context that holds it. */
function nameOf(context: unknown): string | undefined {
  const { fullName, name, task } = (context ?? {}) as { fullName?: string; name?: string; task?: { name?: string } }
  return fullName ?? name ?? task?.name
}
