import { RemotingCommandException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import type { ExtFields } from '../../protocol/ext-fields.ts'
import { formatHostAddress } from '../../protocol/host-address.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { encodeProperties } from '../../protocol/properties.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { encodeReplyMessageHeader } from '../../protocol/reply-message-header.ts'
import { decodeSendMessageRequestHeader, type SendMessageRequestHeader } from '../../protocol/send-message-header.ts'
import { SendMessageResponse } from '../../protocol/send-message-response.ts'
import type { PutMessageResult } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { badQueue, checkMessage, Refusal } from '../send/message-check.ts'
import { putMessage } from '../send/put-message.ts'
import { acceptedCode } from '../send/put-result.ts'
import { StoredProperties } from '../send/stored-properties.ts'

/** What an answer says of a reply that is not stored. */
const NOT_STORED = { msgId: '0', queueOffset: 0 }

/** Codes 324 and 325: hands a reply to the client that asked for it, and stores it; Java's `ReplyMessageProcessor`. */
export function sendReplyMessage(broker: BrokerServices): RequestHandler {
  const { regionId, traceOn } = broker.config
  const marks: ExtFields = { [MessageConst.MSG_REGION]: regionId, [MessageConst.TRACE_ON]: String(traceOn) }

  const refuse = (request: RemotingCommand, { code, remark }: Refusal, more: ExtFields = {}): RemotingCommand =>
    RemotingCommand.response(request, code, remark, { ...marks, ...more })

  return async (request, connection) => {
    const header = decodeSendMessageRequestHeader(request)
    const body = request.body ?? Buffer.alloc(0)
    const topicConfig = checkMessage(broker, header, connection.remoteAddr)
    if (topicConfig instanceof Refusal) return refuse(request, topicConfig)
    let { queueId } = header
    if (queueId < 0) {
      if (topicConfig.writeQueueNums === 0) return refuse(request, badQueue(queueId, topicConfig, connection.remoteAddr))
      queueId = Math.floor(Math.random() * topicConfig.writeQueueNums)
    }
    const properties = new StoredProperties(header.properties)
    for (const [name, value] of Object.entries(marks)) properties.set(name, value)
    const storeTimestamp = broker.clock.now()
    const refusal = await push(broker, header, properties, body, connection, storeTimestamp)
    const stored = broker.config.storeReplyMessageEnable
      ? await store(broker, header, queueId, properties, body, connection)
      : undefined
    const { msgId, queueOffset } = stored ?? NOT_STORED
    if (refusal !== undefined) {
      const place = stored && { msgId, queueId: String(queueId), queueOffset: String(queueOffset) }
      return refuse(request, refusal, place)
    }
    return new SendMessageResponse(request, ResponseCode.SUCCESS, { msgId, queueId, queueOffset, regionId, traceOn })
  }
}

/** @returns why the requester did not get the reply. */
async function push(
  broker: BrokerServices,
  header: SendMessageRequestHeader,
  stored: StoredProperties,
  body: Buffer,
  replier: Connection,
  storeTimestamp: number
): Promise<Refusal | undefined> {
  const failed = (remark: string): Refusal => new Refusal(ResponseCode.SYSTEM_ERROR, remark)
  const clientId = stored.get(MessageConst.REPLY_TO_CLIENT)
  if (clientId === undefined) return failed(`reply message properties[${MessageConst.REPLY_TO_CLIENT}] is null`)
  const requester = broker.producerManager.findConnection(clientId)
  if (requester === undefined) return failed(`push reply message fail, channel of <${clientId}> not found.`)
  const properties = new Map(stored.map).set(MessageConst.PUSH_REPLY_TIME, String(broker.clock.now()))
  const fields = encodeReplyMessageHeader({
    ...header,
    properties: encodeProperties(properties),
    bornHost: formatHostAddress(replier.remoteHost),
    storeHost: formatHostAddress(broker.storeHost),
    storeTimestamp
  })
  try {
    const answer = await broker.broker2Client.callClient(
      requester,
      RemotingCommand.request(RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, fields, body)
    )
    if (answer.code === ResponseCode.SUCCESS) return undefined
    broker.logger.warn(`client ${logText(clientId)} did not take a reply: ${answer.code} ${logText(answer.remark ?? '')}`)
  } catch (error) {
    broker.logger.warn(`a reply to client ${logText(clientId)} was not delivered: ${logText(error)}`)
  }
  return failed(`push reply message to ${clientId}fail.`)
}

/** @returns where it is; undefined when it could not be stored, which the replier is not told: the requester has it. */
async function store(
  broker: BrokerServices,
  header: SendMessageRequestHeader,
  queueId: number,
  stored: StoredProperties,
  body: Buffer,
  replier: Connection
): Promise<{ msgId: string; queueOffset: number } | undefined> {
  let result: PutMessageResult
  try {
    result = await putMessage(broker, {
      topic: header.topic,
      queueId,
      flag: header.flag,
      sysFlag: header.sysFlag,
      body,
      stored,
      bornTimestamp: header.bornTimestamp,
      bornHost: replier.remoteHost,
      storeHost: broker.storeHost,
      reconsumeTimes: header.reconsumeTimes,
      preparedTransactionOffset: 0
    })
  } catch (error) {
    if (!(error instanceof RemotingCommandException)) throw error
    result = { status: 'MESSAGE_ILLEGAL', remark: error.message }
  }
  const { status, appendResult, remark } = result
  if (acceptedCode(status) === undefined || appendResult === undefined) {
    broker.logger.warn(`a reply could not be stored in ${logText(header.topic)}: ${status} ${logText(remark ?? '')}`)
    return undefined
  }
  broker.brokerStatsManager.incPut(header.topic, appendResult.msgNum, appendResult.wroteBytes)
  return { msgId: appendResult.msgId, queueOffset: appendResult.logicsOffset }
}
