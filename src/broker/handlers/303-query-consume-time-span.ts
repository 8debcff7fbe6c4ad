import { ResponseCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { MessageQueue } from '../../protocol/message-queue.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 303: of each queue the times of its first, its last and its last consumed message, and how long the next one has been waiting, ms. */
export function queryConsumeTimeSpan(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const group = requiredText(request.extFields, 'group')
    const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
    if (topicConfig === undefined) {
      return RemotingCommand.response(request, ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist`)
    }
    const { store, consumerOffsetManager, clock, config } = broker
    const consumeTimeSpanSet: Array<Record<string, unknown>> = []
    for (let queueId = 0; queueId < topicConfig.writeQueueNums; queueId++) {
      const maxOffset = store.getMaxOffsetInQueue(topic, queueId)
      const minTimeStamp = store.getEarliestMessageTime(topic, queueId)
      const maxTimeStamp = store.getMessageStoreTimeStamp(topic, queueId, maxOffset - 1)
      const consumed = consumerOffsetManager.queryOffset(group, topic, queueId)
      const consumeTimeStamp = consumed > 0 ? store.getMessageStoreTimeStamp(topic, queueId, consumed - 1) : minTimeStamp
      // Whoever has committed nothing waits for the first message that is left.
      const next = Math.max(consumed, store.getMinOffsetInQueue(topic, queueId))
      const nextTime = next < maxOffset ? store.getMessageStoreTimeStamp(topic, queueId, next) : -1
      const delayTime = nextTime > 0 ? clock.now() - nextTime : 0
      const messageQueue = new MessageQueue(topic, config.brokerName, queueId)
      consumeTimeSpanSet.push({ consumeTimeStamp, delayTime, maxTimeStamp, messageQueue, minTimeStamp })
    }
    const body = JSON.stringify({ consumeTimeSpanSet })
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(body))
  }
}
