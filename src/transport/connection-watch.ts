import type { TimerWheel } from '../internal/timer-wheel.ts'
import { WheelEntry } from '../internal/timer-wheel.ts'

export interface WatchLimits {
  /** Neither read nor written for this long, and nothing in flight: close. */
  idleMillis: number
  /** A frame that was started must be complete after this time: close. */
  frameMillis: number
  /** No byte came for this long while requests wait: the peer counts as dead. */
  silenceMillis: number
}

/** What the watch looks at when it wakes. All times are monotonic ms. */
export interface WatchedState {
  /** Last byte read. */
  lastRead: number
  /** Last byte written. */
  lastWrite: number
  /** When the frame that is incomplete now was begun; -1 when there is none. */
  frameSince: number
  /** Since when requests wait without a break; -1 when none does. */
  pendingSince: number
}

export type WatchVerdict = 'idle' | 'frame' | 'silence'

/**
 * Idle, unfinished-frame and silence deadlines of one connection. They are looked at when the earliest may be due, so traffic costs
 * nothing here; waiting for them does not keep the process alive.
 */
export class ConnectionWatch extends WheelEntry {
  override get keepsAlive(): boolean {
    return false
  }

  readonly #wheel: TimerWheel
  readonly #limits: WatchLimits
  readonly #state: WatchedState
  readonly #now: () => number
  readonly #verdict: (verdict: WatchVerdict) => void

  constructor(
    wheel: TimerWheel,
    limits: WatchLimits,
    state: WatchedState,
    now: () => number,
    verdict: (verdict: WatchVerdict) => void
  ) {
    super()
    this.#wheel = wheel
    this.#limits = limits
    this.#state = state
    this.#now = now
    this.#verdict = verdict
  }

  start(now: number): void {
    this.#wheel.add(this, this.#limits.idleMillis, now)
  }

  stop(): void {
    this.#wheel.remove(this)
  }

  /** A request waits now where none did before. */
  pendingBegan(now: number): void {
    this.#within(this.#limits.silenceMillis, now)
  }

  /** A frame came in part. */
  frameBegan(now: number): void {
    this.#within(this.#limits.frameMillis, now)
  }

  #within(millis: number, now: number): void {
    if (this.wheelDeadline < 0 || this.wheelDeadline > now + millis) this.#wheel.add(this, millis, now)
  }

  override expire(): void {
    const { idleMillis, frameMillis, silenceMillis } = this.#limits
    const { lastRead, lastWrite, frameSince, pendingSince } = this.#state
    const now = this.#now()
    let next = Math.max(lastRead, lastWrite) + idleMillis
    if (next <= now) {
      if (pendingSince < 0) {
        this.#verdict('idle')
        return
      }
      next = now + idleMillis
    }
    if (frameSince >= 0) {
      if (frameSince + frameMillis <= now) {
        this.#verdict('frame')
        return
      }
      next = Math.min(next, frameSince + frameMillis)
    }
    if (pendingSince >= 0) {
      const silent = Math.max(lastRead, pendingSince) + silenceMillis
      if (silent <= now) {
        this.#wheel.add(this, silenceMillis, now)
        this.#verdict('silence')
        return
      }
      next = Math.min(next, silent)
    }
    this.#wheel.add(this, next - now, now)
  }
}
