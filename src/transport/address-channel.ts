import type { Clock } from '../internal/clock.ts'
import type { RocketMQError } from '../internal/errors.ts'
import { RingQueue } from '../internal/ring-queue.ts'
import type { TimerWheel } from '../internal/timer-wheel.ts'
import { WheelEntry } from '../internal/timer-wheel.ts'
import { nextTick } from '../internal/turns.ts'
import { ConnectBudget } from './connect-budget.ts'
import type { Connection } from './connection.ts'
import { connectFailed } from './remoting-errors.ts'

/** Called exactly once with a connection, or with why there is none. */
export type ConnectionCallback = (error: RocketMQError | undefined, connection: Connection | undefined) => void

class Waiter extends WheelEntry {
  override get keepsAlive(): boolean {
    return true
  }

  #callback: ConnectionCallback | undefined
  readonly #timeout: () => RocketMQError

  constructor(callback: ConnectionCallback, timeout: () => RocketMQError) {
    super()
    this.#callback = callback
    this.#timeout = timeout
  }

  settle(error: RocketMQError | undefined, connection: Connection | undefined): void {
    const callback = this.#callback
    this.#callback = undefined
    callback?.(error, connection)
  }

  forget(): void {
    this.#callback = undefined
  }

  override expire(): void {
    if (this.#callback !== undefined) this.settle(this.#timeout(), undefined)
  }
}

/** The next attempt, while the budget does not allow one. */
class Pause extends WheelEntry {
  override get keepsAlive(): boolean {
    return true
  }

  override readonly expire: () => void

  constructor(expire: () => void) {
    super()
    this.expire = expire
  }
}

/**
 * The way to one address: the connection in use, or one attempt to open it and the callers that wait for it, served in call order.
 */
export class AddressChannel {
  readonly addr: string
  /** Undefined while there is none that may be used. */
  connection: Connection | undefined
  readonly #wheel: TimerWheel
  readonly #clock: Clock
  readonly #open: (addr: string, signal: AbortSignal) => Promise<Connection>
  readonly #waiters = new RingQueue<Waiter>(4)
  readonly #budget = new ConnectBudget()
  #attempt: AbortController | undefined
  #pause: Pause | undefined
  /** Why the last attempt failed. */
  #lastError: RocketMQError | undefined

  constructor(addr: string, wheel: TimerWheel, clock: Clock, open: (addr: string, signal: AbortSignal) => Promise<Connection>) {
    this.addr = addr
    this.#wheel = wheel
    this.#clock = clock
    this.#open = open
  }

  /**
   * Queues for the connection; opens it where nobody has begun to. Returns how to stop waiting without being called.
   * @param impatient rather fails at once than waits until the next attempt may begin.
   */
  wait(timeoutMillis: number, timeout: () => RocketMQError, callback: ConnectionCallback, impatient = false): () => void {
    if (this.#attempt === undefined) this.#begin()
    const waiter = new Waiter(callback, () => (this.#pause === undefined ? timeout() : this.#refusal()))
    if (impatient && this.#pause !== undefined) {
      nextTick(() => waiter.expire())
      return () => waiter.forget()
    }
    this.#waiters.push(waiter)
    this.#wheel.add(waiter, timeoutMillis)
    return () => {
      this.#wheel.remove(waiter)
      // It stays queued, but has nobody to tell.
      waiter.forget()
    }
  }

  /** Stops using `connection`, e.g. because the peer wants us to go; the next caller opens another. */
  drop(connection: Connection): void {
    if (this.connection === connection) this.connection = undefined
  }

  /** Ends the attempt and fails who waits. */
  abort(error: RocketMQError): void {
    this.#attempt?.abort(error)
    this.#attempt = undefined
    this.#endPause()
    this.#settle(error, undefined)
  }

  /** Why there is no connection, and no attempt either. */
  #refusal(): RocketMQError {
    return this.#lastError ?? connectFailed(this.addr, new Error('it was connected to too often within a short time'))
  }

  #endPause(): void {
    if (this.#pause !== undefined) this.#wheel.remove(this.#pause)
    this.#pause = undefined
  }

  #begin(): void {
    if (this.#pause !== undefined) return
    const millis = this.#budget.take(this.#clock.monotonic())
    if (millis <= 0) {
      this.#start()
      return
    }
    this.#pause = new Pause(() => {
      this.#pause = undefined
      // Whoever has given up meanwhile is still queued.
      if (this.#attempt === undefined && this.#waiters.length > 0) this.#begin()
    })
    this.#wheel.add(this.#pause, millis)
  }

  #start(): void {
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#open(this.addr, attempt.signal).then(
      (connection) => {
        if (this.#attempt !== attempt) return connection.close()
        this.#attempt = undefined
        if (!connection.closed) this.connection = connection
        connection.onClose(() => this.drop(connection))
        this.#settle(undefined, connection)
      },
      (error: RocketMQError) => {
        if (this.#attempt !== attempt) return
        this.#attempt = undefined
        this.#lastError = error
        this.#settle(error, undefined)
      }
    )
  }

  #settle(error: RocketMQError | undefined, connection: Connection | undefined): void {
    // Who queues from within a callback belongs to the next attempt.
    for (let left = this.#waiters.length; left > 0; left--) {
      const waiter = this.#waiters.shift() as Waiter
      this.#wheel.remove(waiter)
      waiter.settle(error, connection)
    }
  }
}
