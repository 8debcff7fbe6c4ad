/**
 * Faults as data: tests add rows, the connection, the dispatcher and the store consult the table. The seams exist in every build; an
 * empty table costs one property read.
 */

/** Where a fault may strike. */
export type FaultPoint = 'connect' | 'request' | 'response' | 'append' | 'flush' | 'replicate'

/** What the seam knows about the event; a matcher's fields must all agree. */
export interface FaultContext {
  point: FaultPoint
  /** Request code, where a request is involved. */
  code?: number
  topic?: string
  group?: string
  queueId?: number
  brokerName?: string
}

/** Which events a fault strikes; what is absent does not matter. */
export interface FaultMatch {
  /** Where; any when absent. */
  point?: FaultPoint
  /** Request code. */
  code?: number
  /** Topic of the message or request. */
  topic?: string
  /** Producer or consumer group. */
  group?: string
  /** Queue of the message. */
  queueId?: number
  /** Broker concerned. */
  brokerName?: string
  /** Strike only at the n-th matching event, counted from 1. */
  nth?: number
  /** Strike with this probability, 0 to 1. */
  probability?: number
}

/** What a fault does; the fields of each kind. */
export type FaultAction = RespondFault | DelayFault | DropFault | CloseFault | TruncateFault | HoldFault | FailFault

/** Request: answered with this instead of being handled. */
export interface RespondFault {
  /** Names the fault. */
  kind: 'respond'
  /** Response code. */
  code: number
  /** Remark of the answer. @default none */
  remark?: string
}

/** What was to happen, happens later. */
export interface DelayFault {
  /** Names the fault. */
  kind: 'delay'
  /** How much later, ms. */
  millis: number
}

/** What was to happen, does not. */
export interface DropFault {
  /** Names the fault. */
  kind: 'drop'
}

/** The connection is closed. */
export interface CloseFault {
  /** Names the fault. */
  kind: 'close'
  /** Before or after the request was handled. @default before */
  when?: 'before' | 'after'
}

/** Only the first bytes are sent, then the connection is closed. */
export interface TruncateFault {
  /** Names the fault. */
  kind: 'truncate'
  /** So many are sent. */
  bytes: number
}

/** Flush or replication: stays pending until released. */
export interface HoldFault {
  /** Names the fault. */
  kind: 'hold'
}

/** Flush, replication or append: fails with this store status, or as a failed sync when none is given. */
export interface FailFault {
  /** Names the fault. */
  kind: 'fail'
  /** Name of a store status. @default none */
  status?: string
  /** Text of the error. @default one that names the fault */
  message?: string
}

/** A fault to strike with. */
export interface Fault {
  /** Which events it strikes. */
  when: FaultMatch
  /** What happens to them. */
  then: FaultAction
  /** How often it strikes before it is spent. @default Infinity */
  times?: number
}

/** A row of the table. */
export interface FaultHandle {
  /** As it was added. */
  readonly fault: Fault
  /** How often it struck. */
  readonly hits: number
  /** Resolves when it has struck `count` times. */
  fired(count?: number, options?: { signal?: AbortSignal }): Promise<void>
  /** Lets go everything a `hold` fault holds, and ends the fault. */
  release(): void
  /** Ends the fault; what it holds stays held. */
  remove(): void
}

/** A fault that struck. For `hold`, `released` settles when the fault is released. */
export interface StruckFault {
  action: FaultAction
  released: Promise<void>
}

interface Row {
  fault: Fault
  matches: number
  hits: number
  waiters: Array<{ count: number; resolve: () => void }>
  released: Promise<void>
  release: () => void
}

/** Faults that a test adds and takes away while producer and broker run. */
export class FaultTable {
  readonly #rows = new Set<Row>()
  readonly #random: () => number

  /** @param random the source of chance for `probability`. @default Math.random */
  constructor(random: () => number = Math.random) {
    this.#random = random
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
    const rows = this.#rows
    return {
      fault,
      get hits() {
        return row.hits
      },
      fired: (count = 1, options) => fired(row, count, options?.signal),
      release() {
        rows.delete(row)
        row.release()
      },
      remove: () => void rows.delete(row)
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
      if (row.hits >= (row.fault.times ?? Number.POSITIVE_INFINITY)) this.#rows.delete(row)
      row.waiters = row.waiters.filter((waiter) => {
        if (row.hits < waiter.count) return true
        waiter.resolve()
        return false
      })
      return { action: row.fault.then, released: row.released }
    }
    return undefined
  }

  /** Releases and removes everything. */
  clear(): void {
    for (const row of this.#rows) row.release()
    this.#rows.clear()
  }
}

function matches(when: FaultMatch, context: FaultContext): boolean {
  return (
    (when.point === undefined || when.point === context.point) &&
    (when.code === undefined || when.code === context.code) &&
    (when.topic === undefined || when.topic === context.topic) &&
    (when.group === undefined || when.group === context.group) &&
    (when.queueId === undefined || when.queueId === context.queueId) &&
    (when.brokerName === undefined || when.brokerName === context.brokerName)
  )
}

function fired(row: Row, count: number, signal: AbortSignal | undefined): Promise<void> {
  if (row.hits >= count) return Promise.resolve()
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const waiter = {
      count,
      resolve: () => {
        signal?.removeEventListener('abort', abort)
        resolve()
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
