import type { MaybePromise } from '../../internal/async.ts'
import { deferred } from '../../internal/async.ts'
import { RemotingCommandException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import type { ExtFields } from '../../protocol/ext-fields.ts'
import { optionalLong, optionalText, requiredInt, requiredLong, requiredText } from '../../protocol/header-fields.ts'
import type { SubscriptionData } from '../../protocol/heartbeat.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { isReadable } from '../../protocol/perm.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { TopicConfig } from '../../protocol/topic-config.ts'
import type { GetMessageResult, GetMessageStatus } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { isTagType, parseSubscription } from '../client/subscription.ts'
import type { SubscriptionGroupConfig } from '../client/subscription-group-manager.ts'
import { type MessageFilter, messageFilter } from '../filter/message-filter.ts'
import { Sql92SyntaxError } from '../filter/sql92-tokens.ts'
import type { AbortProcessException, BrokerConsumeMessageContext } from '../hooks/broker-hooks.ts'
import { FAQ, illegalReadQueue, REJECTED, topicNotExist } from '../remarks.ts'

/** Java's `PullSysFlag`. */
const COMMIT_OFFSET = 1
const SUSPEND = 2
const SUBSCRIPTION = 4

/** `forbiddenType` of answers with code 16. */
const BROKER_FORBIDDEN = '1'
const GROUP_FORBIDDEN = '2'
const TOPIC_FORBIDDEN = '3'
const BROADCAST_FORBIDDEN = '4'

interface PullRequest {
  group: string
  topic: string
  queueId: number
  queueOffset: number
  maxMsgNums: number
  sysFlag: number
  commitOffset: number
  suspendTimeoutMillis: number
  subscription: string | undefined
  expressionType: string | undefined
  subVersion: number
}

/** Code 11 (and 361, the lite pull): messages of one queue, or a wait for them. Java's `PullMessageProcessor`. */
export function pullMessage(broker: BrokerServices): RequestHandler {
  return (request, connection) => pull(broker, request, connection, true)
}

function pull(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection,
  maySuspend: boolean
): MaybePromise<OutgoingFrame | undefined> {
  const header = decodeHeader(request)
  const refuse = (code: number, remark: string, ext: ExtFields = {}): RemotingCommand =>
    RemotingCommand.response(request, code, remark, ext)
  const { config } = broker
  const slave = broker.storeConfig.brokerRole === 'SLAVE'
  if (slave && !config.slaveReadEnable) {
    return refuse(ResponseCode.SYSTEM_BUSY, REJECTED)
  }
  if (!isReadable(config.brokerPermission)) {
    return refuse(ResponseCode.NO_PERMISSION, `the broker[${broker.brokerIP}] pulling message is forbidden`, {
      forbiddenType: BROKER_FORBIDDEN
    })
  }
  if (request.code === RequestCode.LITE_PULL_MESSAGE && !config.litePullMessageEnable) {
    return refuse(ResponseCode.NO_PERMISSION, `the broker[${broker.brokerIP}] for lite pull consumer is forbidden`, {
      forbiddenType: BROKER_FORBIDDEN
    })
  }
  const groupConfig = broker.subscriptionGroupManager.findSubscriptionGroupConfig(header.group)
  if (groupConfig === undefined) {
    return refuse(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, `subscription group [${header.group}] does not exist, ${FAQ}`)
  }
  if (!groupConfig.consumeEnable) {
    return refuse(ResponseCode.NO_PERMISSION, `subscription group no permission, ${header.group}`, {
      forbiddenType: GROUP_FORBIDDEN
    })
  }
  const topicConfig = broker.topicConfigManager.selectTopicConfig(header.topic)
  if (topicConfig === undefined) {
    return refuse(ResponseCode.TOPIC_NOT_EXIST, topicNotExist(header.topic))
  }
  if (!isReadable(topicConfig.perm)) {
    return refuse(ResponseCode.NO_PERMISSION, `the topic[${header.topic}] pulling message is forbidden`, {
      forbiddenType: TOPIC_FORBIDDEN
    })
  }
  if (header.queueId < 0 || header.queueId >= topicConfig.readQueueNums) {
    return refuse(
      ResponseCode.INVALID_PARAMETER,
      illegalReadQueue(header.topic, header.queueId, topicConfig.readQueueNums, connection.remoteAddr)
    )
  }
  const subscription = subscriptionOf(broker, header, groupConfig, refuse)
  if (subscription instanceof RemotingCommand) return subscription
  const filter = filterOf(broker, header, subscription)
  if (filter === undefined) {
    return refuse(
      ResponseCode.FILTER_DATA_NOT_EXIST,
      "The broker's consumer filter data is not exist!Your expression may be wrong!"
    )
  }
  if (!config.enablePropertyFilter && !isTagType(subscription.expressionType)) {
    return refuse(
      ResponseCode.SYSTEM_ERROR,
      `The broker does not support consumer to filter message by ${subscription.expressionType}`
    )
  }
  const result = resetResult(broker, header) ?? read(broker, header, filter)
  if (result === undefined) return refuse(ResponseCode.SYSTEM_ERROR, 'store getMessage return null')
  // What a consumer has consumed does not undo a reset that it is only told of now.
  if (maySuspend && (header.sysFlag & COMMIT_OFFSET) !== 0 && result.status !== 'OFFSET_RESET') {
    broker.consumerOffsetManager.commitOffset(header.group, header.topic, header.queueId, header.commitOffset)
  }
  let code = pullCode(result.status, header.queueOffset)
  // A slave gives what it has; whoever is ahead of it goes back to the master.
  if (slave && result.status !== 'FOUND') code = ResponseCode.PULL_RETRY_IMMEDIATELY
  if (code === ResponseCode.PULL_NOT_FOUND && maySuspend && (header.sysFlag & SUSPEND) !== 0 && !request.isOneway) {
    return suspend(broker, request, connection, header, filter)
  }
  return answer(broker, request, connection, header, code, result, topicConfig, groupConfig)
}

function decodeHeader(request: RemotingCommand): PullRequest {
  const fields = request.extFields
  return {
    group: requiredText(fields, 'consumerGroup'),
    topic: requiredText(fields, 'topic'),
    queueId: requiredInt(fields, 'queueId'),
    queueOffset: requiredLong(fields, 'queueOffset'),
    maxMsgNums: requiredInt(fields, 'maxMsgNums'),
    sysFlag: requiredInt(fields, 'sysFlag'),
    commitOffset: optionalLong(fields, 'commitOffset') ?? 0,
    suspendTimeoutMillis: optionalLong(fields, 'suspendTimeoutMillis') ?? 0,
    subscription: optionalText(fields, 'subscription'),
    expressionType: optionalText(fields, 'expressionType'),
    subVersion: subVersion(fields['subVersion'])
  }
}

/** Go sends nanoseconds, beyond 2^53: heartbeat and pull are rounded alike, and only their order counts. */
function subVersion(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (!/^-?\d{1,19}$/.test(text))
    throw new RemotingCommandException('header field subVersion is not an integer', { code: 'BAD_FIELD' })
  return Number(text)
}

function subscriptionOf(
  broker: BrokerServices,
  header: PullRequest,
  groupConfig: SubscriptionGroupConfig,
  refuse: (code: number, remark: string, ext?: ExtFields) => RemotingCommand
): SubscriptionData | RemotingCommand {
  if ((header.sysFlag & SUBSCRIPTION) !== 0) {
    try {
      return parseSubscription(header.topic, header.subscription, header.expressionType)
    } catch {
      return refuse(ResponseCode.SUBSCRIPTION_PARSE_FAILED, "parse the consumer's subscription failed")
    }
  }
  const groupInfo = broker.consumerManager.getConsumerGroupInfo(header.group)
  if (groupInfo === undefined) return refuse(ResponseCode.SUBSCRIPTION_NOT_EXIST, `the consumer's group info not exist${FAQ}`)
  if (!groupConfig.consumeBroadcastEnable && groupInfo.broadcasting) {
    return refuse(ResponseCode.NO_PERMISSION, `the consumer group[${header.group}] can not consume by broadcast way`, {
      forbiddenType: BROADCAST_FORBIDDEN
    })
  }
  const subscription = groupInfo.subscriptions.get(header.topic)
  if (subscription === undefined)
    return refuse(ResponseCode.SUBSCRIPTION_NOT_EXIST, `the consumer's subscription not exist${FAQ}`)
  if (subscription.subVersion < header.subVersion) {
    return refuse(ResponseCode.SUBSCRIPTION_NOT_LATEST, "the consumer's subscription not latest")
  }
  return subscription
}

/** @returns undefined when the expression of a heartbeat is wrong. One that came with the pull passes everything then, as in Java. */
function filterOf(broker: BrokerServices, header: PullRequest, subscription: SubscriptionData): MessageFilter | undefined {
  try {
    return messageFilter(broker.filterFactory, subscription)
  } catch (error) {
    if (!(error instanceof Sql92SyntaxError)) throw error
    return (header.sysFlag & SUBSCRIPTION) === 0 ? undefined : {}
  }
}

function resetResult(broker: BrokerServices, { group, topic, queueId }: PullRequest): GetMessageResult | undefined {
  const nextBeginOffset = broker.consumerOffsetManager.queryThenEraseResetOffset(group, topic, queueId)
  if (nextBeginOffset === undefined) return undefined
  return {
    status: 'OFFSET_RESET',
    nextBeginOffset,
    minOffset: broker.store.getMinOffsetInQueue(topic, queueId),
    maxOffset: broker.store.getMaxOffsetInQueue(topic, queueId),
    messages: []
  }
}

function read(broker: BrokerServices, header: PullRequest, filter: MessageFilter): GetMessageResult | undefined {
  const { group, topic, queueId, queueOffset, maxMsgNums } = header
  return broker.store.getMessage(group, topic, queueId, queueOffset, maxMsgNums, filter.byTags, undefined, filter.byRecord)
}

function pullCode(status: GetMessageStatus, queueOffset: number): number {
  switch (status) {
    case 'FOUND':
      return ResponseCode.SUCCESS
    case 'MESSAGE_WAS_REMOVING':
    case 'NO_MATCHED_MESSAGE':
      return ResponseCode.PULL_RETRY_IMMEDIATELY
    case 'NO_MATCHED_LOGIC_QUEUE':
    case 'NO_MESSAGE_IN_QUEUE':
      return queueOffset === 0 ? ResponseCode.PULL_NOT_FOUND : ResponseCode.PULL_OFFSET_MOVED
    case 'OFFSET_FOUND_NULL':
    case 'OFFSET_OVERFLOW_ONE':
      return ResponseCode.PULL_NOT_FOUND
    case 'OFFSET_OVERFLOW_BADLY':
    case 'OFFSET_TOO_SMALL':
    case 'OFFSET_RESET':
      return ResponseCode.PULL_OFFSET_MOVED
  }
}

function answer(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection,
  header: PullRequest,
  code: number,
  result: GetMessageResult,
  topicConfig: TopicConfig,
  groupConfig: SubscriptionGroupConfig
): RemotingCommand {
  const abort = broker.hooks.hasConsumeMessageHook ? pullHooks(broker, header, code, result, connection) : undefined
  if (abort !== undefined) return RemotingCommand.response(request, abort.responseCode, abort.errorMessage, {})
  broker.consumerOffsetManager.commitPullOffset(header.group, header.topic, header.queueId, result.nextBeginOffset)
  const response = RemotingCommand.response(request, code, result.status, {
    suggestWhichBrokerId:
      broker.config.slaveReadEnable && broker.storeConfig.brokerRole !== 'SLAVE' ? String(groupConfig.brokerId) : '0',
    nextBeginOffset: String(result.nextBeginOffset),
    minOffset: String(result.minOffset),
    maxOffset: String(result.maxOffset),
    topicSysFlag: String(topicConfig.topicSysFlag),
    groupSysFlag: String(groupConfig.groupSysFlag)
  })
  if (code === ResponseCode.SUCCESS) {
    response.body = result.messages.length === 1 ? result.messages[0] : Buffer.concat(result.messages)
    broker.brokerStatsManager.incGroupGet(header.group, header.topic, result.messages.length, response.body?.length ?? 0)
  }
  return response
}

function pullHooks(
  broker: BrokerServices,
  { group, topic, queueId }: PullRequest,
  code: number,
  { messages }: GetMessageResult,
  connection: Connection
): AbortProcessException | undefined {
  const context: BrokerConsumeMessageContext = {
    brokerName: broker.config.brokerName,
    consumerGroup: group,
    topic,
    queueId,
    clientHost: connection.remoteAddr,
    rcvMsgNum: messages.length,
    bodyLength: messages.reduce((sum, { length }) => sum + length, 0),
    code
  }
  return broker.hooks.consumeMessageBefore(context, broker.logger)
}

function suspend(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection,
  header: PullRequest,
  filter: MessageFilter
): Promise<OutgoingFrame | undefined> {
  const { config, clock, logger } = broker
  const millis = config.longPollingEnable ? header.suspendTimeoutMillis : config.shortPollingTimeMills
  const outcome = deferred<OutgoingFrame | undefined>()
  broker.pullRequestHoldService.suspendPullRequest({
    group: header.group,
    topic: header.topic,
    queueId: header.queueId,
    offset: header.queueOffset,
    filter: filter.byTags,
    connection,
    deadline: clock.monotonic() + Math.max(0, millis),
    execute() {
      try {
        outcome.resolve(pull(broker, request, connection, false) as OutgoingFrame | undefined)
      } catch (error) {
        logger.warn(`a held pull of ${logText(header.topic)} failed: ${logText(error)}`)
        outcome.reject(error)
      }
    },
    abandon: () => outcome.resolve(undefined)
  })
  return outcome.promise
}
