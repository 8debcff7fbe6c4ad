import type { RocketMQError } from '../internal/errors.ts'

/** A send under way, linked into the registry itself so that registering costs no allocation. */
export interface RegisteredCall {
  previousCall: RegisteredCall | undefined
  nextCall: RegisteredCall | undefined
  /** Ends the call with `error`; harmless when it has ended. */
  giveUp(error: RocketMQError): void
}

/** The sends of a producer that are under way, oldest first. */
export class CallRegistry {
  #first: RegisteredCall | undefined
  #last: RegisteredCall | undefined
  #size = 0
  #whenEmpty: (() => void) | undefined

  get size(): number {
    return this.#size
  }

  add(call: RegisteredCall): void {
    call.previousCall = this.#last
    if (this.#last === undefined) this.#first = call
    else this.#last.nextCall = call
    this.#last = call
    this.#size++
  }

  remove(call: RegisteredCall): void {
    if (call.previousCall === undefined) this.#first = call.nextCall
    else call.previousCall.nextCall = call.nextCall
    if (call.nextCall === undefined) this.#last = call.previousCall
    else call.nextCall.previousCall = call.previousCall
    call.previousCall = undefined
    call.nextCall = undefined
    this.#size--
    if (this.#size === 0) this.#whenEmpty?.()
  }

  /** Calls `listener` when nothing is under way: now, or whenever it comes to that. */
  onEmpty(listener: () => void): void {
    this.#whenEmpty = listener
    if (this.#size === 0) listener()
  }

  /** Ends every call with an error of its own; one whose answer is being handled right now stays, and ends by itself. */
  giveUpAll(error: () => RocketMQError): void {
    const calls: RegisteredCall[] = []
    for (let call = this.#first; call !== undefined; call = call.nextCall) calls.push(call)
    for (const call of calls) call.giveUp(error())
  }
}
