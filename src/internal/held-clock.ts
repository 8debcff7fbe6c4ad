import type { Clock, Timer } from './clock.ts'
import { nextTurn } from './turns.ts'

/** Turns of the event loop between two steps: enough for a request, its answer and the caller's promises to pass in memory. */
const SETTLE_TURNS = 12

interface HeldTimer {
  due: number
  callback: () => void
}

/**
 * A clock that stands until it is told to move; keeps no process alive.
 *
 * @example
 * const clock = new HeldClock()
 * const broker = await LoopbackBroker.start({ clock })
 * await clock.advance(30_000) // everything due within 30 s happens, in order
 */
export class HeldClock implements Clock {
  readonly #startedAt: number
  #elapsed = 0
  readonly #timers = new Set<HeldTimer>()
  #advancing: Promise<void> = Promise.resolve()

  /** @param now wall clock at the start, ms since 1970. @default 1700000000000 */
  constructor(now = 1_700_000_000_000) {
    this.#startedAt = now
  }

  now(): number {
    return this.#startedAt + Math.floor(this.#elapsed)
  }

  monotonic(): number {
    return this.#elapsed
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size
  }

  setTimeout(callback: () => void, millis: number): Timer {
    const timer: HeldTimer = { due: this.#elapsed + Math.max(millis, 0), callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /**
   * Moves on by `millis`, from one due timer to the next; timers that are due at the same time fire in the order they were started.
   * Between two steps the event loop turns, so that promises and in-memory traffic settle; timers they start within the span fire too.
   * Calls made meanwhile follow one another. Rejects with what a timer's callback throws, after the rest has been done.
   */
  advance(millis: number): Promise<void> {
    const run = this.#advancing.then(() => this.#advance(millis))
    this.#advancing = run.catch(() => {})
    return run
  }

  async #advance(millis: number): Promise<void> {
    const end = this.#elapsed + millis
    const errors: unknown[] = []
    await settle()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#elapsed = Math.max(this.#elapsed, timer.due)
      this.#timers.delete(timer)
      try {
        timer.callback()
      } catch (error) {
        errors.push(error)
      }
      await settle()
    }
    this.#elapsed = end
    await settle()
    if (errors.length > 0) throw errors[0]
  }

  #next(end: number): HeldTimer | undefined {
    let next: HeldTimer | undefined
    for (const timer of this.#timers) {
      if (timer.due > end) continue
      // The set iterates in start order, so the first of those due together stays.
      if (next === undefined || timer.due < next.due) next = timer
    }
    return next
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await new Promise<void>((resolve) => nextTurn(resolve))
}
