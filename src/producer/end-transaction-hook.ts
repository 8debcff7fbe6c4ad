import type { Message, MessageExt } from '../protocol/message.ts'
import type { LocalTransactionState } from './transaction-listener.ts'

/** The end of a transaction, as hooks see it; Java's `EndTransactionContext`. */
export interface EndTransactionContext {
  /** With its namespace. */
  readonly producerGroup: string
  /** `host:port` of the broker that is told. */
  readonly brokerAddr: string
  readonly message: Message | MessageExt
  /** The client's id of the message. */
  readonly msgId: string
  readonly transactionId: string | undefined
  readonly transactionState: LocalTransactionState
  /** Whether the broker had asked. */
  readonly fromTransactionCheck: boolean
}

/** Runs before the broker is told how a transaction ended; synchronous. What it throws is logged and changes nothing. */
export interface EndTransactionHook {
  readonly hookName: string
  endTransaction(context: EndTransactionContext): void
}
