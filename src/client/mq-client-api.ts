import type { RocketMQError } from '../internal/errors.ts'
import type { Message } from '../protocol/message.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import type { SendMessageRequestHeader } from '../protocol/send-message-header.ts'
import type { SendResult } from './send-result.ts'

export type SendCallback = (error: RocketMQError | undefined, result: SendResult | undefined) => void

/** The requests a client sends; Java's `MQClientAPIImpl`. */
export interface MQClientAPI {
  sendMessageAsync(
    addr: string,
    queue: MessageQueue,
    message: Message,
    header: SendMessageRequestHeader,
    timeoutMillis: number,
    callback: SendCallback,
    signal?: AbortSignal
  ): void
  sendMessage(
    addr: string,
    queue: MessageQueue,
    message: Message,
    header: SendMessageRequestHeader,
    timeoutMillis: number,
    signal?: AbortSignal
  ): Promise<SendResult>
  sendMessageOneway(
    addr: string,
    queue: MessageQueue,
    message: Message,
    header: SendMessageRequestHeader,
    timeoutMillis: number,
    signal?: AbortSignal
  ): Promise<void>
}
