import { ResponseCode } from '../../protocol/codes.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { Perm } from '../../protocol/perm.ts'
import type { SendMessageRequestHeader } from '../../protocol/send-message-header.ts'
import { DLQ_PREFIX, RETRY_PREFIX } from '../../protocol/topics.ts'
import type { BrokerServices } from '../broker-services.ts'
import { FAQ } from '../remarks.ts'
import { Refusal } from './message-check.ts'
import type { PendingMessage } from './put-message.ts'

/** MQVersion ordinal of V3_4_9: from there on clients send maxReconsumeTimes. */
export const V3_4_9 = 121
export const READ_WRITE = Perm.READ | Perm.WRITE

/**
 * A message that a consumer sends to its group's retry topic itself, because its send-back failed: to the dead letter topic when it was
 * consumed too often, or when its group consumes in order. Java's `handleRetryAndDLQ` of 5.3.3.
 */
export function handleRetryAndDlq(
  broker: BrokerServices,
  header: SendMessageRequestHeader,
  clientVersion: number,
  message: PendingMessage
): Refusal | undefined {
  const group = header.topic.slice(RETRY_PREFIX.length)
  const groupConfig = broker.subscriptionGroupManager.findSubscriptionGroupConfig(group)
  if (groupConfig === undefined) return groupMissing(group)
  let maxReconsumeTimes = groupConfig.retryMaxTimes
  if (clientVersion >= V3_4_9 && header.maxReconsumeTimes !== undefined) maxReconsumeTimes = header.maxReconsumeTimes
  const inOrder = !broker.rebalanceLockManager.isLockAllExpired(group)
  if (header.reconsumeTimes <= maxReconsumeTimes && !inOrder) return undefined
  const topic = DLQ_PREFIX + group
  if (broker.topicConfigManager.createTopicInSendMessageBackMethod(topic, 1, READ_WRITE, 0) === undefined) {
    return new Refusal(ResponseCode.SYSTEM_ERROR, `topic[${topic}] not exist`)
  }
  message.topic = topic
  message.queueId = 0
  message.stored.set(MessageConst.DELAY, '-1')
  return undefined
}

export function groupMissing(group: string): Refusal {
  return new Refusal(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, `subscription group not exist, ${group} ${FAQ}`)
}
