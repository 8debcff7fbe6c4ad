import { formatAddress } from '../internal/address.ts'
import { RemotingException } from '../internal/errors.ts'
import { nextTurn } from '../internal/turns.ts'
import { memoryPair } from './memory-socket.ts'
import type { Network, NetworkConnectOptions, NetworkListener, NetworkListenOptions, NetworkSocket } from './network.ts'
import { connectFailed } from './remoting-errors.ts'

interface Listener {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly accept: (socket: NetworkSocket) => void
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '0.0.0.0', '::1', '::'])

/**
 * Connections inside the process, with the behaviour of TCP: back-pressure, half close, abrupt close, refused connects. It opens no
 * port and no handle; its port numbers are made up. A TLS client reaches only a TLS listener and the other way round, but nothing is
 * encrypted and no certificate is looked at. Parties find each other only on the same instance.
 */
export class MemoryNetwork implements Network {
  readonly #listeners = new Map<number, Listener>()
  #nextListenPort = 20_000
  #nextClientPort = 40_000

  connect(host: string, port: number, options: NetworkConnectOptions): Promise<NetworkSocket> {
    const addr = formatAddress(host, port)
    return new Promise((resolve, reject) => {
      const { signal } = options
      const fail = (cause: unknown): void => reject(connectFailed(addr, cause))
      if (signal?.aborted) return fail(signal.reason)
      const aborted = (): void => fail(signal?.reason)
      signal?.addEventListener('abort', aborted, { once: true })
      // As with TCP the outcome is never known within the call.
      nextTurn(() => {
        signal?.removeEventListener('abort', aborted)
        if (signal?.aborted) return
        const listener = this.#find(host, port)
        if (listener === undefined) return fail(errorWithCode('ECONNREFUSED', `connect ECONNREFUSED ${addr}`))
        if (listener.tls !== (options.tls !== undefined))
          return fail(errorWithCode('EPROTO', 'one side speaks TLS, the other does not'))
        const serverHost = listener.host === '0.0.0.0' || listener.host === 'localhost' ? '127.0.0.1' : listener.host
        const [client, server] = memoryPair({ host: serverHost, port: this.#clientPort() }, { host: serverHost, port })
        listener.accept(server)
        resolve(client)
      })
    })
  }

  listen(
    host: string,
    port: number,
    onConnection: (socket: NetworkSocket) => void,
    options: NetworkListenOptions = {}
  ): Promise<NetworkListener> {
    const chosen = port === 0 ? this.#freePort() : port
    if (this.#listeners.has(chosen)) {
      const text = `listen EADDRINUSE ${formatAddress(host, chosen)}`
      return Promise.reject(new RemotingException(text, { code: 'EADDRINUSE' }))
    }
    const listener: Listener = { host, port: chosen, tls: options.tls !== undefined, accept: onConnection }
    this.#listeners.set(chosen, listener)
    return Promise.resolve({
      host,
      port: chosen,
      close: () => {
        if (this.#listeners.get(chosen) === listener) this.#listeners.delete(chosen)
        return Promise.resolve()
      }
    })
  }

  #find(host: string, port: number): Listener | undefined {
    const listener = this.#listeners.get(port)
    if (listener === undefined) return undefined
    const reached = listener.host === host || (LOOPBACK.has(host) && LOOPBACK.has(listener.host)) || listener.host === '0.0.0.0'
    return reached ? listener : undefined
  }

  #freePort(): number {
    do this.#nextListenPort++
    while (this.#listeners.has(this.#nextListenPort))
    return this.#nextListenPort
  }

  #clientPort(): number {
    const port = this.#nextClientPort
    this.#nextClientPort = port === 65_535 ? 40_000 : port + 1
    return port
  }
}

function errorWithCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
