import type { SendResult } from '../client/send-result.ts'
import type { Message } from '../protocol/message.ts'
import type { RequestCallback, RequestOptions } from './request-options.ts'
import type { SendMessageCallback, SendOptions } from './send-options.ts'

/** What every producer can do; Java's `MQProducer`. Hooks see their producer through it. */
export interface MQProducer {
  readonly producerGroup: string
  start(): Promise<void>
  shutdown(): Promise<void>
  send<Arg>(message: Message | readonly Message[], options?: SendOptions<Arg>): Promise<SendResult>
  send<Arg>(message: Message | readonly Message[], options: SendOptions<Arg>, callback: SendMessageCallback): void
  request<Arg>(message: Message, options?: RequestOptions<Arg>): Promise<Message>
  request<Arg>(message: Message, options: RequestOptions<Arg>, callback: RequestCallback): void
  sendOneway<Arg>(message: Message, options?: SendOptions<Arg>): Promise<void>
}
