import { isPromise } from '../../internal/async.ts'
import { logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestDispatcher, RequestHandler } from '../../transport/request-dispatcher.ts'
import type { PlainPermissionManager } from '../acl/plain-permission-manager.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { BrokerConfigFiles } from '../config/broker-config-files.ts'
import type { InFlightRequests } from '../in-flight-requests.ts'
import { sendMessage } from './10-send-message.ts'
import { pullMessage } from './11-pull-message.ts'
import { queryMessage } from './12-query-message.ts'
import { queryConsumerOffset } from './14-query-consumer-offset.ts'
import { updateConsumerOffset } from './15-update-consumer-offset.ts'
import { updateAndCreateTopic } from './17-update-and-create-topic.ts'
import { getAllTopicConfig, getSystemTopicListFromBroker, getTopicConfig } from './21-get-all-topic-config.ts'
import { getBrokerConfig, getBrokerRuntimeInfo, updateBrokerConfig } from './25-update-broker-config.ts'
import { searchOffsetByTimestamp } from './29-search-offset-by-timestamp.ts'
import { getEarliestMessageStoreTime, getMaxOffset, getMinOffset } from './30-get-max-offset.ts'
import { viewMessageById } from './33-view-message-by-id.ts'
import { heartBeat } from './34-heart-beat.ts'
import { unregisterClient } from './35-unregister-client.ts'
import { consumerSendMsgBack } from './36-consumer-send-msg-back.ts'
import { endTransaction } from './37-end-transaction.ts'
import { getConsumerListByGroup } from './38-get-consumer-list-by-group.ts'
import { lockBatchMq, unlockBatchMq } from './41-lock-batch-mq.ts'
import { getAllConsumerOffset, getAllDelayOffset } from './43-get-all-consumer-offset.ts'
import { checkClientConfig } from './46-check-client-config.ts'
import {
  getAllSubscriptionGroupConfig,
  getSubscriptionGroupConfig,
  updateAndCreateSubscriptionGroup
} from './200-update-and-create-subscription-group.ts'
import { getTopicStatsInfo } from './202-get-topic-stats-info.ts'
import { getConsumerConnectionList, getProducerConnectionList } from './203-get-consumer-connection-list.ts'
import { deleteTopicInBroker } from './215-delete-topic-in-broker.ts'
import { sendReplyMessage } from './324-send-reply-message.ts'
import { recallMessage } from './370-recall-message.ts'

type HandlerFactory = (broker: BrokerServices) => RequestHandler

/** Every request code the broker serves; all others are answered with code 3. */
const FACTORIES: ReadonlyArray<readonly [codes: readonly number[], factory: HandlerFactory]> = [
  [[RequestCode.SEND_MESSAGE, RequestCode.SEND_MESSAGE_V2, RequestCode.SEND_BATCH_MESSAGE], sendMessage],
  [[RequestCode.SEND_REPLY_MESSAGE, RequestCode.SEND_REPLY_MESSAGE_V2], sendReplyMessage],
  [[RequestCode.PULL_MESSAGE, RequestCode.LITE_PULL_MESSAGE], pullMessage],
  [[RequestCode.QUERY_MESSAGE], queryMessage],
  [[RequestCode.QUERY_CONSUMER_OFFSET], queryConsumerOffset],
  [[RequestCode.UPDATE_CONSUMER_OFFSET], updateConsumerOffset],
  [[RequestCode.UPDATE_AND_CREATE_TOPIC], updateAndCreateTopic],
  [[RequestCode.GET_ALL_TOPIC_CONFIG], getAllTopicConfig],
  [[RequestCode.UPDATE_BROKER_CONFIG], updateBrokerConfig],
  [[RequestCode.GET_BROKER_CONFIG], getBrokerConfig],
  [[RequestCode.GET_BROKER_RUNTIME_INFO], getBrokerRuntimeInfo],
  [[RequestCode.SEARCH_OFFSET_BY_TIMESTAMP], searchOffsetByTimestamp],
  [[RequestCode.GET_MAX_OFFSET], getMaxOffset],
  [[RequestCode.GET_MIN_OFFSET], getMinOffset],
  [[RequestCode.GET_EARLIEST_MSG_STORETIME], getEarliestMessageStoreTime],
  [[RequestCode.VIEW_MESSAGE_BY_ID], viewMessageById],
  [[RequestCode.HEART_BEAT], heartBeat],
  [[RequestCode.UNREGISTER_CLIENT], unregisterClient],
  [[RequestCode.CONSUMER_SEND_MSG_BACK], consumerSendMsgBack],
  [[RequestCode.END_TRANSACTION], endTransaction],
  [[RequestCode.GET_CONSUMER_LIST_BY_GROUP], getConsumerListByGroup],
  [[RequestCode.LOCK_BATCH_MQ], lockBatchMq],
  [[RequestCode.UNLOCK_BATCH_MQ], unlockBatchMq],
  [[RequestCode.GET_ALL_CONSUMER_OFFSET], getAllConsumerOffset],
  [[RequestCode.GET_ALL_DELAY_OFFSET], getAllDelayOffset],
  [[RequestCode.CHECK_CLIENT_CONFIG], checkClientConfig],
  [[RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP], updateAndCreateSubscriptionGroup],
  [[RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG], getAllSubscriptionGroupConfig],
  [[RequestCode.GET_TOPIC_STATS_INFO], getTopicStatsInfo],
  [[RequestCode.GET_CONSUMER_CONNECTION_LIST], getConsumerConnectionList],
  [[RequestCode.GET_PRODUCER_CONNECTION_LIST], getProducerConnectionList],
  [[RequestCode.DELETE_TOPIC_IN_BROKER], deleteTopicInBroker],
  [[RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER], getSystemTopicListFromBroker],
  [[RequestCode.GET_TOPIC_CONFIG], getTopicConfig],
  [[RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG], getSubscriptionGroupConfig],
  [[RequestCode.RECALL_MESSAGE], recallMessage]
]

/** Codes whose answer says that a table was changed: it leaves when the table is durable, or says that it is not. */
const CHANGES_TABLE: ReadonlySet<number> = new Set([
  RequestCode.UPDATE_AND_CREATE_TOPIC,
  RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
  RequestCode.DELETE_TOPIC_IN_BROKER
])

/** Codes that may create a topic or a group on the way: the answer waits for the table, too. */
const MAY_CREATE: ReadonlySet<number> = new Set([
  RequestCode.SEND_MESSAGE,
  RequestCode.SEND_MESSAGE_V2,
  RequestCode.SEND_BATCH_MESSAGE,
  RequestCode.CONSUMER_SEND_MSG_BACK,
  RequestCode.HEART_BEAT,
  RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG
])

/** ACL 1.0 is answered as 4.9 does: the exception of its hook becomes code 1. */
const ACL_EXCEPTION = 'org.apache.rocketmq.acl.common.AclException: '

/**
 * @param inFlight is told of every request whose answer comes later.
 * @param acl looks at every request first, where there is one.
 * @param configFiles where tables are written, if they are.
 * @param fast for the second port, which takes no pulls: they may be held, and whoever comes here does not want to wait behind them.
 */
export function registerHandlers(
  dispatcher: RequestDispatcher,
  broker: BrokerServices,
  inFlight: InFlightRequests,
  acl?: PlainPermissionManager,
  configFiles?: BrokerConfigFiles,
  fast = false
): void {
  for (const [codes, factory] of FACTORIES) {
    if (fast && factory === pullMessage) continue
    const plain = factory(broker)
    const waits = codes.some((code) => CHANGES_TABLE.has(code) || MAY_CREATE.has(code))
    const handler = configFiles === undefined || !waits ? plain : durably(plain, configFiles)
    const tracked: RequestHandler = (request, connection) => {
      const answer = handler(request, connection)
      if (isPromise(answer)) inFlight.add(answer)
      return answer
    }
    const guarded: RequestHandler = (request, connection) => {
      const refusal = acl?.refusal(request, connection.remoteHost)
      if (refusal === undefined) return tracked(request, connection)
      broker.logger.warn(`request ${request.code} from ${connection.remoteAddr} refused: ${logText(refusal)}`)
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, ACL_EXCEPTION + refusal)
    }
    for (const code of codes) dispatcher.register(code, acl === undefined ? tracked : guarded)
  }
}

/** Holds an answer back while tables are being written; mostly nothing is. */
function durably(handler: RequestHandler, configFiles: BrokerConfigFiles): RequestHandler {
  return (request, connection) => {
    const answer = handler(request, connection)
    const { pending } = configFiles
    if (pending === undefined) return answer
    return pending.then(
      () => answer,
      (error) =>
        // A message is stored whatever became of the table.
        CHANGES_TABLE.has(request.code)
          ? RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, `the change could not be written: ${logText(error)}`)
          : answer
    )
  }
}
