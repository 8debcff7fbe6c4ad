import { SingleFlight } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import type { HeartbeatService } from './heartbeat-service.ts'

/**
 * Heartbeats that somebody waits for: a broker can hand a reply only to a client it has heard of over the connection that is open now.
 * One that does not answer is waited for once in `retryMillis`.
 */
export class Announcement {
  readonly #heartbeats: HeartbeatService
  readonly #clock: Clock
  readonly #retryMillis: number
  readonly #flights = new SingleFlight<string, void>()
  /** When each broker was last waited for in vain, monotonic ms. */
  readonly #missed = new Map<string, number>()

  constructor(heartbeats: HeartbeatService, clock: Clock, retryMillis: number) {
    this.#heartbeats = heartbeats
    this.#clock = clock
    this.#retryMillis = retryMillis
  }

  /** Undefined when every address knows this client; else settles when they do, or after `timeoutMillis`. Never rejects. */
  announce(addresses: Iterable<string>, groups: Iterable<string>, timeoutMillis: number): Promise<void> | undefined {
    const now = this.#clock.monotonic()
    const waited = [...addresses].filter((addr) => {
      if (this.#heartbeats.reaches(addr)) return false
      const missed = this.#missed.get(addr)
      return missed === undefined || now - missed >= this.#retryMillis
    })
    if (waited.length === 0) return undefined
    const flight = this.#flights.run(waited.join(), () => this.#heartbeats.send(waited, groups))
    return this.#wait(flight, waited, timeoutMillis)
  }

  async #wait(flight: Promise<void>, addresses: readonly string[], timeoutMillis: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, timeoutMillis)
      const done = (): void => {
        timer.cancel()
        resolve()
      }
      flight.then(done, done)
    })
    const now = this.#clock.monotonic()
    for (const addr of addresses) {
      if (this.#heartbeats.reaches(addr)) this.#missed.delete(addr)
      else this.#missed.set(addr, now)
    }
  }
}
