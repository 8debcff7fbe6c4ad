/** A value that is there already or comes later; hot paths avoid a promise when nothing has to be waited for. */
export type MaybePromise<T> = T | Promise<T>

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** An end that many wait for beside something else: who stops waiting leaves nothing behind, as he would with a promise that stays open. */
export class Ending {
  readonly #waiters = new Set<() => void>()
  #over = false

  /** Calls `waiter` at the end; at once when that has come. Returns how to stop waiting. */
  wait(waiter: () => void): () => void {
    if (this.#over) waiter()
    else this.#waiters.add(waiter)
    return () => void this.#waiters.delete(waiter)
  }

  end(): void {
    this.#over = true
    for (const waiter of this.#waiters) waiter()
    this.#waiters.clear()
  }
}

/** Runs one call per key at a time; callers that come meanwhile share its outcome. */
export class SingleFlight<K, T> {
  readonly #running = new Map<K, Promise<T>>()

  run(key: K, work: () => Promise<T>): Promise<T> {
    let promise = this.#running.get(key)
    if (promise === undefined) {
      promise = work().finally(() => this.#running.delete(key))
      this.#running.set(key, promise)
    }
    return promise
  }
}
