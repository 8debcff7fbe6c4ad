import { EventEmitter } from 'eventemitter3'
import { isPromise } from './async.ts'

type Listener = (this: unknown, ...args: unknown[]) => unknown

/**
 * An emitter of events whose listeners belong to the application: what one of them throws, or its promise rejects with, is reported, and
 * the others are called all the same.
 */
export class GuardedEmitter<Events extends EventEmitter.ValidEventTypes> extends EventEmitter<Events> {
  readonly #report: (error: unknown) => void
  readonly #guarded = new WeakMap<Listener, Listener>()

  constructor(report: (error: unknown) => void) {
    super()
    this.#report = report
  }

  override on<T extends EventEmitter.EventNames<Events>>(
    event: T,
    fn: EventEmitter.EventListener<Events, T>,
    context?: unknown
  ): this {
    return super.on(event, this.#guard(fn), context)
  }

  override addListener<T extends EventEmitter.EventNames<Events>>(
    event: T,
    fn: EventEmitter.EventListener<Events, T>,
    context?: unknown
  ): this {
    return this.on(event, fn, context)
  }

  override once<T extends EventEmitter.EventNames<Events>>(
    event: T,
    fn: EventEmitter.EventListener<Events, T>,
    context?: unknown
  ): this {
    return super.once(event, this.#guard(fn), context)
  }

  override off<T extends EventEmitter.EventNames<Events>>(
    event: T,
    fn?: EventEmitter.EventListener<Events, T>,
    context?: unknown,
    once?: boolean
  ): this {
    return super.removeListener(event, fn === undefined ? undefined : this.#guard(fn), context, once)
  }

  override removeListener<T extends EventEmitter.EventNames<Events>>(
    event: T,
    fn?: EventEmitter.EventListener<Events, T>,
    context?: unknown,
    once?: boolean
  ): this {
    return this.off(event, fn, context, once)
  }

  /** The same wrapper each time, so that a listener can be taken off again. */
  #guard<F>(given: F): F {
    const fn = given as Listener
    let guarded = this.#guarded.get(fn)
    if (guarded === undefined) {
      const report = this.#report
      guarded = function (this: unknown, ...args: unknown[]): void {
        try {
          const returned = fn.apply(this, args)
          if (isPromise(returned)) Promise.resolve(returned).catch(report)
        } catch (error) {
          report(error)
        }
      }
      this.#guarded.set(fn, guarded)
      // The emitter takes off by its wrapper what was to run once.
      this.#guarded.set(guarded, guarded)
    }
    return guarded as F
  }
}
