import type { Clock, Timer } from '../../internal/clock.ts'
import type { PutMessageStatus } from '../../store/types.ts'

interface TransferRequest {
  nextOffset: number
  /** Monotonic clock, ms. */
  deadline: number
  resolve(status: PutMessageStatus): void
}

/**
 * Puts that wait for a slave; Java's `GroupTransferService`. Each has a deadline of its own, where Java waits for one after the other, so
 * that behind a slave that stopped each of them waits longer than the one before.
 */
export class GroupTransferService {
  readonly #clock: Clock
  /** In the order of their offsets. */
  #waiting: TransferRequest[] = []
  #timer: Timer | undefined
  #timerAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** PUT_OK when {@link reached} is told of `nextOffset`, FLUSH_SLAVE_TIMEOUT when `millis` pass before. */
  put(nextOffset: number, millis: number): Promise<PutMessageStatus> {
    const deadline = this.#clock.monotonic() + millis
    return new Promise((resolve) => {
      this.#waiting.push({ nextOffset, deadline, resolve })
      this.#watch(deadline)
    })
  }

  /** A slave has everything below `offset`. */
  reached(offset: number): void {
    const waiting = this.#waiting
    let done = 0
    while (done < waiting.length && waiting[done]!.nextOffset <= offset) waiting[done++]!.resolve('PUT_OK')
    if (done > 0) waiting.splice(0, done)
    if (waiting.length === 0) this.#stopTimer()
  }

  /** Who still waits is told that no slave has confirmed it. */
  shutdown(): void {
    this.#stopTimer()
    for (const request of this.#waiting.splice(0)) request.resolve('FLUSH_SLAVE_TIMEOUT')
  }

  /** One timer for all, at the first deadline; `slaveTimeout` may have changed, so deadlines are not always in order. */
  #watch(deadline: number): void {
    if (this.#timer !== undefined && this.#timerAt <= deadline) return
    this.#stopTimer()
    this.#timerAt = deadline
    this.#timer = this.#clock.setTimeout(() => this.#expire(), Math.max(deadline - this.#clock.monotonic(), 0), { ref: false })
  }

  #expire(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    const due = this.#waiting.filter((request) => request.deadline <= now)
    this.#waiting = this.#waiting.filter((request) => request.deadline > now)
    for (const request of due) request.resolve('FLUSH_SLAVE_TIMEOUT')
    if (this.#waiting.length > 0) this.#watch(Math.min(...this.#waiting.map((request) => request.deadline)))
  }

  #stopTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
