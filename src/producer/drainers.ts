import type { Clock } from '../internal/clock.ts'
import { type Logger, logText } from '../internal/logger.ts'

/**
 * Gets rid of what a part of the producer holds back: sends it, or gives it up.
 * @param remainingMillis what is left of `drainTimeout`; with 0 nobody waits for the promise any more.
 */
export type Drain = (remainingMillis: number) => Promise<void>

/**
 * `beforeSends`: at once when the shutdown begins; what it sends is waited for as any other send. `afterSends`: when no send is under
 * way any more, for what sends leave behind.
 */
export type DrainPhase = 'beforeSends' | 'afterSends'

/** What a shutdown has to wait for besides the sends under way: the messages an accumulator keeps back, trace that was not sent yet. */
export class Drainers {
  readonly #drains = { beforeSends: new Set<Drain>(), afterSends: new Set<Drain>() }
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @returns how to take it out again. */
  add(drain: Drain, phase: DrainPhase): () => void {
    const drains = this.#drains[phase]
    drains.add(drain)
    return () => void drains.delete(drain)
  }

  /** Runs all of one phase side by side. Resolves when they have ended, or the time is over; what they throw is logged. */
  async run(phase: DrainPhase, clock: Clock, remainingMillis: number): Promise<void> {
    const drains = [...this.#drains[phase]]
    if (drains.length > 0)
      await within(clock, remainingMillis, Promise.all(drains.map((drain) => this.#one(drain, remainingMillis))))
  }

  async #one(drain: Drain, remainingMillis: number): Promise<void> {
    try {
      await drain(remainingMillis)
    } catch (error) {
      this.#logger.warn(`draining failed: ${logText(error)}`)
    }
  }
}

/** Waits for `work`, which never rejects, at most `millis`. */
export function within(clock: Clock, millis: number, work: Promise<unknown>): Promise<void> {
  if (millis <= 0) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = clock.setTimeout(resolve, millis)
    work.then(
      () => {
        timer.cancel()
        resolve()
      },
      () => {}
    )
  })
}
