import { RingQueue } from '../internal/ring-queue.ts'

/** Somebody who waits for room. */
export interface RoomWaiter {
  /** Body bytes. */
  readonly weight: number
  /** True when it no longer waits: it was aborted, or its time is over. */
  readonly settled: boolean
  /** There is room, and it is taken. */
  onRoom(): void
}

/**
 * Limits messages and bytes under way. Waiters are served in the order they came; nobody overtakes, so a producer's sends keep their
 * order. A body above the byte limit passes alone instead of never.
 */
export class BackPressure {
  #maxMessages: number
  #maxBytes: number
  #messages = 0
  #bytes = 0
  readonly #waiters = new RingQueue<RoomWaiter>()
  #serving = false
  #closed = false

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages
    this.#maxBytes = maxBytes
  }

  /** Messages that hold room. */
  get messages(): number {
    return this.#messages
  }

  /** Bytes that hold room. */
  get bytes(): number {
    return this.#bytes
  }

  get maxMessages(): number {
    return this.#maxMessages
  }

  /** May change while sends are under way; a lower limit takes hold as they end. */
  set maxMessages(limit: number) {
    this.#maxMessages = limit
    this.#serve()
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  set maxBytes(limit: number) {
    this.#maxBytes = limit
    this.#serve()
  }

  /** Takes room for one message, unless there is none or others wait for it. Who got it calls {@link release} once. */
  tryAcquire(weight: number): boolean {
    if (this.#waiters.length > 0 || !this.#fits(weight)) return false
    this.#messages++
    this.#bytes += weight
    return true
  }

  /** Puts `waiter` at the end of the line. */
  wait(waiter: RoomWaiter): void {
    this.#waiters.push(waiter)
  }

  release(weight: number): void {
    this.#messages--
    this.#bytes -= weight
    if (this.#waiters.length > 0) this.#serve()
  }

  /** To be called when a waiter gave up: takes those out of the line's head that wait no more, and serves who is behind them. */
  forget(): void {
    this.#serve()
  }

  /** From now on nobody who waits is served; whoever waits has to be told by the owner. */
  close(): void {
    this.#closed = true
    this.#waiters.clear()
  }

  #fits(weight: number): boolean {
    return this.#messages === 0 || (this.#messages < this.#maxMessages && this.#bytes + weight <= this.#maxBytes)
  }

  #serve(): void {
    // A waiter that is served may end at once and release: the loop that is running goes on with it.
    if (this.#serving) return
    this.#serving = true
    try {
      while (!this.#closed) {
        const waiter = this.#waiters.peek()
        if (waiter === undefined || (!waiter.settled && !this.#fits(waiter.weight))) return
        this.#waiters.shift()
        if (waiter.settled) continue
        this.#messages++
        this.#bytes += waiter.weight
        waiter.onRoom()
      }
    } finally {
      this.#serving = false
    }
  }
}
