import { MQClientException } from '../internal/errors.ts'
import type { LoopbackBrokerOptions } from '../loopback/loopback-options.ts'
import type { DefaultMQProducerOptions } from '../producer/producer-options.ts'

/** What is done about a producer that a test started and left running: it is shut down in any case. */
export type LeakPolicy = 'fail' | 'warn' | 'ignore'

/** What a fixture can end: a producer of any kind. */
export interface Stoppable {
  /** Called once; a producer lets what is under way end first. */
  shutdown(): Promise<void>
}

const LEAK_POLICIES: readonly LeakPolicy[] = ['fail', 'warn', 'ignore']

/** Options of `createProducer`; those that lead to the broker are set by the fixture. */
export type TestProducerOptions = Partial<Omit<DefaultMQProducerOptions, 'namesrvAddr' | 'network' | 'clock'>>

/** The broker's options, and what the fixture does. */
export interface TestBrokerOptions extends LoopbackBrokerOptions {
  /**
   * `fail` lets the test fail with the test's name, the group and the line that started the producer; `warn` prints that to stderr.
   * @default 'fail'
   */
  leaks?: LeakPolicy
  /** Options of every producer that the fixture creates. @default none */
  producer?: TestProducerOptions
}

/** @throws MQClientException naming the option that is wrong. */
export function checkTestOptions(options: TestBrokerOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new MQClientException(`options is ${String(options)}: allowed is an object, for example { topics: { Orders: {} } }`, {
      code: 'BAD_OPTION'
    })
  }
  const { leaks = 'fail' } = options
  if (!LEAK_POLICIES.includes(leaks)) {
    throw new MQClientException(`leaks is ${String(leaks)}: allowed is one of ${LEAK_POLICIES.join(', ')}`, {
      code: 'BAD_OPTION'
    })
  }
}
