import type { MessageExt } from '../../protocol/message.ts'
import { offsetsOf } from './transactional-message-util.ts'

/** Reads op messages from a queue offset on. */
export type ReadOpMessages = (offset: number) => { messages: readonly MessageExt[]; nextBeginOffset: number }

/**
 * What the op messages of one round say: which half messages are done. Read a batch at a time, as far as it is needed; afterwards it
 * tells how far the op queue is done with.
 */
export class OpMessages {
  readonly #read: ReadOpMessages
  readonly #halfOffset: number
  #begin: number
  #next: number
  #exhausted = false
  #lastBornTimestamp = 0
  /** Done half messages that this round may still come across, and the op message that says so. */
  readonly #done = new Map<number, number>()
  /** The same for offsets before this round's first: only a half message that was put back can ask for them. */
  readonly #before = new Map<number, number>()
  /** How many half messages of an op message are still open. */
  readonly #open = new Map<number, number>()

  /** @param begin where the op queue is read from. @param halfOffset the first half message of this round. */
  constructor(read: ReadOpMessages, begin: number, halfOffset: number) {
    this.#read = read
    this.#begin = begin
    this.#next = begin
    this.#halfOffset = halfOffset
  }

  /** Whether everything in the op queue has been read. */
  get exhausted(): boolean {
    return this.#exhausted
  }

  /** Of the op message read last, ms since 1970. */
  get lastBornTimestamp(): number {
    return this.#lastBornTimestamp
  }

  /** Reads the next batch. */
  pull(): void {
    const { messages, nextBeginOffset } = this.#read(this.#next)
    this.#exhausted = messages.length === 0 && nextBeginOffset <= this.#next
    // The position was beyond the queue: a store that was lost begins anew.
    if (nextBeginOffset < this.#next) this.#begin = nextBeginOffset
    this.#next = nextBeginOffset
    for (const op of messages) {
      this.#lastBornTimestamp = op.bornTimestamp
      const offsets = offsetsOf(op)
      this.#open.set(op.queueOffset, offsets.length)
      for (const offset of offsets) this.#note(offset, op.queueOffset)
    }
  }

  /** Whether the half message is done; says so once. */
  take(halfOffset: number): boolean {
    return this.#take(this.#done, halfOffset) || this.#take(this.#before, halfOffset)
  }

  /**
   * Up to where the op queue need not be read again.
   * @param stillAsked whether a half message that was put back may still ask for this offset.
   */
  finish(stillAsked: (halfOffset: number) => boolean): number {
    for (const halfOffset of [...this.#before.keys()]) if (!stillAsked(halfOffset)) this.#take(this.#before, halfOffset)
    let offset = this.#begin
    // An offset that held no op message at all was dropped by the store, or is not readable: it says nothing any more.
    while (offset < this.#next && (this.#open.get(offset) ?? 0) === 0) offset++
    return offset
  }

  #note(halfOffset: number, opOffset: number): void {
    const table = halfOffset < this.#halfOffset ? this.#before : this.#done
    // Ended twice: one op message says it well enough.
    this.#take(table, halfOffset)
    table.set(halfOffset, opOffset)
  }

  #take(table: Map<number, number>, halfOffset: number): boolean {
    const opOffset = table.get(halfOffset)
    if (opOffset === undefined) return false
    table.delete(halfOffset)
    this.#open.set(opOffset, (this.#open.get(opOffset) ?? 1) - 1)
    return true
  }
}
