import { type Deferred, deferred } from '../internal/async.ts'

/** Counts requests whose answers come later; a shutdown waits for them. */
export class UnansweredRequests {
  #count = 0
  #none: Deferred<void> | undefined

  begin(): void {
    this.#count++
  }

  end(): void {
    if (--this.#count > 0) return
    this.#none?.resolve()
    this.#none = undefined
  }

  /** Resolves when none is left; their answers have been handed to their connections by then. */
  async idle(): Promise<void> {
    while (this.#count > 0) {
      this.#none ??= deferred<void>()
      await this.#none.promise
    }
  }
}
