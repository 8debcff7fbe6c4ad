import { Activity } from './activity.ts'
import { type Clock, realClock, type Timer } from './clock.ts'
import { type Duration, durationMillis } from './duration.ts'
import { MQClientException } from './errors.ts'
import { type HeapTimer, TimerHeap } from './timer-heap.ts'
import { turn } from './turns.ts'

/** Turns of the event loop in which nothing may go on before the clock moves: what an application does in a few of them is done then. */
const QUIET_TURNS = 4
/** So many turns follow each other at once; after that there is a disk or a network to wait for, and a ms between two looks. */
const TURNS_AT_ONCE = 500
/** More timers than this are not started and fired at one point in time. */
const MOST_AT_ONCE = 10_000
/** So many timers fire in no less than this span, ms: 10 ms between two. */
const MANY = 1_000_000
const MANY_MILLIS = 10_000_000

/** How a {@link HeldClock} waits. */
export interface HeldClockOptions {
  /** How long those who share the clock may take until they are quiet, before each step, ms of real time. @default 5000 */
  stepTimeout?: number
}

/**
 * A clock that stands until it is told to move; keeps no process alive. Before it moves to the next timer that is due it waits until
 * those who share it are quiet: no bytes between them that were not read, no connection being opened, no file being written or synced.
 *
 * @example
 * const broker = await LoopbackBroker.start({ clock: 'held' })
 * await broker.clock.advance('30s') // everything due within 30 s happens, in order
 */
export class HeldClock implements Clock {
  /** What goes on between those who share the clock. */
  readonly activity = new Activity(realClock.monotonic)
  readonly #startedAt: number
  readonly #stepTimeout: number
  readonly #timers = new TimerHeap()
  #elapsed = 0
  #started = 0
  #advancing: Promise<unknown> = Promise.resolve()

  /** @param now wall clock at the start, ms since 1970. @default 1700000000000 */
  constructor(now = 1_700_000_000_000, { stepTimeout = 5000 }: HeldClockOptions = {}) {
    this.#startedAt = now
    this.#stepTimeout = stepTimeout
  }

  /** Wall clock, ms since 1970. */
  now(): number {
    return this.#startedAt + Math.floor(this.#elapsed)
  }

  /** Ms since the clock was made. */
  monotonic(): number {
    return this.#elapsed
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#timers.size
  }

  /** Calls `callback` once when the clock has moved by `millis`. */
  setTimeout(callback: () => void, millis: number): Timer {
    const timer: HeapTimer = { due: this.#elapsed + Math.max(millis, 0), order: this.#started++, callback, index: -1 }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.remove(timer) }
  }

  /**
   * Moves on by a duration (ms, or a text such as `'30m'`, `'1h30m'`, `'500ms'`), from one due timer to the next; timers that are due at the
   * same time fire in the order they were started, those that are started on the way fire too. Before each step, and before it resolves, it
   * waits until those who share the clock are quiet. Calls made meanwhile follow one another.
   * @param options.signal stops it between two steps; the clock stays where it is then.
   * @throws MQClientException: `BAD_OPTION` for a duration that is none; `CLOCK_NOT_QUIET` with a list of what goes on when a step is not
   *   quiet after 5 s of real time; `CLOCK_RUNAWAY` when timers start each other without end. The signal's reason. What the callback of a
   *   timer throws, several as an AggregateError, after the rest has been done.
   */
  advance(duration: Duration, options: { signal?: AbortSignal } = {}): Promise<void> {
    let millis: number
    try {
      millis = durationMillis(duration)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#queue(() => this.#advanceTo(this.#elapsed + millis, options.signal))
  }

  /**
   * Moves to the point in time at which the next timer is due, once all is quiet, and fires all that are due then.
   * @returns by how much it moved, ms; 0 when no timer waits.
   * @throws as {@link advance}.
   */
  advanceToNextTimer(options: { signal?: AbortSignal } = {}): Promise<number> {
    return this.#queue(async () => {
      await this.#untilQuiet(options.signal)
      const from = this.#elapsed
      await this.#advanceTo(Math.max(this.#timers.first?.due ?? from, from), options.signal)
      return this.#elapsed - from
    })
  }

  /**
   * Makes the clock wait for work of the application's own before it moves: what a reply, a listener or an interceptor does on a disk or in
   * a database. It must not wait for the clock itself.
   * @param what for the list of what is pending.
   * @returns the promise.
   */
  track<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.activity.track(promise, what)
  }

  /** What goes on, which requests wait for an answer, and when the next timer is due, a line each; for whoever wonders why. */
  pending(): string[] {
    const next = this.#timers.first
    const timer =
      next === undefined ? 'no timer waits' : `the next of ${this.timers} timers is due in ${next.due - this.#elapsed} ms`
    return [...this.activity.active(), ...this.activity.waiting(), timer]
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#advancing.then(work)
    this.#advancing = run.catch(() => {})
    return run
  }

  async #advanceTo(end: number, signal: AbortSignal | undefined): Promise<void> {
    const errors: unknown[] = []
    const runaway = new Runaway(this.#elapsed, this.#started)
    try {
      await this.#untilQuiet(signal)
      for (let timer = this.#timers.first; timer !== undefined && timer.due <= end; timer = this.#timers.first) {
        this.#elapsed = Math.max(this.#elapsed, timer.due)
        runaway.check(timer, this.#elapsed, this.#started)
        this.#timers.remove(timer)
        try {
          timer.callback()
        } catch (error) {
          errors.push(error)
        }
        await this.#untilQuiet(signal)
      }
      this.#elapsed = Math.max(this.#elapsed, end)
    } catch (error) {
      errors.push(error)
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1)
      throw new AggregateError(errors, `${errors.length} errors while the clock moved, the first: ${errors[0]}`)
  }

  async #untilQuiet(signal: AbortSignal | undefined): Promise<void> {
    const began = realClock.monotonic()
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; turns++) {
      signal?.throwIfAborted()
      await (turns < TURNS_AT_ONCE ? turn() : rest())
      quiet++
      if (!this.activity.busy) continue
      quiet = 0
      if (realClock.monotonic() - began >= this.#stepTimeout) throw this.#notQuiet()
    }
  }

  #notQuiet(): MQClientException {
    const list = (lines: string[]): string => lines.map((line) => `\n  ${line}`).join('')
    const waiting = this.activity.waiting()
    return new MQClientException(
      `the clock stays at ${this.#elapsed} ms: those who share it are not quiet after ${this.#stepTimeout} ms of real time. Under way:` +
        list(this.activity.active()) +
        (waiting.length === 0 ? '' : `\nRequests without an answer:${list(waiting)}`),
      {
        code: 'CLOCK_NOT_QUIET',
        hint: 'Something never ends, or waits for the clock while the clock waits for it; a larger stepTimeout helps where it is only slow.'
      }
    )
  }
}

/** Notices timers that start each other without end. */
class Runaway {
  #at: number
  /** Timers from this order on were started at this point in time. */
  #firstOrder: number
  #atOnce = 0
  #since: number
  #count = 0

  constructor(elapsed: number, started: number) {
    this.#at = elapsed
    this.#firstOrder = started
    this.#since = elapsed
  }

  /** A timer fires at `elapsed`, when so many have been started. */
  check({ order }: HeapTimer, elapsed: number, started: number): void {
    if (elapsed > this.#at) {
      this.#at = elapsed
      this.#firstOrder = started
      this.#atOnce = 0
    }
    if (order >= this.#firstOrder && ++this.#atOnce > MOST_AT_ONCE) {
      throw runaway(`${MOST_AT_ONCE} timers were started and fired at one point in time`)
    }
    if (++this.#count < MANY) return
    const span = elapsed - this.#since
    if (span < MANY_MILLIS) throw runaway(`${MANY} timers fired within ${span} ms`)
    this.#count = 0
    this.#since = elapsed
  }
}

function runaway(text: string): MQClientException {
  return new MQClientException(text, {
    code: 'CLOCK_RUNAWAY',
    hint: 'A timer starts itself again at once; where that is meant, advance by less at a time.'
  })
}

function rest(): Promise<void> {
  return new Promise((resolve) => void realClock.setTimeout(resolve, 1))
}
