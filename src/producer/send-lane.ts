import { RingQueue } from '../internal/ring-queue.ts'

/** A send that waits for its turn in a lane. */
export interface LaneEntry {
  /** It ended while it waited. */
  readonly settled: boolean
  /** What it waited for itself (route, compression) is there. */
  readonly ready: boolean
  /** Sends it. */
  proceed(): void
}

/**
 * Keeps the sends to one topic in call order while one of them waits for a route or for compression: who comes later goes behind it.
 * Exists only as long as somebody waits, so the ordinary send pays one look at an undefined field.
 */
export class SendLane {
  readonly #entries = new RingQueue<LaneEntry>()
  #draining = false

  get empty(): boolean {
    return this.#entries.length === 0
  }

  push(entry: LaneEntry): void {
    this.#entries.push(entry)
  }

  /** Lets go whoever is ready at the head. To be called whenever an entry became ready or ended. */
  drain(): void {
    if (this.#draining) return
    this.#draining = true
    try {
      for (let entry = this.#entries.peek(); entry !== undefined; entry = this.#entries.peek()) {
        if (!entry.settled && !entry.ready) return
        this.#entries.shift()
        // What a callback sends meanwhile finds the lane and goes behind those who wait.
        if (!entry.settled) entry.proceed()
      }
    } finally {
      this.#draining = false
    }
  }
}
