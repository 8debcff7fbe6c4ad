import { isPromise, type MaybePromise } from '../../internal/async.ts'
import { RemotingCommandException } from '../../internal/errors.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import type { ExtFields } from '../../protocol/ext-fields.ts'
import { requiredText } from '../../protocol/header-fields.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { isWriteable } from '../../protocol/perm.ts'
import { encodeProperties } from '../../protocol/properties.ts'
import { decodeRecallHandle, type RecallMessageHandle } from '../../protocol/recall-message-handle.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import type { PutMessageResult } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { NOT_SET } from '../remarks.ts'
import { Refusal } from '../send/message-check.ts'
import { type PendingMessage, putMessage } from '../send/put-message.ts'
import { acceptedCode } from '../send/put-result.ts'
import { StoredProperties } from '../send/stored-properties.ts'
import { timerDeleteKey } from '../timer/timer-message-store.ts'

const RECALL_TAG = '_RECALL_TAG_'
const UNAVAILABLE = 'recall failed, broker service not available'

/** Code 370: calls a message back that waits for a point in time; Java's `RecallMessageProcessor`. */
export function recallMessage(broker: BrokerServices): RequestHandler {
  return (request, connection) => recall(broker, request, connection)
}

function recall(broker: BrokerServices, request: RemotingCommand, connection: Connection): MaybePromise<OutgoingFrame> {
  const region: ExtFields = { [MessageConst.MSG_REGION]: broker.config.regionId }
  const refuse = ({ code, remark }: Refusal): RemotingCommand => RemotingCommand.response(request, code, remark, region)
  const fields = request.extFields
  const topic = requiredText(fields, 'topic')
  const text = requiredText(fields, 'recallHandle')
  const refusal = brokerRefusal(broker, topic)
  if (refusal !== undefined) return refuse(refusal)
  const handle = acceptedHandle(broker, topic, text)
  if (handle instanceof Refusal) return refuse(handle)
  const message = recallingMessage(broker, handle, fields['producerGroup'] ?? '', connection)
  const answer = ({ status, appendResult }: PutMessageResult): RemotingCommand => {
    if (acceptedCode(status) === undefined || appendResult === undefined) {
      return refuse(new Refusal(ResponseCode.SYSTEM_ERROR, 'recall failed, execute error'))
    }
    broker.brokerStatsManager.incPut(message.topic, 1, appendResult.wroteBytes)
    return RemotingCommand.response(request, ResponseCode.SUCCESS, NOT_SET, { ...region, msgId: handle.messageId })
  }
  const put = putMessage(broker, message)
  return isPromise(put) ? put.then(answer) : answer(put)
}

/** What does not depend on the message. */
function brokerRefusal(broker: BrokerServices, topic: string): Refusal | undefined {
  const { config, storeConfig, clock, topicConfigManager } = broker
  if (!config.recallMessageEnable) return new Refusal(ResponseCode.NO_PERMISSION, 'recall failed, operation is forbidden')
  if (storeConfig.brokerRole === 'SLAVE') return new Refusal(ResponseCode.SLAVE_NOT_AVAILABLE, UNAVAILABLE)
  if (clock.now() < config.startAcceptSendRequestTimeStamp) return new Refusal(ResponseCode.SERVICE_NOT_AVAILABLE, UNAVAILABLE)
  if (!isWriteable(config.brokerPermission) && !config.allowRecallWhenBrokerNotWriteable) {
    return new Refusal(ResponseCode.SERVICE_NOT_AVAILABLE, UNAVAILABLE)
  }
  if (topicConfigManager.selectTopicConfig(topic) === undefined) {
    return new Refusal(ResponseCode.TOPIC_NOT_EXIST, `recall failed, the topic[${topic}] not exist`)
  }
  return undefined
}

function acceptedHandle(broker: BrokerServices, topic: string, text: string): RecallMessageHandle | Refusal {
  const illegal = (remark: string): Refusal => new Refusal(ResponseCode.ILLEGAL_OPERATION, remark)
  let handle: RecallMessageHandle
  try {
    handle = decodeRecallHandle(text)
  } catch (error) {
    if (error instanceof RemotingCommandException) return illegal(error.message)
    throw error
  }
  if (handle.topic !== topic) return illegal('recall failed, topic not match')
  if (handle.brokerName !== broker.config.brokerName) return illegal(UNAVAILABLE)
  const left = (/^\d{1,15}$/.test(handle.timestamp) ? Number(handle.timestamp) : -1) - broker.clock.now()
  if (left <= 0 || left >= broker.storeConfig.timerMaxDelaySec * 1000) return illegal('recall failed, timestamp invalid')
  return handle
}

/** Waits for the same step of time as the message it takes out, where it is seen first. */
function recallingMessage(
  broker: BrokerServices,
  { topic, timestamp, messageId }: RecallMessageHandle,
  producerGroup: string,
  connection: Connection
): PendingMessage {
  const now = broker.clock.now()
  const properties = new Map([
    [MessageConst.TAGS as string, RECALL_TAG],
    [MessageConst.TIMER_DEL_UNIQKEY, timerDeleteKey(topic, messageId)],
    [MessageConst.UNIQ_KEY, messageId],
    [MessageConst.TIMER_DELIVER_MS, timestamp],
    [MessageConst.BORN_TIMESTAMP, String(now)],
    [MessageConst.PGROUP, producerGroup]
  ])
  return {
    topic,
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    body: Buffer.from('0'),
    stored: new StoredProperties(encodeProperties(properties)),
    bornTimestamp: now,
    bornHost: connection.remoteHost,
    storeHost: broker.storeHost,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0
  }
}
