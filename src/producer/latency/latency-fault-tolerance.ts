import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'

/** When the detector first looks, and how often it looks whose turn it is, ms. */
const DETECT_ROUND_MILLIS = 3000

/** What is known of one broker; Java's `FaultItem`. */
interface FaultItem {
  /** Of its latest send, ms. */
  currentLatency: number
  /** Monotonic ms from which it is available again. */
  availableFrom: number
  reachable: boolean
  /** Monotonic ms from which the detector asks it again. */
  checkFrom: number
}

/** What the detector needs from the client. */
export interface FaultDetection {
  /** Java's `Resolver`: the master's address; undefined when the broker has none any more. */
  resolve(brokerName: string): string | undefined
  /** Java's `ServiceDetector`: whether the address answers within `timeoutMillis`. Never rejects. */
  detect(addr: string, timeoutMillis: number): Promise<boolean>
}

export interface LatencyFaultToleranceOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Ms one probe may take. */
  readonly detectTimeout: number
  /** Ms between two probes of one broker. */
  readonly detectInterval: number
}

/**
 * Which brokers are slow, and which cannot be reached; Java's `LatencyFaultToleranceImpl`. A broker nobody has reported is fine.
 */
export class LatencyFaultTolerance {
  readonly #items = new Map<string, FaultItem>()
  readonly #options: LatencyFaultToleranceOptions
  #timer: Timer | undefined
  #stopped = false

  constructor(options: LatencyFaultToleranceOptions) {
    this.#options = options
  }

  /** Brokers that are known of. */
  get size(): number {
    return this.#items.size
  }

  /**
   * Notes how a send to a broker went. A duration only ever extends the time a broker is avoided.
   * @param currentLatency ms.
   * @param notAvailableDuration ms from now.
   */
  updateFaultItem(brokerName: string, currentLatency: number, notAvailableDuration: number, reachable: boolean): void {
    const now = this.#options.clock.monotonic()
    let item = this.#items.get(brokerName)
    if (item === undefined) {
      item = { currentLatency, availableFrom: 0, reachable: true, checkFrom: now }
      this.#items.set(brokerName, item)
    }
    item.currentLatency = currentLatency
    if (notAvailableDuration > 0) item.availableFrom = Math.max(item.availableFrom, now + notAvailableDuration)
    if (item.reachable && !reachable) this.#options.logger.info(`broker ${logText(brokerName)} cannot be reached; it is avoided`)
    item.reachable = reachable
  }

  isAvailable(brokerName: string): boolean {
    const item = this.#items.get(brokerName)
    return item === undefined || this.#options.clock.monotonic() >= item.availableFrom
  }

  isReachable(brokerName: string): boolean {
    return this.#items.get(brokerName)?.reachable ?? true
  }

  /** Latency of the broker's latest send, ms; undefined when there was none. */
  latency(brokerName: string): number | undefined {
    return this.#items.get(brokerName)?.currentLatency
  }

  remove(brokerName: string): void {
    this.#items.delete(brokerName)
  }

  /** Any of the known brokers that can be reached; undefined when there is none. */
  pickOneAtLeast(): string | undefined {
    const names = [...this.#items.keys()].filter((name) => this.isReachable(name))
    return names[Math.floor(Math.random() * names.length)]
  }

  /** Looks after unreachable brokers until {@link shutdown}. */
  startDetector(detection: FaultDetection): void {
    if (this.#stopped || this.#timer !== undefined) return
    const { clock, logger } = this.#options
    const schedule = (): void => {
      if (this.#stopped) return
      this.#timer = clock.setTimeout(run, DETECT_ROUND_MILLIS, { ref: false })
    }
    const run = (): void => {
      this.detectByOneRound(detection)
        .catch((error: unknown) => logger.warn(`the fault detector failed: ${logText(error)}`))
        .finally(schedule)
    }
    schedule()
  }

  /**
   * Asks every broker whose turn it is, all at once, so that a silent one holds up no other. Brokers that no route names any more are
   * forgotten.
   */
  async detectByOneRound({ resolve, detect }: FaultDetection): Promise<void> {
    const { clock, logger, detectTimeout, detectInterval } = this.#options
    const now = clock.monotonic()
    const probes: Promise<void>[] = []
    for (const [brokerName, item] of this.#items) {
      if (now < item.checkFrom) continue
      item.checkFrom = now + detectInterval
      const addr = resolve(brokerName)
      if (addr === undefined) {
        this.remove(brokerName)
        continue
      }
      if (item.reachable) continue
      probes.push(
        detect(addr, detectTimeout).then((answers) => {
          if (!answers || item.reachable || this.#stopped) return
          item.reachable = true
          logger.info(`broker ${logText(brokerName)} can be reached again`)
        })
      )
    }
    await Promise.all(probes)
  }

  shutdown(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
