import { MQBrokerException, MQClientException, type RocketMQError } from '../internal/errors.ts'
import { nextTick } from '../internal/turns.ts'
import { RequestCode, ResponseCode } from '../protocol/codes.ts'
import { type EndTransactionRequestHeader, encodeEndTransactionHeader } from '../protocol/end-transaction-header.ts'
import type { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import { emptyExtFields, RemotingCommand } from '../protocol/remoting-command.ts'
import type { SendMessageRequestHeader } from '../protocol/send-message-header.ts'
import { SendMessageRequest, type SendMessageRequestOptions } from '../protocol/send-message-request.ts'
import { decodeTopicRoute, type TopicRouteData } from '../protocol/topic-route.ts'
import type { CallHolder } from '../transport/in-flight-table.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'
import { asRocketMQError } from '../transport/remoting-errors.ts'
import type { NameServerList } from './name-server-list.ts'
import { processSendResponse } from './send-response.ts'
import { type SendResult, SendStatus } from './send-result.ts'

export type SendCallback = (error: RocketMQError | undefined, result: SendResult | undefined) => void

export interface MQClientAPISettings {
  /** Of everything but sends. */
  serializeType: number
  sendSerializeType: number
  /** For requests to name servers. */
  timeoutMillis: number
}

/** The requests a client sends; Java's `MQClientAPIImpl`. */
export class MQClientAPI {
  readonly #remoting: RemotingClient
  readonly #nameServers: NameServerList
  readonly #serializeType: number
  readonly #timeoutMillis: number
  readonly #options: SendMessageRequestOptions
  readonly #onewayOptions: SendMessageRequestOptions

  constructor(remoting: RemotingClient, nameServers: NameServerList, settings: MQClientAPISettings) {
    const { serializeType, sendSerializeType, timeoutMillis } = settings
    this.#remoting = remoting
    this.#nameServers = nameServers
    this.#serializeType = serializeType
    this.#timeoutMillis = timeoutMillis
    this.#options = { serializeType: sendSerializeType }
    this.#onewayOptions = { serializeType: sendSerializeType, oneway: true }
  }

  /**
   * Sends a message to the broker at `addr`. Encoded before this returns where the connection is open; sends to one address leave in the
   * order of the calls, also while it is being connected. `callback` runs exactly once, never before this returns: with the result, or
   * with an MQBrokerException (refused) or RemotingException (`maybeStored` says whether the bytes may have arrived).
   * @param queue the queue chosen; its topic is the one results carry, `header.topic` the one that travels.
   * @param holder gets how to give the send up.
   * @returns whether the body has been encoded: `message.body` is not looked at any more, and where the outcome is not SEND_OK it is
   * replaced by what was sent before `callback` runs.
   */
  sendMessageAsync(
    addr: string,
    queue: MessageQueue,
    message: Message,
    header: SendMessageRequestHeader,
    timeoutMillis: number,
    callback: SendCallback,
    holder?: CallHolder
  ): boolean {
    let request: SendMessageRequest
    try {
      request = this.#sendRequest(message, header)
    } catch (error) {
      nextTick(callback, asRocketMQError(error), undefined)
      return false
    }
    // Looked up now, while the properties are at hand: by the time of the answer they are out of the processor's caches.
    const { uniqKey } = message
    const onAnswer = (error: RocketMQError | undefined, response: RemotingCommand | undefined): void => {
      if (response === undefined) {
        keepBody(message, request)
        callback(error, undefined)
        return
      }
      let result: SendResult
      try {
        result = processSendResponse(response, addr, queue, message, uniqKey)
      } catch (thrown) {
        keepBody(message, request)
        callback(asRocketMQError(thrown), undefined)
        return
      }
      if (result.sendStatus !== SendStatus.SEND_OK) keepBody(message, request)
      callback(undefined, result)
    }
    const underWay = this.#remoting.invokeCallback(addr, request, timeoutMillis, onAnswer, holder?.impatient)
    if (holder !== undefined) holder.underWay = underWay
    return request.holdsBody
  }

  /** {@link sendMessageAsync} as a promise. */
  sendMessage(
    addr: string,
    queue: MessageQueue,
    message: Message,
    header: SendMessageRequestHeader,
    timeoutMillis: number
  ): Promise<SendResult> {
    return new Promise((resolve, reject) => {
      this.sendMessageAsync(addr, queue, message, header, timeoutMillis, (error, result) => {
        if (error === undefined) resolve(result as SendResult)
        else reject(error)
      })
    })
  }

  /** Sends without an answer; settles when the bytes are with the socket. */
  async sendMessageOneway(
    addr: string,
    _queue: MessageQueue,
    message: Message,
    header: SendMessageRequestHeader,
    timeoutMillis: number,
    holder?: CallHolder
  ): Promise<void> {
    const request = this.#sendRequest(message, header, this.#onewayOptions)
    await this.#remoting.invokeOneway(addr, request, timeoutMillis, holder)
  }

  /** END_TRANSACTION, which has no answer; settles when the bytes are with the socket. @param remark for the broker's log. */
  async endTransactionOneway(
    addr: string,
    header: EndTransactionRequestHeader,
    remark: string | undefined,
    timeoutMillis: number
  ): Promise<void> {
    const fields = encodeEndTransactionHeader(header)
    const request = RemotingCommand.request(RequestCode.END_TRANSACTION, fields, undefined, this.#serializeType)
    request.remark = remark
    await this.#remoting.invokeOneway(addr, request, timeoutMillis)
  }

  /**
   * The route of a topic; undefined when the name server says that there is none (17).
   * @throws MQClientException with the name server's code, or what {@link NameServerList.invoke} throws.
   */
  async getTopicRouteInfo(
    topic: string,
    signal?: AbortSignal,
    timeoutMillis = this.#timeoutMillis
  ): Promise<TopicRouteData | undefined> {
    const request = (): RemotingCommand => {
      const fields = emptyExtFields()
      fields['topic'] = topic
      return RemotingCommand.request(RequestCode.GET_ROUTEINFO_BY_TOPIC, fields, undefined, this.#serializeType)
    }
    const response = await this.#nameServers.invoke(request, timeoutMillis, signal)
    if (response.code === ResponseCode.TOPIC_NOT_EXIST) return undefined
    if (response.code === ResponseCode.SUCCESS && response.body !== undefined) return decodeTopicRoute(response.body)
    throw new MQClientException(`CODE: ${response.code}  DESC: ${response.remark ?? ''}`, {
      code: 'NAME_SERVER_REFUSED',
      responseCode: response.code
    })
  }

  /**
   * Asks the broker at `addr` something that is no send.
   * @param fields of the header; those that are undefined are left out.
   * @throws MQBrokerException for every answer but SUCCESS; what {@link RemotingClient.invoke} throws.
   */
  async invokeBroker(
    addr: string,
    code: number,
    fields: Readonly<Record<string, string | undefined>>,
    timeoutMillis: number,
    signal?: AbortSignal
  ): Promise<RemotingCommand> {
    const ext = emptyExtFields()
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) ext[name] = value
    const request = RemotingCommand.request(code, ext, undefined, this.#serializeType)
    const response = await this.#remoting.invoke(addr, request, timeoutMillis, signal)
    if (response.code === ResponseCode.SUCCESS) return response
    throw new MQBrokerException(`CODE: ${response.code}  DESC: ${response.remark ?? ''} BROKER: ${addr}`, {
      code: 'BROKER_REFUSED',
      responseCode: response.code
    })
  }

  #sendRequest(message: Message, header: SendMessageRequestHeader, options = this.#options): SendMessageRequest {
    return new SendMessageRequest(sendRequestCode(message, header), header, message, options)
  }
}

/** Batches and replies have codes of their own; all of them carry the header with one-letter names. */
function sendRequestCode(message: Message, header: SendMessageRequestHeader): number {
  if (message.properties.get(MessageConst.MSG_TYPE) === 'reply') return RequestCode.SEND_REPLY_MESSAGE_V2
  return header.batch ? RequestCode.SEND_BATCH_MESSAGE : RequestCode.SEND_MESSAGE_V2
}

/** The message may be sent once more; by now its body may be a buffer of the application that holds something else. */
function keepBody(message: Message, request: SendMessageRequest): void {
  if (request.holdsBody) message.body = Buffer.from(request.body as Uint8Array)
}
