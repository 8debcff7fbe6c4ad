import { ResponseCode } from '../../protocol/codes.ts'
import { optionalInt, optionalLong, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { MAX_QUEUE_NUMS } from '../topic/topic-config-manager.ts'

/** Code 15: stores a group's position in a queue; mostly oneway. */
export function updateConsumerOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const fields = request.extFields
    const group = requiredText(fields, 'consumerGroup')
    const topic = requiredText(fields, 'topic')
    const answer = (code: number, remark?: string): RemotingCommand => RemotingCommand.response(request, code, remark, {})
    if (!broker.subscriptionGroupManager.contains(group)) {
      return answer(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, `Group ${group} not exist!`)
    }
    if (broker.topicConfigManager.selectTopicConfig(topic) === undefined) {
      return answer(ResponseCode.TOPIC_NOT_EXIST, `Topic ${topic} not exist!`)
    }
    const queueId = optionalInt(fields, 'queueId')
    if (queueId === undefined) return answer(ResponseCode.INVALID_PARAMETER, `QueueId is null, topic is ${topic}`)
    if (queueId < 0 || queueId >= MAX_QUEUE_NUMS) return answer(ResponseCode.INVALID_PARAMETER, `QueueId ${queueId} is illegal`)
    const offset = optionalLong(fields, 'commitOffset')
    if (offset === undefined) return answer(ResponseCode.INVALID_PARAMETER, `Offset is null, topic is ${topic}`)
    if (broker.consumerOffsetManager.hasOffsetReset(group, topic, queueId)) {
      return answer(ResponseCode.SUCCESS, 'Offset has been previously reset')
    }
    broker.consumerOffsetManager.commitOffset(group, topic, queueId, offset)
    return answer(ResponseCode.SUCCESS)
  }
}
