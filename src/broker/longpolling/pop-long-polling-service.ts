import type { Clock } from '../../internal/clock.ts'
import { buildPopRetryTopic } from '../../protocol/pop-extra-info.ts'
import type { DispatchRequest, TagsFilter } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import { type HeldRequest, HeldRequests } from './held-requests.ts'

/** A pop that found nothing and waits. */
export interface HeldPop extends HeldRequest {
  readonly group: string
  readonly topic: string
  /** -1 for any. */
  readonly queueId: number
  readonly filter: TagsFilter | undefined
  /** Pops again, and answers or waits on. May not throw. */
  execute(): void
  /** Settles it without an answer. */
  abandon(): void
}

export type PollingResult = 'WAITS' | 'FULL' | 'STOPPED'

/** Most pops that wait for one queue (or for any) of a topic and group, and in all; Java's `popPollingSize`, `maxPopPollingSize`. */
const MAX_OF_QUEUE = 1024
const MAX_OF_ALL = 100_000

/**
 * Pops that wait for messages; Java's `PopLongPollingService`. Each message wakes one pop of a group for it, and one for any queue; what is
 * left over wakes the next. Messages of a pop retry topic wake them too, where Java lets them wait until the poll times out.
 */
export class PopLongPollingService {
  /** By topic, its own or the retry one, then by group and queue that was asked for, in the order in which they came. */
  readonly #byTopic = new Map<string, Map<string, Set<HeldPop>>>()
  readonly #all: HeldRequests<HeldPop>
  #stopped = false

  constructor(clock: Clock) {
    this.#all = new HeldRequests(clock, (pop) => this.#wake(pop))
  }

  get size(): number {
    return this.#all.size
  }

  /** Pops of a group that wait for a queue of a topic. */
  pollingNum(topic: string, group: string, queueId: number): number {
    return this.#byTopic.get(topic)?.get(keyOf(group, queueId))?.size ?? 0
  }

  /** @returns whether it waits now, there are too many that do, or nobody waits any more. */
  polling(pop: HeldPop): PollingResult {
    const { topic, group, queueId } = pop
    if (this.#stopped) return 'STOPPED'
    if (this.#all.size >= MAX_OF_ALL || this.pollingNum(topic, group, queueId) >= MAX_OF_QUEUE) return 'FULL'
    for (const name of topicsOf(pop)) {
      let groups = this.#byTopic.get(name)
      if (groups === undefined) {
        groups = new Map()
        this.#byTopic.set(name, groups)
      }
      const pops = groups.get(keyOf(group, queueId))
      if (pops === undefined) groups.set(keyOf(group, queueId), new Set([pop]))
      else pops.add(pop)
    }
    this.#all.add(pop)
    return 'WAITS'
  }

  /** A record became visible. */
  notifyMessageArriving({ topic, queueId, tagsCode }: DispatchRequest): void {
    const groups = this.#byTopic.get(topic)
    if (groups === undefined) return
    for (const pops of [...groups.values()]) {
      for (const pop of pops) {
        // Whoever waits for one queue waits for messages that come back, too.
        const wanted = pop.queueId < 0 || pop.queueId === queueId || pop.topic !== topic
        if (!wanted) break
        if (pop.filter?.(tagsCode) === false) continue
        this.#wake(pop)
        break
      }
    }
  }

  /** There is more than one pop could take. */
  wakeNext(topic: string, group: string, queueId: number): void {
    // Not within the pop that says so: each would call the next one.
    queueMicrotask(() => {
      for (const pop of this.#byTopic.get(topic)?.get(keyOf(group, queueId)) ?? []) {
        this.#wake(pop)
        return
      }
    })
  }

  /** The queue has messages that are not new, for one that waits for it and one that waits for any. */
  wakeQueue(topic: string, group: string, queueId: number): void {
    for (const waitsFor of [queueId, -1]) this.wakeNext(topic, group, waitsFor)
  }

  onConnectionClosed(connection: Connection): void {
    for (const pop of this.#all.of(connection)) {
      this.#remove(pop)
      pop.abandon()
    }
  }

  /** Answers everything that waits; later pops do not wait any more. */
  shutdown(): void {
    this.#stopped = true
    this.#all.stop()
    for (const pop of this.#all.all()) this.#wake(pop)
  }

  #wake(pop: HeldPop): void {
    this.#remove(pop)
    pop.execute()
  }

  #remove(pop: HeldPop): void {
    this.#all.remove(pop)
    for (const name of topicsOf(pop)) {
      const groups = this.#byTopic.get(name)
      const key = keyOf(pop.group, pop.queueId)
      const pops = groups?.get(key)
      pops?.delete(pop)
      if (pops?.size === 0) groups?.delete(key)
      if (groups?.size === 0) this.#byTopic.delete(name)
    }
  }
}

function topicsOf({ topic, group }: HeldPop): string[] {
  return [topic, buildPopRetryTopic(topic, group)]
}

function keyOf(group: string, queueId: number): string {
  return `${group}@${queueId}`
}
