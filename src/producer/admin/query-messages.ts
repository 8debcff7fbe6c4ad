import { MASTER_ID } from '../../client/broker-table.ts'
import { shown } from '../../client/check-options.ts'
import { withoutNamespace, wrapNamespace } from '../../client/namespace-util.ts'
import { formatAddress } from '../../internal/address.ts'
import { MQBrokerException, MQClientException, type RocketMQError } from '../../internal/errors.ts'
import { logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import { optionalLong } from '../../protocol/header-fields.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { decodeMessage } from '../../protocol/message-codec.ts'
import { KEY_SEPARATOR } from '../../protocol/message-const.ts'
import { decodeOffsetMsgId } from '../../protocol/message-id.ts'
import type { BrokerData, TopicRouteData } from '../../protocol/topic-route.ts'
import type { ProducerContext } from '../producer-context.ts'
import { checkTopic, illegal } from '../validators.ts'
import { AdminCall } from './admin-call.ts'
import type { AdminOptions, QueryResult } from './admin-options.ts'

/** Java asks for three times its 6 s here: each broker reads its disk. */
const QUERY_TIMEOUT = 18_000
const UNIQUE_KEY_MAX = 32
/** How far back a message is looked for by its unique key, ms. */
const UNIQUE_KEY_DAYS = 3 * 24 * 3600 * 1000
const LONG_MAX = '9223372036854775807'

/** Messages of a topic by key, from every broker that has it. */
export function queryMessage(
  context: ProducerContext,
  topic: string,
  key: string,
  maxNum: number,
  begin: number,
  end: number,
  options?: AdminOptions
): Promise<QueryResult> {
  const matches = (message: MessageExt): boolean => message.keys?.split(KEY_SEPARATOR).includes(key) ?? false
  return query(context, { topic, key, maxNum, begin, end, unique: false, matches }, options)
}

/** The message with this client id. */
export async function queryMessageByUniqKey(
  context: ProducerContext,
  topic: string,
  uniqKey: string,
  begin = context.clock.now() - UNIQUE_KEY_DAYS,
  end = Number.MAX_SAFE_INTEGER,
  options?: AdminOptions
): Promise<MessageExt> {
  const matches = (message: MessageExt): boolean => message.msgId === uniqKey
  const asked = { topic, key: uniqKey, maxNum: UNIQUE_KEY_MAX, begin, end, unique: true, matches }
  const { messageList } = await query(context, asked, options)
  return messageList[0] as MessageExt
}

/**
 * The message with this id, of the broker or of the client. Where Java connects to whatever address the id holds, only brokers of the
 * topic are asked here: an id from outside does not say where this process connects to.
 */
export async function viewMessage(
  context: ProducerContext,
  topic: string,
  msgId: string,
  options?: AdminOptions
): Promise<MessageExt> {
  const call = new AdminCall(context, options)
  checkTopic(topic)
  if (typeof msgId !== 'string' || msgId === '') throw illegal('msgId is empty')
  let cause: RocketMQError | undefined
  try {
    const { namespace } = context.config
    const found = await viewByOffset(call, wrapNamespace(namespace, topic), msgId)
    if (found !== undefined) return { ...found, topic: withoutNamespace(found.topic, namespace) }
  } catch (error) {
    cause = call.error(error)
    if (cause.code === 'ABORTED') throw cause
  }
  try {
    return await queryMessageByUniqKey(context, topic, msgId, undefined, undefined, { ...options, timeout: call.left })
  } catch (error) {
    if (cause === undefined || (error as RocketMQError).responseCode !== ResponseCode.NO_MESSAGE) throw error
    throw noMessage('id', cause)
  }
}

/** Undefined when the id is none of a broker, or no broker has a message with it. */
async function viewByOffset(call: AdminCall, topic: string, msgId: string): Promise<MessageExt | undefined> {
  const id = brokersId(msgId)
  if (id === undefined) return undefined
  const route = await routeOf(call, topic)
  const holder = connectAddress(call, formatAddress(id.host.host, id.host.port))
  const fields = { topic, offset: String(id.offset) }
  let failure: unknown
  for (const { addr, brokerName } of mostLikelyFirst(addressesOf(route), holder, id.host.port)) {
    try {
      const { body } = await call.ask(addr, RequestCode.VIEW_MESSAGE_BY_ID, fields)
      const [message] = decodeAll(call.context, body ?? Buffer.alloc(0), brokerName)
      // Another broker has another message there.
      if (message?.offsetMsgId === msgId.toUpperCase()) return message
    } catch (error) {
      if (call.over) throw error
      failure ??= error
    }
  }
  if (failure !== undefined && !(failure instanceof MQBrokerException)) throw failure
  return undefined
}

/** Where an id says its message is; undefined when it is not one of a broker: a client's looks alike, but holds no port. */
function brokersId(msgId: string): ReturnType<typeof decodeOffsetMsgId> | undefined {
  try {
    const id = decodeOffsetMsgId(msgId)
    return id.offset >= 0 && id.host.port > 0 && id.host.port <= 65_535 ? id : undefined
  } catch {
    return undefined
  }
}

interface Asked {
  topic: string
  key: string
  maxNum: number
  begin: number
  end: number
  /** Whether `key` is a client's id. */
  unique: boolean
  /** Indexes go by hashes, which may collide. */
  matches: (message: MessageExt) => boolean
}

async function query(context: ProducerContext, asked: Asked, options: AdminOptions | undefined): Promise<QueryResult> {
  const call = new AdminCall(context, options, QUERY_TIMEOUT)
  checkAsked(asked)
  const topic = wrapNamespace(context.config.namespace, asked.topic)
  try {
    const route = await routeOf(call, topic)
    const fields = {
      topic,
      key: asked.key,
      maxNum: String(asked.maxNum),
      beginTimestamp: long(asked.begin),
      endTimestamp: long(asked.end),
      _UNIQUE_KEY_QUERY: String(asked.unique)
    }
    const outcomes = await Promise.allSettled(
      route.brokerDatas.flatMap(oneAddressOf).map((broker) => queryOne(call, broker, fields))
    )
    const result: QueryResult = { indexLastUpdateTimestamp: 0, messageList: [] }
    let failure: unknown
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') failure ??= outcome.reason
      else {
        const { indexLastUpdateTimestamp, messageList } = outcome.value
        result.indexLastUpdateTimestamp = Math.max(result.indexLastUpdateTimestamp, indexLastUpdateTimestamp)
        result.messageList.push(...messageList.filter((message) => message.topic === topic && asked.matches(message)))
      }
    }
    if (result.messageList.length === 0) throw noMessage('key', failure === undefined ? undefined : call.error(failure))
    for (const message of result.messageList) message.topic = withoutNamespace(message.topic, context.config.namespace)
    return result
  } catch (error) {
    throw call.error(error)
  }
}

function checkAsked({ topic, key, maxNum, begin, end }: Asked): void {
  checkTopic(topic)
  if (typeof key !== 'string' || key === '') throw illegal('key is empty: a key of the messages that are looked for is needed')
  if (!Number.isInteger(maxNum) || maxNum < 1) throw illegal(`maxNum is ${shown(maxNum)}: allowed is a whole number from 1 on`)
  for (const [name, time] of Object.entries({ begin, end })) {
    if (typeof time !== 'number' || Number.isNaN(time)) throw illegal(`${name} is ${shown(time)}: ms since 1970 are needed`)
  }
}

async function queryOne(
  call: AdminCall,
  { addr, brokerName }: Address,
  fields: Readonly<Record<string, string>>
): Promise<QueryResult> {
  try {
    const { extFields, body } = await call.ask(addr, RequestCode.QUERY_MESSAGE, fields)
    return {
      indexLastUpdateTimestamp: optionalLong(extFields, 'indexLastUpdateTimestamp') ?? 0,
      messageList: decodeAll(call.context, body ?? Buffer.alloc(0), brokerName)
    }
  } catch (error) {
    // This broker has none; another one may.
    const { responseCode } = error as RocketMQError
    if (responseCode === ResponseCode.QUERY_NOT_FOUND) return { indexLastUpdateTimestamp: 0, messageList: [] }
    call.context.logger.warn(`${logText(brokerName)} could not be asked for messages: ${logText(call.error(error))}`)
    throw error
  }
}

/** Bodies that cannot be decompressed stay as they are: one must not hide the others. */
function decodeAll({ config }: ProducerContext, bytes: Buffer, brokerName: string): MessageExt[] {
  const messages: MessageExt[] = []
  for (let at = 0; at < bytes.length; ) {
    let message: MessageExt
    try {
      message = decodeMessage(bytes, at, { compressors: config.compressors })
    } catch {
      message = decodeMessage(bytes, at, { decompressBody: false })
    }
    messages.push({ ...message, brokerName })
    at += message.storeSize
  }
  return messages
}

interface Address {
  brokerName: string
  addr: string
}

/** @throws MQClientException `NO_ROUTE` */
async function routeOf(call: AdminCall, topic: string): Promise<TopicRouteData> {
  const known = call.context.instance.publishInfo(topic)?.routeData
  const route = known ?? (await call.route(topic))
  if (route !== undefined) return route
  throw new MQClientException(`The topic[${logText(topic)}] not matched route info`, {
    code: 'NO_ROUTE',
    responseCode: ResponseCode.TOPIC_NOT_EXIST
  })
}

/** The master, or a slave where there is none. */
function oneAddressOf({ brokerName, brokerAddrs }: BrokerData): Address[] {
  const addr = brokerAddrs.get(MASTER_ID) ?? [...brokerAddrs.values()][0]
  return addr === undefined ? [] : [{ brokerName, addr }]
}

function addressesOf({ brokerDatas }: TopicRouteData): Address[] {
  return brokerDatas.flatMap(({ brokerName, brokerAddrs }) => [...brokerAddrs.values()].map((addr) => ({ brokerName, addr })))
}

/** Routes hold addresses as they are connected to; an id holds the one that the broker knows itself by. */
function connectAddress({ context }: AdminCall, addr: string): string | undefined {
  try {
    return context.instance.resolveBrokerAddress(addr)
  } catch {
    return undefined
  }
}

/** A broker may be announced by a name, or by another address than the one it writes into ids. */
function mostLikelyFirst(addresses: Address[], holder: string | undefined, port: number): Address[] {
  const rank = ({ addr }: Address): number => (addr === holder ? 0 : addr.endsWith(`:${port}`) ? 1 : 2)
  return addresses.sort((a, b) => rank(a) - rank(b))
}

function long(millis: number): string {
  if (millis >= Number.MAX_SAFE_INTEGER) return LONG_MAX
  return String(Math.max(Math.trunc(millis), Number.MIN_SAFE_INTEGER))
}

function noMessage(by: 'key' | 'id', cause: RocketMQError | undefined): MQClientException {
  const text = `query message by ${by} finished, but no message.`
  return new MQClientException(cause === undefined ? text : `${text} Not everything could be asked: ${cause.message}`, {
    code: 'NO_MESSAGE',
    responseCode: ResponseCode.NO_MESSAGE,
    cause
  })
}
