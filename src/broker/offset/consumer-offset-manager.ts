/** Consumed positions by `topic@group` and queue; Java's `ConsumerOffsetManager`. */
export class ConsumerOffsetManager {
  readonly #offsets = new Map<string, Map<number, number>>()
  #changes = 0

  /** The committed offset; -1 when there is none. */
  queryOffset(group: string, topic: string, queueId: number): number {
    return this.#offsets.get(`${topic}@${group}`)?.get(queueId) ?? -1
  }

  commitOffset(group: string, topic: string, queueId: number, offset: number): void {
    const key = `${topic}@${group}`
    let queues = this.#offsets.get(key)
    if (queues === undefined) {
      queues = new Map()
      this.#offsets.set(key, queues)
    }
    queues.set(queueId, offset)
    this.#changes++
  }

  /** Rises with every change. */
  get changes(): number {
    return this.#changes
  }

  get offsetTable(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    return this.#offsets
  }

  /** A slave takes over what its master has; what the master does not know stays. */
  putAll(table: ReadonlyMap<string, ReadonlyMap<number, number>>): void {
    for (const [key, queues] of table) this.#offsets.set(key, new Map(queues))
    this.#changes++
  }

  cleanOffsetByTopic(topic: string): void {
    for (const key of this.#offsets.keys()) if (key.startsWith(`${topic}@`)) this.#offsets.delete(key)
    this.#changes++
  }
}
