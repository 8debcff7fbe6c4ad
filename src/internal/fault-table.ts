import { MQClientException } from './errors.ts'
import type { Fault, FaultContext, FaultHandle, FaultMatch, StruckFault } from './fault.ts'

export type {
  CallFault,
  CloseFault,
  DelayFault,
  DropFault,
  DuplicateFault,
  FailFault,
  Fault,
  FaultAction,
  FaultContext,
  FaultHandle,
  FaultMatch,
  FaultPoint,
  GarbageHeaderFault,
  HalfOpenFault,
  HoldFault,
  OversizedLengthFault,
  QueueFault,
  RespondFault,
  StruckFault,
  TruncateFault,
  WrongOpaqueFault
} from './fault.ts'

interface Waiter {
  count: number
  resolve: () => void
  reject: (error: unknown) => void
}

interface Row {
  fault: Fault
  matches: number
  hits: number
  waiters: Waiter[]
  released: Promise<void>
  release: () => void
}

/**
 * Faults that a test adds and takes away while producer and broker run. Connection, dispatcher and store consult the table; the seams
 * exist in every build, and an empty table costs one property read.
 */
export class FaultTable {
  readonly #rows = new Set<Row>()
  readonly #random: () => number

  /** @param chance a seed, or the source of chance for `probability`. @default Math.random */
  constructor(chance: number | (() => number) = Math.random) {
    this.#random = typeof chance === 'number' ? seededRandom(chance) : chance
  }

  /** Whether there is nothing to strike. */
  get empty(): boolean {
    return this.#rows.size === 0
  }

  /** Strikes from now on. */
  add(fault: Fault): FaultHandle {
    let release!: () => void
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const row: Row = { fault, matches: 0, hits: 0, waiters: [], released, release }
    this.#rows.add(row)
    const end = (): void => this.#end(row)
    return {
      fault,
      get hits() {
        return row.hits
      },
      get matches() {
        return row.matches
      },
      fired: (count = 1, options) => this.#fired(row, count, options?.signal),
      release() {
        end()
        row.release()
      },
      remove: end
    }
  }

  /**
   * The first row that strikes at this event; counts it.
   * @internal
   */
  strike(context: FaultContext): StruckFault | undefined {
    for (const row of this.#rows) {
      if (!matches(row.fault.when, context)) continue
      row.matches++
      const { nth, probability } = row.fault.when
      if (nth !== undefined && row.matches !== nth) continue
      if (probability !== undefined && this.#random() >= probability) continue
      row.hits++
      row.waiters = row.waiters.filter((waiter) => {
        if (row.hits < waiter.count) return true
        waiter.resolve()
        return false
      })
      if (row.hits >= mostHits(row.fault)) this.#rows.delete(row)
      return { action: row.fault.then, released: row.released, context }
    }
    return undefined
  }

  /** Releases and removes everything; who waits for one to fire is told. */
  clear(): void {
    for (const row of [...this.#rows]) {
      this.#end(row)
      row.release()
    }
  }

  #end(row: Row): void {
    this.#rows.delete(row)
    const { waiters } = row
    row.waiters = []
    for (const { count, reject } of waiters) reject(ended(row, count))
  }

  #fired(row: Row, count: number, signal: AbortSignal | undefined): Promise<void> {
    if (!Number.isSafeInteger(count) || count < 1 || count > mostHits(row.fault)) {
      const most = mostHits(row.fault)
      const text = `fired() is called with ${String(count)}: allowed is a whole number from 1${most === Number.POSITIVE_INFINITY ? '' : ` to ${most}, as often as this fault strikes`}`
      return Promise.reject(new MQClientException(text, { code: 'BAD_FAULT' }))
    }
    if (row.hits >= count) return Promise.resolve()
    if (!this.#rows.has(row)) return Promise.reject(ended(row, count))
    return new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const settled = (): void => signal?.removeEventListener('abort', abort)
      const waiter: Waiter = {
        count,
        resolve: () => {
          settled()
          resolve()
        },
        reject: (error) => {
          settled()
          reject(error)
        }
      }
      const abort = (): void => {
        row.waiters = row.waiters.filter((other) => other !== waiter)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
      row.waiters.push(waiter)
    })
  }
}

/** Mulberry32: chance that is the same in every run with the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function mostHits({ times = Number.POSITIVE_INFINITY, when }: Fault): number {
  return when.nth === undefined ? times : Math.min(times, 1)
}

function ended({ hits, fault }: Row, count: number): MQClientException {
  return new MQClientException(`the fault ${fault.then.kind} ended after ${hits} hits while ${count} were waited for`, {
    code: 'FAULT_ENDED'
  })
}

function matches(when: FaultMatch, context: FaultContext): boolean {
  return (
    agrees(when.point, context.point) &&
    agrees(when.code, context.code) &&
    (when.topic === undefined || when.topic === context.topic) &&
    (when.group === undefined || when.group === context.group) &&
    (when.queueId === undefined || when.queueId === context.queueId) &&
    (when.brokerName === undefined || when.brokerName === context.brokerName) &&
    (when.server === undefined || when.server === context.server)
  )
}

function agrees<T>(wanted: T | readonly T[] | undefined, found: T | undefined): boolean {
  if (wanted === undefined || wanted === found) return true
  return Array.isArray(wanted) && wanted.includes(found)
}
