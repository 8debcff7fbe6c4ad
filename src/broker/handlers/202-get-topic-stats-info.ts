import { ResponseCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { MessageQueue } from '../../protocol/message-queue.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 202: first and next offset of each queue. The queue is the key of its entry, as an object: fastjson's form, which tools expect. */
export function getTopicStatsInfo(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
    if (topicConfig === undefined) {
      return RemotingCommand.response(request, ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist`)
    }
    const { store } = broker
    const entries: string[] = []
    for (let queueId = 0; queueId < Math.max(topicConfig.readQueueNums, topicConfig.writeQueueNums); queueId++) {
      const minOffset = Math.max(0, store.getMinOffsetInQueue(topic, queueId))
      const maxOffset = Math.max(0, store.getMaxOffsetInQueue(topic, queueId))
      const lastUpdateTimestamp = maxOffset > 0 ? store.getMessageStoreTimeStamp(topic, queueId, maxOffset - 1) : 0
      const queue = new MessageQueue(topic, broker.config.brokerName, queueId)
      entries.push(`${JSON.stringify(queue)}:${JSON.stringify({ lastUpdateTimestamp, maxOffset, minOffset })}`)
    }
    const body = `{"offsetTable":{${entries.join(',')}},"topicPutTps":0.0}`
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(body))
  }
}
