import { MQClientException } from '../internal/errors.ts'
import type { HeldClock } from '../internal/held-clock.ts'
import { LoopbackBroker } from '../loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../producer/default-mq-producer.ts'
import { ProducerWatch, type WatchedProducer } from './producer-watch.ts'
import type { LeakPolicy, Stoppable, TestBrokerOptions, TestProducerOptions } from './test-broker-options.ts'

/** Producers of one client share what one of them may only have once: each gets a group of its own. */
let producersCreated = 0

/** A broker, the producers that were created for its tests, and the watch on all others. */
export class TestBroker {
  readonly broker: LoopbackBroker
  readonly #leaks: LeakPolicy
  readonly #producerOptions: TestProducerOptions
  readonly #watch: ProducerWatch
  readonly #owned = new Set<Stoppable>()
  /** The tests under way; more than one when they run concurrently. */
  readonly #tests = new Set<string>()

  private constructor(broker: LoopbackBroker, options: TestBrokerOptions, currentTest: () => string | undefined) {
    this.broker = broker
    this.#leaks = options.leaks ?? 'fail'
    this.#producerOptions = options.producer ?? {}
    this.#watch = new ProducerWatch(broker, () => (this.#tests.size > 0 ? [...this.#tests].join(' or ') : currentTest()))
  }

  /** @param currentTest names the test under way, for a runner that has a way to tell. */
  static async start(options: TestBrokerOptions, currentTest: () => string | undefined = () => undefined): Promise<TestBroker> {
    const { leaks: _leaks, producer: _producer, ...brokerOptions } = options
    return new TestBroker(await LoopbackBroker.start(brokerOptions), options, currentTest)
  }

  /** A started producer, shut down when the test ends. */
  async createProducer(options: TestProducerOptions = {}): Promise<DefaultMQProducer> {
    const producer = new DefaultMQProducer({
      producerGroup: `test-producer-${++producersCreated}`,
      ...this.#producerOptions,
      ...options,
      ...this.broker.clientOptions()
    })
    this.own(producer)
    await producer.start()
    return producer
  }

  /** Shuts `producer` down when the test ends. */
  own<T extends Stoppable>(producer: T): T {
    if (typeof (producer as Partial<Stoppable> | undefined)?.shutdown !== 'function') {
      throw new MQClientException(`autoShutdown(${String(producer)}): allowed is a producer`, { code: 'ILLEGAL_ARGUMENT' })
    }
    this.#owned.add(producer)
    return producer
  }

  beginTest(name: string): void {
    this.#tests.add(name)
  }

  /**
   * Shuts down what belongs to the tests; then reports what else is running.
   * @throws MQClientException with code LEAKED_PRODUCERS when producers were left running and `leaks` is `fail`.
   */
  async endTest(name?: string): Promise<void> {
    const leaked = this.#watch.running.filter(
      ({ producer, testName }) => !this.#owned.has(producer) && (name === undefined || testName?.split(' or ').includes(name))
    )
    if (name !== undefined) this.#tests.delete(name)
    // Producers of a test that still runs beside this one stay.
    const owned = this.#tests.size > 0 ? [] : [...this.#owned]
    for (const producer of owned) this.#owned.delete(producer)
    const ending = Promise.allSettled([...owned, ...leaked.map(({ producer }) => producer)].map((one) => one.shutdown()))
    const { clock } = this.broker.clientOptions()
    if (typeof (clock as Partial<HeldClock> | undefined)?.advance === 'function') await moveUntilEnded(clock as HeldClock, ending)
    const outcomes = await ending
    if (leaked.length > 0) this.#report(leaked)
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Ends everything; the broker is closed even when producers were left running. */
  async close(): Promise<void> {
    this.#tests.clear()
    try {
      await this.endTest()
    } finally {
      this.#watch.stop()
      await this.broker.close()
    }
  }

  #report(leaked: readonly WatchedProducer[]): void {
    if (this.#leaks === 'ignore') return
    const text = leakText(leaked)
    if (this.#leaks === 'warn') process.emitWarning(text, { code: 'LEAKED_PRODUCERS' })
    else throw new MQClientException(text, { code: 'LEAKED_PRODUCERS' })
  }
}

/**
 * A shutdown waits, on the clock, for answers that may never come: nobody else moves the clock once the test has ended, and the runner
 * would wait for ever. Most shutdowns end while the clock only waits until all is quiet.
 */
async function moveUntilEnded(clock: HeldClock, ending: Promise<unknown>): Promise<void> {
  let ended = false
  const noted = ending.then(() => {
    ended = true
  })
  await Promise.race([noted, clock.advance(0)])
  while (!ended) await Promise.race([noted, clock.advanceToNextTimer()])
}

function leakText(leaked: readonly WatchedProducer[]): string {
  const lines = leaked.map(({ producer, testName, startedAt }) => {
    const where = startedAt === undefined ? '' : `, started at ${startedAt}`
    return `  ${testName === undefined ? 'outside a test' : `test "${testName}"`}: group "${producer.producerGroup}"${where}`
  })
  return [
    `${leaked.length === 1 ? 'A producer was' : `${leaked.length} producers were`} left running:`,
    ...lines,
    'Shut down what a test starts, take producers from createProducer(), or hand them to autoShutdown(). They have been shut down now.'
  ].join('\n')
}
