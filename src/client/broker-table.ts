import type { TopicRouteData } from '../protocol/topic-route.ts'

/** Broker id of a master. */
export const MASTER_ID = 0

/** Which broker has which addresses, as the routes say; Java's `brokerAddrTable`. */
export class BrokerTable {
  readonly #brokers = new Map<string, Map<number, string>>()
  /** Every address that is not forgotten, replaced ones too. */
  readonly #seen = new Set<string>()
  /** Those that were in no route at the last {@link clean}. */
  #absent = new Set<string>()

  update(route: TopicRouteData): void {
    for (const broker of route.brokerDatas) {
      this.#brokers.set(broker.brokerName, new Map(broker.brokerAddrs))
      for (const address of broker.brokerAddrs.values()) this.#seen.add(address)
    }
  }

  /** The master's address; undefined when the broker is unknown or has no master. */
  masterAddress(brokerName: string): string | undefined {
    return this.#brokers.get(brokerName)?.get(MASTER_ID)
  }

  masters(): Set<string> {
    const addresses = new Set<string>()
    for (const broker of this.#brokers.values()) {
      const address = broker.get(MASTER_ID)
      if (address !== undefined) addresses.add(address)
    }
    return addresses
  }

  /** Every address, those of slaves too. */
  all(): Set<string> {
    const addresses = new Set<string>()
    for (const broker of this.#brokers.values()) {
      for (const address of broker.values()) addresses.add(address)
    }
    return addresses
  }

  /**
   * Forgets addresses that stand in none of the routes, and did not the last time either: name servers drop a broker at once when its
   * connection ends, and may list it again seconds after its restart.
   *
   * @returns the forgotten addresses
   */
  clean(routes: Iterable<TopicRouteData>): string[] {
    const known = new Set<string>()
    for (const route of routes) {
      for (const broker of route.brokerDatas) {
        for (const address of broker.brokerAddrs.values()) known.add(address)
      }
    }
    const absent = [...this.#seen].filter((address) => !known.has(address))
    const forgotten = new Set(absent.filter((address) => this.#absent.has(address)))
    this.#absent = new Set(absent.filter((address) => !forgotten.has(address)))
    for (const address of forgotten) this.#seen.delete(address)
    for (const [name, broker] of this.#brokers) {
      for (const [id, address] of broker) if (forgotten.has(address)) broker.delete(id)
      if (broker.size === 0) this.#brokers.delete(name)
    }
    return [...forgotten]
  }
}
