/** A timer in a {@link TimerHeap}. */
export interface HeapTimer {
  /** Monotonic ms. */
  readonly due: number
  /** In which order they were started; decides between those due together. */
  readonly order: number
  readonly callback: () => void
  /** Where it is; -1 when it is not. Only the heap writes it. */
  index: number
}

/** Timers by when they are due, those due together in the order they were started: a binary heap. */
export class TimerHeap {
  readonly #timers: HeapTimer[] = []

  get size(): number {
    return this.#timers.length
  }

  /** The next one; undefined when there is none. */
  get first(): HeapTimer | undefined {
    return this.#timers[0]
  }

  add(timer: HeapTimer): void {
    timer.index = this.#timers.length
    this.#timers.push(timer)
    this.#up(timer)
  }

  /** Harmless when it is not in. */
  remove(timer: HeapTimer): void {
    const { index } = timer
    if (index < 0) return
    timer.index = -1
    const last = this.#timers.pop() as HeapTimer
    if (last === timer) return
    this.#place(last, index)
    this.#up(last)
    this.#down(last)
  }

  #up(timer: HeapTimer): void {
    for (let index = timer.index; index > 0; index = timer.index) {
      const parent = this.#timers[(index - 1) >> 1] as HeapTimer
      if (!isBefore(timer, parent)) return
      const at = parent.index
      this.#place(parent, index)
      this.#place(timer, at)
    }
  }

  #down(timer: HeapTimer): void {
    for (;;) {
      const { index } = timer
      const left = this.#timers[2 * index + 1]
      const right = this.#timers[2 * index + 2]
      const child = right !== undefined && isBefore(right, left as HeapTimer) ? right : left
      if (child === undefined || !isBefore(child, timer)) return
      const at = child.index
      this.#place(child, index)
      this.#place(timer, at)
    }
  }

  #place(timer: HeapTimer, index: number): void {
    this.#timers[index] = timer
    timer.index = index
  }
}

function isBefore(a: HeapTimer, b: HeapTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
