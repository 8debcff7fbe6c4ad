import { encodeClusterInfo } from '../../protocol/cluster-info.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import { type HandlerContext, success } from '../handler-context.ts'

/** GET_BROKER_CLUSTER_INFO: body brokers and clusters. */
export function getBrokerClusterInfo({ routes }: HandlerContext): RequestHandler {
  return (request) => {
    const clusterAddrTable = new Map([...routes.clusters].map(([cluster, names]) => [cluster, [...names]]))
    return success(request, encodeClusterInfo({ brokerAddrTable: routes.brokers, clusterAddrTable }))
  }
}
