import type { SendResult } from '../client/send-result.ts'
import type { Clock } from '../internal/clock.ts'
import { sendChannel } from '../internal/diagnostics.ts'
import type { RocketMQError, SendAttempt } from '../internal/errors.ts'
import type { Message } from '../protocol/message.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import type { CommunicationMode } from './communication-mode.ts'
import type { MQProducer } from './mq-producer.ts'
import type { ProducerContext } from './producer-context.ts'
import type { SendOutcome } from './send-call.ts'

/**
 * One call of send, however many attempts it takes; what the tracing channel `rocketmq:producer:send` publishes, the same object each
 * time.
 *
 * - `start`: within the call. The copies in `messages` may be given further properties, which travel with them. Where the call was
 *   refused for wrong use, there are none.
 * - `end`: the call returns; its outcome is still to come.
 * - `error`, then `asyncStart`: it failed; `error` is there. `asyncStart` alone: it succeeded; `result` is there, except for ONEWAY.
 * - `asyncEnd`: the caller's callback has run.
 */
export interface SendOperation {
  /** Whose send it is. */
  readonly producer: MQProducer
  /** With its namespace. */
  readonly producerGroup: string
  /** Undefined before the start. */
  readonly clientId: string | undefined
  /** Namespace of the first kind. */
  readonly namespace: string | undefined
  /** As the caller named it; undefined when there was none. */
  readonly topic: string | undefined
  /** SYNC: awaited; ASYNC: with a callback; ONEWAY: without an answer. */
  readonly communicationMode: CommunicationMode
  /** Whether a list was given. */
  readonly batch: boolean
  /** What is sent: copies of the caller's messages, with their ids. */
  readonly messages: readonly Message[]
  /** When the call was made, wall clock ms. */
  readonly beginTime: number
  /** How long it took, ms; from the outcome on. */
  readonly duration: number | undefined
  /** The attempts that failed; from the outcome on. */
  readonly attempts: readonly SendAttempt[]
  /** `host:port` of the latest attempt; from the outcome on. */
  readonly brokerAddr: string | undefined
  /** Queue of the latest attempt; from the outcome on. */
  readonly messageQueue: MessageQueue | undefined
  /** Of a send that succeeded, except for ONEWAY. */
  readonly result: SendResult | undefined
  /** Of a send that failed. */
  readonly error: RocketMQError | undefined
}

/** What is known of the call behind an operation. */
interface ObservedCall {
  readonly attempts: readonly SendAttempt[]
  readonly addr: string
  readonly mq: MessageQueue | undefined
}

/** A call that somebody observes; publishes what happens to it. */
export class ObservedSend implements SendOperation {
  readonly producer: MQProducer
  readonly producerGroup: string
  readonly clientId: string | undefined
  readonly namespace: string | undefined
  readonly topic: string | undefined
  readonly communicationMode: CommunicationMode
  readonly batch: boolean
  readonly beginTime: number
  messages: readonly Message[] = []
  duration: number | undefined = undefined
  attempts: readonly SendAttempt[] = []
  brokerAddr: string | undefined = undefined
  messageQueue: MessageQueue | undefined = undefined
  result: SendResult | undefined = undefined
  error: RocketMQError | undefined = undefined
  /** Set once the call was accepted. */
  call: ObservedCall | undefined = undefined
  readonly #clock: Clock
  readonly #begin: number
  #started = false

  constructor(
    origin: Pick<SendOperation, 'producer' | 'producerGroup' | 'clientId' | 'namespace'>,
    input: Message | readonly Message[],
    communicationMode: CommunicationMode,
    clock: Clock
  ) {
    this.producer = origin.producer
    this.producerGroup = origin.producerGroup
    this.clientId = origin.clientId
    this.namespace = origin.namespace
    this.batch = Array.isArray(input)
    this.topic = (this.batch ? (input as readonly Message[])[0] : (input as Message | undefined))?.topic
    this.communicationMode = communicationMode
    this.beginTime = clock.now()
    this.#clock = clock
    this.#begin = clock.monotonic()
  }

  /** A send of a producer that runs. */
  static of(
    { producer, producerGroup, instance, config, clock }: ProducerContext,
    input: Message | readonly Message[],
    communicationMode: CommunicationMode
  ): ObservedSend {
    const origin = { producer, producerGroup, clientId: instance.clientId, namespace: config.namespace }
    return new ObservedSend(origin, input, communicationMode, clock)
  }

  /** The copies are there and not encoded yet. */
  start(messages: readonly Message[]): void {
    if (this.#started) return
    this.#started = true
    this.messages = messages
    sendChannel.start.publish(this)
  }

  /** The call returns. */
  end(): void {
    sendChannel.end.publish(this)
  }

  /** The outcome, told to the channel as well. */
  watch(outcome: SendOutcome): SendOutcome {
    const { resolve, reject, callback } = outcome
    return {
      resolve: (result) => this.#settle(undefined, result, () => resolve?.(result)),
      reject: (error) => this.#settle(error, undefined, () => reject?.(error)),
      callback: callback && ((error, result) => this.#settle(error, result, () => callback(error, result)))
    }
  }

  #settle(error: RocketMQError | undefined, result: SendResult | undefined, tell: () => unknown): unknown {
    // Refused before there were copies.
    this.start([])
    this.duration = this.#clock.monotonic() - this.#begin
    this.error = error
    this.result = result
    this.attempts = this.call?.attempts ?? error?.attempts ?? []
    this.brokerAddr = this.call?.addr
    this.messageQueue = result?.messageQueue ?? this.call?.mq
    if (error !== undefined) sendChannel.error.publish(this)
    sendChannel.asyncStart.publish(this)
    try {
      return tell()
    } finally {
      sendChannel.asyncEnd.publish(this)
    }
  }
}
