import { RequestCode } from '../protocol/codes.ts'
import type { RequestDispatcher } from '../transport/request-dispatcher.ts'
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

/** Everything a name server answers. */
export function registerHandlers(dispatcher: RequestDispatcher, context: HandlerContext): void {
  dispatcher.register(RequestCode.PUT_KV_CONFIG, putKVConfig(context))
  dispatcher.register(RequestCode.GET_KV_CONFIG, getKVConfig(context))
  dispatcher.register(RequestCode.DELETE_KV_CONFIG, deleteKVConfig(context))
  dispatcher.register(RequestCode.REGISTER_BROKER, registerBroker(context))
  dispatcher.register(RequestCode.UNREGISTER_BROKER, unregisterBroker(context))
  dispatcher.register(RequestCode.GET_ROUTEINFO_BY_TOPIC, getRouteInfoByTopic(context))
  dispatcher.register(RequestCode.GET_BROKER_CLUSTER_INFO, getBrokerClusterInfo(context))
  dispatcher.register(RequestCode.WIPE_WRITE_PERM_OF_BROKER, wipeWritePermOfBroker(context))
  dispatcher.register(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, getAllTopicList(context))
  dispatcher.register(RequestCode.DELETE_TOPIC_IN_NAMESRV, deleteTopic(context))
  dispatcher.register(RequestCode.REGISTER_TOPIC_IN_NAMESRV, registerTopic(context))
  dispatcher.register(RequestCode.GET_KVLIST_BY_NAMESPACE, getKVListByNamespace(context))
  dispatcher.register(RequestCode.GET_TOPICS_BY_CLUSTER, getTopicsByCluster(context))
  dispatcher.register(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, getSystemTopicList(context))
  dispatcher.register(RequestCode.GET_UNIT_TOPIC_LIST, getUnitTopicList(context))
  dispatcher.register(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, getHasUnitSubTopicList(context))
  dispatcher.register(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, getHasUnitSubUnunitTopicList(context))
  dispatcher.register(RequestCode.UPDATE_NAMESRV_CONFIG, updateNamesrvConfig())
  dispatcher.register(RequestCode.GET_NAMESRV_CONFIG, getNamesrvConfig(context))
  dispatcher.register(RequestCode.QUERY_DATA_VERSION, queryDataVersion(context))
  dispatcher.register(RequestCode.ADD_WRITE_PERM_OF_BROKER, addWritePermOfBroker(context))
  dispatcher.register(RequestCode.GET_BROKER_MEMBER_GROUP, getBrokerMemberGroup(context))
  dispatcher.register(RequestCode.BROKER_HEARTBEAT, brokerHeartbeat(context))
}
