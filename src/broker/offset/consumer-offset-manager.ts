import { logText } from '../../internal/logger.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'
import { PullOffsetTable } from './pull-offset-table.ts'

/** Consumed positions by `topic@group` and queue; Java's `ConsumerOffsetManager`. */
export class ConsumerOffsetManager {
  readonly #maxConsumerOffsetNum: number
  readonly #offsets = new Map<string, Map<number, number>>()
  /** Positions that were set from outside and that the group's consumers have not been told yet. */
  readonly #resets = new Map<string, Map<number, number>>()
  readonly #pulled: PullOffsetTable
  #changes = 0
  /** Positions in all; what a slave takes over and what a file held is not limited, but counted. */
  #size = 0

  constructor(maxConsumerOffsetNum: number) {
    this.#maxConsumerOffsetNum = maxConsumerOffsetNum
    this.#pulled = new PullOffsetTable(maxConsumerOffsetNum)
  }

  /** The committed offset; -1 when there is none. */
  queryOffset(group: string, topic: string, queueId: number): number {
    return this.#offsets.get(`${topic}@${group}`)?.get(queueId) ?? -1
  }

  /** @throws RequestRefused when the table is full. */
  commitOffset(group: string, topic: string, queueId: number, offset: number): void {
    const key = `${topic}@${group}`
    let queues = this.#offsets.get(key)
    if (queues?.has(queueId) !== true) this.#grow(1, key)
    if (queues === undefined) {
      queues = new Map()
      this.#offsets.set(key, queues)
    }
    queues.set(queueId, offset)
    this.#changes++
  }

  /** How far a group has pulled. */
  commitPullOffset(group: string, topic: string, queueId: number, offset: number): void {
    this.#pulled.commit(`${topic}@${group}`, queueId, offset)
  }

  /** How far a group has pulled; before it has, how far it has consumed. */
  queryPullOffset(group: string, topic: string, queueId: number): number {
    return this.#pulled.query(`${topic}@${group}`, queueId) ?? this.queryOffset(group, topic, queueId)
  }

  /** A position of the broker itself: it finds room in a full table. */
  commitOwnOffset(group: string, topic: string, queueId: number, offset: number): void {
    const queues = this.#offsets.get(`${topic}@${group}`)
    this.putAll(new Map([[`${topic}@${group}`, new Map(queues).set(queueId, offset)]]))
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
    for (const [key, queues] of table) {
      this.#forget(key)
      this.#offsets.set(key, new Map(queues))
      this.#size += queues.size
    }
    this.#changes++
  }

  cleanOffsetByTopic(topic: string): void {
    for (const key of this.#offsets.keys()) if (key.startsWith(`${topic}@`)) this.#forget(key)
    for (const key of this.#resets.keys()) if (key.startsWith(`${topic}@`)) this.#resets.delete(key)
    this.#pulled.forget((key) => key.startsWith(`${topic}@`))
    this.#changes++
  }

  /** A group that is gone. */
  cleanOffset(group: string): void {
    for (const key of this.#offsets.keys()) if (key.endsWith(`@${group}`)) this.#forget(key)
    this.#pulled.forget((key) => key.endsWith(`@${group}`))
    this.#changes++
  }

  /** What a group has committed of a topic, by queue. */
  queryOffsets(group: string, topic: string): ReadonlyMap<number, number> | undefined {
    return this.#offsets.get(`${topic}@${group}`)
  }

  /** Another group goes on from where one is. @throws RequestRefused when the table is full. */
  cloneOffset(srcGroup: string, destGroup: string, topic: string): void {
    const offsets = this.queryOffsets(srcGroup, topic)
    if (offsets === undefined) return
    const key = `${topic}@${destGroup}`
    const copy = new Map(offsets)
    this.#grow(copy.size - (this.#offsets.get(key)?.size ?? 0), key)
    this.#offsets.set(key, copy)
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
    this.#pulled.forget(() => true)
    this.#size = 0
    this.#changes++
  }

  #forget(key: string): void {
    this.#size -= this.#offsets.get(key)?.size ?? 0
    this.#offsets.delete(key)
  }

  #grow(count: number, key: string): void {
    if (count > 0 && this.#size + count > this.#maxConsumerOffsetNum) {
      throw quotaExceeded(`a position of ${logText(key)}`, 'maxConsumerOffsetNum', this.#maxConsumerOffsetNum)
    }
    this.#size += count
  }
}
