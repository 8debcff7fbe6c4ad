import { ResponseCode } from '../../protocol/codes.ts'
import { buildPopRetryTopic } from '../../protocol/pop-extra-info.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { isSystemTopic } from '../../protocol/topics.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { isLegalTopic } from '../names.ts'
import { systemTopicNames } from '../topic/system-topics.ts'

/** Code 215: forgets a topic, its queues, its offsets and its counters; with it the messages that groups popped and did not consume. */
export function deleteTopicInBroker(broker: BrokerServices): RequestHandler {
  const systemTopics = systemTopicNames(broker.config, broker.storeConfig.timerWheelEnable)
  return (request) => {
    const topic = request.extFields['topic'] ?? ''
    const refuse = (remark: string): RemotingCommand => RemotingCommand.response(request, ResponseCode.INVALID_PARAMETER, remark)
    if (topic.trim() === '') return refuse('The specified topic is blank.')
    if (broker.config.validateSystemTopicWhenUpdateTopic && (systemTopics.has(topic) || isSystemTopic(topic))) {
      return refuse(`The topic[${topic}] is conflict with system topic.`)
    }
    if (isLegalTopic(topic)) {
      const retryTopics = broker.consumerOffsetManager.whichGroupByTopic(topic).map((group) => buildPopRetryTopic(topic, group))
      for (const name of [...retryTopics, topic]) deleteTopic(broker, name)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}

function deleteTopic(broker: BrokerServices, topic: string): void {
  if (broker.topicConfigManager.selectTopicConfig(topic) === undefined && broker.store.queueNums(topic) === 0) return
  broker.topicConfigManager.deleteTopicConfig(topic)
  broker.pop.forget((queue) => queue.topic === topic)
  broker.messageRequestModeManager.onTopicDeleted(topic)
  broker.consumerOffsetManager.cleanOffsetByTopic(topic)
  broker.store.deleteTopics(new Set([topic]))
  broker.brokerStatsManager.onTopicDeleted(topic)
}
