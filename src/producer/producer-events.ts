import type { SendAttempt } from '../internal/errors.ts'
import type { ConnectionEvents } from '../transport/remoting-client.ts'

/** An attempt failed and another one begins. */
export interface SendRetry {
  /** With its namespace. */
  readonly topic: string
  /** The message's id; of a batch those of its messages, comma-joined. */
  readonly uniqKey: string | undefined
  /** The attempt that failed. */
  readonly attempt: SendAttempt
  /** Of the attempt that begins: 2 for the first retry. */
  readonly number: number
}

/** What a producer tells by `events`. */
export interface ProducerEvents extends ConnectionEvents {
  /** The producer runs. */
  started: () => void
  /** The producer was shut down: nothing of it is left. */
  stopped: () => void
  /** A send is tried again. */
  retry: (retry: SendRetry) => void
  /** Records of message trace were dropped; so many since the start. */
  traceDiscarded: (total: number) => void
}
