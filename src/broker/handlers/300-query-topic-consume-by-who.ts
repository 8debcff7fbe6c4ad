import { ResponseCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/**
 * Code 300: the groups that consume a topic, by what their members subscribe to and by what was committed. 5.3.3 names a group like the
 * topic for each topic that has subscribers; these are the groups.
 */
export function queryTopicConsumeByWho(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const groups = new Set(broker.consumerManager.queryTopicConsumeByWho(topic))
    for (const group of broker.consumerOffsetManager.whichGroupByTopic(topic)) groups.add(group)
    return answer(request, { groupList: [...groups] })
  }
}

/** Code 343: the topics of which a group has committed something. */
export function queryTopicsByConsumer(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topicList = broker.consumerOffsetManager.whichTopicByConsumer(requiredText(request.extFields, 'group'))
    return answer(request, { brokerAddr: broker.addr, topicList })
  }
}

/** Code 345: how a group subscribes to a topic; without `subscriptionData` when none of its members does. */
export function querySubscriptionByConsumer(broker: BrokerServices): RequestHandler {
  return (request) => {
    const group = requiredText(request.extFields, 'group')
    const topic = requiredText(request.extFields, 'topic')
    const subscriptionData = broker.consumerManager.getConsumerGroupInfo(group)?.subscriptions.get(topic)
    return answer(request, { group, subscriptionData, topic })
  }
}

function answer(request: RemotingCommand, body: Record<string, unknown>): RemotingCommand {
  return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(body)))
}
