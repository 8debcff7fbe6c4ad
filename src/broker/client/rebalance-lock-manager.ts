import type { Clock } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import type { MessageQueue } from '../../protocol/message-queue.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'

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

  readonly #maxQueueLockNum: number
  #size = 0

  constructor(clock: Clock, maxQueueLockNum: number) {
    this.#clock = clock
    this.#maxQueueLockNum = maxQueueLockNum
  }

  /**
   * The queues that `clientId` holds now: its own are refreshed, free and expired ones taken.
   * @throws RequestRefused when the table is full, expired locks not counted; no queue of the request is locked then.
   */
  tryLockBatch(group: string, queues: readonly MessageQueue[], clientId: string): MessageQueue[] {
    const now = this.#clock.monotonic()
    if (this.#size + queues.length > this.#maxQueueLockNum) {
      this.#dropExpired(now)
      if (this.#newLocks(group, queues) + this.#size > this.#maxQueueLockNum) {
        throw quotaExceeded(`locks of group ${logText(group)}`, 'maxQueueLockNum', this.#maxQueueLockNum)
      }
    }
    let locks = this.#groups.get(group)
    if (locks === undefined) {
      locks = new Map()
      this.#groups.set(group, locks)
    }
    const locked: MessageQueue[] = []
    for (const queue of queues) {
      const key = keyOf(queue)
      const entry = locks.get(key)
      if (entry === undefined) {
        locks.set(key, { clientId, lastUpdate: now })
        this.#size++
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
      if (locks.get(key)?.clientId !== clientId) continue
      locks.delete(key)
      this.#size--
    }
    if (locks.size === 0) this.#groups.delete(group)
  }

  /** True also for a group that never locked anything. */
  isLockAllExpired(group: string): boolean {
    const locks = this.#groups.get(group)
    if (locks === undefined) return true
    const now = this.#clock.monotonic()
    for (const entry of locks.values()) if (!expired(entry, now)) return false
    return true
  }

  #newLocks(group: string, queues: readonly MessageQueue[]): number {
    const locks = this.#groups.get(group)
    return queues.filter((queue) => locks?.has(keyOf(queue)) !== true).length
  }

  #dropExpired(now: number): void {
    for (const [group, locks] of this.#groups) {
      for (const [key, entry] of locks) {
        if (expired(entry, now) && locks.delete(key)) this.#size--
      }
      if (locks.size === 0) this.#groups.delete(group)
    }
  }
}

function expired(entry: LockEntry, now: number): boolean {
  return now - entry.lastUpdate > LOCK_MAX_LIVE_MILLIS
}

function keyOf(queue: MessageQueue): string {
  return `${queue.topic}@${queue.brokerName}@${queue.queueId}`
}
