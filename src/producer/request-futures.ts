import { randomUUID } from 'node:crypto'
import { RemotingTooMuchRequestException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { TimerWheel } from '../internal/timer-wheel.ts'
import { ResponseCode } from '../protocol/codes.ts'
import { compressionTypeOf, decompressBody } from '../protocol/compression.ts'
import { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { createUniqId } from '../protocol/message-id.ts'
import { decodeProperties, type Properties } from '../protocol/properties.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import { decodeReplyMessageHeader, type ReplyFields } from '../protocol/reply-message-header.ts'
import { SysFlag } from '../protocol/sys-flag.ts'
import { copyProperties } from './copy-properties.ts'
import { checkSignal, checkTimeout, notOptions, targetQueue } from './create-send-call.ts'
import type { ProducerContext } from './producer-context.ts'
import type { PublishTopic, PublishTopics } from './publish-topic.ts'
import type { RequestOutcome } from './request-options.ts'
import { RequestResponseFuture } from './request-response-future.ts'
import type { SendOutcome } from './send-call.ts'
import { toRocketMQError } from './send-error.ts'
import type { SendOptions } from './send-options.ts'
import { checkBody, checkMessage } from './validators.ts'

/** Sends, and settles the outcome once. */
export type SendRequest = (message: Message, options: SendOptions, outcome: SendOutcome) => void

/** The requests of a producer that wait for their reply; Java's `RequestFutureHolder`, which is one for the process. */
export class RequestFutures {
  readonly #futures = new Map<string, RequestResponseFuture>()
  readonly #topics: PublishTopics
  readonly #send: SendRequest
  #wheel: TimerWheel | undefined

  /** @param send a request message, with a callback's retries; also while the producer drains. */
  constructor(topics: PublishTopics, send: SendRequest) {
    this.#topics = topics
    this.#send = send
  }

  /** Requests that wait. */
  get size(): number {
    return this.#futures.size
  }

  /** Leaves no timer; every request has settled by now. */
  close(): void {
    this.#wheel?.clear()
  }

  /** Sends a copy of `message` and settles `outcome` once. @throws RocketMQError for wrong use. */
  request(context: ProducerContext, message: Message, options: SendOptions, outcome: RequestOutcome): void {
    const { config, clock, logger } = context
    if (typeof options !== 'object') throw notOptions(options)
    const { signal } = options
    if (signal !== undefined) checkSignal(signal)
    const timeout = checkTimeout(options.timeout ?? config.sendMsgTimeout)
    checkMessage(message)
    checkBody(message.body, config.maxMessageSize)
    const topic = this.#topics.get(message.topic)
    targetQueue(context, options, topic, 'ASYNC')
    const correlationId = randomUUID()
    const copy = requestMessage(context, message, correlationId, timeout)
    const now = clock.monotonic()
    const future = new RequestResponseFuture(context, copy, correlationId, timeout, now, signal, outcome, (done) => {
      this.#futures.delete(done.correlationId)
      this.#wheel?.remove(done)
    })
    this.#futures.set(correlationId, future)
    this.#wheel ??= new TimerWheel(clock, (error) => logger.error(`the deadline of a request failed: ${logText(error)}`))
    this.#wheel.add(future, timeout, now)
    try {
      this.#prepare(context, topic, options, future)
    } catch (error) {
      // From here on the future is what settles: nothing may leave it behind in the tables.
      future.sendFailed(toRocketMQError(error))
    }
    future.returned = true
  }

  /** PUSH_REPLY_MESSAGE_TO_CLIENT. Undefined when no request of this producer waits for it. */
  processReply(context: ProducerContext, request: RemotingCommand): RemotingCommand | undefined {
    const fields = decodeReplyMessageHeader(request.extFields)
    const properties = decodeProperties(fields.properties)
    const future = this.#futures.get(properties.get(MessageConst.CORRELATION_ID) ?? '')
    if (future === undefined) return undefined
    let reply: Message
    try {
      reply = replyMessage(context, fields, properties, request.body ?? Buffer.alloc(0))
    } catch (error) {
      future.cause = error
      context.logger.warn(`the reply to ${logText(future.message.uniqKey ?? '')} cannot be read: ${logText(error)}`)
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, 'process reply message fail')
    }
    future.succeed(reply)
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }

  /** A reply can be delivered only to a client that the brokers know: route and heartbeat come before the request. */
  #prepare(context: ProducerContext, topic: PublishTopic, options: SendOptions, future: RequestResponseFuture): void {
    const { instance, config } = context
    const { queue } = options
    const known =
      queue === undefined
        ? instance.publishInfo(topic.name) !== undefined
        : instance.findBrokerAddressInPublish(queue.brokerName) !== undefined
    const announced = known ? instance.announce(future.remaining() / 2) : undefined
    if (known && announced === undefined) {
      this.#dispatch(options, future)
      return
    }
    const route = async (): Promise<void> => {
      const { createTopicKey, defaultTopicQueueNums } = config
      await instance.tryToFindTopicPublishInfo(topic.name, {
        createTopicKey,
        defaultTopicQueueNums,
        timeoutMillis: future.remaining()
      })
      await instance.announce(future.remaining() / 2)
    }
    ;(announced ?? route()).then(
      () => this.#dispatch(options, future),
      (error: unknown) => {
        this.#topics.forget(topic)
        future.sendFailed(toRocketMQError(error))
      }
    )
  }

  #dispatch(options: SendOptions, future: RequestResponseFuture): void {
    if (future.settled) return
    const timeout = future.remaining()
    if (timeout <= 0) {
      future.sendFailed(new RemotingTooMuchRequestException('sendDefaultImpl call timeout', { code: 'SEND_TIMEOUT' }))
      return
    }
    future.phase = 'SENDING'
    this.#send(
      future.message,
      { ...options, timeout },
      { resolve: () => future.sent(), reject: (error) => future.sendFailed(error) }
    )
  }
}

function requestMessage(context: ProducerContext, message: Message, correlationId: string, timeout: number): Message {
  const { instance, clock } = context
  const properties = copyProperties(message.properties)
  if (!properties.has(MessageConst.UNIQ_KEY)) properties.set(MessageConst.UNIQ_KEY, createUniqId(clock.now()))
  properties.set(MessageConst.CORRELATION_ID, correlationId)
  properties.set(MessageConst.REPLY_TO_CLIENT, instance.clientId)
  properties.set(MessageConst.TTL, String(timeout))
  return Message.of(message.topic, Buffer.from(message.body), message.flag, properties)
}

function replyMessage(context: ProducerContext, fields: ReplyFields, properties: Properties, body: Buffer): Message {
  const { topic, sysFlag, flag } = fields
  const { compressors } = context.config
  const compressed = (sysFlag & SysFlag.COMPRESSED) !== 0
  properties.set(MessageConst.ARRIVE_TIME, String(context.clock.now()))
  return Message.of(
    topic,
    compressed ? decompressBody(body, compressionTypeOf(sysFlag), { compressors }) : body,
    flag,
    properties
  )
}
