import { checkOptions, having, LONGEST_TIMEOUT, type Rule, wholeNumber } from '../client/check-options.ts'
import { MQClientException } from '../internal/errors.ts'
import type { Message } from '../protocol/message.ts'
import { DefaultMQProducer } from './default-mq-producer.ts'
import type { EndTransactionHook } from './end-transaction-hook.ts'
import { halfMessageOf, halfNotSent, LocalTransaction } from './local-transaction.ts'
import type { DefaultMQProducerOptions } from './producer-options.ts'
import { toRocketMQError } from './send-error.ts'
import { TransactionChecks } from './transaction-checks.ts'
import type { TransactionListener, TransactionSendOptions, TransactionSendResult } from './transaction-listener.ts'

/** Options of a {@link TransactionMQProducer}. */
export interface TransactionMQProducerOptions extends DefaultMQProducerOptions {
  /**
   * Runs and checks local transactions; may be set later, by {@link TransactionMQProducer.transactionListener}.
   * @default none: a send needs one by then
   */
  transactionListener?: TransactionListener | undefined
  /** Checks that run at a time. @default 1 */
  checkThreadPoolMinSize?: number | undefined
  /** Checks that run at a time when the line is full. @default 1, or `checkThreadPoolMinSize` where that is more */
  checkThreadPoolMaxSize?: number | undefined
  /** Checks that wait in line; what is over is dropped, and asked again by the broker. @default 2000 */
  checkRequestHoldMax?: number | undefined
  /** Ms after which a check without an answer counts as `UNKNOW` and makes room for the next. @default 30000 */
  transactionCheckTimeout?: number | undefined
}

const RULES: { readonly [Name in keyof TransactionMQProducerOptions]?: Rule } = {
  transactionListener: having('executeLocalTransaction', 'checkLocalTransaction'),
  checkThreadPoolMinSize: wholeNumber(1),
  checkThreadPoolMaxSize: wholeNumber(1),
  checkRequestHoldMax: wholeNumber(1),
  transactionCheckTimeout: wholeNumber(1, LONGEST_TIMEOUT)
}

/**
 * Sends messages that become visible only when a local transaction commits; Java's `TransactionMQProducer`.
 *
 * The broker stores a half message first, then `executeLocalTransaction` runs, and the broker is told `COMMIT_MESSAGE` or
 * `ROLLBACK_MESSAGE`. Where it was told neither (`UNKNOW`, a crash, a lost request), it asks a producer of the group later, and
 * `checkLocalTransaction` answers: producers of one group must be able to answer for each other. A message may be committed twice when
 * an answer crosses a question.
 *
 * @example
 * const producer = new TransactionMQProducer({
 *   producerGroup: 'orders',
 *   namesrvAddr: '127.0.0.1:9876',
 *   transactionListener: {
 *     async executeLocalTransaction(message, order) {
 *       await saveOrder(order, message.transactionId)
 *       return LocalTransactionState.COMMIT_MESSAGE
 *     },
 *     async checkLocalTransaction(message) {
 *       return (await wasSaved(message.transactionId)) ? LocalTransactionState.COMMIT_MESSAGE : LocalTransactionState.UNKNOW
 *     }
 *   }
 * })
 * await producer.start()
 * const { localTransactionState } = await producer.sendMessageInTransaction(message, order)
 */
export class TransactionMQProducer extends DefaultMQProducer {
  /** May be replaced at any time; transactions under way keep theirs. */
  transactionListener: TransactionListener | undefined

  /** @throws MQClientException naming an option whose value is out of range. */
  constructor(options: TransactionMQProducerOptions) {
    super(options)
    checkOptions(options, RULES)
    this.transactionListener = options.transactionListener
    const checkThreadPoolMinSize = options.checkThreadPoolMinSize ?? 1
    const limits = {
      checkThreadPoolMinSize,
      checkThreadPoolMaxSize: Math.max(options.checkThreadPoolMaxSize ?? 1, checkThreadPoolMinSize),
      checkRequestHoldMax: options.checkRequestHoldMax ?? 2000,
      transactionCheckTimeout: options.transactionCheckTimeout ?? 30_000
    }
    this.impl.transactionChecks = new TransactionChecks(
      limits,
      () => this.impl.context,
      () => this.transactionListener
    )
  }

  /** Called before the broker is told how a transaction ended. */
  registerEndTransactionHook(hook: EndTransactionHook): void {
    this.impl.hooks.registerEndTransactionHook(hook)
  }

  /**
   * Stores `message` as a half message, runs `executeLocalTransaction`, and tells the broker what it answered. Delays are dropped. A half
   * message that is stored but not flushed or replicated in time is rolled back without running the listener.
   *
   * Once the half message is stored this resolves, whatever the local transaction did: see `localTransactionState`.
   *
   * @param arg handed to the listener.
   * @throws MQClientException when there is no listener, or the half message was not stored (`cause` says why; no local transaction ran);
   * `SHUTDOWN`, `maybeStored`, when the local transaction did not end within the producer's `drainTimeout`.
   */
  override sendMessageInTransaction(
    message: Message,
    arg?: unknown,
    options: TransactionSendOptions = {}
  ): Promise<TransactionSendResult> {
    return new Promise((resolve, reject) => {
      const { impl, transactionListener } = this
      const { context } = impl
      if (transactionListener === undefined || transactionListener === null) {
        throw new MQClientException('TransactionListener is null', {
          code: 'ILLEGAL_ARGUMENT',
          hint: 'Give a transactionListener to the constructor, or set producer.transactionListener.'
        })
      }
      let half: Message
      try {
        half = halfMessageOf(context, message)
      } catch (error) {
        throw toRocketMQError(error)
      }
      impl.send(half, { timeout: options?.timeout, signal: options?.signal }, 'SYNC', {
        resolve: (result) => {
          if (result !== undefined) new LocalTransaction(context, half, result, resolve, reject).run(transactionListener, arg)
        },
        reject: (error) => reject(halfNotSent(error))
      })
    })
  }
}
