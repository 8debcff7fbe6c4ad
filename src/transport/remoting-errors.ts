import {
  RemotingCommandException,
  RemotingConnectException,
  RemotingException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  RocketMQError
} from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'

/** No connection could be opened; nothing was sent. */
export function connectFailed(addr: string, cause: unknown): RemotingConnectException {
  const code = String((cause as { code?: unknown } | undefined)?.code ?? '')
  const hint = CERTIFICATE_REFUSED.test(code)
    ? { hint: certificateHint(code) }
    : NAME_UNKNOWN.test(code)
      ? { hint: `The host name of ${addr} is unknown here (${code}): check its spelling, and the name resolution of this host.` }
      : {}
  return new RemotingConnectException(`connect to ${addr} failed`, { code: 'CONNECT_FAILED', retryable: true, cause, ...hint })
}

/** Codes of Node and OpenSSL for a certificate that was not accepted. */
const CERTIFICATE_REFUSED = /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|HOSTNAME_MISMATCH)/

/** Codes of a host name that could not be resolved. */
const NAME_UNKNOWN = /^(ENOTFOUND|EAI_)/

function certificateHint(code: string): string {
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID'
    ? `The certificate is of another host (${code}): brokers are announced by address, so give the name it carries as tls.servername.`
    : `The certificate was not accepted (${code}): give the authority that signed it as tls.ca.`
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

/**
 * The connection was lost, or the peer wants none.
 * @param wordless the peer hung up, and has never sent anything.
 */
export function sendFailed(
  addr: string,
  code: string,
  maybeStored: boolean,
  cause: unknown,
  wordless = false
): RemotingSendRequestException {
  const hint = sendFailedHint(addr, cause, wordless)
  return new RemotingSendRequestException(`send request to <${addr}> failed`, {
    code,
    retryable: true,
    maybeStored,
    cause,
    ...(hint === undefined ? {} : { hint })
  })
}

function sendFailedHint(addr: string, cause: unknown, wordless: boolean): string | undefined {
  if (cause instanceof RemotingCommandException && cause.code === 'BAD_FRAME') return notRemoting(addr, cause)
  if (!wordless) return undefined
  return `What listens at ${addr} hung up without a word: check that it is RocketMQ and not shutting down, and whether it expects TLS (the option tls).`
}

function notRemoting(addr: string, { message }: RemotingCommandException): string {
  return `What answers at ${addr} does not speak RocketMQ's remoting protocol (${message}): check the port (a gRPC proxy's 8081 and a console's HTTP are others), and whether TLS is expected.`
}

export function clientClosed(): RemotingException {
  return new RemotingException('the client is closed', { code: 'CLIENT_CLOSED' })
}

export function hookFailed(thrown: unknown): RocketMQError {
  if (thrown instanceof RocketMQError) return thrown
  return new RemotingException(`an RPC hook failed: ${logText(thrown)}`, {
    code: 'RPC_HOOK_FAILED',
    cause: thrown,
    hint: 'What one of the rpcHooks throws fails the call: correct the hook, or let it catch what may go wrong.'
  })
}

/** Our own errors as they are, others as the cause of one. */
export function asRocketMQError(error: unknown): RocketMQError {
  if (error instanceof RocketMQError) return error
  return new RemotingException(`unexpected: ${logText(error)}`, { code: 'INTERNAL', cause: error })
}
