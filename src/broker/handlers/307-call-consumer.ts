import { RemotingTimeoutException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { type ExtFields, emptyExtFields } from '../../protocol/ext-fields.ts'
import { optionalText, requiredText } from '../../protocol/header-fields.ts'
import { decodeOffsetMsgId } from '../../protocol/message-id.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 307: what a consumer is doing; the broker asks it and hands its answer on. */
export function getConsumerRunningInfo(broker: BrokerServices): RequestHandler {
  return (request) => callConsumer(broker, request, requiredText(request.extFields, 'clientId'), request.extFields, request.body)
}

/** Code 309: a consumer is given a stored message, named by its offset id, to consume now. */
export function consumeMessageDirectly(broker: BrokerServices): RequestHandler {
  return (request) => {
    const given = request.extFields
    const fields: ExtFields = Object.assign(emptyExtFields(), given, { brokerName: broker.config.brokerName })
    const topic = optionalText(given, 'topic')
    const topicConfig = topic === undefined ? undefined : broker.topicConfigManager.selectTopicConfig(topic)
    if (topicConfig !== undefined) fields['topicSysFlag'] = String(topicConfig.topicSysFlag)
    const group = broker.subscriptionGroupManager.table.get(requiredText(given, 'consumerGroup'))
    if (group !== undefined) fields['groupSysFlag'] = String(group.groupSysFlag)
    const { offset } = decodeOffsetMsgId(requiredText(given, 'msgId'))
    const record = broker.store.lookMessageByOffset(offset)
    if (record === undefined) {
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, `look message by offset failed, ${offset}`)
    }
    return callConsumer(broker, request, optionalText(given, 'clientId') ?? '', fields, record)
  }
}

async function callConsumer(
  broker: BrokerServices,
  request: RemotingCommand,
  clientId: string,
  fields: ExtFields,
  body: Buffer | undefined
): Promise<OutgoingFrame> {
  const group = requiredText(request.extFields, 'consumerGroup')
  const respond = (code: number, remark: string): RemotingCommand => RemotingCommand.response(request, code, remark)
  const consumer = broker.consumerManager.getConsumerGroupInfo(group)?.findChannel(clientId)
  if (consumer === undefined) {
    return respond(ResponseCode.SYSTEM_ERROR, `The Consumer <${group}> <${clientId}> not online`)
  }
  try {
    const answer = await broker.broker2Client.callClient(consumer.connection, RemotingCommand.request(request.code, fields, body))
    return RemotingCommand.response(request, answer.code, answer.remark, answer.extFields, answer.body)
  } catch (error) {
    if (error instanceof RemotingTimeoutException) {
      return respond(ResponseCode.CONSUME_MSG_TIMEOUT, `consumer <${group}> <${clientId}> Timeout: ${logText(error)}`)
    }
    return respond(ResponseCode.SYSTEM_ERROR, `invoke consumer <${group}> <${clientId}> Exception: ${logText(error)}`)
  }
}
