import { RequestCode } from '../protocol/codes.ts'
import type { RequestDispatcher, RequestHandler } from '../transport/request-dispatcher.ts'
import type { HandlerContext } from './handler-context.ts'
import { putKVConfig } from './handlers/100-put-kv-config.ts'
import { getKVConfig } from './handlers/101-get-kv-config.ts'
import { deleteKVConfig } from './handlers/102-delete-kv-config.ts'
import { registerBroker } from './handlers/103-register-broker.ts'
import { unregisterBroker } from './handlers/104-unregister-broker.ts'
import { getRouteInfoByTopic } from './handlers/105-get-route-info-by-topic.ts'
import { getBrokerClusterInfo } from './handlers/106-get-broker-cluster-info.ts'
import { wipeWritePermOfBroker } from './handlers/205-wipe-write-perm-of-broker.ts'
import { getAllTopicList } from './handlers/206-get-all-topic-list.ts'
import { deleteTopic } from './handlers/216-delete-topic.ts'
import { registerTopic } from './handlers/217-register-topic.ts'
import { getKVListByNamespace } from './handlers/219-get-kv-list-by-namespace.ts'
import { getTopicsByCluster } from './handlers/224-get-topics-by-cluster.ts'
import { getSystemTopicList } from './handlers/304-get-system-topic-list.ts'
import { getUnitTopicList } from './handlers/311-get-unit-topic-list.ts'
import { getHasUnitSubTopicList } from './handlers/312-get-has-unit-sub-topic-list.ts'
import { getHasUnitSubUnunitTopicList } from './handlers/313-get-has-unit-sub-ununit-topic-list.ts'
import { updateNamesrvConfig } from './handlers/318-update-namesrv-config.ts'
import { getNamesrvConfig } from './handlers/319-get-namesrv-config.ts'
import { queryDataVersion } from './handlers/322-query-data-version.ts'
import { addWritePermOfBroker } from './handlers/327-add-write-perm-of-broker.ts'
import { getBrokerMemberGroup } from './handlers/901-get-broker-member-group.ts'
import { brokerHeartbeat } from './handlers/904-broker-heartbeat.ts'

type HandlerFactory = (context: HandlerContext) => RequestHandler

/** Everything a name server answers, and how far, as docs/compatibility.md says; all other codes are answered with 3. */
export const SERVED_BY_NAME_SERVER: ReadonlyArray<readonly [code: number, factory: HandlerFactory, served: string]> = [
  [RequestCode.PUT_KV_CONFIG, putKVConfig, 'in memory'],
  [RequestCode.GET_KV_CONFIG, getKVConfig, 'in memory'],
  [RequestCode.DELETE_KV_CONFIG, deleteKVConfig, 'in memory'],
  [RequestCode.REGISTER_BROKER, registerBroker, 'whole'],
  [RequestCode.UNREGISTER_BROKER, unregisterBroker, 'whole'],
  [RequestCode.GET_ROUTEINFO_BY_TOPIC, getRouteInfoByTopic, 'whole'],
  [RequestCode.GET_BROKER_CLUSTER_INFO, getBrokerClusterInfo, 'whole'],
  [RequestCode.WIPE_WRITE_PERM_OF_BROKER, wipeWritePermOfBroker, 'whole'],
  [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, getAllTopicList, 'whole'],
  [RequestCode.DELETE_TOPIC_IN_NAMESRV, deleteTopic, 'whole'],
  [RequestCode.REGISTER_TOPIC_IN_NAMESRV, registerTopic, 'whole'],
  [RequestCode.GET_KVLIST_BY_NAMESPACE, getKVListByNamespace, 'in memory'],
  [RequestCode.GET_TOPICS_BY_CLUSTER, getTopicsByCluster, 'whole'],
  [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, getSystemTopicList, 'whole'],
  [RequestCode.GET_UNIT_TOPIC_LIST, getUnitTopicList, 'whole'],
  [RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, getHasUnitSubTopicList, 'whole'],
  [RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, getHasUnitSubUnunitTopicList, 'whole'],
  [RequestCode.UPDATE_NAMESRV_CONFIG, updateNamesrvConfig, 'refused with 16'],
  [RequestCode.GET_NAMESRV_CONFIG, getNamesrvConfig, 'the settings that are served'],
  [RequestCode.QUERY_DATA_VERSION, queryDataVersion, 'whole'],
  [RequestCode.ADD_WRITE_PERM_OF_BROKER, addWritePermOfBroker, 'whole'],
  [RequestCode.GET_BROKER_MEMBER_GROUP, getBrokerMemberGroup, 'whole'],
  [RequestCode.BROKER_HEARTBEAT, brokerHeartbeat, 'whole']
]

export function registerHandlers(dispatcher: RequestDispatcher, context: HandlerContext): void {
  for (const [code, factory] of SERVED_BY_NAME_SERVER) dispatcher.register(code, factory(context))
}
