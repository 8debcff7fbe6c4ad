import { logText } from '../internal/logger.ts'
import type { Message, MessageExt } from '../protocol/message.ts'
import { SysFlag } from '../protocol/sys-flag.ts'
import type { ProducerContext } from './producer-context.ts'
import { LocalTransactionState } from './transaction-listener.ts'

/** What the broker finds the half message by, and what it is told. */
export interface EndTransaction {
  /** `host:port`; undefined when no route names the broker any more. */
  readonly addr: string | undefined
  readonly brokerName: string | undefined
  readonly topic: string | undefined
  readonly message: Message | MessageExt
  /** Queue offset of the half message. */
  readonly tranStateTableOffset: number
  /** Physical offset of the half message. */
  readonly commitLogOffset: number
  readonly msgId: string
  readonly transactionId: string | undefined
  readonly fromTransactionCheck: boolean
  readonly state: LocalTransactionState
  /** For the broker's log: what the application threw. */
  readonly remark: string | undefined
  readonly timeoutMillis: number
}

const COMMIT_OR_ROLLBACK = {
  [LocalTransactionState.COMMIT_MESSAGE]: SysFlag.TRANSACTION_COMMIT_TYPE,
  [LocalTransactionState.ROLLBACK_MESSAGE]: SysFlag.TRANSACTION_ROLLBACK_TYPE,
  [LocalTransactionState.UNKNOW]: SysFlag.TRANSACTION_NOT_TYPE
}

/**
 * Tells the broker how a transaction ended: hooks, then END_TRANSACTION, oneway. Settles when the bytes are with the socket and never
 * rejects: a broker that did not hear of it asks later.
 */
export async function endTransaction(context: ProducerContext, end: EndTransaction): Promise<void> {
  const { hooks, instance, logger, producerGroup } = context
  const { addr, message, msgId, transactionId, state, fromTransactionCheck } = end
  try {
    if (addr === undefined) throw new Error(`the broker[${String(end.brokerName)}] not exist`)
    if (hooks.hasEndTransactionHook) {
      hooks.endTransaction({
        producerGroup,
        brokerAddr: addr,
        message,
        msgId,
        transactionId,
        transactionState: state,
        fromTransactionCheck
      })
    }
    context.trace?.endTransaction({
      brokerAddr: addr,
      message,
      msgId,
      transactionId,
      transactionState: state,
      fromTransactionCheck
    })
    await instance.api.endTransactionOneway(
      addr,
      {
        topic: end.topic,
        producerGroup,
        tranStateTableOffset: end.tranStateTableOffset,
        commitLogOffset: end.commitLogOffset,
        commitOrRollback: COMMIT_OR_ROLLBACK[state],
        fromTransactionCheck,
        msgId,
        transactionId,
        brokerName: end.brokerName
      },
      end.remark,
      end.timeoutMillis
    )
  } catch (error) {
    logger.warn(
      `${state} of transaction ${logText(transactionId ?? msgId)} did not reach its broker, which will ask: ${logText(error)}`
    )
  }
}
