import { SingleFlight } from '../internal/async.ts'
import type { Clock, Timer } from '../internal/clock.ts'

/** Sends that fail together share one lookup; the next begins this long after it, ms. */
const LEAST_PAUSE_MILLIS = 100

/** When a route is looked up once more after a send that failed, ms; the ordinary poll goes on from there. */
const NEXT_LOOKUPS_MILLIS = [500, 500, 1000, 1000, 2000, 2000, 4000, 4000]

interface Watch {
  /** When the last lookup began, monotonic ms. */
  lookedUpAt: number
  /** How many of the later lookups have been made. */
  step: number
  timer: Timer | undefined
}

/**
 * Looks routes up when sends fail on the way to a broker: the cluster may have changed since the last poll, which is up to 30 s ago.
 * Java's producer waits for the poll. A broker that comes back is used again about a second after its return: the lookup is repeated
 * for 15 s.
 */
export class RouteWatch {
  readonly #refresh: (topic: string) => Promise<unknown>
  readonly #clock: Clock
  readonly #watches = new Map<string, Watch>()
  readonly #flights = new SingleFlight<string, void>()
  #closed = false

  /** @param refresh never rejects. */
  constructor(refresh: (topic: string) => Promise<unknown>, clock: Clock) {
    this.#refresh = refresh
    this.#clock = clock
  }

  /** A send of the topic did not reach its broker. Settles when the route is not older than 100 ms. Never rejects. */
  async suspect(topic: string): Promise<void> {
    if (this.#closed) return
    const watch = this.#watches.get(topic) ?? { lookedUpAt: Number.NEGATIVE_INFINITY, step: 0, timer: undefined }
    this.#watches.set(topic, watch)
    if (watch.step > 0 || watch.timer === undefined) {
      watch.timer?.cancel()
      watch.step = 0
      this.#schedule(topic, watch)
    }
    await this.#lookUp(topic, watch)
  }

  close(): void {
    this.#closed = true
    for (const { timer } of this.#watches.values()) timer?.cancel()
    this.#watches.clear()
  }

  #lookUp(topic: string, watch: Watch): Promise<void> {
    return this.#flights.run(topic, async () => {
      const now = this.#clock.monotonic()
      if (now - watch.lookedUpAt < LEAST_PAUSE_MILLIS) return
      watch.lookedUpAt = now
      await this.#refresh(topic)
    })
  }

  #schedule(topic: string, watch: Watch): void {
    const wait = NEXT_LOOKUPS_MILLIS[watch.step]
    if (wait === undefined) {
      this.#watches.delete(topic)
      return
    }
    const timer = this.#clock.setTimeout(
      () => {
        watch.step++
        void this.#lookUp(topic, watch).then(() => {
          // A send that failed meanwhile has begun anew.
          if (!this.#closed && watch.timer === timer) this.#schedule(topic, watch)
        })
      },
      wait,
      { ref: false }
    )
    watch.timer = timer
  }
}
