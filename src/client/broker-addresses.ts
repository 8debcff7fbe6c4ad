import { formatAddress, parseAddress } from '../internal/address.ts'
import { MQClientException } from '../internal/errors.ts'
import { HostSet } from '../internal/host-set.ts'
import { type Logger, logText } from '../internal/logger.ts'
import type { BrokerData, TopicRouteData } from '../protocol/topic-route.ts'
import type { ClientOptions } from './client-options.ts'

/** A route whose addresses may be used. */
export interface CheckedRoute extends TopicRouteData {
  /** Addresses that were taken out, each with the reason. */
  readonly refusedAddresses: readonly string[]
}

/** Refused addresses are logged once each, up to this many. */
const MOST_LOGGED = 1000

/**
 * Where brokers are reached: what they announce, as `mapBrokerAddress` translates it, and never a host outside `allowedHosts`. A name server
 * could otherwise send this client, and its messages, anywhere.
 */
export class BrokerAddresses {
  readonly #map: ((addr: string) => string) | undefined
  readonly #allowed: HostSet | undefined
  readonly #logger: Logger
  readonly #logged = new Set<string>()

  /** @throws MQClientException naming the entry of `allowedHosts` that is none. */
  constructor(options: Pick<ClientOptions, 'mapBrokerAddress' | 'allowedHosts'>, logger: Logger) {
    this.#map = options.mapBrokerAddress
    this.#logger = logger
    try {
      this.#allowed = options.allowedHosts === undefined ? undefined : new HostSet(options.allowedHosts)
    } catch (error) {
      throw new MQClientException(`allowedHosts: ${(error as Error).message}`, { code: 'BAD_OPTION' })
    }
  }

  /** Addresses are translated, and those that are none, or not allowed, are taken out; the others still serve. */
  check(route: TopicRouteData): CheckedRoute {
    const refusedAddresses: string[] = []
    const brokerDatas = route.brokerDatas.map((broker) => this.#checkBroker(broker, refusedAddresses))
    return { ...route, brokerDatas, refusedAddresses }
  }

  /**
   * Where to connect to for a broker that announces `addr`.
   * @throws MQClientException `BAD_ADDRESS` or `HOST_NOT_ALLOWED`.
   */
  resolve(addr: string): string {
    const mapped = this.#mapped(addr)
    const { host, port } = parseAddress(mapped)
    if (this.#allowed !== undefined && !this.#allowed.has(host)) {
      throw new MQClientException(`${logText(mapped)} is not one of the allowedHosts`, { code: 'HOST_NOT_ALLOWED' })
    }
    return this.#map === undefined ? addr : formatAddress(host, port)
  }

  #mapped(addr: string): string {
    if (this.#map === undefined) return addr
    let mapped: unknown
    try {
      mapped = this.#map(addr)
    } catch (cause) {
      throw new MQClientException(`mapBrokerAddress threw for ${logText(addr)}: ${logText(cause)}`, {
        code: 'BAD_ADDRESS',
        cause
      })
    }
    if (typeof mapped === 'string') return mapped
    throw new MQClientException(`mapBrokerAddress gave no text for ${logText(addr)}`, { code: 'BAD_ADDRESS' })
  }

  #checkBroker(broker: BrokerData, refused: string[]): BrokerData {
    const brokerAddrs = new Map<number, string>()
    for (const [id, addr] of broker.brokerAddrs) {
      try {
        brokerAddrs.set(id, this.resolve(addr))
      } catch (error) {
        const reason = logText(error)
        refused.push(`${broker.brokerName} ${id}: ${reason}`)
        if (this.#logged.size >= MOST_LOGGED || this.#logged.has(reason)) continue
        this.#logged.add(reason)
        this.#logger.warn(`address of broker ${logText(broker.brokerName)} refused: ${reason}`)
      }
    }
    return { ...broker, brokerAddrs }
  }
}
