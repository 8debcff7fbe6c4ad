import type { RocketMQError } from '../internal/errors.ts'
import { WheelEntry } from '../internal/timer-wheel.ts'
import type { OutgoingFrame } from '../protocol/outgoing-frame.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'

/** A frame that waits for an answer; the connection gives it its opaque. */
export interface OutgoingRequest extends OutgoingFrame {
  opaque: number
  /** The same request as a command, for RPC hooks; only asked for where hooks are registered. */
  toCommand?(): RemotingCommand
  /** It has settled, and its callback has run. */
  releaseBody?(): void
}

/** Called exactly once: with an error, or with the answer. */
export type ResponseCallback = (error: RocketMQError | undefined, response: RemotingCommand | undefined) => void

/** A call under way. */
export interface Cancellable {
  /**
   * Forgets the call: its callback does not run any more, and a request that has not left yet never does.
   * @returns whether bytes of it may have left.
   */
  cancel(): boolean
}

/** Where a call leaves how to cancel it. */
export interface CallHolder {
  underWay: Cancellable | undefined
  /** Rather fails at once than waits until a connection may be tried again: another address is as good. @default false */
  readonly impatient?: boolean
}

/** Told when a request's time is over, and when its caller wants it no more. */
export interface PendingOwner {
  onTimeout(pending: PendingRequest): void
  cancel(pending: PendingRequest): boolean
}

/** A request that waits for its answer. */
export class PendingRequest extends WheelEntry implements Cancellable {
  declare readonly opaque: number
  declare readonly request: OutgoingRequest
  declare readonly timeoutMillis: number
  declare readonly callback: ResponseCallback
  /** Monotonic ms. */
  declare readonly sentAt: number
  /** Stream positions of the frame. */
  declare readonly start: number
  declare readonly end: number
  /** Reads from the peer before it was sent. */
  declare readonly readsBefore: number
  /** Whether a GO_AWAY answer goes to the caller instead of being resent. */
  declare readonly final: boolean
  declare readonly owner: PendingOwner
  /** Nobody waits for the answer any more, nor for that of a request that was sent in its place. */
  declare cancelled: boolean

  constructor(
    owner: PendingOwner,
    request: OutgoingRequest,
    timeoutMillis: number,
    callback: ResponseCallback,
    sentAt: number,
    start: number,
    end: number,
    readsBefore: number,
    final: boolean
  ) {
    super()
    this.opaque = request.opaque
    this.request = request
    this.timeoutMillis = timeoutMillis
    this.callback = callback
    this.sentAt = sentAt
    this.start = start
    this.end = end
    this.readsBefore = readsBefore
    this.final = final
    this.owner = owner
    this.cancelled = false
  }

  override get keepsAlive(): boolean {
    return true
  }

  override expire(): void {
    this.owner.onTimeout(this)
  }

  cancel(): boolean {
    return this.owner.cancel(this)
  }
}

/** Where a client's connections take their request ids from: unique per client, 0 to 2^31-1, then from 0 again. */
export class OpaqueSequence {
  #next: number

  /** @default 0 */
  constructor(first = 0) {
    this.#next = first
  }

  next(): number {
    const opaque = this.#next
    this.#next = (opaque + 1) & 0x7fffffff
    return opaque
  }
}

/**
 * Requests in flight on one connection, by opaque. Ids come in sequence and we choose them, so the table is directly indexed by their
 * low bits; an id whose place is still taken (a long poll, or the id itself after the wrap) is skipped.
 */
export class InFlightTable {
  #slots: Array<PendingRequest | undefined> = new Array(64).fill(undefined)
  #mask = 63
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The next id of the sequence whose place is free. */
  reserve(sequence: OpaqueSequence): number {
    if (this.#size * 2 > this.#mask) this.#grow()
    let opaque = sequence.next()
    while (this.#slots[opaque & this.#mask] !== undefined) opaque = sequence.next()
    return opaque
  }

  put(pending: PendingRequest): void {
    this.#slots[pending.opaque & this.#mask] = pending
    this.#size++
  }

  /** Takes the request out: the one place where a request leaves the table, so that it settles once. */
  take(opaque: number): PendingRequest | undefined {
    const at = opaque & this.#mask
    const pending = this.#slots[at]
    if (pending === undefined || pending.opaque !== opaque) return undefined
    this.#slots[at] = undefined
    this.#size--
    return pending
  }

  /** What is in it, oldest first. */
  all(): PendingRequest[] {
    return this.#slots.filter((pending) => pending !== undefined).sort((a, b) => a.start - b.start)
  }

  /** Takes out everything, oldest first. */
  takeAll(): PendingRequest[] {
    const all = this.all()
    this.#slots.fill(undefined)
    this.#size = 0
    return all
  }

  #grow(): void {
    const old = this.#slots
    this.#mask = old.length * 2 - 1
    this.#slots = new Array(old.length * 2).fill(undefined)
    for (const pending of old) if (pending !== undefined) this.#slots[pending.opaque & this.#mask] = pending
  }
}
