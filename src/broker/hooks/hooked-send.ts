import { isPromise, type MaybePromise } from '../../internal/async.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { decodeProperties } from '../../protocol/properties.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader } from '../../protocol/send-message-header.ts'
import { SendMessageResponse } from '../../protocol/send-message-response.ts'
import type { Connection } from '../../transport/connection.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { BrokerSendMessageContext } from './broker-hooks.ts'

/** A send between its hooks: each before, the send unless one of them aborts it, each after. */
export function hookedSend(
  broker: BrokerServices,
  request: RemotingCommand,
  connection: Connection,
  send: () => MaybePromise<OutgoingFrame>
): MaybePromise<OutgoingFrame> {
  const { hooks, logger } = broker
  const context = sendContext(broker, request, connection)
  const abort = hooks.sendMessageBefore(context, logger)
  if (abort !== undefined) return RemotingCommand.response(request, abort.responseCode, abort.errorMessage)
  const after = (answer: OutgoingFrame): OutgoingFrame => {
    tellOutcome(context, answer)
    hooks.sendMessageAfter(context, logger)
    return answer
  }
  const failed = (error: unknown): never => {
    Object.assign(context, { code: ResponseCode.SYSTEM_ERROR, errorMsg: logText(error) })
    hooks.sendMessageAfter(context, logger)
    throw error
  }
  let answer: MaybePromise<OutgoingFrame>
  try {
    answer = send()
  } catch (error) {
    return failed(error)
  }
  return isPromise(answer) ? answer.then(after, failed) : after(answer)
}

function sendContext(broker: BrokerServices, request: RemotingCommand, connection: Connection): BrokerSendMessageContext {
  const header = decodeSendMessageRequestHeader(request)
  const msgProps = header.properties ?? ''
  return {
    brokerName: broker.config.brokerName,
    producerGroup: header.producerGroup,
    topic: header.topic,
    queueId: header.queueId,
    bodyLength: request.body?.length ?? 0,
    msgProps,
    bornHost: connection.remoteAddr,
    bornTimeStamp: header.bornTimestamp,
    msgUniqueKey: decodeProperties(msgProps).get(MessageConst.UNIQ_KEY) ?? ''
  }
}

function tellOutcome(context: BrokerSendMessageContext, answer: OutgoingFrame): void {
  if (answer instanceof SendMessageResponse) {
    const { msgId, queueId, queueOffset } = answer.header
    Object.assign(context, { code: answer.code, errorMsg: answer.remark, msgId, queueId, queueOffset })
  } else if (answer instanceof RemotingCommand) {
    Object.assign(context, { code: answer.code, errorMsg: answer.remark })
  }
}
