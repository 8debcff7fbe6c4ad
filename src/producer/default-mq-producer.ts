import type { EventEmitter } from 'eventemitter3'
import { badOption, checkOption } from '../client/check-options.ts'
import type { SendResult } from '../client/send-result.ts'
import { MQClientException } from '../internal/errors.ts'
import type { Message, MessageExt } from '../protocol/message.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import type { AdminOptions, CreateTopicOptions, QueryResult, SearchOffsetOptions } from './admin/admin-options.ts'
import { createTopic } from './admin/create-topic.ts'
import { queryMessage, queryMessageByUniqKey, viewMessage } from './admin/query-messages.ts'
import { earliestMsgStoreTime, fetchPublishMessageQueues, maxOffset, minOffset, searchOffset } from './admin/queue-offsets.ts'
import { recallMessage } from './admin/recall-message.ts'
import type { CheckForbiddenHook } from './check-forbidden-hook.ts'
import { DefaultMQProducerImpl } from './default-mq-producer-impl.ts'
import type { MQProducer } from './mq-producer.ts'
import type { ProducerEvents } from './producer-events.ts'
import { BACK_PRESSURE_NUM, BACK_PRESSURE_SIZE, type DefaultMQProducerOptions } from './producer-options.ts'
import type { ProducerStats } from './producer-stats.ts'
import type { RequestCallback, RequestOptions } from './request-options.ts'
import type { SendMessageHook } from './send-message-context.ts'
import type { SendMessageCallback, SendOptions } from './send-options.ts'
import type { ServiceState } from './service-state.ts'
import type { TransactionSendOptions, TransactionSendResult } from './transaction-listener.ts'

/**
 * Sends messages to a RocketMQ cluster, 4.7 to 5.x; Java's `DefaultMQProducer`.
 *
 * Delivery is at least once: a send that failed may have been stored (`maybeStored` of the error says so), and a retry may store it
 * twice, under the same `msgId`. Sends to one queue leave in call order, unless one of them is retried.
 *
 * @example
 * const producer = new DefaultMQProducer({ producerGroup: 'orders', namesrvAddr: '127.0.0.1:9876' })
 * await producer.start()
 * const result = await producer.send(new Message({ topic: 'Orders', tags: 'paid', keys: 'o-1', body: 'hello' }))
 * await producer.shutdown()
 */
export class DefaultMQProducer implements MQProducer {
  /** @internal */
  protected readonly impl: DefaultMQProducerImpl
  /** As it was given. */
  readonly producerGroup: string
  /** Topics whose routes are fetched at the start. */
  readonly topics: readonly string[]
  /** Whether message trace was asked for. */
  readonly enableTrace: boolean
  /** Topic of trace data; empty: the broker's own. */
  readonly traceTopic: string
  /** Whether slow and failing brokers are avoided. */
  readonly sendLatencyFaultEnable: boolean
  /** Whether a message is sent again when it was stored but not flushed or replicated in time. */
  readonly retryAnotherBrokerWhenNotStoreOK: boolean

  /** @throws MQClientException naming an option whose value is out of range. */
  constructor(options: DefaultMQProducerOptions) {
    this.impl = new DefaultMQProducerImpl(this, options)
    this.producerGroup = options.producerGroup
    this.topics = this.impl.config.topics
    this.enableTrace = options.enableTrace ?? false
    this.traceTopic = options.traceTopic ?? ''
    this.sendLatencyFaultEnable = options.sendLatencyFaultEnable ?? false
    this.retryAnotherBrokerWhenNotStoreOK = this.impl.config.retryAnotherBrokerWhenNotStoreOK
  }

  /** Where the producer stands. */
  get serviceState(): ServiceState {
    return this.impl.state
  }

  /** Broker codes after which another broker is tried. */
  get retryResponseCodes(): ReadonlySet<number> {
    return this.impl.retryResponseCodes
  }

  /** What this producer has counted; a copy. */
  get stats(): ProducerStats {
    return { ...this.impl.stats }
  }

  /**
   * Adds a broker code after which another broker is tried.
   * @throws MQClientException when it is not a whole number.
   */
  addRetryResponseCode(responseCode: number): void {
    if (!Number.isInteger(responseCode)) throw badOption('responseCode', responseCode, 'a whole number')
    this.impl.retryResponseCodes.add(responseCode)
  }

  /** Most messages under way. @default 10000 */
  get backPressureForAsyncSendNum(): number {
    return this.impl.backPressure?.maxMessages ?? this.impl.config.backPressureForAsyncSendNum
  }

  /**
   * May change while sends are under way; without effect when the limits are switched off.
   * @throws MQClientException for less than 10.
   */
  set backPressureForAsyncSendNum(limit: number) {
    checkOption('backPressureForAsyncSendNum', limit, BACK_PRESSURE_NUM)
    if (this.impl.backPressure !== undefined) this.impl.backPressure.maxMessages = limit
  }

  /** Most body bytes under way. @default 104857600 */
  get backPressureForAsyncSendSize(): number {
    return this.impl.backPressure?.maxBytes ?? this.impl.config.backPressureForAsyncSendSize
  }

  /**
   * May change while sends are under way; without effect when the limits are switched off.
   * @throws MQClientException for less than 1 MiB.
   */
  set backPressureForAsyncSendSize(limit: number) {
    checkOption('backPressureForAsyncSendSize', limit, BACK_PRESSURE_SIZE)
    if (this.impl.backPressure !== undefined) this.impl.backPressure.maxBytes = limit
  }

  /**
   * Ms the first message of an automatic batch waits for others; 0 before the start. Producers of one client share it. May change at any
   * time.
   * @throws MQClientException for anything but 1 to 30000.
   */
  get batchMaxDelayMs(): number {
    return this.impl.batchLimits?.batchMaxDelayMs ?? 0
  }

  /** @throws MQClientException for a value out of its range. */
  set batchMaxDelayMs(batchMaxDelayMs: number) {
    this.impl.setBatchLimits({ batchMaxDelayMs })
  }

  /**
   * An automatic batch of this many bytes leaves at once; 0 before the start. Producers of one client share it. May change at any time.
   * @throws MQClientException for anything but 1 to 2097152.
   */
  get batchMaxBytes(): number {
    return this.impl.batchLimits?.batchMaxBytes ?? 0
  }

  /** @throws MQClientException for a value out of its range. */
  set batchMaxBytes(batchMaxBytes: number) {
    this.impl.setBatchLimits({ batchMaxBytes })
  }

  /**
   * Most bytes that automatic batches hold; 0 before the start. Producers of one client share it. May change at any time.
   * @throws MQClientException for less than 1.
   */
  get totalBatchMaxBytes(): number {
    return this.impl.batchLimits?.totalBatchMaxBytes ?? 0
  }

  /** @throws MQClientException for a value out of its range. */
  set totalBatchMaxBytes(totalBatchMaxBytes: number) {
    this.impl.setBatchLimits({ totalBatchMaxBytes })
  }

  /**
   * Joins the cluster's clients. Resolves without having reached a broker: routes are fetched when they are needed, or for `topics` now.
   * @throws MQClientException for an illegal group, a group that is taken in this client instance, or a second start.
   */
  start(): Promise<void> {
    return this.impl.start()
  }

  /**
   * Waits for sends under way (at most `drainTimeout`), rejects the rest, and leaves nothing open. Sends made from the call on are
   * refused. Calling it again gives the same promise; before a start it does nothing.
   */
  shutdown(): Promise<void> {
    return this.impl.shutdown()
  }

  /** `await using producer = ...` */
  [Symbol.asyncDispose](): Promise<void> {
    return this.impl.shutdown()
  }

  /**
   * What happens to this producer: `started`, `stopped`; `connected` and `disconnected` of its client's connections, each with the
   * address `host:port`; `retry` before a send is tried again; `traceDiscarded` when message trace had to drop records. What a listener
   * throws is logged.
   *
   * @example
   * producer.events.on('disconnected', (addr, error) => console.warn(addr, error?.message))
   * producer.events.on('retry', ({ topic, attempt }) => console.warn(topic, attempt.addr, attempt.reason))
   */
  get events(): EventEmitter<ProducerEvents> {
    return this.impl.events
  }

  /** Called around every attempt of every send. */
  registerSendMessageHook(hook: SendMessageHook): void {
    this.impl.hooks.registerSendMessageHook(hook)
  }

  /** Called before every attempt; may refuse it. */
  registerCheckForbiddenHook(hook: CheckForbiddenHook): void {
    this.impl.hooks.registerCheckForbiddenHook(hook)
  }

  /**
   * Sends one message, or a list of messages of one topic as a batch, which is stored contiguously in one queue.
   *
   * The message is copied within the call and never changed. A `sendStatus` other than `SEND_OK` resolves too: the message is stored,
   * but not flushed or replicated in time.
   *
   * @throws MQClientException for wrong use, a missing route, or when every attempt failed; `attempts` lists them, `hint` names the
   * likely mistake.
   * @throws MQBrokerException for an answer that is not tried again.
   * @throws RemotingTooMuchRequestException when the time, or the room for sends under way, was used up.
   *
   * @example
   * await producer.send(message, { timeout: 1000, signal })
   * await producer.send(message, { selector: selectMessageQueueByHash, arg: orderId })
   * await producer.send([first, second, third])
   * producer.send(message, {}, (error, result) => { ... })
   */
  send<Arg>(message: Message | readonly Message[], options?: SendOptions<Arg>): Promise<SendResult>
  /** The same with a callback, which runs exactly once; everything that goes wrong reaches it, wrong use too. */
  send<Arg>(message: Message | readonly Message[], options: SendOptions<Arg>, callback: SendMessageCallback): void
  send<Arg>(
    message: Message | readonly Message[],
    options?: SendOptions<Arg>,
    callback?: SendMessageCallback
    // biome-ignore lint/suspicious/noConfusingVoidType: one implementation of a form that returns and one that does not
  ): Promise<SendResult> | void {
    if (callback !== undefined) checkCallback(callback)
    if (typeof options === 'function' && callback === undefined) {
      // Plain JavaScript that left the options out: the callback must not be lost.
      this.impl.sendForCallback(message, undefined, options as SendMessageCallback)
    } else if (callback === undefined) {
      return this.impl.sendForPromise(message, options as SendOptions | undefined, 'SYNC')
    } else {
      this.impl.sendForCallback(message, options as SendOptions | undefined, callback)
    }
  }

  /**
   * Sends without asking for an answer; tried once. Resolves when the bytes are handed to the socket, which says nothing about storage.
   * @throws the same as {@link send} for wrong use, a missing route or a connection that cannot be opened.
   */
  async sendOneway<Arg>(message: Message, options?: SendOptions<Arg>): Promise<void> {
    await this.impl.sendForPromise(message, options as SendOptions | undefined, 'ONEWAY')
  }

  /**
   * Sends a request and resolves with the reply: a message that a consumer of the topic sends back, see `MessageUtil.createReplyMessage`.
   * Brokers since 4.6 deliver replies. A reply that comes late, or a second one, is dropped.
   *
   * `timeout` covers sending and waiting. `queue`, `selector` and `signal` work as in {@link send}.
   *
   * @throws RequestTimeoutException (10006) when the broker has the request, but no reply came in time.
   * @throws MQClientException when the request could not be sent (`cause` says why), or was aborted.
   *
   * @example
   * const reply = await producer.request(new Message({ topic: 'Quotes', body: 'EUR/USD' }), { timeout: 2000 })
   * console.log(reply.body.toString())
   */
  request<Arg>(message: Message, options?: RequestOptions<Arg>): Promise<Message>
  /** The same with a callback, which runs exactly once; everything that goes wrong reaches it, wrong use too. */
  request<Arg>(message: Message, options: RequestOptions<Arg>, callback: RequestCallback): void
  request<Arg>(
    message: Message,
    options?: RequestOptions<Arg>,
    callback?: RequestCallback
    // biome-ignore lint/suspicious/noConfusingVoidType: one implementation of a form that returns and one that does not
  ): Promise<Message> | void {
    const given = options as RequestOptions | undefined
    if (callback !== undefined) checkCallback(callback)
    if (typeof options === 'function' && callback === undefined) {
      // Plain JavaScript that left the options out: the callback must not be lost.
      this.impl.request(message, undefined, { callback: options as RequestCallback })
    } else if (callback === undefined) {
      return new Promise((resolve, reject) => this.impl.request(message, given, { resolve, reject }))
    } else {
      this.impl.request(message, given, { callback })
    }
  }

  /**
   * Calls a message back that waits for a point in time.
   * @param recallHandle of the result of its send.
   * @returns the id of the message.
   * @throws MQBrokerException when the broker refuses: 16 where `recallMessageEnable` is off, 604 when it is too late.
   *
   * @example
   * const { recallHandle } = await producer.send(new Message({ topic: 'Orders', body: 'cancel', delayTimeSec: 600 }))
   * await producer.recallMessage('Orders', recallHandle)
   */
  async recallMessage(topic: string, recallHandle: string, options?: AdminOptions): Promise<string> {
    return await recallMessage(this.impl.context, topic, recallHandle, options)
  }

  /**
   * Creates a topic, for reading and writing, on every broker that has the topic `key`; resolves when one of them has done so.
   * @param key an existing topic: `TBW102` or the name of the cluster for all brokers of a cluster.
   * @param queueNum 1 to 65535
   */
  async createTopic(key: string, newTopic: string, queueNum: number, options?: CreateTopicOptions): Promise<void> {
    await createTopic(this.impl.context, key, newTopic, queueNum, options)
  }

  /** The queues of a topic that can be written to, asked of a name server now. */
  async fetchPublishMessageQueues(topic: string, options?: AdminOptions): Promise<MessageQueue[]> {
    return await fetchPublishMessageQueues(this.impl.context, topic, options)
  }

  /**
   * The queue offset that belongs to a store time.
   * @param timestamp ms since 1970
   */
  async searchOffset(mq: MessageQueue, timestamp: number, options?: SearchOffsetOptions): Promise<number> {
    return await searchOffset(this.impl.context, mq, timestamp, options)
  }

  /** The offset that the next message of a queue will get. */
  async maxOffset(mq: MessageQueue, options?: AdminOptions): Promise<number> {
    return await maxOffset(this.impl.context, mq, options)
  }

  /** The first offset that a queue holds. */
  async minOffset(mq: MessageQueue, options?: AdminOptions): Promise<number> {
    return await minOffset(this.impl.context, mq, options)
  }

  /** When the first message that a queue holds was stored, ms since 1970; -1 when there is none. */
  async earliestMsgStoreTime(mq: MessageQueue, options?: AdminOptions): Promise<number> {
    return await earliestMsgStoreTime(this.impl.context, mq, options)
  }

  /**
   * The message with this id: `offsetMsgId` of a result, or `msgId`.
   * @throws MQClientException 208 when there is none.
   */
  async viewMessage(topic: string, msgId: string, options?: AdminOptions): Promise<MessageExt> {
    return await viewMessage(this.impl.context, topic, msgId, options)
  }

  /**
   * Messages of a topic that have a key, from every broker of it; each broker gives the newest `maxNum`, and at most 64.
   * @param begin stored at or after, ms since 1970
   * @param end stored at or before; `Number.MAX_SAFE_INTEGER` for no limit
   * @param options `timeout` is 18 s unless given.
   * @throws MQClientException 208 when there is none, 17 when the topic does not exist.
   */
  async queryMessage(
    topic: string,
    key: string,
    maxNum: number,
    begin: number,
    end: number,
    options?: AdminOptions
  ): Promise<QueryResult> {
    return await queryMessage(this.impl.context, topic, key, maxNum, begin, end, options)
  }

  /**
   * The message with this client id, `msgId` of its result, which clients call its unique key.
   * @param begin stored at or after, ms since 1970; the last three days unless given
   * @throws MQClientException 208 when there is none.
   */
  async queryMessageByUniqKey(
    topic: string,
    uniqKey: string,
    begin?: number,
    end?: number,
    options?: AdminOptions
  ): Promise<MessageExt> {
    return await queryMessageByUniqKey(this.impl.context, topic, uniqKey, begin, end, options)
  }

  /** @throws MQClientException always: transactions need a producer of their own. */
  sendMessageInTransaction(
    _message?: Message,
    _arg?: unknown,
    _options?: TransactionSendOptions
  ): Promise<TransactionSendResult> {
    return Promise.reject(
      new MQClientException('sendMessageInTransaction not implement, please use TransactionMQProducer class', {
        code: 'UNSUPPORTED'
      })
    )
  }
}

/** What would be told nobody is said here. @throws MQClientException for something else than a function, or null as in Java. */
function checkCallback(callback: unknown): void {
  if (typeof callback !== 'function' && callback !== null) throw badOption('callback', callback, 'a function')
}
