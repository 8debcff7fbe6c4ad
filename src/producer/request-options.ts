import type { RocketMQError } from '../internal/errors.ts'
import type { Message } from '../protocol/message.ts'
import type { SendOptions } from './send-options.ts'

/** Options of one request; those of a send. `timeout` covers sending and waiting for the reply, and travels as the request's TTL. */
export type RequestOptions<Arg = unknown> = SendOptions<Arg>

/** Called once with either an error or the reply. What it throws is logged. */
export type RequestCallback = (error: RocketMQError | undefined, reply: Message | undefined) => void

/** Where the outcome of a request goes: into a promise, or to a callback. */
export interface RequestOutcome {
  resolve?: (reply: Message) => void
  reject?: (error: RocketMQError) => void
  callback?: RequestCallback
}
