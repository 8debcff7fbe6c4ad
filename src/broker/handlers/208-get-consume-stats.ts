import { ResponseCode } from '../../protocol/codes.ts'
import { optionalText, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { ConsumeStats } from '../stats/consume-stats.ts'

/** Code 208: how far a group is behind, queue by queue, in the topics it consumes or in those that are asked for. */
export function getConsumeStats(broker: BrokerServices): RequestHandler {
  return (request) => {
    const group = requiredText(request.extFields, 'consumerGroup')
    const stats = new ConsumeStats()
    for (const topic of topicsOf(broker, request, group)) {
      const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
      if (topicConfig !== undefined) stats.add(broker, group, topic, topicConfig.readQueueNums)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(stats.encode()))
  }
}

/** A list is taken as it is; a single topic, or none, only as far as the group subscribes to it. */
function topicsOf(broker: BrokerServices, request: RemotingCommand, group: string): Iterable<string> {
  const list = (optionalText(request.extFields, 'topicList') ?? '').split(';').filter((topic) => topic !== '')
  if (list.length > 0) return new Set(list)
  const topic = optionalText(request.extFields, 'topic')?.trim() ?? ''
  const topics = topic === '' ? broker.consumerOffsetManager.whichTopicByConsumer(group) : [topic]
  return topics.filter((name) => !broker.consumerManager.hasLeftTopic(group, name))
}
