import { MQClientException } from '../internal/errors.ts'
import { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { REPLY_TOPIC_POSTFIX } from '../protocol/topics.ts'

/** Java's `ClientErrorCode.CREATE_REPLY_MESSAGE_EXCEPTION`. */
const CREATE_REPLY_MESSAGE = 10_007

/** Java's value of MSG_TYPE. */
const REPLY = 'reply'

/** What a reply needs to know of its request: the properties a consumer received. */
export interface RequestMessage {
  /** All of them, system ones included. */
  readonly properties: ReadonlyMap<string, string> | Readonly<Record<string, string | undefined>>
}

/** For those who answer requests, in whatever consumer; Java's `MessageUtil`. */
export const MessageUtil = {
  /**
   * The reply to a request. Send it with any started producer of the cluster: its broker hands it to the requester.
   *
   * @param request as it was consumed; its properties are what matters.
   * @param body text is sent as UTF-8.
   * @throws MQClientException (10007) when the request is missing, or did not come from a broker, which adds its CLUSTER.
   *
   * @example
   * await producer.send(MessageUtil.createReplyMessage(request, 'done'))
   */
  createReplyMessage(request: RequestMessage, body: Uint8Array | string): Message {
    const properties = request?.properties
    if (properties === undefined || properties === null) throw cannotReply('requestMessage cannot be null.')
    const cluster = propertyOf(request, MessageConst.CLUSTER)
    if (cluster === undefined) throw cannotReply(`requestMessage error, property[${MessageConst.CLUSTER}] is null.`)
    const reply = new Message({ topic: `${cluster}_${REPLY_TOPIC_POSTFIX}`, body })
    reply.properties.set(MessageConst.MSG_TYPE, REPLY)
    for (const name of [MessageConst.CORRELATION_ID, MessageConst.REPLY_TO_CLIENT, MessageConst.TTL]) {
      const value = propertyOf(request, name)
      if (value !== undefined) reply.properties.set(name, value)
    }
    return reply
  },

  /** The client id that a request came from; undefined when it is no request. */
  getReplyToClient(request: RequestMessage): string | undefined {
    return propertyOf(request, MessageConst.REPLY_TO_CLIENT)
  }
} as const

function propertyOf({ properties }: RequestMessage, name: string): string | undefined {
  if (typeof properties.get === 'function') return (properties as ReadonlyMap<string, string>).get(name)
  const value = Object.hasOwn(properties, name) ? (properties as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : undefined
}

function cannotReply(why: string): MQClientException {
  return new MQClientException(`CODE: ${CREATE_REPLY_MESSAGE}  DESC: create reply message fail, ${why}`, {
    code: 'CREATE_REPLY',
    responseCode: CREATE_REPLY_MESSAGE
  })
}
