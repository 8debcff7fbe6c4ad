/**
 * A call with a callback as a promise. When `signal` aborts, the call is given up and the promise rejects with the signal's reason.
 * @param start begins the call, whose callback never runs before it returns; gives back how to give it up.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  start: (done: (error: unknown, value: T | undefined) => void) => () => unknown
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = start((error, value) => {
      signal?.removeEventListener('abort', abort)
      if (error === undefined) resolve(value as T)
      else reject(error)
    })
    const abort = (): void => {
      stop()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}
