import type { SendResult } from '../client/send-result.ts'
import type { RocketMQError } from '../internal/errors.ts'
import type { Message } from '../protocol/message.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'

/**
 * Chooses the queue of a message.
 * @param queues the queues that can be written to now, in a stable order, never empty.
 * @param message a copy of the message; changing it changes nothing.
 * @param arg `options.arg` of the call.
 */
export type MessageQueueSelector<Arg = unknown> = (queues: readonly MessageQueue[], message: Message, arg: Arg) => MessageQueue

/** Options of one send. `queue` and `selector` exclude each other; with either the message is tried once and on no other queue. */
export interface SendOptions<Arg = unknown> {
  /** Ms for the whole call: waiting, connecting, every attempt. @default `sendMsgTimeout` of the producer, 3000 */
  timeout?: number | undefined
  /**
   * Gives up when it aborts. The error has code `ABORTED`, the signal's reason as cause, and `maybeStored` true when bytes of the message
   * may have left. An answer that arrived first wins.
   * @default none
   */
  signal?: AbortSignal | undefined
  /** Send to this queue. @default chosen among all of the topic */
  queue?: MessageQueue | undefined
  /** Ask this function for the queue. @default none */
  selector?: MessageQueueSelector<Arg> | undefined
  /** Handed to `selector`: an order id, for example. @default none */
  arg?: Arg | undefined
}

/** Called once with either an error or a result. What it throws is logged. */
export type SendMessageCallback = (error: RocketMQError | undefined, result: SendResult | undefined) => void

/**
 * Runs what it is given, now or later: a queue with its own pace, a scope of the application, an async context. What it is given never
 * throws.
 *
 * @example (run) => setImmediate(run)
 */
export type CallbackExecutor = (run: () => void) => void
