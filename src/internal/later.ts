import { isPromise } from './async.ts'

type Listener<T, R> = ((value: T) => R | PromiseLike<R>) | null | undefined
type Failure<R> = ((error: unknown) => R | PromiseLike<R>) | null | undefined

/** Somebody who waits as one does for a promise. */
interface Waiter<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * A value that comes later, for hot paths: a promise whose first listener is called within the call that brings the value, so that a chain
 * of them costs an object a link and no turn through the queue of microtasks. Awaiting, combining and further listeners work as with any
 * promise.
 */
export class Later<T> implements Promise<T> {
  // Declared and set in the constructor: field initialisers cost ten times as much, and every message that waits has some of these.
  /** Whether there is an outcome; true with a value, false with an error. */
  declare private succeeded: boolean | undefined
  declare private outcome: unknown
  /** What the first `then` gave, with what to call. */
  declare private next: Later<unknown> | undefined
  declare private listener: Listener<never, unknown>
  declare private failure: Failure<unknown>
  declare private waiters: Waiter<T>[] | undefined

  constructor() {
    this.succeeded = undefined
    this.outcome = undefined
    this.next = undefined
    this.listener = undefined
    this.failure = undefined
    this.waiters = undefined
  }

  get [Symbol.toStringTag](): string {
    return 'Later'
  }

  /** Brings the value; a second one is ignored. Never throws: what a listener throws is what the promise of its `then` fails with. */
  complete(value: T): void {
    if (this.succeeded !== undefined) return
    this.succeeded = true
    this.outcome = value
    this.next?.run(this.next.listener as Listener<T, unknown>, value)
    if (this.waiters !== undefined) for (const { resolve } of this.waiters) resolve(value)
  }

  then<R = T, F = never>(listener?: Listener<T, R>, failure?: Failure<F>): Promise<R | F> {
    if (this.next !== undefined || this.succeeded !== undefined || typeof listener !== 'function') {
      return this.promise().then(listener, failure)
    }
    const next = new Later<R | F>()
    next.listener = listener as Listener<never, unknown>
    next.failure = failure
    this.next = next as Later<unknown>
    return next
  }

  catch<F = never>(failure?: Failure<F>): Promise<T | F> {
    return this.promise().catch(failure)
  }

  finally(listener?: (() => void) | null): Promise<T> {
    return this.promise().finally(listener)
  }

  private promise(): Promise<T> {
    if (this.succeeded === true) return Promise.resolve(this.outcome as T)
    if (this.succeeded === false) return Promise.reject(this.outcome)
    return new Promise<T>((resolve, reject) => {
      this.waiters ??= []
      this.waiters.push({ resolve, reject })
    })
  }

  private run<V>(listener: Listener<V, unknown>, value: V): void {
    try {
      const result = (listener as (value: V) => T | Promise<T>)(value)
      if (!isPromise(result)) this.complete(result)
      else
        result.then(
          (settled) => this.complete(settled),
          (error: unknown) => this.fail(error)
        )
    } catch (error) {
      this.fail(error)
    }
  }

  private fail(error: unknown): void {
    this.succeeded = false
    this.outcome = error
    const { next, waiters } = this
    if (next === undefined && waiters === undefined) {
      // As with any promise nobody listens to, the process hears of it.
      void Promise.reject(error)
      return
    }
    if (typeof next?.failure === 'function') next.run(next.failure, error)
    else next?.fail(error)
    if (waiters !== undefined) for (const { reject } of waiters) reject(error)
  }
}
