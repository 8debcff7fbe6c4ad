/** Requests whose answers come later; shutdown waits for them. */
export class InFlightRequests {
  readonly #pending = new Set<Promise<unknown>>()

  add(answer: Promise<unknown>): void {
    this.#pending.add(answer)
    const done = (): void => void this.#pending.delete(answer)
    answer.then(done, done)
  }

  get size(): number {
    return this.#pending.size
  }

  /** Resolves when none is left; their answers have been handed to their connections by then. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }
}
