import { ResponseCode } from '../../protocol/codes.ts'
import type { Connection } from '../../transport/connection.ts'
import type { BrokerServices } from '../broker-services.ts'
import { illegalReadQueue, topicNotExist } from '../remarks.ts'

/** What is wrong with the queue that a popped message is said to be of; undefined when it is there. */
export function popQueueError(
  broker: BrokerServices,
  topic: string,
  queueId: number,
  connection: Connection
): { code: number; remark: string } | undefined {
  const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
  if (topicConfig === undefined) {
    return { code: ResponseCode.TOPIC_NOT_EXIST, remark: topicNotExist(topic) }
  }
  const { readQueueNums } = topicConfig
  if (queueId >= 0 && queueId < readQueueNums) return undefined
  return {
    code: ResponseCode.MESSAGE_ILLEGAL,
    remark: illegalReadQueue(topic, queueId, readQueueNums, connection.remoteAddr)
  }
}
