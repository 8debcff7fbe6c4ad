import type { Clock } from '../../internal/clock.ts'
import type { DispatchRequest, TagsFilter } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import { DeadlineTimer } from './deadline-timer.ts'

/** A pull that found nothing and waits. */
export interface HeldPull {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  /** Consume queue offset it asked for. */
  readonly offset: number
  readonly filter: TagsFilter | undefined
  readonly connection: Connection
  /** Monotonic ms at which it is answered whatever there is. */
  readonly deadline: number
  /** Runs the pull again, without holding, and answers. May not throw. */
  execute(): void
  /** Settles it without an answer. */
  abandon(): void
}

/**
 * Pulls that wait for messages; Java's `PullRequestHoldService`. Dispatch wakes them, and one timer the expired ones: at their deadline,
 * where Java looks every 5 s.
 */
export class PullRequestHoldService {
  readonly #deadlines: DeadlineTimer
  readonly #held = new Map<string, Set<HeldPull>>()
  #stopped = false

  constructor(clock: Clock) {
    this.#deadlines = new DeadlineTimer(clock, (now) => this.#expire(now))
  }

  suspendPullRequest(pull: HeldPull): void {
    if (this.#stopped) {
      pull.execute()
      return
    }
    const key = keyOf(pull.topic, pull.queueId)
    let pulls = this.#held.get(key)
    if (pulls === undefined) {
      pulls = new Set()
      this.#held.set(key, pulls)
    }
    pulls.add(pull)
    this.#deadlines.arm(pull.deadline)
  }

  get size(): number {
    let size = 0
    for (const pulls of this.#held.values()) size += pulls.size
    return size
  }

  /** A record became visible. */
  notifyMessageArriving(arrived: DispatchRequest): void {
    if (this.#held.size === 0) return
    const key = keyOf(arrived.topic, arrived.queueId)
    const pulls = this.#held.get(key)
    if (pulls === undefined) return
    for (const pull of [...pulls]) {
      if (arrived.queueOffset < pull.offset || pull.filter?.(arrived.tagsCode) === false) continue
      this.#remove(key, pulls, pull)
      pull.execute()
    }
  }

  /** Answers what a group holds on a queue: something else than a message happened to it. */
  wakeUp(topic: string, queueId: number, group: string): void {
    const key = keyOf(topic, queueId)
    const pulls = this.#held.get(key)
    if (pulls === undefined) return
    for (const pull of [...pulls]) {
      if (pull.group !== group) continue
      this.#remove(key, pulls, pull)
      pull.execute()
    }
  }

  onConnectionClosed(connection: Connection): void {
    for (const [key, pulls] of this.#held) {
      for (const pull of [...pulls]) {
        if (pull.connection !== connection) continue
        this.#remove(key, pulls, pull)
        pull.abandon()
      }
    }
  }

  /** Answers everything that waits; later pulls are not held any more. */
  shutdown(): void {
    this.#stopped = true
    this.#deadlines.stop()
    for (const pulls of [...this.#held.values()]) for (const pull of pulls) pull.execute()
    this.#held.clear()
  }

  #remove(key: string, pulls: Set<HeldPull>, pull: HeldPull): void {
    pulls.delete(pull)
    if (pulls.size === 0) this.#held.delete(key)
  }

  #expire(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const [key, pulls] of [...this.#held]) {
      for (const pull of [...pulls]) {
        if (pull.deadline <= now) {
          this.#remove(key, pulls, pull)
          pull.execute()
        } else if (pull.deadline < next) {
          next = pull.deadline
        }
      }
    }
    return next
  }
}

function keyOf(topic: string, queueId: number): string {
  return `${topic}@${queueId}`
}
