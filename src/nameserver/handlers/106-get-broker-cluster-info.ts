import { encodeClusterInfo } from '../../protocol/cluster-info.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** GET_BROKER_CLUSTER_INFO: body brokers and clusters. */
export function getBrokerClusterInfo({ routes }: HandlerContext): RequestHandler {
  return (request) => success(request, encodeClusterInfo({ brokerAddrTable: routes.brokers, clusterAddrTable: routes.clusters }))
}
