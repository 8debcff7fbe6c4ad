import type { SendResult } from '../client/send-result.ts'
import type { Message } from '../protocol/message.ts'
import type { RequestCallback, RequestOptions } from './request-options.ts'
import type { SendMessageCallback, SendOptions } from './send-options.ts'

/** What every producer can do; Java's `MQProducer`. Hooks see their producer through it. */
export interface MQProducer {
  /** As it was given. */
  readonly producerGroup: string
  /** Joins the cluster's clients. */
  start(): Promise<void>
  /** Waits for sends under way, and leaves nothing open. */
  shutdown(): Promise<void>
  /** Sends a message, or several as a batch. */
  send<Arg>(message: Message | readonly Message[], options?: SendOptions<Arg>): Promise<SendResult>
  /** The same with a callback. */
  send<Arg>(message: Message | readonly Message[], options: SendOptions<Arg>, callback: SendMessageCallback): void
  /** Sends a request and resolves with its reply. */
  request<Arg>(message: Message, options?: RequestOptions<Arg>): Promise<Message>
  /** The same with a callback. */
  request<Arg>(message: Message, options: RequestOptions<Arg>, callback: RequestCallback): void
  /** Sends without asking for an answer. */
  sendOneway<Arg>(message: Message, options?: SendOptions<Arg>): Promise<void>
}
