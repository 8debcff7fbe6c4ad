import net from 'node:net'
import { formatAddress, parseAddress } from '../internal/address.ts'
import { MQClientException, RemotingConnectException } from '../internal/errors.ts'
import { HostSet } from '../internal/host-set.ts'
import { textOf } from '../internal/logger.ts'
import type { Network, NetworkConnectOptions, NetworkListener, NetworkSocket } from './network.ts'
import { connectFailed } from './remoting-errors.ts'
import { secureOver } from './tcp-network.ts'

/** A SOCKS5 proxy; Java's `SocksProxyConfig`. */
export interface SocksProxyConfig {
  /** `host:port` */
  addr: string
  /** For proxies that ask. @default none */
  username?: string
  /** For proxies that ask; shows nowhere. @default none */
  password?: string
}

/** What is used of the package `socks`. */
export interface SocksModule {
  SocksClient: {
    createConnection(options: {
      proxy: { host: string; port: number; type: 5; userId?: string; password?: string }
      command: 'connect'
      destination: { host: string; port: number }
      existing_socket: net.Socket
      timeout: number
    }): Promise<{ socket: net.Socket }>
  }
}

interface Proxy {
  readonly hosts: HostSet
  readonly config: SocksProxyConfig
}

/** The caller's signal ends an attempt; this only ends what nobody waits for. */
const LONGEST_HANDSHAKE = 120_000
/** Java's network for everything, names too. */
const ALL = '0.0.0.0/0'

/**
 * Connects through SOCKS5 proxies, chosen by destination: the first network that holds the address. Names match `0.0.0.0/0` only, and are
 * resolved by the proxy. TLS is spoken with the destination, through the proxy.
 */
export class SocksNetwork implements Network {
  readonly #base: Network
  readonly #proxies: readonly Proxy[]
  readonly #load: () => Promise<SocksModule>

  /**
   * @param table proxies by network (`0.0.0.0/0` for everything), as an object or, as in Java, as its JSON text.
   * @throws MQClientException naming what is wrong, never a password.
   */
  constructor(base: Network, table: string | Record<string, SocksProxyConfig>, load = loadSocks) {
    this.#base = base
    this.#proxies = parseTable(table)
    this.#load = load
  }

  async connect(host: string, port: number, options: NetworkConnectOptions): Promise<NetworkSocket> {
    const proxy = this.#proxies.find(({ hosts }) => hosts.has(host))
    if (proxy === undefined) return this.#base.connect(host, port, options)
    const socket = await this.#through(proxy.config, host, port, options.signal)
    return options.tls === undefined ? socket : secureOver(socket, host, port, options)
  }

  listen(...args: Parameters<Network['listen']>): Promise<NetworkListener> {
    return this.#base.listen(...args)
  }

  async #through(
    { addr, username, password }: SocksProxyConfig,
    host: string,
    port: number,
    signal?: AbortSignal
  ): Promise<net.Socket> {
    const { SocksClient } = await this.#load().catch((cause: unknown) => {
      throw missing(cause)
    })
    const target = `${formatAddress(host, port)} through the SOCKS proxy ${addr}`
    if (signal?.aborted) throw connectFailed(target, signal.reason)
    const proxy = parseAddress(addr)
    const socket = net.connect({ host: proxy.host, port: proxy.port, noDelay: true })
    // Ends the attempt whatever it waits for.
    const abort = (): void => void socket.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
        socket.once('close', () => reject(new Error('the proxy closed the connection')))
      })
      await SocksClient.createConnection({
        proxy: { ...proxy, type: 5, ...(username ? { userId: username } : {}), ...(password ? { password } : {}) },
        command: 'connect',
        destination: { host, port },
        existing_socket: socket,
        timeout: LONGEST_HANDSHAKE
      })
      if (signal?.aborted) throw signal.reason
      return socket
    } catch (error) {
      socket.on('error', () => {})
      socket.destroy()
      throw connectFailed(target, signal?.aborted ? signal.reason : plain(error))
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** The package's errors carry its options, the password among them. */
function plain(error: unknown): Error {
  return new Error(textOf(error))
}

const loadSocks = async (): Promise<SocksModule> => (await import('socks')) as unknown as SocksModule

function missing(cause: unknown): RemotingConnectException {
  return new RemotingConnectException('socksProxyConfig needs the package "socks", which is not installed: npm install socks', {
    code: 'SOCKS_MISSING',
    cause,
    hint: 'Install it beside this package: npm install socks'
  })
}

function parseTable(table: string | Record<string, SocksProxyConfig>): Proxy[] {
  let parsed: unknown = table
  if (typeof table === 'string') {
    try {
      parsed = JSON.parse(table)
    } catch {
      throw bad('is no JSON')
    }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw bad('is no object')
  return Object.entries(parsed as Record<string, Partial<SocksProxyConfig> | null>).map(([network, config]) => {
    try {
      parseAddress(config?.addr ?? '')
      return { hosts: new HostSet(network === ALL ? ['*'] : [network]), config: config as SocksProxyConfig }
    } catch (error) {
      throw bad(`has an entry that is wrong: ${(error as Error).message}`)
    }
  })
}

function bad(what: string): MQClientException {
  return new MQClientException(
    `socksProxyConfig ${what}: allowed is an object of networks and proxies, { '0.0.0.0/0': { addr: 'proxy:1080', username, password } }`,
    { code: 'BAD_OPTION' }
  )
}
