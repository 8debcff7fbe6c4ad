import type { SendResult } from '../client/send-result.ts'
import type { MaybePromise } from '../internal/async.ts'
import type { Message, MessageExt } from '../protocol/message.ts'

/** What became of a local transaction; Java's `LocalTransactionState`, whose third name has no last letter. */
export const LocalTransactionState = {
  /** The half message becomes visible to consumers. */
  COMMIT_MESSAGE: 'COMMIT_MESSAGE',
  /** The half message is dropped. */
  ROLLBACK_MESSAGE: 'ROLLBACK_MESSAGE',
  /** Not known yet: the broker asks again later. */
  UNKNOW: 'UNKNOW',
  /** The same as `UNKNOW`. */
  UNKNOWN: 'UNKNOW'
} as const

export type LocalTransactionState = (typeof LocalTransactionState)[keyof typeof LocalTransactionState]

/**
 * The application's half of a transaction; Java's `TransactionListener`. Both functions may be asynchronous. What they throw, and every
 * answer that is not a `LocalTransactionState`, is logged and counts as `UNKNOW`.
 */
export interface TransactionListener<Arg = unknown> {
  /**
   * Runs once the broker has stored the half message.
   * @param message a copy of what was sent, with its id (`uniqKey`) and `transactionId`.
   * @param arg as `sendMessageInTransaction` got it.
   */
  executeLocalTransaction(message: Message, arg: Arg): MaybePromise<LocalTransactionState>
  /**
   * The broker asks what became of a transaction that was not ended, perhaps one of another producer of the group, or of an earlier
   * process. `UNKNOW` makes it ask again, up to `transactionCheckMax` times.
   * @param message as the broker holds it, with its own topic; `transactionId` is the id it was sent with.
   */
  checkLocalTransaction(message: MessageExt): MaybePromise<LocalTransactionState>
}

/** What became of a message sent in a transaction; Java's `TransactionSendResult`. */
export interface TransactionSendResult extends SendResult {
  /** What the broker was told. It is told without an answer: `UNKNOW`, or a lost request, is cleared up by its later question. */
  localTransactionState: LocalTransactionState
}

/** Options of one `sendMessageInTransaction`. They are about the half message; the local transaction takes the time it takes. */
export interface TransactionSendOptions {
  /** Ms for storing the half message, retries included. @default `sendMsgTimeout` of the producer, 3000 */
  timeout?: number | undefined
  /** Gives up storing the half message. Without effect once the local transaction has begun. @default none */
  signal?: AbortSignal | undefined
}

const STATES: ReadonlySet<unknown> = new Set(Object.values(LocalTransactionState))

/** What a listener answered; undefined when that is no state. */
export function asTransactionState(answer: unknown): LocalTransactionState | undefined {
  if (answer === 'UNKNOWN') return LocalTransactionState.UNKNOW
  return STATES.has(answer) ? (answer as LocalTransactionState) : undefined
}
