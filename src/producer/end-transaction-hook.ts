import type { Message, MessageExt } from '../protocol/message.ts'
import type { LocalTransactionState } from './transaction-listener.ts'

/** The end of a transaction, as hooks see it; Java's `EndTransactionContext`. */
export interface EndTransactionContext {
  /** With its namespace. */
  readonly producerGroup: string
  /** `host:port` of the broker that is told. */
  readonly brokerAddr: string
  /** The half message. */
  readonly message: Message | MessageExt
  /** The client's id of the message. */
  readonly msgId: string
  /** Id of the transaction. */
  readonly transactionId: string | undefined
  /** What the broker is told. */
  readonly transactionState: LocalTransactionState
  /** Whether the broker had asked. */
  readonly fromTransactionCheck: boolean
}

/** Runs before the broker is told how a transaction ended; synchronous. What it throws is logged and changes nothing. */
export interface EndTransactionHook {
  /** For the log. */
  readonly hookName: string
  /** Called just before the broker is told. */
  endTransaction(context: EndTransactionContext): void
}
