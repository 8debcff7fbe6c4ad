/** Attempts to connect to one address that may follow each other at once. */
const BURST = 16

/** From then on one attempt each, ms. */
const INTERVAL = 500

/**
 * How often a client may try to connect to one address: whoever comes back after a break connects at once, whoever is refused or cut off
 * again and again twice a second at most. Clients that lost their broker together come back spread out, since each draws its own intervals.
 */
export class ConnectBudget {
  #left = BURST
  /** When the budget is one larger, monotonic ms; meaningless while it is full. */
  #next = 0
  readonly #random: () => number

  /** @param random in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Takes one attempt. @returns 0 when it may begin now, else in how many ms to ask again. */
  take(now: number): number {
    while (this.#left < BURST && this.#next <= now) {
      this.#left++
      this.#next += this.#interval()
    }
    if (this.#left === 0) return this.#next - now
    if (this.#left === BURST) this.#next = now + this.#interval()
    this.#left--
    return 0
  }

  /** Twice a second at most, and not in step with other clients. */
  #interval(): number {
    return INTERVAL * (1 + this.#random() / 2)
  }
}
