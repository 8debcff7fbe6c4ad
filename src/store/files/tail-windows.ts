import type { LogSegment } from './log-segment.ts'

/** Room of a window, bytes; a record that needs more gets a window of its own. */
export const WINDOW_BYTES = 1024 * 1024
/** Written windows that are kept to read from, and buffers kept to use again. */
const RECENT_WINDOWS = 4
const FREE_BUFFERS = 8

/** A stretch of the log in memory, within one segment. */
export interface Window {
  readonly segment: LogSegment
  /** Physical offset of its first byte. */
  readonly start: number
  readonly buffer: Buffer
  /** Bytes that are part of the log. */
  used: number
  /** Offset behind it: the segment's end when a blank ends it here. */
  end: number
  /** Somebody may still look at it: its buffer is never used again. */
  lent: boolean
}

/** The end of the log in memory: what is not written yet, and what was written last. Buffers are used again once nobody needs them. */
export class TailWindows {
  readonly #windows: Window[] = []
  readonly #free: Buffer[] = []

  /** The newest one. */
  get live(): Window | undefined {
    return this.#windows[this.#windows.length - 1]
  }

  /** Opens a window at `start` with room for `size` bytes, no larger than what is left of its segment. */
  open(segment: LogSegment, start: number, size: number, left: number): Window {
    const wanted = Math.max(size, Math.min(WINDOW_BYTES, left))
    const buffer = (wanted === WINDOW_BYTES ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(wanted)
    const window: Window = { segment, start, buffer, used: 0, end: start, lent: false }
    this.#windows.push(window)
    return window
  }

  /** The first window with bytes behind `written`. */
  pending(written: number): Window | undefined {
    for (const window of this.#windows) if (window.end > written) return window
    return undefined
  }

  /** The window that holds `size` bytes from `offset` on, as far as they are known to it. */
  find(offset: number, size: number): Window | undefined {
    for (let i = this.#windows.length - 1; i >= 0; i--) {
      const window = this.#windows[i]!
      if (offset >= window.start) return offset + size <= window.start + window.used ? window : undefined
    }
    return undefined
  }

  /** Lets go of windows that are written, but for the last few. */
  retire(written: number): void {
    const windows = this.#windows
    while (windows.length > RECENT_WINDOWS && windows[0]!.end <= written) this.#release(windows.shift()!)
  }

  /** Takes back everything behind `end`. */
  rollBack(end: number): void {
    const windows = this.#windows
    while (windows.length > 0 && windows[windows.length - 1]!.start >= end) this.#release(windows.pop()!)
    const last = windows[windows.length - 1]
    if (last === undefined || last.end <= end) return
    last.used = end - last.start
    last.end = end
  }

  clear(): void {
    this.#windows.length = 0
    this.#free.length = 0
  }

  #release(window: Window): void {
    if (!window.lent && window.buffer.length === WINDOW_BYTES && this.#free.length < FREE_BUFFERS) this.#free.push(window.buffer)
  }
}
