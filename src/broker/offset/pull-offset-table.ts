/**
 * How far groups have pulled, whatever they have consumed of it; Java's `pullOffsetTable`. Lost with the process: consumers pull again.
 * @param limit positions at most; further ones are not noted.
 */
export class PullOffsetTable {
  readonly #limit: number
  readonly #offsets = new Map<string, Map<number, number>>()
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  commit(key: string, queueId: number, offset: number): void {
    let queues = this.#offsets.get(key)
    if (queues?.has(queueId) !== true) {
      if (this.#size >= this.#limit) return
      this.#size++
    }
    if (queues === undefined) {
      queues = new Map()
      this.#offsets.set(key, queues)
    }
    queues.set(queueId, offset)
  }

  query(key: string, queueId: number): number | undefined {
    return this.#offsets.get(key)?.get(queueId)
  }

  /** Forgets the keys that are of a topic or group that is gone. */
  forget(isGone: (key: string) => boolean): void {
    for (const [key, queues] of this.#offsets) {
      if (!isGone(key)) continue
      this.#size -= queues.size
      this.#offsets.delete(key)
    }
  }
}
