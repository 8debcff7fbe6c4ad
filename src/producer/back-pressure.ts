import { RemotingTooMuchRequestException } from '../internal/errors.ts'
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

/** What may be under way, and what may wait behind it. */
export interface BackPressureLimits {
  readonly maxMessages: number
  readonly maxBytes: number
  /** Who waits has a copy of its body, so the line has limits of its own. */
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
}

/**
 * Limits messages and bytes under way. Waiters are served in the order they came; nobody overtakes, so a producer's sends keep their
 * order. A body above the byte limit passes alone instead of never.
 */
export class BackPressure {
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
  #maxMessages: number
  #maxBytes: number
  #messages = 0
  #bytes = 0
  #waiters = new RingQueue<RoomWaiter>()
  /** Those of them that have not given up. */
  #waiting = 0
  #waitingBytes = 0
  #serving = false
  #closed = false

  constructor({ maxMessages, maxBytes, maxWaiting, maxWaitingBytes }: BackPressureLimits) {
    this.#maxMessages = maxMessages
    this.#maxBytes = maxBytes
    this.maxWaiting = maxWaiting
    this.maxWaitingBytes = maxWaitingBytes
  }

  /** Messages that wait for room. */
  get waiting(): number {
    return this.#waiting
  }

  /** Bytes that wait for room. */
  get waitingBytes(): number {
    return this.#waitingBytes
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

  /** Whether a body would neither get room now nor a place in the line: then it need not even be copied. @param mayWait as `whenFull` says. */
  refuses(weight: number, mayWait: boolean): boolean {
    if (this.#waiters.length === 0 && this.#fits(weight)) return false
    return !mayWait || !this.#hasPlaceFor(weight)
  }

  #hasPlaceFor(weight: number): boolean {
    return this.#waiting < this.maxWaiting && (this.#waiting === 0 || this.#waitingBytes + weight <= this.maxWaitingBytes)
  }

  /**
   * Puts `waiter` at the end of the line, unless the line is full: then false. One body above the line's byte limit may wait alone. Who
   * gives up calls {@link giveUp} once.
   */
  wait(waiter: RoomWaiter): boolean {
    if (!this.#hasPlaceFor(waiter.weight)) return false
    this.#waiting++
    this.#waitingBytes += waiter.weight
    this.#waiters.push(waiter)
    return true
  }

  release(weight: number): void {
    this.#messages--
    this.#bytes -= weight
    if (this.#waiters.length > 0) this.#serve()
  }

  /** To be called when a waiter gave up, after it has settled: who is behind it may be served. */
  giveUp(weight: number): void {
    this.#waiting--
    this.#waitingBytes -= weight
    this.#serve()
    // Behind a patient head those who gave up would stay, and their messages with them.
    if (this.#waiters.length > 2 * this.#waiting + 64) this.#compact()
  }

  /** From now on nobody who waits is served; whoever waits has to be told by the owner. */
  close(): void {
    this.#closed = true
    this.#waiters.clear()
  }

  #compact(): void {
    const line = new RingQueue<RoomWaiter>()
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      if (!waiter.settled) line.push(waiter)
    }
    this.#waiters = line
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
        this.#waiting--
        this.#waitingBytes -= waiter.weight
        this.#messages++
        this.#bytes += waiter.weight
        waiter.onRoom()
      }
    } finally {
      this.#serving = false
    }
  }
}

/** The error of a send that nothing was sent of. */
export function noRoom(
  backPressure: BackPressure,
  weight: number,
  why: string,
  uniqKey: string | undefined
): RemotingTooMuchRequestException {
  const { messages, bytes, maxMessages, maxBytes, waiting, waitingBytes } = backPressure
  const limit = messages >= maxMessages ? 'Num' : 'Size'
  return new RemotingTooMuchRequestException(
    `send message tryAcquire semaphoreAsync${limit} timeout: ${messages} messages (limit ${maxMessages}) and ${bytes} bytes (limit ${maxBytes}) are under way, ${weight} bytes more do not fit, ${why} (${waiting} messages with ${waitingBytes} bytes wait)`,
    {
      code: 'BACK_PRESSURE',
      ...(uniqKey === undefined ? {} : { uniqKey }),
      hint: 'Await sends before making more, or raise backPressureForAsyncSendNum and backPressureForAsyncSendSize; maxWaitingSends and maxWaitingBytes limit those who wait.'
    }
  )
}
