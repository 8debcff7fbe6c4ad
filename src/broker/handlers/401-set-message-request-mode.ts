import { ResponseCode } from '../../protocol/codes.ts'
import { parseRequestObject } from '../../protocol/fastjson.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { RETRY_PREFIX } from '../../protocol/topics.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { messageRequestModeOf } from '../loadbalance/message-request-mode-manager.ts'

/** Code 402: what 401 said of every topic and group; slaves take it over. */
export function getAllMessageRequestMode(broker: BrokerServices): RequestHandler {
  return (request) => {
    const body = Buffer.from(broker.messageRequestModeManager.encode())
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, body)
  }
}

/** Code 401: whether a group pulls or pops a topic; consumers learn it with their next question for queues (400). */
export function setMessageRequestMode(broker: BrokerServices): RequestHandler {
  return (request) => {
    const mode = messageRequestModeOf(parseRequestObject(request.body, 'the request mode'))
    const refuse = (code: number, remark: string): RemotingCommand => RemotingCommand.response(request, code, remark)
    if (mode.topic.startsWith(RETRY_PREFIX)) {
      return refuse(ResponseCode.NO_PERMISSION, 'retry topic is not allowed to set mode')
    }
    if (broker.topicConfigManager.selectTopicConfig(mode.topic) === undefined) {
      return refuse(ResponseCode.TOPIC_NOT_EXIST, `topic[${mode.topic}] not exist`)
    }
    if (broker.subscriptionGroupManager.findSubscriptionGroupConfig(mode.consumerGroup) === undefined) {
      return refuse(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, 'subscription group does not exist')
    }
    if (!broker.messageRequestModeManager.set(mode)) {
      return refuse(ResponseCode.SYSTEM_ERROR, 'too many topics and groups have a request mode of their own: delete some')
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}
