import type { Clock } from '../../internal/clock.ts'
import { nextTurn } from '../../internal/turns.ts'
import type { DispatchRequest, TagsFilter } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'
import type { BrokerConfig } from '../broker-config.ts'
import { type HeldRequest, HeldRequests } from './held-requests.ts'

/** How many pulls are answered in one turn of the event loop. */
const WOKEN_A_TURN = 1024

/** A pull that found nothing and waits. */
export interface HeldPull extends HeldRequest {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  /** Consume queue offset it asked for. */
  readonly offset: number
  readonly filter: TagsFilter | undefined
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
  readonly #limits: Pick<BrokerConfig, 'maxHeldPullNum'>
  readonly #all: HeldRequests<HeldPull>
  readonly #byQueue = new Map<string, Set<HeldPull>>()
  #stopped = false

  constructor(clock: Clock, limits: Pick<BrokerConfig, 'maxHeldPullNum'>) {
    this.#limits = limits
    this.#all = new HeldRequests(clock, (pull) => this.#end(pull))
  }

  /** @throws RequestRefused when as many wait as may. */
  suspendPullRequest(pull: HeldPull): void {
    if (this.#stopped) {
      pull.execute()
      return
    }
    const { maxHeldPullNum } = this.#limits
    if (this.#all.size >= maxHeldPullNum) throw quotaExceeded('a pull that waits', 'maxHeldPullNum', maxHeldPullNum)
    const key = keyOf(pull)
    const others = this.#byQueue.get(key)
    if (others === undefined) this.#byQueue.set(key, new Set([pull]))
    else others.add(pull)
    this.#all.add(pull)
  }

  get size(): number {
    return this.#all.size
  }

  /** A record became visible. */
  notifyMessageArriving(arrived: DispatchRequest): void {
    if (this.#all.size === 0) return
    const woken: HeldPull[] = []
    for (const pull of this.#byQueue.get(keyOf(arrived)) ?? []) {
      if (arrived.queueOffset >= pull.offset && pull.filter?.(arrived.tagsCode) !== false) woken.push(pull)
    }
    this.#wake(woken)
  }

  /** Answers what a group holds on a queue: something else than a message happened to it. */
  wakeUp(topic: string, queueId: number, group: string): void {
    for (const pull of [...(this.#byQueue.get(keyOf({ topic, queueId })) ?? [])]) if (pull.group === group) this.#end(pull)
  }

  onConnectionClosed(connection: Connection): void {
    for (const pull of this.#all.of(connection)) {
      this.#remove(pull)
      pull.abandon()
    }
  }

  /** Answers everything that waits; later pulls are not held any more. */
  shutdown(): void {
    this.#stopped = true
    this.#all.stop()
    for (const pull of this.#all.all()) this.#end(pull)
  }

  /** Where one message is for very many, the rest has its turn later. */
  #wake(pulls: readonly HeldPull[]): void {
    for (const pull of pulls.slice(0, WOKEN_A_TURN)) if (this.#all.has(pull)) this.#end(pull)
    if (pulls.length > WOKEN_A_TURN) nextTurn(() => this.#wake(pulls.slice(WOKEN_A_TURN)))
  }

  #end(pull: HeldPull): void {
    this.#remove(pull)
    pull.execute()
  }

  #remove(pull: HeldPull): void {
    this.#all.remove(pull)
    const key = keyOf(pull)
    const others = this.#byQueue.get(key)
    others?.delete(pull)
    if (others?.size === 0) this.#byQueue.delete(key)
  }
}

function keyOf({ topic, queueId }: { topic: string; queueId: number }): string {
  return `${topic}@${queueId}`
}
