import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Logger, logText } from '../internal/logger.ts'
import { type HostAddress, hostAddress } from '../protocol/host-address.ts'
import type { Connection } from '../transport/connection.ts'
import type { RemotingServer } from '../transport/remoting-server.ts'

/** How far below the broker's port its second one is. */
const FAST_PORT_BELOW = 2

export interface BrokerPortsOptions {
  /** 0 takes any free one. */
  port: number
  /** For what it warns of. */
  brokerName: string
  /** Whether nobody is authenticated. */
  openToAll: boolean
  /** The address to announce; empty: what is bound, or an address of this machine. Java's `brokerIP1`. */
  brokerIP1: string
  logger: Logger
  /** @param fast pulls are not served. */
  server: (port: number, fast: boolean) => RemotingServer
}

/**
 * What a broker listens on: its port, and Java's fast server on the port 2 below, beside a port that was asked for and where that is free.
 */
export class BrokerPorts {
  readonly #options: BrokerPortsOptions
  readonly #server: RemotingServer
  readonly #fastServer: RemotingServer | undefined
  #storeHost: HostAddress | undefined

  constructor(options: BrokerPortsOptions) {
    const { port, server } = options
    this.#options = options
    this.#server = server(port, false)
    this.#fastServer = port > FAST_PORT_BELOW ? server(port - FAST_PORT_BELOW, true) : undefined
  }

  get main(): RemotingServer {
    return this.#server
  }

  get connections(): Connection[] {
    return this.#all.flatMap((server) => [...server.connections])
  }

  /** The address as it is announced. */
  get brokerIP(): string {
    const { brokerIP1 } = this.#options
    if (brokerIP1 !== '') return brokerIP1
    const { host } = this.#server
    return host === '0.0.0.0' || host === '::' ? outsideAddress() : host
  }

  /** What records hold: addresses, not names. What is bound stands in for a name. */
  get storeHost(): HostAddress {
    this.#storeHost ??= this.#recordedHost()
    return this.#storeHost
  }

  /** @throws the error of the socket when the port is taken; the fast one may be. */
  async start(): Promise<void> {
    await this.#server.start()
    try {
      await this.#fastServer?.start()
    } catch (error) {
      const port = this.#options.port - FAST_PORT_BELOW
      this.#options.logger.warn(`there is no second port without pulls (VIP channel), ${port} is taken: ${logText(error)}`)
    }
    this.#storeHost = this.#recordedHost()
    this.#warnIfReachable()
  }

  async suspend(): Promise<void> {
    await Promise.all(this.#all.map((server) => server.suspend()))
  }

  async resume(): Promise<void> {
    await Promise.all(this.#all.map((server) => server.resume()))
  }

  /** Waits for the socket to take what was sent, then closes every connection. */
  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.handedOver()))
    await Promise.all(this.#all.map((server) => server.close()))
  }

  onConnectionClosed(listener: (connection: Connection) => void): void {
    for (const server of this.#all) server.onConnectionClosed(listener)
  }

  get #all(): RemotingServer[] {
    return this.#fastServer === undefined ? [this.#server] : [this.#server, this.#fastServer]
  }

  #warnIfReachable(): void {
    const { brokerName, openToAll, logger } = this.#options
    const { host } = this.#server
    if (!openToAll || /^(127\.|localhost$|::1$)/.test(host)) return
    logger.warn(`${brokerName} is bound to ${host}: whoever reaches this address can send and read, nobody is authenticated`)
  }

  #recordedHost(): HostAddress {
    const { brokerIP } = this
    const host = isIP(brokerIP) === 0 ? this.#server.host : brokerIP
    return hostAddress(isIP(host) === 0 ? '127.0.0.1' : host, this.#server.port)
  }
}

/** What clients can reach us by when every address is bound. */
function outsideAddress(): string {
  for (const addressesOfOne of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addressesOfOne ?? []) if (family === 'IPv4' && !internal) return address
  }
  return '127.0.0.1'
}
