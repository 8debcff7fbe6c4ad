/**
 * Fixtures and matchers for tests against a loopback broker; imports no test runner.
 *
 * @module
 */
export type { LoopbackBroker } from './loopback/loopback-broker.ts'
export type { DefaultMQProducer } from './producer/default-mq-producer.ts'
export { assertNotReceived, assertReceived, assertReceivedTimes, waitUntilReceived } from './testing/assertions.ts'
export type {
  BrokerFixture,
  BrokerFixtures,
  FileBrokerFixture,
  FileBrokerFixtures,
  TestFixture,
  TestTask,
  Use
} from './testing/broker-fixture.ts'
export { brokerFixture, fileBrokerFixture } from './testing/broker-fixture.ts'
export type { BrokerMatchers, MatcherResult } from './testing/matchers.ts'
export { matchers } from './testing/matchers.ts'
export type { ExpectedMessage, MessagePattern } from './testing/message-pattern.ts'
export type { BrokerHooks, BrokerSetup, Hook, SetupOptions } from './testing/setup-broker.ts'
export { setupBroker } from './testing/setup-broker.ts'
export type { LeakPolicy, Stoppable, TestBrokerOptions, TestProducerOptions } from './testing/test-broker-options.ts'
