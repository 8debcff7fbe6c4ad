import { AssertionError } from 'node:assert'
import type { LoopbackBroker } from '../loopback/loopback-broker.ts'
import type { StoredMessage } from '../loopback/stored-messages.ts'
import { checkTimes } from './matchers.ts'
import type { ExpectedMessage } from './message-pattern.ts'
import { type Found, foundText, look, lookUntil } from './received.ts'

/**
 * The first message of `topic` that is as expected.
 * @throws AssertionError listing what the topic holds.
 */
export function assertReceived(broker: LoopbackBroker, topic: string, expected?: ExpectedMessage): StoredMessage {
  return first(look(broker, topic, expected))
}

/** @throws AssertionError unless exactly `times` messages are as expected. */
export function assertReceivedTimes(broker: LoopbackBroker, topic: string, times: number, expected?: ExpectedMessage): void {
  checkTimes(times)
  const found = look(broker, topic, expected)
  if (found.matching.length !== times) throw failure(found, `exactly ${times}`, times)
}

/** @throws AssertionError when a message is as expected. */
export function assertNotReceived(broker: LoopbackBroker, topic: string, expected?: ExpectedMessage): void {
  const found = look(broker, topic, expected)
  if (found.matching.length > 0) throw failure(found, 'none', 0)
}

/**
 * Waits for a message that is as expected, for what is sent oneway or by another process.
 * @param options.timeout ms of real time, 1000 by default
 * @throws AssertionError when none has come.
 */
export async function waitUntilReceived(
  broker: LoopbackBroker,
  topic: string,
  expected?: ExpectedMessage,
  options?: { timeout?: number }
): Promise<StoredMessage> {
  return first(await lookUntil(broker, topic, expected, options))
}

function first(found: Found): StoredMessage {
  const [message] = found.matching
  if (message === undefined) throw failure(found, 'at least 1', 1)
  return message
}

function failure(found: Found, expected: string, count: number): AssertionError {
  return new AssertionError({
    message: foundText(found, expected),
    actual: found.matching.length,
    expected: count,
    operator: 'received'
  })
}
