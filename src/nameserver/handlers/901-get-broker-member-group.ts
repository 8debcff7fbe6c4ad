import { ResponseCode } from '../../protocol/codes.ts'
import { encodeBrokerMemberGroup } from '../../protocol/cluster-info.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { HandlerContext } from '../handler-context.ts'

/** GET_BROKER_MEMBER_GROUP: header `clusterName`, `brokerName`; body the broker's addresses. 5.3.3 leaves its default remark in. */
export function getBrokerMemberGroup({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const { clusterName, brokerName } = request.extFields
    const brokerAddrs = routes.brokers.get(brokerName)?.brokerAddrs ?? new Map<number, string>()
    const body = encodeBrokerMemberGroup({ cluster: clusterName, brokerName, brokerAddrs })
    return RemotingCommand.response(request, ResponseCode.SUCCESS, 'not set any response code', undefined, body)
  }
}
