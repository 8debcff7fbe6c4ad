import { type ExtFields, emptyExtFields } from './ext-fields.ts'
import { optionalInt, requiredText } from './header-fields.ts'

/** Header of PUSH_REPLY_MESSAGE_TO_CLIENT (326); Java's `ReplyMessageRequestHeader`. The body is the message's. */
export interface ReplyMessageRequestHeader {
  producerGroup: string
  topic: string
  defaultTopic: string
  defaultTopicQueueNums: number
  queueId: number
  sysFlag: number
  /** Wall clock, ms. */
  bornTimestamp: number
  flag: number
  /** As `encodeProperties` writes them. */
  properties: string
  reconsumeTimes: number
  unitMode: boolean
  /** `host:port` of the client that replied. */
  bornHost: string
  /** `host:port` of the broker. */
  storeHost: string
  storeTimestamp: number
}

export function encodeReplyMessageHeader(header: ReplyMessageRequestHeader): ExtFields {
  const fields = emptyExtFields()
  for (const name of NAMES) fields[name] = String(header[name])
  return fields
}

const NAMES = [
  'producerGroup',
  'topic',
  'defaultTopic',
  'defaultTopicQueueNums',
  'queueId',
  'sysFlag',
  'bornTimestamp',
  'flag',
  'properties',
  'reconsumeTimes',
  'unitMode',
  'bornHost',
  'storeHost',
  'storeTimestamp'
] as const satisfies ReadonlyArray<keyof ReplyMessageRequestHeader>

/** What a requester needs of it. */
export type ReplyFields = Pick<ReplyMessageRequestHeader, 'topic' | 'sysFlag' | 'flag' | 'properties'>

/** @throws RemotingCommandException (`BAD_FIELD`) naming the field that is missing or no number. */
export function decodeReplyMessageHeader(fields: ExtFields): ReplyFields {
  return {
    topic: requiredText(fields, 'topic'),
    sysFlag: optionalInt(fields, 'sysFlag') ?? 0,
    flag: optionalInt(fields, 'flag') ?? 0,
    properties: fields['properties'] ?? ''
  }
}
