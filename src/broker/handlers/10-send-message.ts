import { isPromise, type MaybePromise } from '../../internal/async.ts'
import { RemotingCommandException } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { ResponseCode } from '../../protocol/codes.ts'
import type { ExtFields } from '../../protocol/ext-fields.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { createUniqId } from '../../protocol/message-id.ts'
import type { OutgoingFrame } from '../../protocol/outgoing-frame.ts'
import { encodeRecallHandle } from '../../protocol/recall-message-handle.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader, type SendMessageRequestHeader } from '../../protocol/send-message-header.ts'
import { SendMessageResponse, type SendMessageResponseHeader } from '../../protocol/send-message-response.ts'
import { SysFlag } from '../../protocol/sys-flag.ts'
import { RETRY_PREFIX, SCHEDULE_TOPIC, TIMER_TOPIC } from '../../protocol/topics.ts'
import type { PutMessageResult } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import type { RequestHandler } from '../../transport/request-dispatcher.ts'
import type { BrokerServices } from '../broker-services.ts'
import { hookedSend } from '../hooks/hooked-send.ts'
import { REJECTED } from '../remarks.ts'
import { badQueue, checkMessage, Refusal } from '../send/message-check.ts'
import { delayTimeLevel, type PendingMessage, prepareHalfMessage, putMessage } from '../send/put-message.ts'
import { acceptedCode, putRefusal } from '../send/put-result.ts'
import { handleRetryAndDlq } from '../send/retry-and-dlq.ts'
import { BrokerProperties, type StoredProperties } from '../send/stored-properties.ts'

/** Codes 10, 310 and 320. */
export function sendMessage(broker: BrokerServices): RequestHandler {
  const processor = new SendMessageProcessor(broker)
  const { hooks } = broker
  return (request, connection) =>
    hooks.hasSendMessageHook
      ? hookedSend(broker, request, connection, () => processor.asyncSendMessage(request, connection))
      : processor.asyncSendMessage(request, connection)
}

/**
 * Stores messages and answers when the store's futures have ended; Java's `SendMessageProcessor`. Nothing waits here: a put that is done
 * at once is answered at once, any other one when it ends, and meanwhile the next requests are taken.
 */
export class SendMessageProcessor {
  readonly #broker: BrokerServices
  readonly #brokerProperties: BrokerProperties
  readonly #regionId: string
  readonly #traceOn: boolean

  constructor(broker: BrokerServices) {
    const { regionId, traceOn, brokerClusterName } = broker.config
    this.#broker = broker
    this.#brokerProperties = new BrokerProperties(regionId, traceOn, brokerClusterName)
    this.#regionId = regionId
    this.#traceOn = traceOn
  }

  asyncSendMessage(request: RemotingCommand, connection: Connection): MaybePromise<OutgoingFrame> {
    const broker = this.#broker
    if (broker.storeConfig.brokerRole === 'SLAVE' || broker.store.isOSPageCacheBusy()) {
      return RemotingCommand.response(request, ResponseCode.SYSTEM_BUSY, REJECTED)
    }
    const header = decodeSendMessageRequestHeader(request)
    const { body } = request
    if (body === undefined || body.length === 0)
      throw new RemotingCommandException('the message body is empty', { code: 'BAD_BODY' })
    const stored = this.#brokerProperties.rebuild(header.properties)
    const topicConfig = checkMessage(broker, header, connection.remoteAddr)
    if (topicConfig instanceof Refusal) return this.#refuse(request, topicConfig)
    let { queueId } = header
    if (queueId < 0) {
      if (topicConfig.writeQueueNums === 0) return this.#refuse(request, badQueue(queueId, topicConfig, connection.remoteAddr))
      queueId = Math.floor(Math.random() * topicConfig.writeQueueNums)
    }
    const message: PendingMessage = {
      topic: header.topic,
      queueId,
      flag: header.flag,
      sysFlag: topicConfig.topicFilterType === 'MULTI_TAG' ? header.sysFlag | SysFlag.MULTI_TAGS : header.sysFlag,
      body,
      stored,
      properties: stored.map,
      propertiesString: '',
      bornTimestamp: header.bornTimestamp,
      bornHost: connection.remoteHost,
      storeHost: broker.storeHost,
      reconsumeTimes: header.reconsumeTimes,
      preparedTransactionOffset: 0,
      isBatch: header.batch
    }
    const refusal = header.batch ? batchRefusal(header) : this.#prepareSingle(request, header, message)
    if (refusal !== undefined) return this.#refuse(request, refusal)
    const put = putMessage(broker, message)
    const { stored: properties } = message
    const answer: SendMessageResponseHeader = {
      msgId: '',
      queueId,
      queueOffset: 0,
      transactionId: properties.get(MessageConst.UNIQ_KEY),
      recallHandle: message.topic === TIMER_TOPIC ? this.#recallHandle(properties) : undefined,
      regionId: this.#regionId,
      traceOn: this.#traceOn
    }
    return isPromise(put)
      ? this.#answerLater(request, answer, message.topic, message.queueId, put)
      : this.#answer(request, answer, message.topic, message.queueId, put)
  }

  /** Keeps no more of the message than the answer needs, and the caller from making closures where nothing is waited for. */
  #answerLater(
    request: RemotingCommand,
    answer: SendMessageResponseHeader,
    topic: string,
    queueId: number,
    put: Promise<PutMessageResult>
  ): Promise<OutgoingFrame> {
    return put.then(
      (result) => this.#answer(request, answer, topic, queueId, result),
      (error) => {
        this.#broker.logger.error(`a put to ${logText(topic)} failed: ${logText(error)}`)
        return this.#refuse(request, new Refusal(ResponseCode.SYSTEM_ERROR, `store putMessage failed: ${logText(error)}`))
      }
    )
  }

  #prepareSingle(request: RemotingCommand, header: SendMessageRequestHeader, message: PendingMessage): Refusal | undefined {
    const broker = this.#broker
    const { stored } = message
    if (header.topic.startsWith(RETRY_PREFIX)) {
      const refusal = handleRetryAndDlq(broker, header, request.version, message)
      if (refusal !== undefined) return refusal
    }
    if (!stored.map.has(MessageConst.UNIQ_KEY)) stored.set(MessageConst.UNIQ_KEY, createUniqId(broker.clock.now()))
    const prepared = stored.get(MessageConst.TRAN_MSG)
    if (prepared === undefined || prepared.toLowerCase() !== 'true') return undefined
    // A consumed half message that is retried is an ordinary message.
    if (message.reconsumeTimes > 0 && delayTimeLevel(stored) > 0) return undefined
    if (broker.config.rejectTransactionMessage) {
      return new Refusal(ResponseCode.NO_PERMISSION, `the broker[${broker.brokerIP}] sending transaction message is forbidden`)
    }
    prepareHalfMessage(message)
    return undefined
  }

  /**
   * @param answer lacks what only the result knows; its queue is the one the client asked for, or got, before any rewrite
   * @param topic and `queueId`: where the message went
   */
  #answer(
    request: RemotingCommand,
    answer: SendMessageResponseHeader,
    topic: string,
    queueId: number,
    result: PutMessageResult
  ): OutgoingFrame {
    const code = acceptedCode(result.status)
    const appended = result.appendResult
    if (code === undefined || appended === undefined) {
      return this.#refuse(request, putRefusal(result, this.#broker.storeConfig.maxMessageSize))
    }
    const { brokerStatsManager } = this.#broker
    brokerStatsManager.incPut(topic, appended.msgNum, appended.wroteBytes)
    if (topic === SCHEDULE_TOPIC) brokerStatsManager.incQueuePut(topic, queueId, appended.msgNum, appended.wroteBytes)
    answer.msgId = appended.msgId
    answer.queueOffset = appended.logicsOffset
    return new SendMessageResponse(request, code, answer)
  }

  /** What calls a message back that waits for a point in time. A retry cannot be called back. */
  #recallHandle(stored: StoredProperties): string | undefined {
    const outMs = stored.get(MessageConst.TIMER_OUT_MS)
    const topic = stored.get(MessageConst.REAL_TOPIC)
    if (outMs === undefined || topic === undefined || topic.startsWith(RETRY_PREFIX)) return undefined
    const { brokerName } = this.#broker.config
    const messageId = stored.get(MessageConst.UNIQ_KEY) ?? ''
    // Within the step the message waits for: rounded, it is that step's time again.
    return encodeRecallHandle({ topic, brokerName, timestamp: String(Number(outMs) + 1), messageId })
  }

  /** Refused sends carry region and trace switch too. */
  #refuse(request: RemotingCommand, refusal: Refusal): RemotingCommand {
    const ext: ExtFields = { [MessageConst.MSG_REGION]: this.#regionId, [MessageConst.TRACE_ON]: String(this.#traceOn) }
    return RemotingCommand.response(request, refusal.code, refusal.remark, ext)
  }
}

function batchRefusal(header: SendMessageRequestHeader): Refusal | undefined {
  if (!header.topic.startsWith(RETRY_PREFIX)) return undefined
  return new Refusal(ResponseCode.MESSAGE_ILLEGAL, `batch request does not support retry group ${header.topic}`)
}
