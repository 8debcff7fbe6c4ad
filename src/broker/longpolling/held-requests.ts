import { type Clock, LONGEST_TIMER, type Timer } from '../../internal/clock.ts'
import { type HeapTimer, TimerHeap } from '../../internal/timer-heap.ts'
import type { Connection } from '../../transport/connection.ts'

/** A request that found nothing and waits. */
export interface HeldRequest {
  readonly connection: Connection
  /** Monotonic ms at which it is answered whatever there is. */
  readonly deadline: number
}

/**
 * What waits, by when it ends and by who asked: neither the end of one nor that of a connection costs a look at the others. One timer is
 * set for the earliest, and keeps no process alive.
 */
export class HeldRequests<T extends HeldRequest> {
  readonly #clock: Clock
  readonly #expired: (request: T) => void
  readonly #timers = new Map<T, HeapTimer>()
  readonly #heap = new TimerHeap()
  readonly #byConnection = new Map<Connection, Set<T>>()
  #order = 0
  #timer: Timer | undefined
  #at = Number.POSITIVE_INFINITY
  #stopped = false

  /** @param expired called with each that is due, which is not held any more by then. */
  constructor(clock: Clock, expired: (request: T) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  get size(): number {
    return this.#timers.size
  }

  has(request: T): boolean {
    return this.#timers.has(request)
  }

  all(): T[] {
    return [...this.#timers.keys()]
  }

  of(connection: Connection): T[] {
    return [...(this.#byConnection.get(connection) ?? [])]
  }

  add(request: T): void {
    const timer: HeapTimer = { due: request.deadline, order: this.#order++, callback: () => this.#end(request), index: -1 }
    this.#timers.set(request, timer)
    this.#heap.add(timer)
    const others = this.#byConnection.get(request.connection)
    if (others === undefined) this.#byConnection.set(request.connection, new Set([request]))
    else others.add(request)
    this.#arm()
  }

  /** Harmless when it is not held. */
  remove(request: T): void {
    const timer = this.#timers.get(request)
    if (timer === undefined) return
    this.#timers.delete(request)
    this.#heap.remove(timer)
    const others = this.#byConnection.get(request.connection)
    others?.delete(request)
    if (others?.size === 0) this.#byConnection.delete(request.connection)
  }

  /** For good: nothing expires any more. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** One that ended before it may have taken this one with it. */
  #end(request: T): void {
    if (!this.#timers.has(request)) return
    this.remove(request)
    this.#expired(request)
  }

  #arm(): void {
    const due = this.#heap.first?.due ?? Number.POSITIVE_INFINITY
    if (this.#stopped || due >= this.#at) return
    this.#timer?.cancel()
    this.#at = due
    // What is further away than a timer can wait is looked at on the way.
    const wait = Math.min(Math.max(0, due - this.#clock.monotonic()), LONGEST_TIMER)
    this.#timer = this.#clock.setTimeout(() => this.#fire(), wait, { ref: false })
  }

  #fire(): void {
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    const due: HeapTimer[] = []
    for (let { first } = this.#heap; first !== undefined && first.due <= now; first = this.#heap.first) {
      this.#heap.remove(first)
      due.push(first)
    }
    for (const timer of due) timer.callback()
    this.#arm()
  }
}
