import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField, requiredInt, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/**
 * Code 14: a group's position in a queue. Without one it is 0 while the queue still has its beginning, empty ones included, as with 4.x:
 * 5.3.3 sends the consumer of an empty queue to ask for its end (30), and what is sent between the two is never consumed.
 */
export function queryConsumerOffset(broker: BrokerServices): RequestHandler {
  return (request) => {
    const fields = request.extFields
    const group = requiredText(fields, 'consumerGroup')
    const topic = requiredText(fields, 'topic')
    const queueId = requiredInt(fields, 'queueId')
    const stored = broker.consumerOffsetManager.queryOffset(group, topic, queueId)
    if (stored >= 0) return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, { offset: String(stored) })
    if (!booleanField(fields, 'setZeroIfNotFound', true)) {
      return RemotingCommand.response(
        request,
        ResponseCode.QUERY_NOT_FOUND,
        'Not found, do not set to zero, maybe this group boot first',
        {}
      )
    }
    const readQueueNums = broker.topicConfigManager.selectTopicConfig(topic)?.readQueueNums ?? 0
    if (queueId >= 0 && queueId < readQueueNums && broker.store.getMinOffsetInQueue(topic, queueId) <= 0) {
      return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, { offset: '0' })
    }
    return RemotingCommand.response(
      request,
      ResponseCode.QUERY_NOT_FOUND,
      'Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first',
      {}
    )
  }
}
