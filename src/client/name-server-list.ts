import type { Clock } from '../internal/clock.ts'
import { MQClientException, RemotingConnectException, type RocketMQError } from '../internal/errors.ts'
import { type Logger, logText } from '../internal/logger.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'

/** Time one name server gets at least before the next is asked, ms. */
const MIN_SHARE = 500

/**
 * The name servers and which of them is asked. Requests stick to one server while it answers; when it cannot be reached, hangs up or
 * stays silent, the next one takes over, each server at most once a request. Every server gets a share of the time that is left, so
 * that one silent server does not use it all up.
 */
export class NameServerList {
  readonly #remoting: RemotingClient
  readonly #clock: Clock
  readonly #logger: Logger
  #addresses: string[] = []
  #chosen = 0

  constructor(remoting: RemotingClient, clock: Clock, logger: Logger) {
    this.#remoting = remoting
    this.#clock = clock
    this.#logger = logger
  }

  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** Takes a new list, in random order; connections to servers that are no longer in it are closed. */
  update(addresses: readonly string[]): void {
    const removed = this.#addresses.filter((address) => !addresses.includes(address))
    if (removed.length === 0 && addresses.length === this.#addresses.length) return
    this.#addresses = shuffled(addresses)
    this.#chosen = 0
    for (const address of removed) this.#remoting.closeConnection(address)
  }

  /**
   * Asks one name server, or the next when it fails. An answer with an error code is an answer.
   * @param request makes a fresh request for each attempt.
   * @throws MQClientException `NO_NAME_SERVER` when the list is empty; RemotingConnectException `NAME_SERVER_UNREACHABLE`, which lists
   *   what was tried and why it failed.
   */
  async invoke(request: () => RemotingCommand, timeoutMillis: number, signal?: AbortSignal): Promise<RemotingCommand> {
    const addresses = this.#addresses
    if (addresses.length === 0) throw noNameServer()
    const deadline = this.#clock.monotonic() + timeoutMillis
    const failures: string[] = []
    let cause: unknown
    for (let left = addresses.length; left > 0; left--) {
      signal?.throwIfAborted()
      const remaining = deadline - this.#clock.monotonic()
      if (remaining <= 0) break
      const address = addresses[this.#chosen % addresses.length]
      const share = left === 1 ? remaining : Math.min(remaining, Math.max(MIN_SHARE, remaining / left))
      try {
        return await this.#remoting.invoke(address, request(), Math.ceil(share), signal)
      } catch (error) {
        // Whoever called has to mend that, no other server.
        if (signal?.aborted || (error as RocketMQError).code === 'RPC_HOOK_FAILED') throw error
        cause = error
        failures.push(`${address}: ${logText(error)}`)
        this.#giveUp(address, addresses)
      }
    }
    throw new RemotingConnectException(`no name server could be reached: ${failures.join('; ') || 'no time was left'}`, {
      code: 'NAME_SERVER_UNREACHABLE',
      responseCode: 10001,
      retryable: true,
      hint:
        (cause as RocketMQError | undefined)?.hint ??
        `Check that a name server runs and is reachable at ${addresses.join(';')}, and that no firewall or wrong port is in between.`,
      cause
    })
  }

  /** The next request starts at the next server; the connection to a silent one is not kept. */
  #giveUp(address: string, addresses: readonly string[]): void {
    this.#remoting.closeConnection(address)
    if (addresses !== this.#addresses || addresses[this.#chosen % addresses.length] !== address) return
    this.#chosen = (this.#chosen + 1) % addresses.length
    if (addresses.length > 1)
      this.#logger.warn(`name server ${logText(address)} failed, next is ${logText(addresses[this.#chosen])}`)
  }
}

export function noNameServer(): MQClientException {
  return new MQClientException('No name server address, please set it.', {
    code: 'NO_NAME_SERVER',
    responseCode: 10004,
    hint: 'Set namesrvAddr, for example 127.0.0.1:9876, or the environment variable NAMESRV_ADDR.'
  })
}

function shuffled(addresses: readonly string[]): string[] {
  const list = [...addresses]
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const other = list[i]
    list[i] = list[j]
    list[j] = other
  }
  return list
}
