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
