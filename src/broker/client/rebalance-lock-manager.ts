import type { Clock } from '../../internal/clock.ts'
import type { MessageQueue } from '../../protocol/message-queue.ts'

/** Java's `rocketmq.broker.rebalance.lockMaxLiveTime`, ms. */
const LOCK_MAX_LIVE_MILLIS = 60_000

interface LockEntry {
  clientId: string
  lastUpdate: number
}

/** Which client of a group may consume a queue in order; Java's `RebalanceLockManager`. */
export class RebalanceLockManager {
  readonly #clock: Clock
  readonly #groups = new Map<string, Map<string, LockEntry>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The queues that `clientId` holds now: its own are refreshed, free and expired ones taken. */
  tryLockBatch(group: string, queues: readonly MessageQueue[], clientId: string): MessageQueue[] {
    let locks = this.#groups.get(group)
    if (locks === undefined) {
      locks = new Map()
      this.#groups.set(group, locks)
    }
    const now = this.#clock.monotonic()
    const locked: MessageQueue[] = []
    for (const queue of queues) {
      const key = keyOf(queue)
      const entry = locks.get(key)
      if (entry === undefined) {
        locks.set(key, { clientId, lastUpdate: now })
      } else if (entry.clientId === clientId || expired(entry, now)) {
        entry.clientId = clientId
        entry.lastUpdate = now
      } else {
        continue
      }
      locked.push(queue)
    }
    return locked
  }

  unlockBatch(group: string, queues: readonly MessageQueue[], clientId: string): void {
    const locks = this.#groups.get(group)
    if (locks === undefined) return
    for (const queue of queues) {
      const key = keyOf(queue)
      if (locks.get(key)?.clientId === clientId) locks.delete(key)
    }
  }

  /** True also for a group that never locked anything. */
  isLockAllExpired(group: string): boolean {
    const locks = this.#groups.get(group)
    if (locks === undefined) return true
    const now = this.#clock.monotonic()
    for (const entry of locks.values()) if (!expired(entry, now)) return false
    return true
  }
}

function expired(entry: LockEntry, now: number): boolean {
  return now - entry.lastUpdate > LOCK_MAX_LIVE_MILLIS
}

function keyOf(queue: MessageQueue): string {
  return `${queue.topic}@${queue.brokerName}@${queue.queueId}`
}
