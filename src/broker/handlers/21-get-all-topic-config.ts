import { ResponseCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { encodeTopicConfigSerializeWrapper, topicConfigText } from '../../protocol/topic-config.ts'
import { encodeTopicList } from '../../protocol/topic-list.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { systemTopicNames } from '../topic/system-topics.ts'

/** Code 21: every topic with its settings, and the version of the table. */
export function getAllTopicConfig(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { dataVersion, topicConfigTable } = broker.topicConfigManager
    const body = encodeTopicConfigSerializeWrapper({ dataVersion, topicConfigTable })
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, body)
  }
}

/** Code 351: the settings of one topic. */
export function getTopicConfig(broker: BrokerServices): RequestHandler {
  return (request) => {
    const topic = requiredText(request.extFields, 'topic')
    const topicConfig = broker.topicConfigManager.selectTopicConfig(topic)
    if (topicConfig === undefined) {
      return RemotingCommand.response(request, ResponseCode.TOPIC_NOT_EXIST, `No topic in this broker. topic: ${topic}`)
    }
    return RemotingCommand.response(
      request,
      ResponseCode.SUCCESS,
      undefined,
      undefined,
      Buffer.from(topicConfigText(topicConfig))
    )
  }
}

/** Code 305: the names this broker keeps for itself. */
export function getSystemTopicListFromBroker(broker: BrokerServices): RequestHandler {
  return (request) => {
    const body = encodeTopicList({ topicList: [...systemTopicNames(broker.config, broker.storeConfig.timerWheelEnable)] })
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, body)
  }
}
