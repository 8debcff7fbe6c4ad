import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 35: a client leaves its groups. */
export function unregisterClient(broker: BrokerServices): RequestHandler {
  return (request, connection) => {
    const { producerGroup, consumerGroup } = request.extFields
    if (producerGroup !== undefined) broker.producerManager.unregisterProducer(producerGroup, connection)
    if (consumerGroup !== undefined) {
      const groupConfig = broker.subscriptionGroupManager.findSubscriptionGroupConfig(consumerGroup)
      broker.consumerManager.unregisterConsumer(consumerGroup, connection, groupConfig?.notifyConsumerIdsChangedEnable ?? true)
    }
    return RemotingCommand.response(request, ResponseCode.SUCCESS, undefined, {})
  }
}
