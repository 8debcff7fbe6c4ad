import type { Message } from '../protocol/message.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import type { CommunicationMode } from './communication-mode.ts'

/** What is about to be sent; Java's `CheckForbiddenContext`. */
export interface CheckForbiddenContext {
  /** Name server addresses, separated by `;`. */
  readonly nameSrvAddr: string
  /** Producer group, with its namespace. */
  readonly group: string
  /** SYNC: awaited; ASYNC: with a callback; ONEWAY: without an answer. */
  readonly communicationMode: CommunicationMode
  /** `host:port` the request would go to. */
  readonly brokerAddr: string
  /** The copy that would be sent. */
  readonly message: Message
  /** Queue it would go to. */
  readonly mq: MessageQueue
  /** As in the options. */
  readonly unitMode: boolean
}

/**
 * May refuse an attempt by throwing: nothing is sent and no send hook runs. Throwing MQClientException lets another broker be tried, as
 * in Java; any other error is final and becomes the cause of the one the caller gets.
 */
export interface CheckForbiddenHook {
  /** For the log. */
  readonly hookName: string
  /** Throws to refuse. */
  checkForbidden(context: CheckForbiddenContext): void
}
