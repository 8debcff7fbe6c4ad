import type { LoopbackBroker } from '../loopback/loopback-broker.ts'
import type { DefaultMQProducer } from '../producer/default-mq-producer.ts'
import { TestBroker } from './test-broker.ts'
import { checkTestOptions, type Stoppable, type TestBrokerOptions, type TestProducerOptions } from './test-broker-options.ts'

/** What a test gets. */
export interface BrokerFixtures {
  /** Started, with a free port of its own. */
  broker: LoopbackBroker
  /** Started and connected to `broker`. */
  producer: DefaultMQProducer
  /** Further started producers; shut down when the test ends. */
  createProducer: (options?: TestProducerOptions) => Promise<DefaultMQProducer>
  /** Shuts a producer that the test made itself down when the test ends, and returns it. */
  autoShutdown: <T extends Stoppable>(producer: T) => T
  /** What the other fixtures share; nothing for tests. @internal */
  testBroker: TestBroker
}

/** What a test gets where the broker is common to a file. */
export interface FileBrokerFixtures extends BrokerFixtures {
  /** What the tests of the file share; nothing for tests. @internal */
  fileBroker: TestBroker
}

/** What the runner tells about a test. */
export interface TestTask {
  /** With the name that a leak is reported with. */
  task: {
    /** Without the names of the suites around it. */
    readonly name: string
  }
}

/** Vitest's `use`: runs the test, and resolves when it has ended. */
export type Use<T> = (value: T) => Promise<void>

/** What most fixtures are made from. @internal */
export interface Own {
  /** The broker with all that belongs to it. */
  testBroker: TestBroker
}

/** Vitest's function for one fixture. */
export type TestFixture<K extends keyof BrokerFixtures, Context> = (
  context: Context,
  use: Use<BrokerFixtures[K]>
) => Promise<void>

/** Fixture functions in the shape of Vitest's `test.extend`. */
export interface BrokerFixture {
  /** Starts the broker, and ends everything. @internal */
  testBroker: TestFixture<'testBroker', TestTask>
  /** Makes {@link BrokerFixtures.broker}. */
  broker: TestFixture<'broker', Own>
  /** Makes {@link BrokerFixtures.producer}. */
  producer: TestFixture<'producer', Own>
  /** Makes {@link BrokerFixtures.createProducer}. */
  createProducer: TestFixture<'createProducer', Own>
  /** Makes {@link BrokerFixtures.autoShutdown}. */
  autoShutdown: TestFixture<'autoShutdown', Own>
}

/** As {@link BrokerFixture}, with one broker for the tests of a file. */
export interface FileBrokerFixture extends Omit<BrokerFixture, 'testBroker'> {
  /** Starts the broker of the file. @internal */
  fileBroker: [(context: object, use: Use<TestBroker>) => Promise<void>, { scope: 'file' }]
  /** Stands around each test. @internal */
  testBroker: [TestFixture<'testBroker', TestTask & { fileBroker: TestBroker }>, { auto: true }]
}

// Vitest reads the names of the fixtures that a function uses from the text of its first parameter.
const forTests = {
  broker: async ({ testBroker }: Own, use: Use<LoopbackBroker>) => use(testBroker.broker),
  producer: async ({ testBroker }: Own, use: Use<DefaultMQProducer>) => use(await testBroker.createProducer()),
  createProducer: async ({ testBroker }: Own, use: Use<BrokerFixtures['createProducer']>) =>
    use((options) => testBroker.createProducer(options)),
  autoShutdown: async ({ testBroker }: Own, use: Use<BrokerFixtures['autoShutdown']>) =>
    use((producer) => testBroker.own(producer))
}

/**
 * A broker per test, for Vitest's `test.extend`; started only for tests that use it.
 *
 * @example
 * const test = base.extend<BrokerFixtures>(brokerFixture({ topics: { Orders: {} } }))
 * test('pays', async ({ broker, producer }) => {
 *   await producer.send(new Message({ topic: 'Orders', body: 'paid' }))
 *   expect(broker).toHaveReceived('Orders', { body: 'paid' })
 * })
 * @throws MQClientException naming an option that is wrong.
 */
export function brokerFixture(options: TestBrokerOptions = {}): BrokerFixture {
  checkTestOptions(options)
  return {
    ...forTests,
    testBroker: async ({ task }, use) => {
      const { name } = task
      const testBroker = await TestBroker.start(options)
      testBroker.beginTest(name)
      try {
        await use(testBroker)
      } finally {
        await testBroker.close()
      }
    }
  }
}

/**
 * One broker for all tests of a file; producers are still shut down, and leaks reported, test by test. Tests that run concurrently are
 * better off with {@link brokerFixture}: here a leak is reported with the names of all that ran at the time. For `test.extend` at the top
 * level of a file.
 *
 * @example
 * const test = base.extend<FileBrokerFixtures>(fileBrokerFixture())
 */
export function fileBrokerFixture(options: TestBrokerOptions = {}): FileBrokerFixture {
  checkTestOptions(options)
  return {
    ...forTests,
    fileBroker: [
      // biome-ignore lint/correctness/noEmptyPattern: Vitest takes nothing else for "no other fixture".
      async ({}, use) => {
        const testBroker = await TestBroker.start(options)
        try {
          await use(testBroker)
        } finally {
          await testBroker.close()
        }
      },
      { scope: 'file' }
    ],
    testBroker: [
      async ({ fileBroker, task }, use) => {
        const { name } = task
        fileBroker.beginTest(name)
        try {
          await use(fileBroker)
        } finally {
          await fileBroker.endTest(name)
        }
      },
      { auto: true }
    ]
  }
}
