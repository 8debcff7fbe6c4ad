import type { Activity } from './activity.ts'

/** A timer that was started on a {@link Clock}. */
export interface Timer {
  /** Stops it; harmless when it has fired. */
  cancel(): void
  /** Lets the pending timer keep the process alive, or not; a clock without a process behind it leaves them out. */
  ref?(): void
  /** Opposite of `ref`. */
  unref?(): void
}

/**
 * The only source of time in this package. Deadlines use {@link Clock.monotonic}; what goes on the wire or into a record uses
 * {@link Clock.now}.
 */
export interface Clock {
  /** Wall clock, ms since 1970. */
  now(): number
  /** Ms since some fixed point; never goes back. */
  monotonic(): number
  /**
   * Calls `callback` once after `millis`.
   * @param options.ref whether the pending timer keeps the process alive; periodic background work passes false. @default true
   */
  setTimeout(callback: () => void, millis: number, options?: { ref?: boolean }): Timer
  /** What goes on between those who share the clock, where it waits for that before it moves. @default it does not wait */
  readonly activity?: Activity | undefined
}

/** Lets a clock that waits know of the promise's work; for what ends without the clock. Returns the promise. */
export function tracked<T>(clock: Clock, promise: Promise<T>, what: string): Promise<T> {
  return clock.activity === undefined ? promise : clock.activity.track(promise, what)
}

/** Longest wait a timer can be set for, ms; Node's timers fire at once for more. */
export const LONGEST_TIMER = 0x7fffffff

// Taken when the module loads, so that a test runner's fake timers freeze neither producer nor broker.
const { setTimeout: startTimer, clearTimeout: stopTimer, performance } = globalThis
const wallClock = Date.now
const monotonic = performance.now.bind(performance)

class RealTimer implements Timer {
  readonly #handle: NodeJS.Timeout

  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle
  }

  cancel(): void {
    stopTimer(this.#handle)
  }

  ref(): void {
    this.#handle.ref()
  }

  unref(): void {
    this.#handle.unref()
  }
}

export const realClock: Clock = {
  now: wallClock,
  monotonic,
  setTimeout(callback, millis, options) {
    const handle = startTimer(callback, millis)
    if (options?.ref === false) handle.unref()
    return new RealTimer(handle)
  }
}
