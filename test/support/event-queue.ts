/** Events in order; `next()` waits for one that has not come yet, so that no test sleeps. */
export class EventQueue<T> {
  readonly #events: T[] = []
  readonly #waiters: Array<{ resolve: (event: T) => void; reject: (error: Error) => void }> = []
  #each: ((event: T) => void) | undefined
  #ended = false

  /** Events that nobody has taken. */
  get length(): number {
    return this.#events.length
  }

  push(event: T): void {
    if (this.#each !== undefined) {
      this.#each(event)
      return
    }
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#events.push(event)
    else waiter.resolve(event)
  }

  /** The next event; rejects when none can come any more. */
  next(): Promise<T> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve(event)
    if (this.#ended) return Promise.reject(new Error('no more events'))
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  /** The next `count` events. */
  async take(count: number): Promise<T[]> {
    const events: T[] = []
    while (events.length < count) events.push(await this.next())
    return events
  }

  /** Hands every event, past and coming, to `handler` instead. */
  onEach(handler: (event: T) => void): void {
    this.#each = handler
    for (const event of this.#events.splice(0)) handler(event)
  }

  end(): void {
    this.#ended = true
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error('no more events'))
  }
}
