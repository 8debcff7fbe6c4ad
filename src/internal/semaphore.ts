import type { MaybePromise } from './async.ts'
import type { Clock, Timer } from './clock.ts'
import { RemotingTooMuchRequestException } from './errors.ts'
import { RingQueue } from './ring-queue.ts'

/** What an acquire hands out. */
export interface Permit {
  /** Gives the permits back; only the first call counts. */
  release(): void
}

interface Waiter {
  count: number
  settled: boolean
  resolve(permit: Permit): void
  dispose(): void
}

/**
 * Counted permits, handed out in the order they were asked for: a big request at the head is not overtaken by small ones behind it.
 */
export class Semaphore {
  readonly #clock: Clock
  readonly #waiters = new RingQueue<Waiter>()
  readonly #permits: number
  #free: number
  #waiting = 0

  /** @param permits how many there are, above 0; messages or bytes, as the owner counts. */
  constructor(permits: number, clock: Clock) {
    this.#permits = permits
    this.#free = permits
    this.#clock = clock
  }

  /** Permits nobody holds. */
  get available(): number {
    return this.#free
  }

  /** Callers that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** The permit, or undefined when it is not free now or others wait already. */
  tryAcquire(count = 1): Permit | undefined {
    if (this.#waiting > 0 || this.#need(count) > this.#free) return undefined
    return this.#grant(count)
  }

  /**
   * The permit at once where it is free, else a promise of it. A count above the total waits for all permits, so that one big item
   * passes alone instead of never.
   * @param timeoutMillis how long to wait, ms; 0 or less does not wait.
   * @throws RemotingTooMuchRequestException when the time is over, or the signal's reason when it aborts.
   */
  acquire(count: number, timeoutMillis: number, signal?: AbortSignal): MaybePromise<Permit> {
    const permit = this.tryAcquire(count)
    if (permit !== undefined) return permit
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (timeoutMillis <= 0) return Promise.reject(tooMuch(count, this.#permits, timeoutMillis))
    return new Promise<Permit>((resolve, reject) => this.#wait(count, timeoutMillis, signal, resolve, reject))
  }

  #wait(
    count: number,
    timeoutMillis: number,
    signal: AbortSignal | undefined,
    resolve: (permit: Permit) => void,
    reject: (error: unknown) => void
  ): void {
    let timer: Timer | undefined
    const giveUp = (error: unknown): void => {
      if (waiter.settled) return
      waiter.settled = true
      waiter.dispose()
      this.#waiting--
      reject(error)
      // Those behind may fit where this one did not.
      this.#serve()
    }
    const abort = (): void => giveUp(signal?.reason)
    const waiter: Waiter = {
      count,
      settled: false,
      resolve,
      dispose() {
        timer?.cancel()
        signal?.removeEventListener('abort', abort)
      }
    }
    timer = this.#clock.setTimeout(() => giveUp(tooMuch(count, this.#permits, timeoutMillis)), timeoutMillis)
    signal?.addEventListener('abort', abort, { once: true })
    this.#waiting++
    this.#waiters.push(waiter)
  }

  #serve(): void {
    for (;;) {
      const waiter = this.#waiters.peek()
      if (waiter === undefined) return
      if (!waiter.settled) {
        if (this.#need(waiter.count) > this.#free) return
        waiter.settled = true
        waiter.dispose()
        this.#waiting--
        waiter.resolve(this.#grant(waiter.count))
      }
      this.#waiters.shift()
    }
  }

  #need(count: number): number {
    return Math.min(count, this.#permits)
  }

  #grant(count: number): Permit {
    const taken = this.#need(count)
    this.#free -= taken
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        this.#free += taken
        this.#serve()
      }
    }
  }
}

function tooMuch(count: number, permits: number, timeoutMillis: number): RemotingTooMuchRequestException {
  return new RemotingTooMuchRequestException(`no ${count} of ${permits} permits became free within ${timeoutMillis}(ms)`, {
    code: 'TOO_MUCH_REQUESTS',
    retryable: false
  })
}
