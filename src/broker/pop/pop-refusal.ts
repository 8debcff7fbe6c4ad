import { ResponseCode } from '../../protocol/codes.ts'
import { isReadable } from '../../protocol/perm.ts'
import type { Connection } from '../../transport/connection.ts'
import type { BrokerServices } from '../broker-services.ts'
import { FAQ, illegalReadQueue, topicNotExist } from '../remarks.ts'
import { Refusal } from '../send/message-check.ts'

/** What pops and notifications name. */
export interface PopTarget {
  group: string
  topic: string
  /** Below 0 for any. */
  queueId: number
}

/** Why nobody of the group can pop from the queue: topic, permission, queue and group, in the order in which 5.3.3 looks at them. */
export function popRefusal(
  broker: BrokerServices,
  { group, topic, queueId }: PopTarget,
  { remoteAddr }: Connection
): Refusal | undefined {
  const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
  if (topicConfig === undefined) {
    return new Refusal(ResponseCode.TOPIC_NOT_EXIST, topicNotExist(topic))
  }
  if (!isReadable(topicConfig.perm)) {
    return new Refusal(ResponseCode.NO_PERMISSION, `the topic[${topic}] peeking message is forbidden`)
  }
  const { readQueueNums } = topicConfig
  if (queueId >= readQueueNums) {
    return new Refusal(ResponseCode.INVALID_PARAMETER, illegalReadQueue(topic, queueId, readQueueNums, remoteAddr))
  }
  const groupConfig = broker.subscriptionGroupManager.findSubscriptionGroupConfig(group)
  if (groupConfig === undefined) {
    return new Refusal(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, `subscription group [${group}] does not exist, ${FAQ}`)
  }
  if (groupConfig.consumeEnable) return undefined
  return new Refusal(ResponseCode.NO_PERMISSION, `subscription group no permission, ${group}`)
}
