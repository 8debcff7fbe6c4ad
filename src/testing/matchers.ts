import { MQClientException } from '../internal/errors.ts'
import type { ExpectedMessage } from './message-pattern.ts'
import { foundText, look, lookUntil } from './received.ts'

/** What a matcher answers, for Jest's and Vitest's `expect.extend`. */
export interface MatcherResult {
  /** Whether it is as expected. */
  pass: boolean
  /** Why not, or with `.not` why. */
  message: () => string
}

/**
 * The matchers as `expect(...)` shows them; for TypeScript:
 *
 * @example
 * declare module 'vitest' {
 *   interface Matchers<T> extends BrokerMatchers<T> {}
 * }
 */
export interface BrokerMatchers<R = unknown> {
  /** At least one message of `topic` is as expected, now. */
  toHaveReceived(topic: string, expected?: ExpectedMessage): R
  /** Exactly `times` messages of `topic` are as expected, now. */
  toHaveReceivedTimes(topic: string, times: number, expected?: ExpectedMessage): R
  /** A message of `topic` is as expected, now or within `timeout` (ms, 1000 by default); to be awaited. */
  toReceive(topic: string, expected?: ExpectedMessage, options?: { timeout?: number }): Promise<R>
}

/** For `expect.extend(matchers)`. */
export const matchers = {
  /** See {@link BrokerMatchers.toHaveReceived}. */
  toHaveReceived(broker: unknown, topic: string, expected?: ExpectedMessage): MatcherResult {
    const found = look(broker, topic, expected)
    const pass = found.matching.length > 0
    return { pass, message: () => foundText(found, pass ? 'none' : 'at least 1') }
  },

  /** See {@link BrokerMatchers.toHaveReceivedTimes}. */
  toHaveReceivedTimes(broker: unknown, topic: string, times: number, expected?: ExpectedMessage): MatcherResult {
    checkTimes(times)
    const found = look(broker, topic, expected)
    const pass = found.matching.length === times
    return { pass, message: () => foundText(found, pass ? `anything but ${times}` : `exactly ${times}`) }
  },

  /** See {@link BrokerMatchers.toReceive}. */
  async toReceive(
    broker: unknown,
    topic: string,
    expected?: ExpectedMessage,
    options?: { timeout?: number }
  ): Promise<MatcherResult> {
    const found = await lookUntil(broker, topic, expected, options)
    const pass = found.matching.length > 0
    return { pass, message: () => foundText(found, pass ? 'none' : 'at least 1') }
  }
}

/** @throws MQClientException for anything but a whole number from 0 on. */
export function checkTimes(times: number): void {
  if (Number.isInteger(times) && times >= 0) return
  throw new MQClientException(`times is ${String(times)}: allowed is a whole number from 0 on`, { code: 'ILLEGAL_ARGUMENT' })
}
