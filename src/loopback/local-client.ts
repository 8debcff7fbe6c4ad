import type { BrokerController } from '../broker/broker-controller.ts'
import { sendMessage } from '../broker/handlers/10-send-message.ts'
import { sendReplyMessage } from '../broker/handlers/324-send-reply-message.ts'
import { MQClientException } from '../internal/errors.ts'
import { logText } from '../internal/logger.ts'
import { RequestCode, responseCodeName } from '../protocol/codes.ts'
import { hostAddress } from '../protocol/host-address.ts'
import { Message, type MessageOptions } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { encodeProperties } from '../protocol/properties.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import { SendMessageResponse } from '../protocol/send-message-response.ts'
import { REPLY_TOPIC_POSTFIX, TBW102 } from '../protocol/topics.ts'
import type { DispatchRequest } from '../store/types.ts'
import type { RequestHandler } from '../transport/request-dispatcher.ts'
import { checkWhole, refused } from './bad-input.ts'
import { type StoredMessage, storedMessageAt } from './stored-messages.ts'

/** A message to {@link LoopbackBroker.publish}; its topic is that of the call. */
export interface PublishedMessage extends Omit<MessageOptions, 'topic'> {
  /** @default one by chance */
  queueId?: number
}

/** Where a published message is. */
export interface PublishResult {
  /** Of the broker that holds it. */
  brokerName: string
  /** The queue it is in. */
  queueId: number
  /** Its place in that queue. */
  queueOffset: number
  /** The unique key. */
  msgId: string
  /** The broker's id: its address and the physical offset, as hex. */
  offsetMsgId: string
}

/** What answers requests: the body of the reply; undefined sends none, and the requester times out. */
export type Replier = (request: StoredMessage) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>

const GROUP = 'LOOPBACK_BROKER'
/** Handlers ask for nothing but the addresses. */
const HERE = { remoteAddr: '127.0.0.1:0', remoteHost: hostAddress('127.0.0.1', 0) } as Parameters<RequestHandler>[1]

/** @throws MQClientException with the broker's answer when it does not take the message. */
export async function publishTo(
  broker: BrokerController,
  topic: string,
  given: PublishedMessage | string
): Promise<PublishResult> {
  const options: PublishedMessage = typeof given === 'string' ? { body: given } : given
  if (typeof options !== 'object' || options === null) throw refused('message', given, 'a text, or an object with a body')
  const { queueId, ...rest } = options
  const queues = broker.topicConfigManager.selectTopicConfig(topic)?.writeQueueNums
  checkWhole('queueId', queueId, 0, queues === undefined ? undefined : queues - 1)
  const message = new Message({ ...rest, topic })
  const response = await ask(sendMessage(broker), RequestCode.SEND_MESSAGE, broker, message, queueId ?? -1)
  if (!(response instanceof SendMessageResponse)) {
    const { code, remark } = response as RemotingCommand
    throw new MQClientException(
      `${broker.brokerName} did not take a message for ${topic}: ${responseCodeName(code)} ${remark ?? ''}`,
      {
        code: 'PUBLISH_FAILED',
        responseCode: code
      }
    )
  }
  const { header } = response
  const { brokerName } = broker
  const { msgId: offsetMsgId, queueOffset, transactionId } = header
  return { brokerName, queueId: header.queueId, queueOffset, msgId: transactionId ?? offsetMsgId, offsetMsgId }
}

/** Answers the requests among what arrives at a topic, until it is told to stop. */
export function replyingTo(broker: BrokerController, topic: string, replier: Replier): (arrived: DispatchRequest) => void {
  const handler = sendReplyMessage(broker)
  const reply = async (arrived: DispatchRequest): Promise<void> => {
    const request = storedMessageAt(broker.store, broker.brokerName, arrived.physicalOffset)
    const cluster = request?.properties.get(MessageConst.CLUSTER)
    if (request === undefined || cluster === undefined || !request.properties.has(MessageConst.REPLY_TO_CLIENT)) return
    const body = await replier(request)
    if (body === undefined) return
    const message = new Message({ topic: `${cluster}_${REPLY_TOPIC_POSTFIX}`, body })
    message.properties.set(MessageConst.MSG_TYPE, 'reply')
    for (const name of [MessageConst.CORRELATION_ID, MessageConst.REPLY_TO_CLIENT, MessageConst.TTL]) {
      const value = request.properties.get(name)
      if (value !== undefined) message.properties.set(name, value)
    }
    const answer = (await ask(handler, RequestCode.SEND_REPLY_MESSAGE, broker, message, 0)) as { code: number; remark?: string }
    if (answer.code !== 0) broker.logger.warn(`a reply was not delivered: ${answer.code} ${logText(answer.remark ?? '')}`)
  }
  return (arrived) => {
    if (arrived.topic !== topic) return
    reply(arrived).catch((error: unknown) => {
      const text = `a replier of ${logText(topic)} failed: ${logText(error)}`
      broker.logger.error(text)
      // The requester only learns that no reply came; most tests give the broker no logger.
      process.emitWarning(text, { code: 'REPLIER_FAILED' })
    })
  }
}

async function ask(
  handler: RequestHandler,
  code: number,
  broker: BrokerController,
  message: Message,
  queueId: number
): Promise<unknown> {
  const fields = {
    producerGroup: GROUP,
    topic: message.topic,
    defaultTopic: TBW102,
    defaultTopicQueueNums: '4',
    queueId: String(queueId),
    sysFlag: '0',
    bornTimestamp: String(broker.clock.now()),
    flag: String(message.flag),
    properties: encodeProperties(message.properties),
    reconsumeTimes: '0',
    unitMode: 'false',
    batch: 'false'
  }
  return handler(RemotingCommand.request(code, fields, Buffer.from(message.body)), HERE)
}

/** @throws for what are no messages. */
export function checkMessages(messages: unknown): asserts messages is ReadonlyArray<PublishedMessage | string> {
  if (!Array.isArray(messages)) throw refused('messages', messages, 'a list of texts or of objects with a body')
}
