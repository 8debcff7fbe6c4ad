import type { Clock } from '../internal/clock.ts'
import { nextTurn } from '../internal/turns.ts'

/**
 * How long may be worked in one turn of the event loop. Node reads up to 2 MiB of a connection before it looks at the next one, and calls
 * for each piece: without a limit, whoever sends requests faster than they are answered makes everybody else wait for all of those.
 */
export class TurnBudget {
  readonly #clock: Clock
  readonly #millis: number
  /** Monotonic ms at which it is spent; undefined until something begins in this turn. */
  #end: number | undefined

  constructor(clock: Clock, millis: number) {
    this.#clock = clock
    this.#millis = millis
  }

  /** Work begins, perhaps the first in this turn. @param now monotonic ms */
  begin(now: number): void {
    if (this.#end !== undefined) return
    this.#end = now + this.#millis
    nextTurn(() => {
      this.#end = undefined
    })
  }

  get spent(): boolean {
    return this.#end !== undefined && this.#clock.monotonic() >= this.#end
  }
}
