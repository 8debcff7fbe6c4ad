import { wrapNamespace } from '../client/namespace-util.ts'
import type { SendResult } from '../client/send-result.ts'
import { MQClientException, type RocketMQError } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { createUniqId, decodeOffsetMsgId } from '../protocol/message-id.ts'
import type { RegisteredCall } from './call-registry.ts'
import { copyProperties } from './copy-properties.ts'
import { endTransaction } from './end-transaction.ts'
import type { ProducerContext } from './producer-context.ts'
import { enrichError } from './send-error.ts'
import {
  asTransactionState,
  LocalTransactionState,
  type TransactionListener,
  type TransactionSendResult
} from './transaction-listener.ts'
import { checkBody, checkMessage } from './validators.ts'

/** A half message must not be delayed: its time is that of its transaction. Java drops DELAY only. */
const DELAYS = [
  MessageConst.DELAY,
  MessageConst.TIMER_DELAY_SEC,
  MessageConst.TIMER_DELAY_MS,
  MessageConst.TIMER_DELIVER_MS,
  MessageConst.STARTDELIVERTIME
]

/**
 * The half message of `message`: a copy with its id, marked as prepared and as this group's.
 * @throws MQClientException when it is no message, or its body cannot be sent.
 */
export function halfMessageOf(context: ProducerContext, message: Message): Message {
  checkMessage(message)
  checkBody(message.body, context.config.maxMessageSize)
  const properties = copyProperties(message.properties)
  for (const name of DELAYS) properties.delete(name)
  if (!properties.has(MessageConst.UNIQ_KEY)) properties.set(MessageConst.UNIQ_KEY, createUniqId(context.clock.now()))
  properties.set(MessageConst.TRAN_MSG, 'true')
  properties.set(MessageConst.PGROUP, context.producerGroup)
  return Message.of(message.topic, Buffer.from(message.body), message.flag, properties)
}

/** The half message was not stored: no local transaction runs. */
export function halfNotSent(error: RocketMQError): MQClientException {
  return new MQClientException(`send message Exception: ${error.message}`, {
    code: error.code,
    responseCode: error.responseCode,
    maybeStored: error.maybeStored,
    attempts: error.attempts,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.uniqKey === undefined ? {} : { uniqKey: error.uniqKey }),
    cause: error
  })
}

/**
 * A transaction from its stored half message to its end: the listener runs, and the broker is told. A shutdown waits for it like for a
 * send; one that is given up is left to the broker's question.
 */
export class LocalTransaction implements RegisteredCall {
  previousCall: RegisteredCall | undefined = undefined
  nextCall: RegisteredCall | undefined = undefined
  readonly #context: ProducerContext
  readonly #half: Message
  readonly #result: SendResult
  readonly #resolve: (result: TransactionSendResult) => void
  readonly #reject: (error: RocketMQError) => void
  #settled = false

  constructor(
    context: ProducerContext,
    half: Message,
    result: SendResult,
    resolve: (result: TransactionSendResult) => void,
    reject: (error: RocketMQError) => void
  ) {
    this.#context = context
    this.#half = half
    this.#result = result
    this.#resolve = resolve
    this.#reject = reject
  }

  run(listener: TransactionListener, arg: unknown): void {
    this.#context.calls.add(this)
    this.#run(listener, arg).then(
      (localTransactionState) => this.#finish(() => this.#resolve({ ...this.#result, localTransactionState })),
      (error: RocketMQError) => this.giveUp(error)
    )
  }

  giveUp(error: RocketMQError): void {
    this.#finish(() => this.#reject(enrichError(error, { maybeStored: true, uniqKey: this.#result.msgId })))
  }

  async #run(listener: TransactionListener, arg: unknown): Promise<LocalTransactionState> {
    const { logger } = this.#context
    const id = logText(this.#result.msgId)
    let state: LocalTransactionState = LocalTransactionState.ROLLBACK_MESSAGE
    let remark: string | undefined
    if (this.#result.sendStatus === 'SEND_OK') {
      try {
        const answer: unknown = await listener.executeLocalTransaction(this.#messageForListener(), arg)
        const known = asTransactionState(answer)
        if (known === undefined) logger.warn(`executeLocalTransaction of ${id} answered ${logText(answer)}: taken as UNKNOW`)
        state = known ?? LocalTransactionState.UNKNOW
      } catch (error) {
        logger.warn(`executeLocalTransaction of ${id} failed, taken as UNKNOW: ${logText(error)}`)
        state = LocalTransactionState.UNKNOW
        remark = `executeLocalTransactionBranch exception: ${logText(error)}`
      }
    } else {
      logger.warn(`half message ${id} is ${this.#result.sendStatus}: rolled back without its local transaction`)
    }
    if (this.#settled)
      logger.warn(`transaction ${id} ended with ${state} after the producer was shut down: the broker is not told`)
    else await this.#end(state, remark)
    return state
  }

  /** The application may change it: what the broker is told does not depend on it. */
  #messageForListener(): Message {
    const { topic, body, flag, properties } = this.#half
    const message = Message.of(topic, body, flag, copyProperties(properties))
    message.transactionId = this.#result.transactionId ?? this.#result.msgId
    return message
  }

  async #end(state: LocalTransactionState, remark: string | undefined): Promise<void> {
    const { instance, config } = this.#context
    const { messageQueue, offsetMsgId, msgId, queueOffset, transactionId } = this.#result
    let commitLogOffset: number
    try {
      commitLogOffset = decodeOffsetMsgId(offsetMsgId).offset
    } catch (error) {
      this.#context.logger.warn(
        `${state} of transaction ${logText(msgId)} cannot be told to the broker, which will ask: ${logText(error)}`
      )
      return
    }
    await endTransaction(this.#context, {
      addr: instance.findBrokerAddressInPublish(messageQueue.brokerName),
      brokerName: messageQueue.brokerName,
      topic: wrapNamespace(config.namespace, this.#half.topic),
      message: this.#half,
      tranStateTableOffset: queueOffset,
      commitLogOffset,
      msgId,
      transactionId,
      fromTransactionCheck: false,
      state,
      remark,
      timeoutMillis: config.sendMsgTimeout
    })
  }

  #finish(settle: () => void): void {
    if (this.#settled) return
    this.#settled = true
    settle()
    this.#context.calls.remove(this)
  }
}
