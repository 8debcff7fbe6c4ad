import { logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { RequestDispatcher, RequestHandler } from '../../transport/request-dispatcher.ts'
import type { PlainPermissionManager } from '../acl/plain-permission-manager.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { BrokerConfigFiles } from '../config/broker-config-files.ts'
import { sendMessage } from './10-send-message.ts'
import { pullMessage } from './11-pull-message.ts'
import { queryMessage } from './12-query-message.ts'
import { queryConsumerOffset } from './14-query-consumer-offset.ts'
import { updateConsumerOffset } from './15-update-consumer-offset.ts'
import { updateAndCreateTopic } from './17-update-and-create-topic.ts'
import { getAllTopicConfig, getSystemTopicListFromBroker, getTopicConfig } from './21-get-all-topic-config.ts'
import { getBrokerConfig, updateBrokerConfig } from './25-update-broker-config.ts'
import { getBrokerRuntimeInfo } from './28-get-broker-runtime-info.ts'
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
import { deleteSubscriptionGroup } from './207-delete-subscription-group.ts'
import { getConsumeStats } from './208-get-consume-stats.ts'
import { deleteTopicInBroker } from './215-delete-topic-in-broker.ts'
import { invokeBrokerToResetOffset } from './222-invoke-broker-to-reset-offset.ts'
import { querySubscriptionByConsumer, queryTopicConsumeByWho, queryTopicsByConsumer } from './300-query-topic-consume-by-who.ts'
import { queryConsumeTimeSpan } from './303-query-consume-time-span.ts'
import { cleanExpiredConsumeQueue, cleanUnusedTopic, deleteExpiredCommitLog } from './306-clean-expired-consume-queue.ts'
import { consumeMessageDirectly, getConsumerRunningInfo } from './307-call-consumer.ts'
import { queryCorrectionOffset } from './308-query-correction-offset.ts'
import { cloneGroupOffset } from './314-clone-group-offset.ts'
import { viewBrokerStatsData } from './315-view-broker-stats-data.ts'
import { getBrokerConsumeStats } from './317-get-broker-consume-stats.ts'
import { queryConsumeQueue } from './321-query-consume-queue.ts'
import { sendReplyMessage } from './324-send-reply-message.ts'
import { getAllProducerInfo } from './328-get-all-producer-info.ts'
import { recallMessage } from './370-recall-message.ts'
import { queryAssignment } from './400-query-assignment.ts'
import { getAllMessageRequestMode, setMessageRequestMode } from './401-set-message-request-mode.ts'
import { getBrokerHaStatus } from './907-get-broker-ha-status.ts'
import { popMessage } from './200050-pop-message.ts'
import { ackMessage, batchAckMessage } from './200051-ack-message.ts'
import { changeMessageInvisibleTime } from './200053-change-message-invisible-time.ts'
import { notification } from './200054-notification.ts'
import { popRollback } from './200056-pop-rollback.ts'

type HandlerFactory = (broker: BrokerServices) => RequestHandler

/** Every request code the broker serves, and how far, as docs/compatibility.md says; all others are answered with code 3. */
export const SERVED_BY_BROKER: ReadonlyArray<readonly [codes: readonly number[], factory: HandlerFactory, served: string]> = [
  [
    [RequestCode.SEND_MESSAGE, RequestCode.SEND_MESSAGE_V2, RequestCode.SEND_BATCH_MESSAGE],
    sendMessage,
    'whole; half, delayed and retry messages included, as above'
  ],
  [
    [RequestCode.SEND_REPLY_MESSAGE, RequestCode.SEND_REPLY_MESSAGE_V2],
    sendReplyMessage,
    'whole: handed to the requester (326) and stored'
  ],
  [[RequestCode.PULL_MESSAGE, RequestCode.LITE_PULL_MESSAGE], pullMessage, 'whole; SQL92 where `enablePropertyFilter=true`'],
  [[RequestCode.QUERY_MESSAGE], queryMessage, 'by key and unique key'],
  [[RequestCode.QUERY_CONSUMER_OFFSET], queryConsumerOffset, 'whole'],
  [[RequestCode.UPDATE_CONSUMER_OFFSET], updateConsumerOffset, 'whole'],
  [[RequestCode.UPDATE_AND_CREATE_TOPIC], updateAndCreateTopic, 'whole'],
  [[RequestCode.GET_ALL_TOPIC_CONFIG], getAllTopicConfig, 'whole'],
  [[RequestCode.UPDATE_BROKER_CONFIG], updateBrokerConfig, 'refused with 16'],
  [[RequestCode.GET_BROKER_CONFIG], getBrokerConfig, 'the settings that are served'],
  [[RequestCode.GET_BROKER_RUNTIME_INFO], getBrokerRuntimeInfo, 'the figures that are kept, 0 for the rest'],
  [[RequestCode.SEARCH_OFFSET_BY_TIMESTAMP], searchOffsetByTimestamp, 'whole'],
  [[RequestCode.GET_MAX_OFFSET], getMaxOffset, 'whole'],
  [[RequestCode.GET_MIN_OFFSET], getMinOffset, 'whole'],
  [[RequestCode.GET_EARLIEST_MSG_STORETIME], getEarliestMessageStoreTime, 'whole'],
  [[RequestCode.VIEW_MESSAGE_BY_ID], viewMessageById, 'by offset'],
  [[RequestCode.HEART_BEAT], heartBeat, 'producers and consumers, version 2 included'],
  [[RequestCode.UNREGISTER_CLIENT], unregisterClient, 'whole'],
  [[RequestCode.CONSUMER_SEND_MSG_BACK], consumerSendMsgBack, 'whole: retries after their delay, dead letters'],
  [[RequestCode.END_TRANSACTION], endTransaction, 'whole; open half messages are asked about (39)'],
  [[RequestCode.GET_CONSUMER_LIST_BY_GROUP], getConsumerListByGroup, 'whole'],
  [[RequestCode.LOCK_BATCH_MQ], lockBatchMq, 'whole'],
  [[RequestCode.UNLOCK_BATCH_MQ], unlockBatchMq, 'whole'],
  [[RequestCode.GET_ALL_CONSUMER_OFFSET], getAllConsumerOffset, 'whole'],
  [[RequestCode.GET_ALL_DELAY_OFFSET], getAllDelayOffset, 'whole'],
  [[RequestCode.CHECK_CLIENT_CONFIG], checkClientConfig, 'whole; SQL92 where `enablePropertyFilter=true`'],
  [[RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP], updateAndCreateSubscriptionGroup, 'whole'],
  [[RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG], getAllSubscriptionGroupConfig, 'whole'],
  [[RequestCode.DELETE_SUBSCRIPTIONGROUP], deleteSubscriptionGroup, 'whole'],
  [[RequestCode.GET_TOPIC_STATS_INFO], getTopicStatsInfo, 'whole'],
  [[RequestCode.GET_CONSUMER_CONNECTION_LIST], getConsumerConnectionList, 'whole'],
  [[RequestCode.GET_PRODUCER_CONNECTION_LIST], getProducerConnectionList, 'whole'],
  [[RequestCode.GET_CONSUME_STATS], getConsumeStats, 'whole'],
  [[RequestCode.DELETE_TOPIC_IN_BROKER], deleteTopicInBroker, 'whole'],
  [[RequestCode.INVOKE_BROKER_TO_RESET_OFFSET], invokeBrokerToResetOffset, 'whole: kept at the broker until the consumers pull'],
  [[RequestCode.QUERY_TOPIC_CONSUME_BY_WHO], queryTopicConsumeByWho, 'the groups; 5.3.3 names one like the topic besides'],
  [[RequestCode.QUERY_CONSUME_TIME_SPAN], queryConsumeTimeSpan, 'whole'],
  [[RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER], getSystemTopicListFromBroker, 'whole'],
  [[RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE], cleanExpiredConsumeQueue, 'nothing to do: units go with their messages'],
  [[RequestCode.GET_CONSUMER_RUNNING_INFO], getConsumerRunningInfo, 'handed on to the consumer'],
  [
    [RequestCode.QUERY_CORRECTION_OFFSET],
    queryCorrectionOffset,
    'whole; commits of the filtered groups are left out, not deleted'
  ],
  [[RequestCode.CONSUME_MESSAGE_DIRECTLY], consumeMessageDirectly, 'handed on to the consumer'],
  [[RequestCode.CLONE_GROUP_OFFSET], cloneGroupOffset, 'whole; without `topic` all of them, where 5.3.3 copies none'],
  [[RequestCode.VIEW_BROKER_STATS_DATA], viewBrokerStatsData, 'whole'],
  [[RequestCode.CLEAN_UNUSED_TOPIC], cleanUnusedTopic, 'whole: drops what no client can reach, queues of topics that are gone'],
  [[RequestCode.GET_BROKER_CONSUME_STATS], getBrokerConsumeStats, 'whole'],
  [[RequestCode.QUERY_CONSUME_QUEUE], queryConsumeQueue, 'whole; 10,000 units at most'],
  [[RequestCode.GET_ALL_PRODUCER_INFO], getAllProducerInfo, 'whole'],
  [
    [RequestCode.DELETE_EXPIRED_COMMITLOG],
    deleteExpiredCommitLog,
    'whole: files older than `fileReservedTime` go now, no others'
  ],
  [[RequestCode.QUERY_TOPICS_BY_CONSUMER], queryTopicsByConsumer, 'whole'],
  [[RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER], querySubscriptionByConsumer, 'whole'],
  [[RequestCode.GET_TOPIC_CONFIG], getTopicConfig, 'whole'],
  [[RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG], getSubscriptionGroupConfig, 'whole'],
  [[RequestCode.RECALL_MESSAGE], recallMessage, 'whole, where `recallMessageEnable=true`'],
  [[RequestCode.QUERY_ASSIGNMENT], queryAssignment, 'whole'],
  [[RequestCode.SET_MESSAGE_REQUEST_MODE], setMessageRequestMode, 'whole'],
  [[RequestCode.GET_ALL_MESSAGE_REQUEST_MODE], getAllMessageRequestMode, 'whole'],
  [[RequestCode.GET_BROKER_HA_STATUS], getBrokerHaStatus, 'whole; speeds and times are 0'],
  [[RequestCode.POP_MESSAGE], popMessage, 'whole'],
  [[RequestCode.ACK_MESSAGE], ackMessage, 'whole'],
  [[RequestCode.CHANGE_MESSAGE_INVISIBLETIME], changeMessageInvisibleTime, 'whole'],
  [[RequestCode.NOTIFICATION], notification, 'whole'],
  [[RequestCode.POP_ROLLBACK], popRollback, 'nothing to do: no pop is kept in RocksDB'],
  [[RequestCode.BATCH_ACK_MESSAGE], batchAckMessage, 'whole']
]

/** Codes whose answer says that a table was changed: it leaves when the table is durable, or says that it is not. */
const CHANGES_TABLE: ReadonlySet<number> = new Set([
  RequestCode.UPDATE_AND_CREATE_TOPIC,
  RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
  RequestCode.DELETE_SUBSCRIPTIONGROUP,
  RequestCode.DELETE_TOPIC_IN_BROKER,
  RequestCode.SET_MESSAGE_REQUEST_MODE
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
 * @param acl looks at every request first, where there is one.
 * @param configFiles where tables are written, if they are.
 * @param fast for the second port, which takes no pulls: they may be held, and whoever comes here does not want to wait behind them.
 */
export function registerHandlers(
  dispatcher: RequestDispatcher,
  broker: BrokerServices,
  acl?: PlainPermissionManager,
  configFiles?: BrokerConfigFiles,
  fast = false
): void {
  for (const [codes, factory] of SERVED_BY_BROKER) {
    if (fast && (factory === pullMessage || factory === popMessage)) continue
    const plain = factory(broker)
    const waits = codes.some((code) => CHANGES_TABLE.has(code) || MAY_CREATE.has(code))
    const handler = configFiles === undefined || !waits ? plain : durably(plain, configFiles)
    const guarded: RequestHandler = (request, connection) => {
      const refusal = acl?.refusal(request, connection.remoteHost)
      if (refusal === undefined) return handler(request, connection)
      broker.logger.warn(`request ${request.code} from ${connection.remoteAddr} refused: ${logText(refusal)}`)
      return RemotingCommand.response(request, ResponseCode.SYSTEM_ERROR, ACL_EXCEPTION + refusal)
    }
    for (const code of codes) dispatcher.register(code, acl === undefined ? handler : guarded)
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
