import { RequestCode } from '../protocol/codes.ts'
import type { BrokerConfig } from './broker-config.ts'

/** Codes whose requests Java keeps in a queue that nobody looks through for old ones: offsets, clients, queues, queries and replies. */
const UNLIMITED: ReadonlySet<number> = new Set([
  RequestCode.QUERY_MESSAGE,
  RequestCode.VIEW_MESSAGE_BY_ID,
  RequestCode.QUERY_CONSUMER_OFFSET,
  RequestCode.UPDATE_CONSUMER_OFFSET,
  RequestCode.GET_CONSUMER_LIST_BY_GROUP,
  RequestCode.UNREGISTER_CLIENT,
  RequestCode.CHECK_CLIENT_CONFIG,
  RequestCode.QUERY_ASSIGNMENT,
  RequestCode.SET_MESSAGE_REQUEST_MODE,
  RequestCode.SEND_REPLY_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE_V2
])

/**
 * How long a request of a code may wait to be handled, ms, before it is answered SYSTEM_BUSY; Java's `BrokerFastFailure`.
 * @returns undefined: as long as it takes.
 */
export function waitMillisInQueue(config: BrokerConfig, code: number): number | undefined {
  if (!config.brokerFastFailureEnable || UNLIMITED.has(code)) return undefined
  switch (code) {
    case RequestCode.SEND_MESSAGE:
    case RequestCode.SEND_MESSAGE_V2:
    case RequestCode.SEND_BATCH_MESSAGE:
    case RequestCode.CONSUMER_SEND_MSG_BACK:
    case RequestCode.RECALL_MESSAGE:
      return config.waitTimeMillsInSendQueue
    case RequestCode.PULL_MESSAGE:
    case RequestCode.POP_MESSAGE:
    case RequestCode.NOTIFICATION:
      return config.waitTimeMillsInPullQueue
    case RequestCode.LITE_PULL_MESSAGE:
      return config.waitTimeMillsInLitePullQueue
    case RequestCode.ACK_MESSAGE:
    case RequestCode.BATCH_ACK_MESSAGE:
    case RequestCode.CHANGE_MESSAGE_INVISIBLETIME:
      return config.waitTimeMillsInAckQueue
    case RequestCode.HEART_BEAT:
      return config.waitTimeMillsInHeartbeatQueue
    case RequestCode.END_TRANSACTION:
      return config.waitTimeMillsInTransactionQueue
    default:
      return config.waitTimeMillsInAdminBrokerQueue
  }
}
