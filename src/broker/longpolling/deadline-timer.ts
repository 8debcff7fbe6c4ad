import { type Clock, LONGEST_TIMER, type Timer } from '../../internal/clock.ts'

/** One timer for any number of deadlines: it is set for the earliest, and keeps no process alive. */
export class DeadlineTimer {
  readonly #clock: Clock
  readonly #expire: (now: number) => number
  #timer: Timer | undefined
  #at = Number.POSITIVE_INFINITY
  #stopped = false

  /** @param expire ends what was due by `now`; gives the earliest deadline that is left, Infinity for none. Monotonic ms all of them. */
  constructor(clock: Clock, expire: (now: number) => number) {
    this.#clock = clock
    this.#expire = expire
  }

  /** @param deadline monotonic ms; further away than a timer can wait, it is looked at on the way. */
  arm(deadline: number): void {
    if (deadline >= this.#at) return
    this.#timer?.cancel()
    this.#at = deadline
    const wait = Math.min(Math.max(0, deadline - this.#clock.monotonic()), LONGEST_TIMER)
    this.#timer = this.#clock.setTimeout(() => this.#fire(), wait, { ref: false })
  }

  /** For good. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #fire(): void {
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
    const next = this.#expire(this.#clock.monotonic())
    if (next !== Number.POSITIVE_INFINITY && !this.#stopped) this.arm(next)
  }
}
