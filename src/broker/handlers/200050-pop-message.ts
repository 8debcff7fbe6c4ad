import type { MaybePromise } from '../../internal/async.ts'
import { type Deferred, deferred } from '../../internal/async.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import type { ExtFields } from '../../protocol/ext-fields.ts'
import {
  booleanField,
  optionalLong,
  optionalText,
  requiredInt,
  requiredLong,
  requiredText
} from '../../protocol/header-fields.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { isReadable } from '../../protocol/perm.ts'
import { buildPopRetryTopic, POP_ORDER_REVIVE_QUEUE } from '../../protocol/pop-extra-info.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { TopicConfig } from '../../protocol/topic-config.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { parseSubscription } from '../client/subscription.ts'
import { type MessageFilter, messageFilter } from '../filter/message-filter.ts'
import { PopCollector } from '../pop/pop-collector.ts'
import { popQueueNums } from '../pop/pop-queues.ts'
import { popRefusal } from '../pop/pop-refusal.ts'
import { REJECTED } from '../remarks.ts'

/** Most messages that one pop may ask for. */
const MAX_MSG_NUMS = 32
/** How long after its poll time a pop is not worth an answer any more, ms. */
const TOO_LATE_MILLIS = 500
/** One pop in so many looks for messages that came back before it looks for new ones; Java: 20 in 100, by chance. */
const RETRY_FIRST_EVERY = 5
/** Java's `reviveQueueNum`: clients hand the number back, nothing else is done with it here. */
const REVIVE_QUEUES = 8
/** A record's topic has a length byte. */
const MAX_RETRY_TOPIC = 255

/** Java's client reads these fields whatever the code is. */
const NOTHING_POPPED: ExtFields = { popTime: '0', invisibleTime: '0', reviveQid: '0', restNum: '0' }

interface PopRequest {
  group: string
  topic: string
  queueId: number
  maxMsgNums: number
  invisibleTime: number
  pollTime: number
  bornTime: number
  initMode: number
  expression: string | undefined
  expressionType: string | undefined
  order: boolean
  attemptId: string | undefined
}

/**
 * Code 200050: messages of a topic, or of one of its queues, that are the consumer's alone until it acknowledges them or their invisible
 * time ends; or a wait for them. Java's `PopMessageProcessor`.
 */
export function popMessage(broker: BrokerServices): RequestHandler {
  let pops = 0
  return (request, connection) => {
    const header = decodeHeader(request, broker.clock.now())
    const refusal = refusalOf(broker, request, connection, header)
    if (refusal !== undefined) return refusal
    const topicConfig = broker.topicConfigManager.selectTopicConfig(header.topic) as TopicConfig
    const filter = filterOf(broker, header)
    if (filter === undefined) {
      return RemotingCommand.response(
        request,
        ResponseCode.SUBSCRIPTION_PARSE_FAILED,
        "parse the consumer's subscription failed",
        NOTHING_POPPED
      )
    }
    return new Pop(broker, request, connection, header, topicConfig, filter, pops++).run()
  }
}

function decodeHeader({ extFields }: RemotingCommand, now: number): PopRequest {
  return {
    group: requiredText(extFields, 'consumerGroup'),
    topic: requiredText(extFields, 'topic'),
    queueId: requiredInt(extFields, 'queueId'),
    maxMsgNums: requiredInt(extFields, 'maxMsgNums'),
    invisibleTime: requiredLong(extFields, 'invisibleTime'),
    pollTime: requiredLong(extFields, 'pollTime'),
    bornTime: optionalLong(extFields, 'bornTime') || now,
    initMode: requiredInt(extFields, 'initMode'),
    expression: optionalText(extFields, 'exp'),
    expressionType: optionalText(extFields, 'expType'),
    order: booleanField(extFields, 'order'),
    attemptId: optionalText(extFields, 'attemptId')
  }
}

function refusalOf(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection,
  header: PopRequest
): RemotingCommand | undefined {
  const { config, brokerIP } = broker
  const { group, topic } = header
  const refuse = (code: number, remark: string): RemotingCommand =>
    RemotingCommand.response(request, code, remark, NOTHING_POPPED)
  if (broker.storeConfig.brokerRole === 'SLAVE') return refuse(ResponseCode.SYSTEM_BUSY, REJECTED)
  if (broker.clock.now() - header.bornTime - header.pollTime > TOO_LATE_MILLIS) {
    return refuse(ResponseCode.POLLING_TIMEOUT, `the broker[${brokerIP}] pop message is timeout too much`)
  }
  if (!isReadable(config.brokerPermission)) {
    return refuse(ResponseCode.NO_PERMISSION, `the broker[${brokerIP}] pop message is forbidden`)
  }
  if (header.maxMsgNums > MAX_MSG_NUMS) {
    return refuse(ResponseCode.INVALID_PARAMETER, `the broker[${brokerIP}] pop message's num is greater than ${MAX_MSG_NUMS}`)
  }
  const refusal = popRefusal(broker, header, connection)
  if (refusal !== undefined) return refuse(refusal.code, refusal.remark)
  const { length } = buildPopRetryTopic(topic, group)
  if (length > MAX_RETRY_TOPIC) {
    return refuse(
      ResponseCode.INVALID_PARAMETER,
      `topic and group have no retry topic: its name would have ${length} characters, at most ${MAX_RETRY_TOPIC} can be stored`
    )
  }
  const held = broker.pop.held
  if (held >= config.popCkMaxBufferSize) {
    return refuse(
      ResponseCode.POLLING_FULL,
      `${held} popped messages are not acknowledged, at most ${config.popCkMaxBufferSize} may be ` +
        '(popCkMaxBufferSize): acknowledge some, or wait until their invisible time ends'
    )
  }
  return undefined
}

/** @returns undefined when the expression cannot be read. */
function filterOf(broker: BrokerServices, { topic, expression, expressionType }: PopRequest): MessageFilter | undefined {
  if (expression === undefined || expression === '') return {}
  try {
    return messageFilter(broker.filterFactory, parseSubscription(topic, expression, expressionType))
  } catch {
    return undefined
  }
}

/** One request, from its first try to its answer. */
class Pop {
  readonly #broker: BrokerServices
  readonly #request: RemotingCommand
  readonly #connection: Connection
  readonly #header: PopRequest
  readonly #topicConfig: TopicConfig
  readonly #filter: MessageFilter
  /** Pops before this one. */
  readonly #number: number
  /** Monotonic ms until which it may wait. */
  readonly #deadline: number

  constructor(
    broker: BrokerServices,
    request: RemotingCommand,
    connection: Connection,
    header: PopRequest,
    topicConfig: TopicConfig,
    filter: MessageFilter,
    number: number
  ) {
    this.#broker = broker
    this.#request = request
    this.#connection = connection
    this.#header = header
    this.#topicConfig = topicConfig
    this.#filter = filter
    this.#number = number
    const { bornTime, pollTime } = header
    // Both clocks are wall clocks: one that is ahead of ours lets nobody wait longer than it asked for.
    const waits = request.isOneway ? 0 : Math.min(bornTime + pollTime - broker.clock.now(), pollTime)
    this.#deadline = broker.clock.monotonic() + Math.max(0, waits)
  }

  run(): MaybePromise<OutgoingFrame | undefined> {
    const answer = this.#pop()
    if (answer.code !== ResponseCode.POLLING_TIMEOUT || this.#expired) return answer
    const outcome = deferred<OutgoingFrame | undefined>()
    return this.#wait(outcome, answer) ?? outcome.promise
  }

  get #expired(): boolean {
    return this.#broker.clock.monotonic() >= this.#deadline
  }

  #pop(): RemotingCommand {
    const { clock, pop } = this.#broker
    const { group, topic, queueId, maxMsgNums, invisibleTime, initMode, order, attemptId } = this.#header
    const popTime = clock.now()
    const reviveQid = order ? POP_ORDER_REVIVE_QUEUE : this.#number % REVIVE_QUEUES
    const filter = this.#filter
    const wish = { group, topic, maxMsgNums, invisibleTime, initMode, filter, popTime, reviveQid, order, attemptId }
    const collector = new PopCollector(this.#broker, wish)
    const retryTopic = buildPopRetryTopic(topic, group)
    const retryQueues = popQueueNums(this.#broker, retryTopic)
    const retryFirst = this.#number % RETRY_FIRST_EVERY === RETRY_FIRST_EVERY - 1
    if (retryFirst && !order) collector.popTopic(retryTopic, retryQueues, this.#number)
    if (queueId < 0) collector.popTopic(topic, this.#topicConfig.readQueueNums, this.#number)
    else collector.popQueue(topic, queueId)
    if (!retryFirst && !order && !collector.full) collector.popTopic(retryTopic, retryQueues, this.#number)
    const { messages, restNum } = collector
    const found = messages.length > 0
    const ext: ExtFields = {
      popTime: String(popTime),
      invisibleTime: String(invisibleTime),
      reviveQid: String(reviveQid),
      restNum: String(restNum),
      startOffsetInfo: collector.startOffsetInfo,
      msgOffsetInfo: collector.msgOffsetInfo,
      ...(order && { orderCountInfo: collector.orderCountInfo })
    }
    if (!found) return RemotingCommand.response(this.#request, ResponseCode.POLLING_TIMEOUT, 'NO_MESSAGE_IN_QUEUE', ext)
    if (restNum > 0) pop.longPolling.wakeNext(topic, group, queueId)
    const body = messages.length === 1 ? messages[0] : Buffer.concat(messages)
    return RemotingCommand.response(this.#request, ResponseCode.SUCCESS, 'FOUND', ext, body)
  }

  /** @returns the answer, made of that of the pop that found nothing, when it may not wait. */
  #wait(outcome: Deferred<OutgoingFrame | undefined>, nothing: RemotingCommand): RemotingCommand | undefined {
    const { pop, logger } = this.#broker
    const { group, topic, queueId } = this.#header
    const result = pop.longPolling.polling({
      group,
      topic,
      queueId: Math.max(-1, queueId),
      filter: this.#filter.byTags,
      connection: this.#connection,
      deadline: this.#deadline,
      execute: () => {
        try {
          const answer = this.#pop()
          const waits = answer.code === ResponseCode.POLLING_TIMEOUT && !this.#expired
          const settled = waits ? this.#wait(outcome, answer) : answer
          if (settled !== undefined) outcome.resolve(settled)
        } catch (error) {
          logger.warn(`a held pop of ${logText(topic)} failed: ${logText(error)}`)
          outcome.reject(error)
        }
      },
      abandon: () => outcome.resolve(undefined)
    })
    if (result === 'WAITS') return undefined
    if (result === 'STOPPED') return nothing
    return RemotingCommand.response(this.#request, ResponseCode.POLLING_FULL, nothing.remark, nothing.extFields)
  }
}
