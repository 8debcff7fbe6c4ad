import { MQBrokerException, RemotingCommandException, type RocketMQError } from '../internal/errors.ts'
import { ResponseCode } from '../protocol/codes.ts'
import { requiredInt, requiredLong, requiredText } from '../protocol/header-fields.ts'
import type { Message } from '../protocol/message.ts'
import { MessageQueue } from '../protocol/message-queue.ts'
import type { RemotingCommand } from '../protocol/remoting-command.ts'
import type { SendAnswer } from '../protocol/send-answer-pattern.ts'
import { type BatchMessage, type SendResult, SendStatus } from './send-result.ts'

const DEFAULT_REGION = 'DefaultRegion'

/** Another broker may take what this one refuses with these codes. */
const RETRYABLE: ReadonlySet<number> = new Set([
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.SERVICE_NOT_AVAILABLE,
  ResponseCode.NO_PERMISSION,
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.NO_BUYER_ID,
  ResponseCode.NOT_IN_CURRENT_UNIT,
  ResponseCode.GO_AWAY
])

/** What brokers say with code 1 when they refuse before they store. Any other text leaves open what happened. */
const REFUSED_BEFORE_STORE =
  /^(create mapped file failed|in-sync replicas not enough|timer message is under flow control|accurate timer message is not enabled|topic\[|request queueId\[|queueId\[|The topic\[|java\.lang\.NumberFormatException|org\.apache\.rocketmq\.acl|\[(REJECTREQUEST|OVERLOAD|TIMEOUT_CLEAN_QUEUE|PCBUSY_CLEAN_QUEUE|PC_SYNCHRONIZED)\])/

function statusOf(code: number): SendStatus | undefined {
  switch (code) {
    case ResponseCode.SUCCESS:
      return SendStatus.SEND_OK
    case ResponseCode.FLUSH_DISK_TIMEOUT:
      return SendStatus.FLUSH_DISK_TIMEOUT
    case ResponseCode.FLUSH_SLAVE_TIMEOUT:
      return SendStatus.FLUSH_SLAVE_TIMEOUT
    case ResponseCode.SLAVE_NOT_AVAILABLE:
      return SendStatus.SLAVE_NOT_AVAILABLE
    default:
      return undefined
  }
}

/**
 * The result in an answer to a send; Java's `processSendResponse`.
 * @param queue that was chosen, its topic as the caller named it, without namespace.
 * @param uniqKey the message's id, where the caller has it at hand.
 * @throws MQBrokerException when the broker refused; RemotingCommandException (`BAD_FIELD`, maybe stored) when the answer lacks a field.
 */
export function processSendResponse(
  response: RemotingCommand,
  addr: string,
  queue: MessageQueue,
  message: Message,
  uniqKey = message.uniqKey
): SendResult {
  const sendStatus = statusOf(response.code)
  if (sendStatus === undefined) throw brokerException(response.code, response.remark, addr)
  const { sendAnswer } = response
  if (sendAnswer !== undefined) return resultOf(sendAnswer, sendStatus, queue, message, uniqKey)
  try {
    const fields = response.extFields
    const result: SendResult = {
      sendStatus,
      msgId: messageIds(message, uniqKey, fields['batchUniqId']),
      offsetMsgId: requiredText(fields, 'msgId'),
      messageQueue: queueOf(queue, requiredInt(fields, 'queueId')),
      queueOffset: requiredLong(fields, 'queueOffset'),
      regionId: fields['MSG_REGION'] || DEFAULT_REGION,
      traceOn: fields['TRACE_ON'] !== 'false'
    }
    const { transactionId, recallHandle } = fields
    if (transactionId !== undefined) result.transactionId = transactionId
    if (recallHandle !== undefined) result.recallHandle = recallHandle
    return result
  } catch (cause) {
    throw badAnswer(cause as RocketMQError, addr)
  }
}

/** The same without a map of fields: an answer like the ones before it. */
function resultOf(
  answer: SendAnswer,
  sendStatus: SendStatus,
  queue: MessageQueue,
  message: Message,
  uniqKey: string | undefined
): SendResult {
  const result: SendResult = {
    sendStatus,
    msgId: messageIds(message, uniqKey, undefined),
    offsetMsgId: answer.msgId,
    messageQueue: queueOf(queue, answer.queueId),
    queueOffset: answer.queueOffset,
    regionId: answer.regionId || DEFAULT_REGION,
    traceOn: answer.traceOn !== 'false'
  }
  if (answer.transactionId !== undefined) result.transactionId = answer.transactionId
  return result
}

/** The broker says which queue it took; ordinarily the one that was asked for. */
function queueOf(asked: MessageQueue, queueId: number): MessageQueue {
  return queueId === asked.queueId ? asked : new MessageQueue(asked.topic, asked.brokerName, queueId)
}

/** The client's id of a message; of a batch those of its messages, unless the broker keeps it as one. */
function messageIds(message: Message, uniqKey: string | undefined, batchUniqId: string | undefined): string {
  const batch = message as Message & Partial<BatchMessage>
  if (batch.uniqKeys !== undefined && batchUniqId === undefined) return batch.uniqKeys.join(',')
  return uniqKey ?? batchUniqId ?? ''
}

/** `CODE: 13  DESC: remark BROKER: addr`, with what is known about whether the message was stored. */
export function brokerException(code: number, remark: string | undefined, addr: string): MQBrokerException {
  const text = remark ?? ''
  return new MQBrokerException(`CODE: ${code}  DESC: ${text} BROKER: ${addr}`, {
    code: 'BROKER_REFUSED',
    responseCode: code,
    retryable: RETRYABLE.has(code),
    maybeStored: code === ResponseCode.SYSTEM_ERROR && !REFUSED_BEFORE_STORE.test(text)
  })
}

/** The broker said it stored the message, but not where. */
function badAnswer(cause: RocketMQError, addr: string): RocketMQError {
  return new RemotingCommandException(`the answer of ${addr} to a send is incomplete: ${cause.message}`, {
    code: 'BAD_FIELD',
    maybeStored: true,
    cause
  })
}
