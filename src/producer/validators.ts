import { types } from 'node:util'
import { MQClientException } from '../internal/errors.ts'
import { checkedFlag, type Message } from '../protocol/message.ts'
import { FORBIDDEN_TOPICS, isSystemTopic } from '../protocol/topics.ts'

/** Limits and texts of Java's `Validators`. */
const GROUP_MAX_LENGTH = 255
const TOPIC_MAX_LENGTH = 127
const LEGAL = /^[%|a-zA-Z0-9_-]+$/
/** Broker code of an unacceptable message. */
const MESSAGE_ILLEGAL = 13

/** @throws MQClientException when `group` cannot be a producer group. */
export function checkGroup(group: string): void {
  if (isBlank(group)) throw illegal('the specified group is blank')
  if (group.length > GROUP_MAX_LENGTH) {
    throw illegal(`the specified group is longer than group max length ${GROUP_MAX_LENGTH}.`)
  }
  if (!LEGAL.test(group))
    throw illegal(`the specified group[${group}] contains illegal characters, allowing only ${LEGAL.source}`)
}

/** @throws MQClientException when `topic` cannot be the name of a topic. */
export function checkTopic(topic: string): void {
  if (isBlank(topic)) throw illegal('The specified topic is blank')
  if (topic.length > TOPIC_MAX_LENGTH) throw illegal(`The specified topic is longer than topic max length ${TOPIC_MAX_LENGTH}.`)
  if (!LEGAL.test(topic))
    throw illegal(`The specified topic[${topic}] contains illegal characters, allowing only ${LEGAL.source}`)
}

/** @throws MQClientException for topics that brokers keep to themselves. */
export function checkTopicAllowsSend(topic: string): void {
  if (FORBIDDEN_TOPICS.has(topic)) throw illegal(`Sending message to topic[${topic}] is forbidden.`)
}

/** @throws MQClientException for topics that nobody may create. */
export function checkNotSystemTopic(topic: string): void {
  if (isSystemTopic(topic)) throw illegal(`The topic[${topic}] is conflict with system topic.`)
}

/** @throws MQClientException when something other than a message was passed; the topic is checked where its name is first met. */
export function checkMessage(message: Message): void {
  if (message === undefined || message === null) throw illegalMessage('the message is null')
  if (typeof message !== 'object' || !types.isMap(message.properties)) throw notAMessage(message)
  checkedFlag(message.flag)
}

/** Other clients take other things. */
function notAMessage(value: unknown): MQClientException {
  const list = typeof value === 'object' && value !== null && 'messages' in value
  return illegalMessage(
    'what was passed is not a Message: create one with new Message({ topic, body })',
    list ? 'A list of messages is sent as send([new Message({ topic, body }), ...]): all of one topic.' : undefined
  )
}

/** @throws MQClientException when the body is missing, empty or too large. */
export function checkBody(body: Uint8Array, maxMessageSize: number): void {
  if (body === undefined || body === null) throw illegalMessage('the message body is null')
  if (!ArrayBuffer.isView(body) || body.length !== body.byteLength) {
    throw illegalMessage(
      'the message body is not a Uint8Array',
      'Only new Message({ body }) takes text: what is set later, in a hook too, is bytes, Buffer.from(text).'
    )
  }
  if (body.length === 0) throw illegalMessage('the message body length is zero')
  if (body.length > maxMessageSize) {
    throw illegalMessage(
      `the message body size over max value, MAX: ${maxMessageSize}`,
      `It has ${body.length} bytes: send less at a time, or raise maxMessageSize here and at the broker.`
    )
  }
}

/** @throws MQClientException for something else than a signal. */
export function checkIsSignal(signal: AbortSignal): void {
  if (typeof signal !== 'object' || signal === null || typeof signal.addEventListener !== 'function') {
    throw illegal('signal is not an AbortSignal: of an AbortController give its signal')
  }
}

function isBlank(text: string): boolean {
  return typeof text !== 'string' || text.trim() === ''
}

/** Bytes an answer spends on the id of one message of a batch: 32 hex digits and a comma. */
const BYTES_PER_ID = 33
/** Bytes of an answer's header beside the ids, generously. */
const ANSWER_OVERHEAD = 1024

/** Most messages of a batch whose answer this client still reads. */
export function mostBatchMessages(maxResponseHeaderLength: number): number {
  return Math.floor((maxResponseHeaderLength - ANSWER_OVERHEAD) / BYTES_PER_ID)
}

/** @throws MQClientException when the answer to a batch, which lists an id per message, would be larger than this client reads. */
export function checkBatchAnswer(messages: number, maxResponseHeaderLength: number): void {
  const most = mostBatchMessages(maxResponseHeaderLength)
  if (messages <= most) return
  throw illegalMessage(
    `the answer to a batch of ${messages} messages would pass maxResponseHeaderLength ${maxResponseHeaderLength}: at most ${most} messages fit`
  )
}

export function illegal(text: string): MQClientException {
  return new MQClientException(text, { code: 'ILLEGAL_ARGUMENT' })
}

function illegalMessage(text: string, hint?: string): MQClientException {
  return new MQClientException(`CODE: ${MESSAGE_ILLEGAL}  DESC: ${text}`, {
    code: 'MESSAGE_ILLEGAL',
    responseCode: MESSAGE_ILLEGAL,
    ...(hint === undefined ? {} : { hint })
  })
}
