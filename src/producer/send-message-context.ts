import type { SendResult } from '../client/send-result.ts'
import type { RocketMQError } from '../internal/errors.ts'
import type { Message } from '../protocol/message.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import type { CommunicationMode } from './communication-mode.ts'
import type { MessageType } from './message-type.ts'
import type { MQProducer } from './mq-producer.ts'

/** One attempt, as hooks see it; the same object before and after. Java's `SendMessageContext`. */
export interface SendMessageContext {
  /** Whose send it is. */
  readonly producer: MQProducer
  /** With its namespace. */
  readonly producerGroup: string
  /** SYNC: awaited; ASYNC: with a callback; ONEWAY: without an answer. */
  readonly communicationMode: CommunicationMode
  /** Address this client names itself by. */
  readonly bornHost: string
  /** `host:port` the request goes to. */
  readonly brokerAddr: string
  /**
   * What is sent by this attempt: a copy of the caller's message with its id, its namespace, its body compressed when it is large.
   * A before-hook may change it (properties are the usual thing); the next attempt starts from the original again.
   */
  readonly message: Message
  /** Queue this attempt goes to. */
  readonly mq: MessageQueue
  /** Namespace of the first kind, when one is set. */
  readonly namespace: string | undefined
  /** Kind of message. */
  readonly msgType: MessageType
  /** For hooks: whatever the before-hook wants to find in the after-hook. */
  mqTraceContext: unknown
  /** For hooks: named values. */
  readonly props: Map<string, string>
  /** After: the broker's answer. Undefined before, after a failure, and for ONEWAY. */
  sendResult: SendResult | undefined
  /** After: why this attempt failed. */
  exception: RocketMQError | undefined
}

/**
 * Sees every attempt of every send. Both functions are synchronous; what they throw is logged and changes nothing, a promise they return
 * is not waited for. Each before is followed by exactly one after, before the caller's promise or callback settles.
 *
 * @example
 * producer.registerSendMessageHook({
 *   hookName: 'audit',
 *   sendMessageBefore(context) { context.message.properties.set('sentBy', 'billing') },
 *   sendMessageAfter(context) { log(context.sendResult ?? context.exception) }
 * })
 */
export interface SendMessageHook {
  /** For the log. */
  readonly hookName: string
  /** Before the request is built; may change `message`. */
  sendMessageBefore(context: SendMessageContext): void
  /** After the answer, or the failure, and before the caller is told. */
  sendMessageAfter(context: SendMessageContext): void
}
