import type { Clock, Timer } from '../../internal/clock.ts'
import type { Connection } from '../../transport/connection.ts'
import type { BrokerStatsManager } from '../stats/broker-stats-manager.ts'
import type { ConsumerManager } from './consumer-manager.ts'
import type { ProducerManager } from './producer-manager.ts'

/** How often clients are looked for that have not been heard of, and counters are sampled, ms. */
const SCAN_MILLIS = 10_000

export interface ClientHousekeepingDeps {
  readonly clock: Clock
  readonly config: { readonly channelExpiredTimeout: number }
  readonly producerManager: ProducerManager
  readonly consumerManager: ConsumerManager
  readonly brokerStatsManager: BrokerStatsManager
}

/** Forgets clients that have gone or fallen silent; Java's service of this name. Its timer samples the counters, too. */
export class ClientHousekeepingService {
  readonly #deps: ClientHousekeepingDeps
  #timer: Timer | undefined

  constructor(deps: ClientHousekeepingDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = this.#deps.clock.setTimeout(() => this.#scan(), SCAN_MILLIS, { ref: false })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  onConnectionClosed(connection: Connection): void {
    this.#deps.producerManager.onConnectionClosed(connection)
    this.#deps.consumerManager.onConnectionClosed(connection)
  }

  #scan(): void {
    const { clock, config, producerManager, consumerManager, brokerStatsManager } = this.#deps
    producerManager.scanNotActive(config.channelExpiredTimeout)
    consumerManager.scanNotActive(config.channelExpiredTimeout)
    brokerStatsManager.sample(clock.now())
    this.start()
  }
}
