import { nextTick } from '../internal/turns.ts'
/**
 * Takes the bytes of a socket that reads into one buffer again and again, which saves an allocation and the stream machinery for each
 * read. What `deliver` is given is only good until it returns. Bytes that come before anybody listens are kept.
 */
export class ByteReceiver {
  #sink: ((bytes: Buffer) => void) | undefined
  #early: Buffer[] = []

  /** Starts listening; bytes that came early follow in the next tick, before any others. */
  attach(sink: (bytes: Buffer) => void): void {
    if (this.#early.length === 0) {
      this.#sink = sink
      return
    }
    nextTick(() => {
      this.#sink = sink
      for (const bytes of this.#early.splice(0)) sink(bytes)
    })
  }

  deliver(bytes: Buffer): void {
    if (this.#sink === undefined) this.#early.push(Buffer.from(bytes))
    else this.#sink(bytes)
  }
}
