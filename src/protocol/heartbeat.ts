import { type FastjsonObject, parseRequestObject } from './fastjson.ts'
import { arrayOf, booleanOf, enumOf, numberOf, textOf, textsOf } from './fastjson-fields.ts'
import { tagsCodeOf } from './java-hash.ts'

export const CONSUME_TYPES = ['CONSUME_ACTIVELY', 'CONSUME_PASSIVELY', 'CONSUME_POP'] as const
export const MESSAGE_MODELS = ['BROADCASTING', 'CLUSTERING'] as const
export const CONSUME_FROM_WHERES = [
  'CONSUME_FROM_LAST_OFFSET',
  'CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST',
  'CONSUME_FROM_MIN_OFFSET',
  'CONSUME_FROM_MAX_OFFSET',
  'CONSUME_FROM_FIRST_OFFSET',
  'CONSUME_FROM_TIMESTAMP'
] as const

export interface SubscriptionData {
  topic: string
  /** `*` or `a || b`; an SQL expression with type SQL92. */
  subString: string
  tagsSet: string[]
  /** Java hash of each tag, worked out from the tags: Go sends text here. */
  codeSet: number[]
  /** Ms, but ns from Go, whose last digits are lost: good for comparing. */
  subVersion: number
  /** TAG or SQL92. */
  expressionType: string
  classFilterMode: boolean
}

export interface ConsumerData {
  groupName: string
  consumeType: (typeof CONSUME_TYPES)[number]
  messageModel: (typeof MESSAGE_MODELS)[number]
  consumeFromWhere: (typeof CONSUME_FROM_WHERES)[number]
  subscriptionDataSet: SubscriptionData[]
  unitMode: boolean
}

export interface ProducerData {
  groupName: string
}

/** Java's `HeartbeatData`. */
export interface HeartbeatData {
  clientID: string
  producerDataSet: ProducerData[]
  consumerDataSet: ConsumerData[]
  /** Heartbeat V2; 0 without. */
  heartbeatFingerprint: number
  withoutSub: boolean
}

/** Keys sorted, as fastjson writes them. */
export function encodeHeartbeat(data: HeartbeatData): Buffer {
  const json = {
    clientID: data.clientID,
    consumerDataSet: data.consumerDataSet.map((consumer) => ({
      consumeFromWhere: consumer.consumeFromWhere,
      consumeType: consumer.consumeType,
      groupName: consumer.groupName,
      messageModel: consumer.messageModel,
      subscriptionDataSet: consumer.subscriptionDataSet.map(subscriptionJson),
      unitMode: consumer.unitMode
    })),
    heartbeatFingerprint: data.heartbeatFingerprint,
    producerDataSet: data.producerDataSet.map(({ groupName }) => ({ groupName })),
    withoutSub: data.withoutSub
  }
  return Buffer.from(JSON.stringify(json), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeHeartbeat(bytes: Uint8Array | undefined): HeartbeatData {
  const json = parseRequestObject(bytes, 'the heartbeat')
  return {
    clientID: textOf(json, 'clientID'),
    producerDataSet: arrayOf(json, 'producerDataSet', (item) => ({ groupName: textOf(item, 'groupName') })),
    consumerDataSet: arrayOf(json, 'consumerDataSet', decodeConsumerData),
    heartbeatFingerprint: numberOf(json, 'heartbeatFingerprint'),
    withoutSub: booleanOf(json, 'withoutSub')
  }
}

export function decodeSubscriptionData(json: FastjsonObject): SubscriptionData {
  const tagsSet = textsOf(json, 'tagsSet')
  return {
    topic: textOf(json, 'topic'),
    subString: textOf(json, 'subString'),
    tagsSet,
    codeSet: tagsSet.map(tagsCodeOf),
    subVersion: numberOf(json, 'subVersion'),
    expressionType: textOf(json, 'expressionType') || 'TAG',
    classFilterMode: booleanOf(json, 'classFilterMode')
  }
}

function decodeConsumerData(json: FastjsonObject): ConsumerData {
  return {
    groupName: textOf(json, 'groupName'),
    consumeType: enumOf(json, 'consumeType', CONSUME_TYPES, 'CONSUME_PASSIVELY'),
    messageModel: enumOf(json, 'messageModel', MESSAGE_MODELS, 'CLUSTERING'),
    consumeFromWhere: enumOf(json, 'consumeFromWhere', CONSUME_FROM_WHERES, 'CONSUME_FROM_LAST_OFFSET'),
    subscriptionDataSet: arrayOf(json, 'subscriptionDataSet', decodeSubscriptionData),
    unitMode: booleanOf(json, 'unitMode')
  }
}

function subscriptionJson(data: SubscriptionData): object {
  const { classFilterMode, codeSet, expressionType, subString, subVersion, tagsSet, topic } = data
  return { classFilterMode, codeSet, expressionType, subString, subVersion, tagsSet, topic }
}
