import { ResponseCode } from '../../protocol/codes.ts'
import { isWriteable, Perm } from '../../protocol/perm.ts'
import type { SendMessageRequestHeader } from '../../protocol/send-message-header.ts'
import type { TopicConfig } from '../../protocol/topic-config.ts'
import { FORBIDDEN_TOPICS, RETRY_PREFIX } from '../../protocol/topics.ts'
import type { BrokerServices } from '../broker-services.ts'
import { topicNameError } from '../names.ts'
import { FAQ } from '../remarks.ts'
import { describeTopicConfig } from '../topic/topic-config.ts'

/** A request that is answered without touching the store. */
export class Refusal {
  readonly code: number
  readonly remark: string

  constructor(code: number, remark: string) {
    this.code = code
    this.remark = remark
  }
}

/** Bits of a topic's sysFlag; Java's `TopicSysFlag`. */
const UNIT = 1
const UNIT_SUB = 2

/**
 * The checks of Java's `preSend` and `msgCheck`, in their order, which clients can see; creates the topic when that is allowed.
 * @returns the topic, or why the send is refused.
 */
export function checkMessage(
  broker: BrokerServices,
  header: SendMessageRequestHeader,
  remoteAddr: string
): TopicConfig | Refusal {
  const { config, topicConfigManager } = broker
  const { topic } = header
  if (config.startAcceptSendRequestTimeStamp > 0 && broker.clock.now() < config.startAcceptSendRequestTimeStamp) {
    return new Refusal(
      ResponseCode.SYSTEM_ERROR,
      `broker unable to service, until ${localTime(config.startAcceptSendRequestTimeStamp)}`
    )
  }
  let topicConfig = topicConfigManager.selectTopicConfig(topic)
  if (!isWriteable(config.brokerPermission) && topicConfig?.order) {
    return new Refusal(ResponseCode.NO_PERMISSION, `the broker[${broker.brokerIP}] sending message is forbidden`)
  }
  const wrongName = topicNameError(topic)
  if (wrongName !== undefined) return new Refusal(ResponseCode.INVALID_PARAMETER, wrongName)
  if (FORBIDDEN_TOPICS.has(topic)) {
    return new Refusal(ResponseCode.NO_PERMISSION, `Sending message to topic[${topic}] is forbidden.`)
  }
  topicConfig ??= createTopic(broker, header, remoteAddr)
  if (topicConfig === undefined) {
    return new Refusal(ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist, apply first please!${FAQ}`)
  }
  if (header.queueId >= Math.max(topicConfig.writeQueueNums, topicConfig.readQueueNums)) {
    return badQueue(header.queueId, topicConfig, remoteAddr)
  }
  return topicConfig
}

export function badQueue(queueId: number, topicConfig: TopicConfig, remoteAddr: string): Refusal {
  return new Refusal(
    ResponseCode.INVALID_PARAMETER,
    `request queueId[${queueId}] is illegal, ${describeTopicConfig(topicConfig)} Producer: ${remoteAddr}`
  )
}

function createTopic(broker: BrokerServices, header: SendMessageRequestHeader, remoteAddr: string): TopicConfig | undefined {
  const { topic, defaultTopic, defaultTopicQueueNums, unitMode } = header
  const retry = topic.startsWith(RETRY_PREFIX)
  const sysFlag = unitMode ? (retry ? UNIT_SUB : UNIT) : 0
  const created = broker.topicConfigManager.createTopicInSendMessageMethod(
    topic,
    defaultTopic,
    defaultTopicQueueNums,
    sysFlag,
    remoteAddr
  )
  if (created !== undefined || !retry) return created
  return broker.topicConfigManager.createTopicInSendMessageBackMethod(topic, 1, Perm.READ | Perm.WRITE, sysFlag)
}

/** As Java's `timeMillisToHumanString2` prints it. */
function localTime(millis: number): string {
  const date = new Date(millis)
  const two = (value: number): string => String(value).padStart(2, '0')
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())},${String(date.getMilliseconds()).padStart(3, '0')}`
  )
}
