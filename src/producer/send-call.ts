import type { SendResult } from '../client/send-result.ts'
import type { Timer } from '../internal/clock.ts'
import { MQClientException, type RocketMQError, type SendAttempt } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { nextMicrotask } from '../internal/turns.ts'
import type { Message } from '../protocol/message.ts'
import { MessageQueue } from '../protocol/message-queue.ts'
import type { CallHolder, Cancellable } from '../transport/in-flight-table.ts'
import { type AbortListener, unwatchAbort, watchAbort } from './abort-watch.ts'
import type { RegisteredCall } from './call-registry.ts'
import type { CommunicationMode } from './communication-mode.ts'
import { MessageBatch } from './message-batch.ts'
import type { ProducerContext } from './producer-context.ts'
import type { PublishTopic } from './publish-topic.ts'
import { doubtsRoute } from './retry-policy.ts'
import { enrichError, type FailedSend } from './send-error.ts'
import type { SendMessageContext } from './send-message-context.ts'
import type { MessageQueueSelector, SendMessageCallback, SendOptions } from './send-options.ts'

/** Where the outcome of a call goes: into a promise, or to a callback. */
export interface SendOutcome {
  resolve?: ((result: SendResult | undefined) => void) | undefined
  reject?: ((error: RocketMQError) => void) | undefined
  callback?: SendMessageCallback | undefined
}

const NO_ATTEMPTS: SendAttempt[] = []
const NO_BROKERS: string[] = []

/** One call of send, from the moment it was accepted until it has settled, which it does exactly once. */
export class SendCall implements RegisteredCall, AbortListener, CallHolder {
  previousCall: RegisteredCall | undefined = undefined
  nextCall: RegisteredCall | undefined = undefined
  readonly context: ProducerContext
  readonly mode: CommunicationMode
  readonly topic: PublishTopic
  /** The copy that every attempt starts from; its body may be replaced by the compressed one before the first attempt. */
  readonly message: Message
  readonly batch: boolean
  /** Monotonic ms. */
  readonly begin: number
  readonly deadline: number
  /** Wall clock ms at the call: the message was born then. */
  readonly bornTimestamp: number
  readonly queue: MessageQueue | undefined
  readonly selector: MessageQueueSelector | undefined
  readonly arg: unknown
  readonly signal: AbortSignal | undefined
  readonly maxAttempts: number
  /** Body bytes that count against the limit. */
  readonly weight: number
  sysFlag = 0

  /** The body is still the application's buffer; only until the call that made this one returns. */
  borrowsBody = false
  /** The latest attempt has encoded the body and keeps what it sent. */
  bodyEncoded = false
  settled = false
  /** The caller has its call back; until then no callback runs. */
  returned = false
  holdsRoom = false
  waitsForRoom = false
  /** Fires while the call waits in line. */
  timer: Timer | undefined = undefined
  /** Present while the call waits in a lane: who is behind it goes on. */
  onSettled: (() => void) | undefined = undefined
  attemptsMade = 0
  attempts: SendAttempt[] = NO_ATTEMPTS
  brokersSent: string[] = NO_BROKERS
  maybeStored = false
  /** An attempt did not reach its broker or queue, or got no answer: the route may be out of date. */
  routeInDoubt = false
  /** Stored, but not flushed or replicated in time; the outcome when sending it again fails. */
  storedResult: SendResult | undefined = undefined
  /** The attempt under way. */
  mq: MessageQueue | undefined = undefined
  addr = ''
  hookContext: SendMessageContext | undefined = undefined
  /** The request of the attempt under way, once it is with the client. */
  underWay: Cancellable | undefined = undefined
  /** Whether the next attempt goes to another broker should this one's not be reachable. */
  impatient = false
  #attemptOpen = false
  /** The latest attempt brought a result: nobody may give the call up over it. */
  #answered = false
  /** Of the attempt under way, monotonic ms. */
  attemptBegin = 0
  #countedAsDuplicate = false
  readonly #outcome: SendOutcome

  constructor(
    context: ProducerContext,
    mode: CommunicationMode,
    topic: PublishTopic,
    message: Message,
    batch: boolean,
    maxAttempts: number,
    begin: number,
    bornTimestamp: number,
    timeout: number,
    queue: MessageQueue | undefined,
    options: SendOptions,
    outcome: SendOutcome
  ) {
    this.context = context
    this.mode = mode
    this.topic = topic
    this.message = message
    this.batch = batch
    this.maxAttempts = maxAttempts
    this.begin = begin
    this.deadline = begin + timeout
    this.bornTimestamp = bornTimestamp
    this.queue = queue
    this.selector = options.selector as MessageQueueSelector | undefined
    this.arg = options.arg
    this.signal = options.signal
    this.weight = message.body.length
    this.#outcome = outcome
    context.calls.add(this)
    if (this.signal !== undefined) watchAbort(this.signal, this)
  }

  /** The message's id; of a batch those of its messages, comma-joined. */
  get uniqKey(): string | undefined {
    return this.message instanceof MessageBatch ? this.message.uniqKeys.join(',') : this.message.uniqKey
  }

  /**
   * Before the application gets control back: a body that has not been encoded by now is copied, because the application may change its
   * buffer. One that has been is not needed before the attempt fails, which brings back the bytes that were sent.
   */
  ownBody(): void {
    if (!this.borrowsBody) return
    this.borrowsBody = false
    if (!this.bodyEncoded && !this.settled) this.message.body = this.context.slab.copy(this.message.body)
  }

  /** What a final error tells of this call. */
  failedSend(lastError: RocketMQError): FailedSend {
    const { uniqKey, attempts, maybeStored } = this
    const cost = this.context.clock.monotonic() - this.begin
    return { topic: this.topic.name, uniqKey, attempts, lastError, maybeStored, cost }
  }

  /** Fails before the first attempt: nothing was sent; the error tells which message it was. */
  failUnsent(error: RocketMQError): void {
    const { uniqKey } = this
    this.fail(uniqKey === undefined ? error : enrichError(error, { uniqKey }))
  }

  /** Ms that are left. */
  remaining(): number {
    return this.deadline - this.context.clock.monotonic()
  }

  /** The message goes to this queue now. @param now monotonic ms. */
  beginAttempt(mq: MessageQueue, now: number): void {
    this.mq = mq
    this.addr = ''
    this.underWay = undefined
    this.attemptsMade++
    this.#attemptOpen = true
    this.#answered = false
    this.attemptBegin = now
  }

  /** One more attempt is about to be made. */
  countRetry(): void {
    const { stats } = this.context
    stats.retries++
    if (this.maybeStored && !this.#countedAsDuplicate) {
      this.#countedAsDuplicate = true
      stats.possibleDuplicates++
    }
  }

  /** There is no queue to send to any more. @param now monotonic ms. */
  beginAttemptWithoutQueue(now: number): void {
    this.beginAttempt(new MessageQueue(this.topic.name, '', -1), now)
  }

  /**
   * The attempt has its outcome: after-hooks run, a failure is noted, its topic's route looked up where it may be out of date. False when it has ended already: the call was given up, or this is
   * a second answer; nothing is to be done then.
   */
  endAttempt(error: RocketMQError | undefined, result: SendResult | undefined): boolean {
    if (!this.#attemptOpen) return false
    this.#attemptOpen = false
    if (error === undefined) {
      this.#answered = true
      if (this.context.trace !== undefined && result !== undefined) this.#trace(result)
    } else {
      this.#noteAttempt(error.message)
      if (error.maybeStored) this.maybeStored = true
      if (doubtsRoute(error)) {
        this.routeInDoubt = true
        void this.context.instance.suspectRoute(this.topic.name)
      }
    }
    const context = this.hookContext
    if (context !== undefined) {
      this.hookContext = undefined
      context.exception = error
      context.sendResult = result
      this.context.hooks.after(context)
    }
    return true
  }

  /** The answer is not good enough: another broker is asked, but this result is kept in case it does no better. */
  keepStored(result: SendResult): void {
    this.storedResult = result
    this.maybeStored = true
    this.#answered = false
    this.#noteAttempt(result.sendStatus)
  }

  #trace(result: SendResult): void {
    const { clock, trace } = this.context
    const { message } = this.hookContext ?? this
    trace?.sent(message, this.addr, clock.monotonic() - this.attemptBegin, result)
  }

  /** Adds the attempt to the list that a final error shows. */
  #noteAttempt(reason: string): void {
    if (this.attempts === NO_ATTEMPTS) {
      this.attempts = []
      this.brokersSent = []
    }
    const { brokerName, queueId } = this.mq as MessageQueue
    const millis = Math.round(this.context.clock.monotonic() - this.attemptBegin)
    this.attempts.push({ brokerName, addr: this.addr, queueId, millis, reason })
    this.brokersSent.push(brokerName)
  }

  succeed(result: SendResult | undefined): void {
    if (this.settled) return
    this.#finish()
    const { callback, resolve } = this.#outcome
    if (callback === undefined) resolve?.(result)
    else this.#call(callback, undefined, result)
    this.#release()
  }

  fail(error: RocketMQError): void {
    if (this.settled) return
    this.#finish()
    const { callback, reject } = this.#outcome
    if (callback === undefined) reject?.(error)
    else this.#call(callback, error, undefined)
    this.#release()
  }

  /** Ends the call from outside: shutdown, abort. A request that has not left yet is kept from leaving. */
  giveUp(error: RocketMQError): void {
    if (this.settled || this.#answered) return
    const left = this.#attemptOpen && this.underWay?.cancel() === true
    if (this.storedResult !== undefined) {
      this.endAttempt(error, undefined)
      this.succeed(this.storedResult)
      return
    }
    const maybeStored = left || this.maybeStored
    const { uniqKey } = this
    const final = enrichError(error, { maybeStored, ...(uniqKey === undefined ? {} : { uniqKey }) })
    this.endAttempt(final, undefined)
    this.fail(enrichError(final, { attempts: this.attempts }))
  }

  onAbort(): void {
    this.giveUp(abortedError(this.signal as AbortSignal))
  }

  #finish(): void {
    this.settled = true
    this.timer?.cancel()
    if (this.signal !== undefined) unwatchAbort(this.signal, this)
  }

  #release(): void {
    const { calls, backPressure } = this.context
    calls.remove(this)
    if (this.holdsRoom) {
      this.holdsRoom = false
      backPressure?.release(this.weight)
    } else if (this.waitsForRoom) {
      this.waitsForRoom = false
      backPressure?.giveUp(this.weight)
    }
    this.onSettled?.()
  }

  #call(callback: SendMessageCallback, error: RocketMQError | undefined, result: SendResult | undefined): void {
    if (this.returned) runCallback(callback, error, result, this.context)
    else nextMicrotask(() => runCallback(callback, error, result, this.context))
  }
}

/** Runs an application's callback; what it throws, or its promise rejects with, is logged. */
export function runCallback<T = SendResult>(
  callback: (error: RocketMQError | undefined, result: T | undefined) => void,
  error: RocketMQError | undefined,
  result: T | undefined,
  context: Pick<ProducerContext, 'logger'>
): void {
  try {
    const returned: unknown = callback(error, result)
    if (typeof returned === 'object' && returned !== null && 'then' in returned) {
      Promise.resolve(returned).catch((reason: unknown) => context.logger.warn(`a send callback rejected: ${logText(reason)}`))
    }
  } catch (reason) {
    context.logger.warn(`a send callback threw: ${logText(reason)}`)
  }
}

/** The error of a send whose signal aborted before anything was sent. */
export function abortedError(signal: AbortSignal): MQClientException {
  return new MQClientException(`the send was aborted: ${logText(signal.reason)}`, { code: 'ABORTED', cause: signal.reason })
}
