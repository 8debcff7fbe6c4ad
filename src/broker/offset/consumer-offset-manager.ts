/** Consumed positions by `topic@group` and queue; Java's `ConsumerOffsetManager`. */
export class ConsumerOffsetManager {
  readonly #offsets = new Map<string, Map<number, number>>()
  /** Positions that were set from outside and that the group's consumers have not been told yet. */
  readonly #resets = new Map<string, Map<number, number>>()
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

  /** The group goes on there, whatever its consumers report before they know. */
  assignResetOffset(group: string, topic: string, queueId: number, offset: number): void {
    const key = `${topic}@${group}`
    let queues = this.#resets.get(key)
    if (queues === undefined) {
      queues = new Map()
      this.#resets.set(key, queues)
    }
    queues.set(queueId, offset)
    this.commitOffset(group, topic, queueId, offset)
  }

  hasOffsetReset(group: string, topic: string, queueId: number): boolean {
    return this.#resets.size > 0 && this.#resets.get(`${topic}@${group}`)?.has(queueId) === true
  }

  /** The position a consumer has to be told of; it is told once. */
  queryThenEraseResetOffset(group: string, topic: string, queueId: number): number | undefined {
    if (this.#resets.size === 0) return undefined
    const key = `${topic}@${group}`
    const queues = this.#resets.get(key)
    const offset = queues?.get(queueId)
    queues?.delete(queueId)
    if (queues?.size === 0) this.#resets.delete(key)
    return offset
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
    for (const table of [this.#offsets, this.#resets]) {
      for (const key of table.keys()) if (key.startsWith(`${topic}@`)) table.delete(key)
    }
    this.#changes++
  }

  /** A group that is gone. */
  cleanOffset(group: string): void {
    for (const key of this.#offsets.keys()) if (key.endsWith(`@${group}`)) this.#offsets.delete(key)
    this.#changes++
  }

  /** What a group has committed of a topic, by queue. */
  queryOffsets(group: string, topic: string): ReadonlyMap<number, number> | undefined {
    return this.#offsets.get(`${topic}@${group}`)
  }

  /** Another group goes on from where one is. */
  cloneOffset(srcGroup: string, destGroup: string, topic: string): void {
    const offsets = this.queryOffsets(srcGroup, topic)
    if (offsets === undefined) return
    this.#offsets.set(`${topic}@${destGroup}`, new Map(offsets))
    this.#changes++
  }

  /** Topics of which a group has committed something. */
  whichTopicByConsumer(group: string): string[] {
    return [...this.#offsets.keys()].filter((key) => key.endsWith(`@${group}`)).map((key) => key.slice(0, key.indexOf('@')))
  }

  /** Groups that have committed something of a topic. */
  whichGroupByTopic(topic: string): string[] {
    return [...this.#offsets.keys()].filter((key) => key.startsWith(`${topic}@`)).map((key) => key.slice(topic.length + 1))
  }

  /** Forgets all of them. */
  clear(): void {
    this.#offsets.clear()
    this.#changes++
  }
}
