import { ResponseCode } from '../../protocol/codes.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { languageName } from '../../protocol/language-code.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { ClientChannelInfo } from '../client/client-channel-info.ts'

/** Code 203: the members of a consumer group and what it subscribes to. */
export function getConsumerConnectionList(broker: BrokerServices): RequestHandler {
  return (request) => {
    const group = requiredText(request.extFields, 'consumerGroup')
    const groupInfo = broker.consumerManager.getConsumerGroupInfo(group)
    if (groupInfo === undefined) {
      return RemotingCommand.response(request, ResponseCode.CONSUMER_NOT_ONLINE, `the consumer group[${group}] not online`)
    }
    const { consumeFromWhere, consumeType, messageModel } = groupInfo.modes
    const subscriptionTable = Object.fromEntries(groupInfo.subscriptions)
    const connectionSet = [...groupInfo.channels.values()].map(connectionOf)
    const body = { connectionSet, consumeFromWhere, consumeType, messageModel, subscriptionTable }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(body)))
  }
}

/** Code 204: the members of a producer group. */
export function getProducerConnectionList(broker: BrokerServices): RequestHandler {
  return (request) => {
    const group = requiredText(request.extFields, 'producerGroup')
    const members = broker.producerManager.group(group)
    if (members === undefined) {
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, `the producer group[${group}] not exist`)
    }
    const body = { connectionSet: [...members].map(connectionOf) }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, undefined, Buffer.from(JSON.stringify(body)))
  }
}

function connectionOf(info: ClientChannelInfo): Record<string, unknown> {
  const { connection, clientId, language, version } = info
  return { clientAddr: connection.remoteAddr, clientId, language: languageName(language) ?? 'OTHER', version }
}
