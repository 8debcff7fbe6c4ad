import { ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { brokerAddrsText } from '../../protocol/topic-route.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { HandlerContext } from '../handler-context.ts'

/** GET_BROKER_MEMBER_GROUP: header `clusterName`, `brokerName`; body the broker's addresses. 5.3.3 leaves its default remark in. */
export function getBrokerMemberGroup({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const { clusterName, brokerName } = request.extFields
    const addrs = brokerAddrsText(routes.brokers.get(brokerName)?.brokerAddrs ?? new Map(), false)
    const names = JSON.stringify({ brokerName, cluster: clusterName }).slice(1)
    const body = Buffer.from(`{"brokerMemberGroup":{"brokerAddrs":${addrs},${names}}`)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, 'not set any response code', undefined, body)
  }
}
