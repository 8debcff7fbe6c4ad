import {
  RemotingConnectException,
  RemotingException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  RocketMQError
} from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'

/** No connection could be opened; nothing was sent. */
export function connectFailed(addr: string, cause: unknown): RemotingConnectException {
  return new RemotingConnectException(`connect to ${addr} failed`, { code: 'CONNECT_FAILED', retryable: true, cause })
}

/** The time was used up before anything was sent; `kind` is Java's name of the call. */
export function callTimeout(type: typeof RemotingException, kind: string, addr: string): RocketMQError {
  return new type(`${kind} call the addr[${addr}] timeout`, { code: 'TIMEOUT', retryable: true })
}

/** The socket did not take a oneway request in time; it may still leave. */
export function handOverTimeout(addr: string, millis: number): RemotingTimeoutException {
  return new RemotingTimeoutException(`the request to <${addr}> could not be handed to the socket in ${Math.round(millis)}(ms)`, {
    code: 'TIMEOUT',
    retryable: true,
    maybeStored: true
  })
}

/** The connection was lost, or the peer wants none. */
export function sendFailed(addr: string, code: string, maybeStored: boolean, cause: unknown): RemotingSendRequestException {
  return new RemotingSendRequestException(`send request to <${addr}> failed`, { code, retryable: true, maybeStored, cause })
}

export function clientClosed(): RemotingException {
  return new RemotingException('the client is closed', { code: 'CLIENT_CLOSED' })
}

export function hookFailed(thrown: unknown): RocketMQError {
  if (thrown instanceof RocketMQError) return thrown
  return new RemotingException(`an RPC hook failed: ${logText(thrown)}`, { code: 'RPC_HOOK_FAILED', cause: thrown })
}

/** Our own errors as they are, others as the cause of one. */
export function asRocketMQError(error: unknown): RocketMQError {
  if (error instanceof RocketMQError) return error
  return new RemotingException(`unexpected: ${logText(error)}`, { code: 'INTERNAL', cause: error })
}
