import { shown } from '../client/check-options.ts'
import { MQClientException } from '../internal/errors.ts'
import { batchItemBytes } from '../protocol/batch-codec.ts'
import type { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { checkBatchMember } from './message-batch.ts'
import { checkBody, checkMessage, illegal } from './validators.ts'

/** What belongs to the size of a batch. */
export interface SplitBatchOptions {
  /** The producer's `namespace`: it travels with every message. @default none */
  namespace?: string | undefined
  /** Most messages of a part. @default 60000, whose answer is within `maxResponseHeaderLength` */
  maxMessages?: number | undefined
}

/** `maxMessageSize` of brokers and producers, unless they are set up otherwise. */
const DEFAULT_MAX_BYTES = 4 * 1024 * 1024
const DEFAULT_MAX_MESSAGES = 60_000
/** Hex digits of a unique id that a send adds; on IPv6 it has 56, on IPv4 32. */
const UNIQ_KEY_BYTES = 56

/**
 * Splits messages of one topic into parts that can each be sent as a batch. Their sizes are those on the wire: bodies and properties as
 * UTF-8 bytes, with what a send adds to each. Order is kept; a part is as full as it can be.
 *
 * @param maxBytes of a part: the smaller of the producer's and the broker's `maxMessageSize`.
 * @throws MQClientException (`ILLEGAL_ARGUMENT`, `MESSAGE_ILLEGAL`) when the messages cannot be in one batch, or one is too large for any.
 *
 * @example
 * for (const part of splitBatch(messages)) await producer.send(part)
 */
export function splitBatch(
  messages: readonly Message[],
  maxBytes: number = DEFAULT_MAX_BYTES,
  options: SplitBatchOptions = {}
): Message[][] {
  const { namespace, maxMessages = DEFAULT_MAX_MESSAGES } = options ?? {}
  if (!Array.isArray(messages)) throw illegal('what was passed is not an array of messages')
  checkLimit('maxBytes', maxBytes)
  checkLimit('maxMessages', maxMessages)
  const parts: Message[][] = []
  let part: Message[] = []
  let bytes = 0
  for (const [i, message] of (messages as readonly Message[]).entries()) {
    checkMessage(message)
    checkBody(message.body, maxBytes)
    checkBatchMember(messages[0], message)
    const size = batchItemBytes(message) + addedBytes(message, namespace)
    if (size > maxBytes) throw tooLarge(i, size, maxBytes)
    if (part.length > 0 && (bytes + size > maxBytes || part.length === maxMessages)) {
      parts.push(part)
      part = []
      bytes = 0
    }
    part.push(message)
    bytes += size
  }
  if (part.length > 0) parts.push(part)
  return parts
}

/** What a send adds to the properties of a message. */
export function addedBytes({ properties }: Message, namespace: string | undefined): number {
  let bytes = 0
  if (!properties.has(MessageConst.UNIQ_KEY)) bytes += MessageConst.UNIQ_KEY.length + UNIQ_KEY_BYTES + 2
  if (namespace !== undefined) bytes += MessageConst.INSTANCE_ID.length + Buffer.byteLength(namespace) + 2
  return bytes
}

function checkLimit(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw illegal(`${name} is ${shown(value)}: allowed is a whole number from 1 on`)
}

function tooLarge(index: number, size: number, maxBytes: number): MQClientException {
  return new MQClientException(`message ${index} takes ${size} bytes in a batch: at most ${maxBytes} are allowed`, {
    code: 'MESSAGE_ILLEGAL',
    responseCode: 13,
    hint: 'A message that is nearly as large as maxMessageSize is sent alone, not in a batch.'
  })
}
