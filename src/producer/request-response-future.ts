import { MQClientException, RequestTimeoutException, type RocketMQError } from '../internal/errors.ts'
import { WheelEntry } from '../internal/timer-wheel.ts'
import { nextMicrotask } from '../internal/turns.ts'
import type { Message } from '../protocol/message.ts'
import { type AbortListener, unwatchAbort, watchAbort } from './abort-watch.ts'
import type { RegisteredCall } from './call-registry.ts'
import type { ProducerContext } from './producer-context.ts'
import type { RequestOutcome } from './request-options.ts'
import { abortedError, runCallback } from './send-call.ts'
import { enrichError } from './send-error.ts'

/** Java's `ClientErrorCode.REQUEST_TIMEOUT_EXCEPTION`. */
const REQUEST_TIMEOUT = 10_006

/** How far the request message has got. */
type Phase = 'PREPARING' | 'SENDING' | 'SENT'

/**
 * A request from its call until it has settled, which it does exactly once: by its reply, its failed send, its deadline, its signal or
 * the shutdown. Java's class of this name.
 */
export class RequestResponseFuture extends WheelEntry implements RegisteredCall, AbortListener {
  previousCall: RegisteredCall | undefined = undefined
  nextCall: RegisteredCall | undefined = undefined
  readonly correlationId: string
  readonly message: Message
  readonly timeout: number
  /** Monotonic ms. */
  readonly deadline: number
  phase: Phase = 'PREPARING'
  /** The caller has its call back; until then no callback runs. */
  returned = false
  settled = false
  /** A reply came that could not be read. */
  cause: unknown = undefined
  readonly #context: ProducerContext
  readonly #signal: AbortSignal | undefined
  readonly #outcome: RequestOutcome
  /** Takes it out of the table and its deadline out of the wheel. */
  readonly #forget: (future: RequestResponseFuture) => void
  #expired = false

  constructor(
    context: ProducerContext,
    message: Message,
    correlationId: string,
    timeout: number,
    now: number,
    signal: AbortSignal | undefined,
    outcome: RequestOutcome,
    forget: (future: RequestResponseFuture) => void
  ) {
    super()
    this.#context = context
    this.message = message
    this.correlationId = correlationId
    this.timeout = timeout
    this.deadline = now + timeout
    this.#signal = signal
    this.#outcome = outcome
    this.#forget = forget
    context.calls.add(this)
    if (signal !== undefined) watchAbort(signal, this)
  }

  override get keepsAlive(): boolean {
    return true
  }

  remaining(): number {
    return this.deadline - this.#context.clock.monotonic()
  }

  /** The broker has the request. */
  sent(): void {
    this.phase = 'SENT'
    if (this.#expired) this.expire()
  }

  /** The request did not get out, or nobody knows whether it did. */
  sendFailed(error: RocketMQError): void {
    if (error.code === 'ABORTED' || error.code === 'SHUTDOWN') {
      this.#fail(error)
      return
    }
    this.#fail(
      new MQClientException(`send request message to <${this.message.topic}> fail: ${error.message}`, {
        code: error.code,
        responseCode: error.responseCode,
        maybeStored: error.maybeStored,
        attempts: error.attempts,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        ...this.#uniqKey(),
        cause: error
      })
    )
  }

  succeed(reply: Message): void {
    this.#finish(
      () => this.#outcome.resolve?.(reply),
      (callback) => runCallback<Message>(callback, undefined, reply, this.#context)
    )
  }

  override expire(): void {
    if (this.phase !== 'SENT') {
      // The send has the same deadline and says within moments what became of the request; a reply from now on is late.
      this.#expired = true
      this.#forget(this)
      return
    }
    const { topic } = this.message
    this.#fail(
      new RequestTimeoutException(
        `CODE: ${REQUEST_TIMEOUT}  DESC: send request message to <${topic}> OK, but wait reply message timeout, ${this.timeout} ms.`,
        {
          code: 'REQUEST_TIMEOUT',
          responseCode: REQUEST_TIMEOUT,
          maybeStored: true,
          ...this.#uniqKey(),
          ...(this.cause === undefined ? {} : { cause: this.cause }),
          hint:
            this.cause === undefined
              ? 'The broker has the request: check that a consumer of the topic runs, and that it replies within the timeout.'
              : 'A reply came, but could not be read: see cause.'
        }
      )
    )
  }

  onAbort(): void {
    // While it is being sent, the send itself is aborted, and tells whether the request may have left.
    if (this.phase === 'SENDING') return
    this.giveUp(abortedError(this.#signal as AbortSignal))
  }

  giveUp(error: RocketMQError): void {
    this.#fail(enrichError(error, { maybeStored: this.phase !== 'PREPARING', ...this.#uniqKey() }))
  }

  #fail(error: RocketMQError): void {
    this.#finish(
      () => this.#outcome.reject?.(error),
      (callback) => runCallback<Message>(callback, error, undefined, this.#context)
    )
  }

  #finish(settle: () => void, call: (callback: NonNullable<RequestOutcome['callback']>) => void): void {
    if (this.settled) return
    this.settled = true
    this.#forget(this)
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this)
    const { callback } = this.#outcome
    if (callback === undefined) settle()
    else if (this.returned) call(callback)
    else nextMicrotask(() => call(callback))
    this.#context.calls.remove(this)
  }

  #uniqKey(): { uniqKey?: string } {
    const { uniqKey } = this.message
    return uniqKey === undefined ? {} : { uniqKey }
  }
}
