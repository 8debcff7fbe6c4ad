import type { Clock, Timer } from './clock.ts'

/** Something with a deadline. Entries are linked into the wheel themselves, so that a deadline costs no allocation. */
export abstract class WheelEntry {
  // Declared and set in the constructor: field initialisers of a base class cost ten times as much, and requests are entries.
  /** Monotonic ms at which it is due; -1 while it is in no wheel. Only the wheel writes it. */
  declare wheelDeadline: number
  /** @internal */
  declare wheelPrevious: WheelEntry | undefined
  /** @internal */
  declare wheelNext: WheelEntry | undefined

  constructor() {
    this.wheelDeadline = -1
    this.wheelPrevious = undefined
    this.wheelNext = undefined
  }

  /** Whether waiting for this entry keeps the process alive. */
  abstract get keepsAlive(): boolean

  /** Called once when the deadline has passed; the entry is out of the wheel by then. */
  abstract expire(): void
}

/** Node's timers go no farther than 2^31 ms. */
const LONGEST_WAIT = 2 ** 30

/** Head of a slot's circular list. */
class Slot extends WheelEntry {
  override get keepsAlive(): boolean {
    return false
  }

  constructor() {
    super()
    this.wheelPrevious = this
    this.wheelNext = this
  }

  override expire(): void {}
}

/**
 * All deadlines of one client or server behind at most one armed timer. Adding and removing are O(1) and start no timer unless the new
 * deadline is the earliest. Deadlines are kept exactly (no rounding to ticks), so a held clock that is moved to a deadline fires it.
 */
export class TimerWheel {
  readonly #clock: Clock
  readonly #tickMillis: number
  /** Made when they are first used: most clients and servers come and go with a handful. */
  readonly #slots: Array<Slot | undefined>
  readonly #mask: number
  readonly #onError: (error: unknown) => void
  readonly #onTimer = (): void => this.#run()
  #size = 0
  #alive = 0
  #timer: Timer | undefined
  #armedFor = Number.POSITIVE_INFINITY
  #running = false

  /**
   * @param onError gets what an entry's `expire` throws; the other entries still expire.
   * @param options.tickMillis width of a slot, ms. @default 10
   * @param options.slots a power of two; slots x tick is how far one turn of the wheel reaches. @default 1024
   */
  constructor(clock: Clock, onError: (error: unknown) => void, options: { tickMillis?: number; slots?: number } = {}) {
    this.#clock = clock
    this.#onError = onError
    this.#tickMillis = options.tickMillis ?? 10
    const slots = options.slots ?? 1024
    this.#slots = new Array<Slot | undefined>(slots).fill(undefined)
    this.#mask = slots - 1
  }

  /** Entries that wait. */
  get size(): number {
    return this.#size
  }

  /** Starts the deadline `millis` from now; an entry that waits already is moved, and
   * Infinity never comes. `now` saves a clock read where it is known. */
  add(entry: WheelEntry, millis: number, now: number = this.#clock.monotonic()): void {
    if (entry.wheelDeadline >= 0) this.remove(entry)
    if (millis === Number.POSITIVE_INFINITY) return
    const deadline = now + Math.max(millis, 0)
    entry.wheelDeadline = deadline
    const at = Math.floor(deadline / this.#tickMillis) & this.#mask
    let slot = this.#slots[at]
    if (slot === undefined) {
      slot = new Slot()
      this.#slots[at] = slot
    }
    const last = slot.wheelPrevious as WheelEntry
    last.wheelNext = entry
    entry.wheelPrevious = last
    entry.wheelNext = slot
    slot.wheelPrevious = entry
    this.#size++
    if (entry.keepsAlive && this.#alive++ === 0) this.#timer?.ref?.()
    if (deadline < this.#armedFor && !this.#running) this.#arm(deadline, now)
  }

  /** Takes the entry out; harmless when it is not in. */
  remove(entry: WheelEntry): void {
    if (entry.wheelDeadline < 0) return
    this.#unlink(entry)
    // The armed timer stays: re-arming for each request would cost more than one idle wake-up. It no longer holds the process.
    if (entry.keepsAlive && --this.#alive === 0) this.#timer?.unref?.()
  }

  /** Drops every entry without calling it and stops the timer. */
  clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    for (const slot of this.#slots) {
      if (slot === undefined) continue
      for (let entry = slot.wheelNext as WheelEntry; entry !== slot; entry = slot.wheelNext as WheelEntry) this.#unlink(entry)
    }
    this.#alive = 0
  }

  #unlink(entry: WheelEntry): void {
    const previous = entry.wheelPrevious as WheelEntry
    const next = entry.wheelNext as WheelEntry
    previous.wheelNext = next
    next.wheelPrevious = previous
    entry.wheelPrevious = undefined
    entry.wheelNext = undefined
    entry.wheelDeadline = -1
    this.#size--
  }

  #arm(deadline: number, now: number): void {
    this.#timer?.cancel()
    this.#armedFor = deadline
    this.#timer = this.#clock.setTimeout(this.#onTimer, Math.ceil(deadline - now), { ref: this.#alive > 0 })
  }

  #run(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    // What is due is collected first: an entry that adds itself again in expire() waits for the next round.
    const due: WheelEntry[] = []
    const first = Math.floor(this.#armedFor / this.#tickMillis)
    const last = Math.floor(now / this.#tickMillis)
    const slots = Math.min(last - first, this.#mask) + 1
    for (let i = 0; i < slots; i++) {
      const slot = this.#slots[(last - i) & this.#mask]
      if (slot === undefined) continue
      for (let entry = slot.wheelNext as WheelEntry; entry !== slot; entry = entry.wheelNext as WheelEntry) {
        if (entry.wheelDeadline <= now) due.push(entry)
      }
    }
    due.sort((a, b) => a.wheelDeadline - b.wheelDeadline)
    this.#running = true
    for (const entry of due) {
      if (entry.wheelDeadline < 0 || entry.wheelDeadline > now) continue
      this.remove(entry)
      try {
        entry.expire()
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#running = false
    this.#armedFor = Number.POSITIVE_INFINITY
    if (this.#size > 0) this.#arm(this.#earliest(now), now)
  }

  /** The earliest deadline; found in the first slot that holds one of this turn of the wheel, or after a look at all. */
  #earliest(now: number): number {
    const tick = Math.floor(now / this.#tickMillis)
    let earliest = Number.POSITIVE_INFINITY
    // From the slot before: an entry may have been added with a clock read that is a little old.
    for (let i = -1; i < this.#mask; i++) {
      const slot = this.#slots[(tick + i) & this.#mask]
      if (slot === undefined) continue
      for (let entry = slot.wheelNext as WheelEntry; entry !== slot; entry = entry.wheelNext as WheelEntry) {
        if (entry.wheelDeadline < earliest) earliest = entry.wheelDeadline
      }
      if (earliest < (tick + i + 1) * this.#tickMillis) return earliest
    }
    return Math.min(earliest, now + LONGEST_WAIT)
  }
}
