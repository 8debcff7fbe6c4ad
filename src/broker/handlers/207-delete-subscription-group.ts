import { ResponseCode } from '../../protocol/codes.ts'
import { booleanField, requiredText } from '../../protocol/header-fields.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'

/** Code 207: forgets a group and its counters; what it has committed only with `cleanOffset` (4.9: `removeOffset`). */
export function deleteSubscriptionGroup(broker: BrokerServices): RequestHandler {
  return (request) => {
    const { extFields } = request
    const group = requiredText(extFields, 'groupName')
    broker.subscriptionGroupManager.delete(group)
    broker.pop.forget((queue) => queue.group === group)
    broker.messageRequestModeManager.onGroupDeleted(group)
    if (booleanField(extFields, 'cleanOffset') || booleanField(extFields, 'removeOffset')) {
      broker.consumerOffsetManager.cleanOffset(group)
    }
    broker.brokerStatsManager.onGroupDeleted(group)
    return RemotingCommand.response(request, ResponseCode.SUCCESS)
  }
}
