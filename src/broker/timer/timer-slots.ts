/** A message that waits: where its record is, and what happens when its slot's time has come. */
export interface TimerEntry {
  readonly physicalOffset: number
  /** When it came into its slot, for TIMER_ENQUEUE_MS; undefined when its time had passed by then. */
  readonly enqueuedAt: number | undefined
  /** Stored anew, to wait on, instead of being delivered. */
  readonly roll: boolean
  /** Takes another message out of the slot. */
  readonly deletes: boolean
}

export interface TimerSlot {
  /** Wall clock ms; its messages are due one step of precision later. */
  readonly time: number
  readonly entries: TimerEntry[]
  /** Messages that wait in it, those that take one out subtracted; what flow control goes by. */
  num: number
}

/**
 * Messages by the step of time they wait for; Java's `TimerWheel` and `TimerLog`. Where Java has a ring of all steps in a file, this
 * holds the steps that have messages, and a binary heap of their times.
 */
export class TimerSlots {
  readonly #slots = new Map<number, TimerSlot>()
  /** Times of all slots, the smallest first: a binary heap. */
  readonly #heap: number[] = []

  /** Messages that wait for `time`. */
  num(time: number): number {
    return this.#slots.get(time)?.num ?? 0
  }

  get size(): number {
    let size = 0
    for (const { entries } of this.#slots.values()) size += entries.length
    return size
  }

  /** The earliest time something waits for. */
  get first(): number | undefined {
    return this.#heap[0]
  }

  add(time: number, entry: TimerEntry): void {
    let slot = this.#slots.get(time)
    if (slot === undefined) {
      slot = { time, entries: [], num: 0 }
      this.#slots.set(time, slot)
      this.#push(time)
    }
    slot.entries.push(entry)
    slot.num += entry.deletes ? -1 : 1
  }

  /** Takes the earliest slot out. */
  shift(): TimerSlot | undefined {
    const time = this.#heap[0]
    if (time === undefined) return undefined
    const last = this.#heap.pop() as number
    if (this.#heap.length > 0) this.#sink(last)
    const slot = this.#slots.get(time)
    this.#slots.delete(time)
    return slot
  }

  #push(time: number): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(time)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]! <= time) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = time
  }

  /** Puts `time` at the root and lets it sink to its place. */
  #sink(time: number): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= time) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = time
  }
}
