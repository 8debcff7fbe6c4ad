import { RemotingCommandException } from '../../internal/errors.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField, optionalInt, requiredInt } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { type TopicConfig, topicConfigText } from '../../protocol/topic-config.ts'
import { isSystemTopic } from '../../protocol/topics.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { topicNameError } from '../names.ts'
import { NOT_SET } from '../remarks.ts'
import { systemTopicNames } from '../topic/system-topics.ts'
import { alterTopicAttributes } from '../topic/topic-attributes.ts'
import { newTopicConfig } from '../topic/topic-config.ts'
import { MAX_QUEUE_NUMS } from '../topic/topic-config-manager.ts'

/** Code 17: creates a topic or replaces its settings. */
export function updateAndCreateTopic(broker: BrokerServices): RequestHandler {
  const systemTopics = systemTopicNames(broker.config, broker.storeConfig.timerWheelEnable)
  return (request) => {
    const fields = request.extFields
    const filterType = fields['topicFilterType']
    if (filterType !== 'SINGLE_TAG' && filterType !== 'MULTI_TAG') {
      throw new RemotingCommandException(`topicFilterType = [${filterType ?? 'null'}] value invalid`, { code: 'BAD_FIELD' })
    }
    const refuse = (remark: string, code: number = ResponseCode.INVALID_PARAMETER): RemotingCommand =>
      RemotingCommand.response(request, code, remark)
    const topic = fields['topic'] ?? ''
    const wrongName = topicNameError(topic)
    if (wrongName !== undefined) return refuse(wrongName)
    if (broker.config.validateSystemTopicWhenUpdateTopic && (systemTopics.has(topic) || isSystemTopic(topic))) {
      return refuse(`The topic[${topic}] is conflict with system topic.`)
    }
    const topicConfig: TopicConfig = newTopicConfig(topic, 0, requiredInt(fields, 'perm'))
    topicConfig.readQueueNums = requiredInt(fields, 'readQueueNums')
    topicConfig.writeQueueNums = requiredInt(fields, 'writeQueueNums')
    topicConfig.topicFilterType = filterType
    topicConfig.topicSysFlag = optionalInt(fields, 'topicSysFlag') ?? 0
    topicConfig.order = booleanField(fields, 'order')
    for (const queues of [topicConfig.readQueueNums, topicConfig.writeQueueNums]) {
      if (queues < 0 || queues > MAX_QUEUE_NUMS)
        return refuse(`queue numbers have to be from 0 to ${MAX_QUEUE_NUMS}, ${queues} is not`)
    }
    const existing = broker.topicConfigManager.selectTopicConfig(topic)
    const change = fields['attributes'] ?? ''
    // Java looks at this one before it looks at the change as a whole.
    if (/(^|,)\+message\.type=MIXED(,|=|$)/.test(change)) return refuse('MIXED message type is not supported.')
    const attributes = alterTopicAttributes(existing?.attributes, change)
    if (typeof attributes === 'string') return refuse(attributes, ResponseCode.SYSTEM_ERROR)
    topicConfig.attributes = attributes
    // Asking for what is there already changes no version.
    if (existing !== undefined && topicConfigText(existing) === topicConfigText(topicConfig))
      return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET)
    broker.topicConfigManager.updateTopicConfig(topicConfig)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET)
  }
}
