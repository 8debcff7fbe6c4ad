import { ResponseCode } from '../../protocol/codes.ts'
import { encodeConsumerIdList } from '../../protocol/consumer-list.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 38: the client ids of a group, from which every member works out its share of the queues. */
export function getConsumerListByGroup(broker: BrokerServices): RequestHandler {
  return (request) => {
    const group = requiredText(request.extFields, 'consumerGroup')
    const consumerIdList = broker.consumerManager.getConsumerGroupInfo(group)?.clientIds() ?? []
    if (consumerIdList.length === 0) {
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, `no consumer for this group, ${group}`, {})
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, {}, encodeConsumerIdList(consumerIdList))
  }
}
