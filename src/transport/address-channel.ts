import type { RocketMQError } from '../internal/errors.ts'
import { RingQueue } from '../internal/ring-queue.ts'
import type { TimerWheel } from '../internal/timer-wheel.ts'
import { WheelEntry } from '../internal/timer-wheel.ts'
import type { Connection } from './connection.ts'

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

  override expire(): void {
    this.settle(this.#timeout(), undefined)
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
  readonly #open: (addr: string, signal: AbortSignal) => Promise<Connection>
  readonly #waiters = new RingQueue<Waiter>(4)
  #attempt: AbortController | undefined

  constructor(addr: string, wheel: TimerWheel, open: (addr: string, signal: AbortSignal) => Promise<Connection>) {
    this.addr = addr
    this.#wheel = wheel
    this.#open = open
  }

  /** Queues for the connection; opens it where nobody has begun to. Returns how to stop waiting without being called. */
  wait(timeoutMillis: number, timeout: () => RocketMQError, callback: ConnectionCallback): () => void {
    const waiter = new Waiter(callback, timeout)
    this.#waiters.push(waiter)
    this.#wheel.add(waiter, timeoutMillis)
    if (this.#attempt === undefined) this.#start()
    return () => {
      this.#wheel.remove(waiter)
      // It stays queued, but has nobody to tell.
      waiter.expire = () => {}
      waiter.settle = () => {}
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
    this.#settle(error, undefined)
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
