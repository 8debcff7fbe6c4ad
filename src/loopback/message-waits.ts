import { MQClientException } from '../internal/errors.ts'

/** Who waits until a topic holds so many messages. */
export class MessageWaits {
  readonly #count: (topic: string) => number
  readonly #checks = new Set<(topic: string) => void>()
  readonly #closers = new Set<() => void>()

  /** @param count how many messages a topic holds now. */
  constructor(count: (topic: string) => number) {
    this.#count = count
  }

  /** Resolves when `topic` holds at least `count`; rejects with the signal's reason, or when the broker is closed before. */
  until(topic: string, count: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        signal?.removeEventListener('abort', abort)
        this.#closers.delete(closed)
        this.#checks.delete(check)
        settle()
      }
      const check = (arrived: string): void => {
        if (arrived === topic && this.#count(topic) >= count) finish(resolve)
      }
      const abort = (): void => finish(() => reject(signal?.reason))
      const closed = (): void => {
        const text = `the broker was closed while waiting for ${count} messages of ${topic}`
        finish(() => reject(new MQClientException(text, { code: 'CLOSED' })))
      }
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', abort, { once: true })
      this.#closers.add(closed)
      this.#checks.add(check)
      check(topic)
    })
  }

  /** A message of `topic` can be seen now. */
  arrived(topic: string): void {
    if (this.#checks.size > 0) for (const check of [...this.#checks]) check(topic)
  }

  close(): void {
    for (const closed of [...this.#closers]) closed()
  }
}
