import type { BatchMessage } from '../client/send-result.ts'
import { MQClientException } from '../internal/errors.ts'
import { encodeBatch } from '../protocol/batch-codec.ts'
import { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { createUniqId } from '../protocol/message-id.ts'
import type { Properties } from '../protocol/properties.ts'
import { RETRY_PREFIX } from '../protocol/topics.ts'
import { copyProperties } from './copy-properties.ts'

/**
 * Several messages that travel and are stored together; Java's `MessageBatch`. Its body is never compressed.
 *
 * Unlike Java's 5.x batch it has no UNIQ_KEY of its own: a 5.x broker appends the batch's properties to those of each member, so all
 * members would read back with that one id, which the result does not list. Here they keep their own, the ones in `SendResult.msgId`.
 */
export class MessageBatch extends Message implements BatchMessage {
  readonly uniqKeys: readonly string[]
  /** Copies of the messages, with their ids. */
  readonly messages: readonly Message[]

  private constructor(topic: string, messages: readonly Message[], body: Buffer, waitStoreMsgOK: boolean) {
    super({ topic, body, waitStoreMsgOK })
    this.messages = messages
    this.uniqKeys = messages.map((message) => message.uniqKey as string)
  }

  /** Of messages that are this producer's own already: copied, checked, with ids. All have one WAIT. */
  static ofOwn(topic: string, body: Buffer, messages: readonly Message[]): MessageBatch {
    return new MessageBatch(topic, messages, body, waits(messages[0]))
  }

  /** The same messages and bytes in a batch of its own, whose properties may be changed. */
  copy(): MessageBatch {
    const copy = new MessageBatch(this.topic, this.messages, Buffer.from(this.body), waits(this))
    for (const [name, value] of this.properties) copy.properties.set(name, value)
    return copy
  }

  /**
   * @param topic of the batch, with its namespace.
   * @param now wall clock ms, for the ids.
   * @param observed may give the copies further properties before they are encoded.
   * @throws MQClientException for an empty list, a delay, a retry topic, or messages that differ in topic or WAIT.
   */
  static generateFromList(
    topic: string,
    messages: readonly Message[],
    namespace: string | undefined,
    now: number,
    observed?: { start(copies: readonly Message[]): void }
  ): MessageBatch {
    const first = messages[0] as Message
    const copies = messages.map((message) => {
      checkBatchMember(first, message)
      const properties = copyProperties(message.properties)
      if (!properties.has(MessageConst.UNIQ_KEY)) properties.set(MessageConst.UNIQ_KEY, createUniqId(now))
      if (namespace !== undefined) properties.set(MessageConst.INSTANCE_ID, namespace)
      return Message.of(topic, message.body, message.flag, properties)
    })
    observed?.start(copies)
    return new MessageBatch(topic, copies, encodeBatch(copies), waits(first))
  }
}

/**
 * Java's rules, and one it lacks: a timer message in a batch would be delivered at once.
 * @throws MQClientException (`ILLEGAL_ARGUMENT`)
 */
export function checkBatchMember(first: Message, message: Message): void {
  if (Number(message.properties.get(MessageConst.DELAY) ?? 0) > 0)
    throw unsupported('TimeDelayLevel is not supported for batching')
  if (isTimed(message.properties)) throw unsupported('Timer messages are not supported for batching')
  if (message.topic.startsWith(RETRY_PREFIX)) throw unsupported('Retry Group is not supported for batching')
  if (message.topic !== first.topic) throw unsupported('The topic of the messages in one batch should be the same')
  if (waits(message) !== waits(first)) throw unsupported('The waitStoreMsgOK of the messages in one batch should the same')
}

const TIMED = [
  MessageConst.TIMER_DELAY_SEC,
  MessageConst.TIMER_DELAY_MS,
  MessageConst.TIMER_DELIVER_MS,
  MessageConst.STARTDELIVERTIME
] as const

/** Whether the message is to be delivered at a point in time. */
export function isTimed(properties: Properties): boolean {
  return TIMED.some((name) => properties.has(name))
}

function waits(message: Message): boolean {
  return message.properties.get(MessageConst.WAIT) !== 'false'
}

function unsupported(text: string): MQClientException {
  return new MQClientException(text, { code: 'ILLEGAL_ARGUMENT' })
}
