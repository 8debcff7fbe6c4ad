import { withoutNamespace } from '../client/namespace-util.ts'
import type { Timer } from '../internal/clock.ts'
import type { RocketMQError } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { RingQueue } from '../internal/ring-queue.ts'
import { type CheckTransactionStateRequestHeader, decodeCheckTransactionStateHeader } from '../protocol/end-transaction-header.ts'
import type { MessageExt } from '../protocol/message.ts'
import { decodeMessage } from '../protocol/message-codec.ts'
import { MessageConst } from '../protocol/message-const.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { Connection } from '../transport/connection.ts'
import type { RegisteredCall } from './call-registry.ts'
import { endTransaction } from './end-transaction.ts'
import type { ProducerContext } from './producer-context.ts'
import { asTransactionState, LocalTransactionState, type TransactionListener } from './transaction-listener.ts'

/** Ms to hand over the answer to a check; fixed in Java too. */
const END_MILLIS = 3000

export interface TransactionCheckLimits {
  readonly checkThreadPoolMinSize: number
  readonly checkThreadPoolMaxSize: number
  readonly checkRequestHoldMax: number
  /** Ms. */
  readonly transactionCheckTimeout: number
}

/** A question of a broker about one transaction. */
class Check implements RegisteredCall {
  previousCall: RegisteredCall | undefined = undefined
  nextCall: RegisteredCall | undefined = undefined
  /** `host:port` of the broker that asked. */
  readonly addr: string
  readonly header: CheckTransactionStateRequestHeader
  readonly message: MessageExt
  timer: Timer | undefined = undefined
  /** Takes the answer, once. */
  answer: (state: LocalTransactionState, remark: string | undefined) => void = () => {}
  giveUp: (error: RocketMQError) => void = () => {}

  constructor(addr: string, header: CheckTransactionStateRequestHeader, message: MessageExt) {
    this.addr = addr
    this.header = header
    this.message = message
  }
}

/**
 * Serves CHECK_TRANSACTION_STATE: a few questions at a time, a bounded number in line, as Java's thread pool does: up to
 * `checkThreadPoolMinSize` run, `checkRequestHoldMax` wait, and only when the line is full up to `checkThreadPoolMaxSize` run. What is
 * over is dropped with a warning, which loses nothing: the broker asks again.
 */
export class TransactionChecks {
  readonly #limits: TransactionCheckLimits
  readonly #context: () => ProducerContext
  readonly #listener: () => TransactionListener | undefined
  readonly #waiting = new RingQueue<Check>()
  #running = 0

  /** @param context throws when the producer does not run. */
  constructor(limits: TransactionCheckLimits, context: () => ProducerContext, listener: () => TransactionListener | undefined) {
    this.#limits = limits
    this.#context = context
    this.#listener = listener
  }

  /** @throws RocketMQError when the producer does not run, or the request cannot be read; it is never answered. */
  accept(connection: Connection, request: RemotingCommand): void {
    const context = this.#context()
    if (request.body === undefined) return
    const header = decodeCheckTransactionStateHeader(request.extFields)
    const message = decodeMessage(request.body, 0, { compressors: context.config.compressors })
    message.topic = withoutNamespace(message.topic, context.config.namespace)
    const transactionId = message.properties.get(MessageConst.UNIQ_KEY)
    if (transactionId !== undefined) message.transactionId = transactionId
    if (header.brokerName !== undefined) message.brokerName = header.brokerName
    const check = new Check(connection.remoteAddr, header, message)
    const { checkThreadPoolMinSize, checkThreadPoolMaxSize, checkRequestHoldMax } = this.#limits
    if (this.#running < checkThreadPoolMinSize) this.#run(context, check)
    else if (this.#waiting.length < checkRequestHoldMax) this.#waiting.push(check)
    else if (this.#running < checkThreadPoolMaxSize) this.#run(context, check)
    else {
      context.logger.warn(
        `transaction check of ${logText(message.msgId)} dropped: ${this.#running} run and ${checkRequestHoldMax} wait (checkRequestHoldMax)`
      )
    }
  }

  #run(context: ProducerContext, check: Check): void {
    const { clock, logger, calls } = context
    const id = logText(check.message.msgId)
    let open = true
    const close = (): boolean => {
      if (!open) return false
      open = false
      check.timer?.cancel()
      return true
    }
    const done = (): void => {
      calls.remove(check)
      this.#running--
      this.#next()
    }
    check.answer = (state, remark) => {
      if (!close()) return
      this.#end(context, check, state, remark).then(done, done)
    }
    check.giveUp = () => {
      if (!close()) return
      logger.warn(`transaction check of ${id} was not answered before the shutdown: the broker will ask again`)
      done()
    }
    const failed = (error: unknown): void => {
      logger.warn(`checkLocalTransaction of ${id} failed, answered as UNKNOW: ${logText(error)}`)
      check.answer(LocalTransactionState.UNKNOW, `checkLocalTransactionState Exception: ${logText(error)}`)
    }
    this.#running++
    calls.add(check)
    const millis = this.#limits.transactionCheckTimeout
    check.timer = clock.setTimeout(() => failed(new Error(`no answer within ${millis} ms`)), millis, { ref: false })
    this.#ask(check).then((answer) => {
      const state = asTransactionState(answer)
      if (state === undefined && open) logger.warn(`checkLocalTransaction of ${id} answered ${logText(answer)}: taken as UNKNOW`)
      check.answer(state ?? LocalTransactionState.UNKNOW, undefined)
    }, failed)
  }

  async #ask({ message }: Check): Promise<unknown> {
    const listener = this.#listener()
    if (listener === undefined) throw new Error('TransactionListener is null')
    return await listener.checkLocalTransaction(message)
  }

  async #end(
    context: ProducerContext,
    { addr, header, message }: Check,
    state: LocalTransactionState,
    remark: string | undefined
  ): Promise<void> {
    await endTransaction(context, {
      addr,
      brokerName: header.brokerName,
      topic: header.topic,
      message,
      tranStateTableOffset: header.tranStateTableOffset,
      commitLogOffset: header.commitLogOffset,
      msgId: message.properties.get(MessageConst.UNIQ_KEY) ?? message.msgId,
      transactionId: header.transactionId,
      fromTransactionCheck: true,
      state,
      remark,
      timeoutMillis: END_MILLIS
    })
  }

  #next(): void {
    if (this.#running >= this.#limits.checkThreadPoolMinSize) return
    const check = this.#waiting.shift()
    if (check === undefined) return
    let context: ProducerContext
    try {
      context = this.#context()
    } catch {
      // Shut down: whoever takes over will be asked.
      this.#waiting.clear()
      return
    }
    this.#run(context, check)
  }
}
