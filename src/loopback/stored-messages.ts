import type { MessageExt } from '../protocol/message.ts'
import { decodeMessage } from '../protocol/message-codec.ts'
import type { DefaultMessageStore } from '../store/default-message-store.ts'
import { checkFields, checkText, checkWhole, refused } from './bad-input.ts'

/** A message as the broker holds it, decoded, and its raw record. */
export interface StoredMessage extends MessageExt {
  brokerName: string
  /** The whole record, as it stands in the commit log. */
  raw: Buffer
}

/** How many messages one read of the store asks for. */
const READ_BATCH = 32

/** Everything visible of one queue, oldest first. */
export function* storedMessages(
  store: DefaultMessageStore,
  brokerName: string,
  topic: string,
  queueId: number
): Generator<StoredMessage> {
  let offset = store.getMinOffsetInQueue(topic, queueId)
  for (;;) {
    const result = store.getMessage('LOOPBACK_INSPECTION', topic, queueId, offset, READ_BATCH)
    if (result === undefined || result.messages.length === 0) return
    for (const raw of result.messages) yield { ...decode(raw), brokerName, raw }
    offset = result.nextBeginOffset
  }
}

/** The message that begins at an offset of the commit log; undefined when none does. */
export function storedMessageAt(
  store: DefaultMessageStore,
  brokerName: string,
  physicalOffset: number
): StoredMessage | undefined {
  const raw = store.lookMessageByOffset(physicalOffset)
  return raw && { ...decode(raw), brokerName, raw }
}

/** A body that is damaged, or of a format there is no codec for here, stays compressed: it must not hide the others. */
function decode(raw: Buffer): MessageExt {
  try {
    return decodeMessage(raw)
  } catch {
    return decodeMessage(raw, 0, { decompressBody: false })
  }
}

/** Which messages; all fields that are given must agree. */
export interface MessageFilter {
  /** @default any */
  brokerName?: string
  /** @default any */
  queueId?: number
  /** Its tag. @default any */
  tags?: string
  /** One of its keys, or its unique key. @default any */
  keys?: string
  /** Properties it has, and their values. @default any */
  properties?: Readonly<Record<string, string>>
  /** Its body as UTF-8 text, or what that has to match. @default any */
  body?: string | RegExp
}

const FIELDS = ['brokerName', 'queueId', 'tags', 'keys', 'properties', 'body'] as const

/** @throws MQClientException (`BAD_OPTION`) for a filter that can match nothing. */
export function messageMatcher(
  filter: MessageFilter | ((message: StoredMessage) => boolean),
  brokerNames: readonly string[]
): (message: StoredMessage) => boolean {
  if (typeof filter === 'function') return filter
  checkFields('filter', filter, FIELDS)
  const { brokerName, queueId, tags, keys, properties, body } = filter
  if (brokerName !== undefined && !brokerNames.includes(brokerName)) {
    throw refused('filter.brokerName', brokerName, brokerNames.join(', '))
  }
  checkWhole('filter.queueId', queueId, 0)
  checkText('filter.tags', tags)
  checkText('filter.keys', keys)
  if (properties !== undefined && (typeof properties !== 'object' || properties === null)) {
    throw refused('filter.properties', properties, 'an object of names and values')
  }
  const pattern = typeof body === 'object' && typeof body?.test === 'function'
  if (body !== undefined && typeof body !== 'string' && !pattern) throw refused('filter.body', body, 'a text or a RegExp')
  return (message) =>
    (brokerName === undefined || message.brokerName === brokerName) &&
    (queueId === undefined || message.queueId === queueId) &&
    (tags === undefined || message.tags === tags) &&
    (keys === undefined || message.msgId === keys || (message.keys?.split(' ').includes(keys) ?? false)) &&
    Object.entries(properties ?? {}).every(([name, value]) => message.properties.get(name) === value) &&
    (body === undefined ||
      (typeof body === 'string' ? message.body.toString() === body : message.body.toString().search(body) >= 0))
}
