import type { MaybePromise } from '../../internal/async.ts'
import { isPromise } from '../../internal/async.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField, optionalInt, requiredInt, requiredLong, requiredText } from '../../protocol/header-fields.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { decodeMessage } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { isWriteable } from '../../protocol/perm.ts'
import { encodeProperties } from '../../protocol/properties.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { DLQ_PREFIX, RETRY_PREFIX, SCHEDULE_TOPIC } from '../../protocol/topics.ts'
import type { PutMessageResult } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { REJECTED } from '../remarks.ts'
import { type PendingMessage, putMessage } from '../send/put-message.ts'
import { groupMissing, READ_WRITE, V3_4_9 } from '../send/retry-and-dlq.ts'
import { StoredProperties } from '../send/stored-properties.ts'

/** First delay level of a retry; each further time one level more. */
const FIRST_RETRY_LEVEL = 3
const UNIT_SUB = 2

/** Code 36: a consumer could not process a message; it comes again later, or goes to the group's dead letter topic. */
export function consumerSendMsgBack(broker: BrokerServices): RequestHandler {
  return (request, connection) => sendBack(broker, request, connection)
}

function sendBack(broker: BrokerServices, request: RemotingCommand, connection: Connection): MaybePromise<OutgoingFrame> {
  const fields = request.extFields
  const offset = requiredLong(fields, 'offset')
  const group = requiredText(fields, 'group')
  const requestedLevel = requiredInt(fields, 'delayLevel')
  const respond = (code: number, remark?: string): RemotingCommand => RemotingCommand.response(request, code, remark)
  if (broker.storeConfig.brokerRole === 'SLAVE') return respond(ResponseCode.SYSTEM_BUSY, REJECTED)
  const groupConfig = broker.subscriptionGroupManager.findSubscriptionGroupConfig(group)
  if (groupConfig === undefined) {
    const missing = groupMissing(group)
    return respond(missing.code, missing.remark)
  }
  if (!isWriteable(broker.config.brokerPermission)) {
    return respond(ResponseCode.NO_PERMISSION, `the broker[${broker.brokerIP}] sending message is forbidden`)
  }
  if (groupConfig.retryQueueNums <= 0) return respond(ResponseCode.SUCCESS)
  const retryTopic = RETRY_PREFIX + group
  const topics = broker.topicConfigManager
  const topicConfig = topics.createTopicInSendMessageBackMethod(
    retryTopic,
    groupConfig.retryQueueNums,
    READ_WRITE,
    booleanField(fields, 'unitMode') ? UNIT_SUB : 0
  )
  if (topicConfig === undefined) return respond(ResponseCode.SYSTEM_ERROR, `topic[${retryTopic}] not exist`)
  if (!isWriteable(topicConfig.perm)) {
    return respond(ResponseCode.NO_PERMISSION, `the topic[${retryTopic}] sending message is forbidden`)
  }
  const record = broker.store.lookMessageByOffset(offset)
  if (record === undefined) return respond(ResponseCode.SYSTEM_ERROR, `look message by offset failed, ${offset}`)
  const original = decodeMessage(record, 0, { decompressBody: false })
  const asked = optionalInt(fields, 'maxReconsumeTimes')
  const maxReconsumeTimes = request.version >= V3_4_9 && asked !== undefined ? asked : groupConfig.retryMaxTimes
  const toDlq = original.reconsumeTimes >= maxReconsumeTimes || requestedLevel < 0
  const topic = toDlq ? DLQ_PREFIX + group : retryTopic
  if (toDlq && topics.createTopicInSendMessageBackMethod(topic, 1, READ_WRITE, 0) === undefined) {
    return respond(ResponseCode.SYSTEM_ERROR, `topic[${topic}] not exist`)
  }
  const level = toDlq ? 0 : requestedLevel === 0 ? FIRST_RETRY_LEVEL + original.reconsumeTimes : requestedLevel
  const queueId = toDlq ? 0 : Math.floor(Math.random() * groupConfig.retryQueueNums)
  const message = retryMessage(broker, original, topic, queueId, level)
  const done = (result: PutMessageResult): RemotingCommand => {
    if (result.status !== 'PUT_OK') return respond(ResponseCode.SYSTEM_ERROR, result.status)
    count(broker, message, result, group, original, toDlq)
    if (broker.hooks.hasConsumeMessageHook) tellHooks(broker, group, original, connection)
    return respond(ResponseCode.SUCCESS)
  }
  const put = putMessage(broker, message)
  return isPromise(put) ? put.then(done) : done(put)
}

/** Too late to change anything: the message is stored again. */
function tellHooks(broker: BrokerServices, group: string, original: MessageExt, connection: Connection): void {
  broker.hooks.consumeMessageAfter(
    {
      brokerName: broker.config.brokerName,
      consumerGroup: group,
      topic: original.topic,
      queueId: original.queueId,
      clientHost: connection.remoteAddr,
      rcvMsgNum: 1,
      bodyLength: original.body.length,
      code: ResponseCode.SUCCESS,
      success: false,
      status: 'RECONSUME_LATER'
    },
    broker.logger
  )
}

function retryMessage(
  broker: BrokerServices,
  original: MessageExt,
  topic: string,
  queueId: number,
  level: number
): PendingMessage {
  const stored = new StoredProperties(encodeProperties(original.properties))
  if (stored.get(MessageConst.RETRY_TOPIC) === undefined) stored.set(MessageConst.RETRY_TOPIC, original.topic)
  stored.set(MessageConst.WAIT, 'false')
  stored.set(MessageConst.DELAY, String(level))
  if (stored.get(MessageConst.ORIGIN_MESSAGE_ID) === undefined) stored.set(MessageConst.ORIGIN_MESSAGE_ID, original.offsetMsgId)
  return {
    topic,
    queueId,
    flag: original.flag,
    sysFlag: original.sysFlag,
    body: original.body,
    stored,
    bornTimestamp: original.bornTimestamp,
    bornHost: original.bornHost,
    storeHost: broker.storeHost,
    reconsumeTimes: original.reconsumeTimes + 1,
    preparedTransactionOffset: 0
  }
}

function count(
  broker: BrokerServices,
  message: PendingMessage,
  { appendResult }: PutMessageResult,
  group: string,
  original: MessageExt,
  toDlq: boolean
): void {
  const stats = broker.brokerStatsManager
  if (message.topic === SCHEDULE_TOPIC && appendResult !== undefined) {
    stats.incPut(message.topic, 1, appendResult.wroteBytes)
    stats.incQueuePut(message.topic, message.queueId, 1, appendResult.wroteBytes)
  }
  stats.incSendBack(group, message.stored.get(MessageConst.RETRY_TOPIC) ?? original.topic)
  if (toDlq) stats.incSendBackToDlq(group, original.topic)
}
