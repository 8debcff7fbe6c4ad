import {
  MQBrokerException,
  MQClientException,
  RemotingCommandException,
  RemotingConnectException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  type RocketMQError
} from '../internal/errors.ts'

/** An attempt that may be followed by another is not cut below this many ms. */
const LEAST_SHARE = 500

/**
 * Errors that end a send although their class would let it go on. Each is thrown before anything was sent, and would be thrown again.
 */
const FINAL_CODES = new Set([
  'ABORTED',
  'SHUTDOWN',
  'FORBIDDEN',
  'ILLEGAL_ARGUMENT',
  'MESSAGE_ILLEGAL',
  'INTERNAL',
  'COMPRESSION'
])

/**
 * Whether another attempt may succeed: every transport error, an answer whose code is in the set, and what went wrong before sending
 * (no address, a hook that forbids this broker). Not what cannot be encoded: no broker would take it.
 */
export function isRetryable(error: RocketMQError, retryResponseCodes: ReadonlySet<number>): boolean {
  if (FINAL_CODES.has(error.code)) return false
  if (error instanceof MQBrokerException) return retryResponseCodes.has(error.responseCode) || missesQueue(error)
  if (error instanceof RemotingCommandException) return error.maybeStored
  if (error instanceof MQClientException) return true
  return error.responseCode === -1 || retryResponseCodes.has(error.responseCode)
}

/**
 * Whether the broker has not got the queue (code 29 of 5.x, 1 of 4.x), and so has stored nothing: its topic has fewer queues than our route
 * says. That is so after its queues were reduced, and where the topic became known between our lookup of it and that of the topic new ones
 * are modelled on. Java's producer fails sends to such queues until its next poll.
 */
function missesQueue(error: RocketMQError): boolean {
  return error instanceof MQBrokerException && error.message.includes('request queueId[')
}

/**
 * Whether the route may be to blame: the request did not reach its broker, the broker did not answer or has not got the queue, or there is
 * none of that name.
 */
export function doubtsRoute(error: RocketMQError): boolean {
  return (
    missesQueue(error) ||
    error instanceof RemotingConnectException ||
    error instanceof RemotingSendRequestException ||
    error instanceof RemotingTimeoutException ||
    error.code === 'BROKER_NOT_EXIST'
  )
}

/**
 * Ms one attempt may take. Where another broker can still be tried a silent one must not use up the whole time: it gets a fair share of
 * what is left, at least 500 ms; else all that is left.
 */
export function attemptTimeout(remaining: number, attemptsLeft: number, anotherBroker: boolean, maxPerRequest: number): number {
  if (attemptsLeft <= 1) return Math.ceil(remaining)
  let share = remaining
  if (anotherBroker) share = Math.min(remaining, Math.max(LEAST_SHARE, remaining / attemptsLeft))
  return Math.ceil(maxPerRequest >= 0 ? Math.min(share, maxPerRequest) : share)
}
