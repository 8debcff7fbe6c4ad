import { RemotingCommandException } from '../internal/errors.ts'
import { readInt64, writeInt32, writeInt64 } from './big-endian.ts'
import { type Compressors, compressionTypeOf, decompressBody } from './compression.ts'
import { crc32 } from './crc32.ts'
import { decodeHostAddress, type HostAddress } from './host-address.ts'
import type { MessageExt } from './message.ts'
import { MessageConst } from './message-const.ts'
import { createOffsetMsgId } from './message-id.ts'
import { decodeProperties } from './properties.ts'
import { clearCompressedFlag, SysFlag } from './sys-flag.ts'
import { utf8Length, writeUtf8 } from './utf8.ts'

/**
 * Stored messages, big-endian; Java's `MessageDecoder`.
 *
 * ```
 * record := totalSize:int32 magic:int32 bodyCRC:int32 queueId:int32 flag:int32 queueOffset:int64 physicalOffset:int64
 *           sysFlag:int32 bornTimestamp:int64 bornHost storeTimestamp:int64 storeHost reconsumeTimes:int32
 *           preparedTransactionOffset:int64 bodyLength:int32 body topicLength:int8|int16 topic
 *           propertiesLength:int16 properties
 * host   := address:4|16 bytes  port:int32            (16 when sysFlag says IPv6)
 * ```
 * The topic's length has one byte with the v1 magic, two with v2, which 5.x uses for topics above 127 bytes.
 */
export const MESSAGE_MAGIC_V1 = -626843481
export const MESSAGE_MAGIC_V2 = -626843477
/** Marks the unused rest of a commit log file: `size:int32 magic:int32`. */
export const BLANK_MAGIC = -875286124

/** Where fields stand in every record; behind the born timestamp positions depend on the hosts. */
export const MAGIC_AT = 4
export const QUEUE_ID_AT = 12
export const QUEUE_OFFSET_AT = 20
export const PHYSICAL_OFFSET_AT = 28
export const SYS_FLAG_AT = 36
export const BORN_TIMESTAMP_AT = 40
export const BORN_HOST_AT = 48

/** A record without hosts, body, topic, the topic's length, and properties. */
const FIXED = 74
/** The smallest record: IPv4 hosts, nothing of variable length. */
const SMALLEST = FIXED + 16 + 1
/** Longest topic that the v1 form can hold, and longest properties, bytes. */
const MAX_V1_TOPIC = 127
export const MAX_PROPERTIES_LENGTH = 32_767
const MAX_V2_TOPIC = 32_767

export interface DecodeOptions {
  /** Leave the body out: an empty buffer. @default true */
  readBody?: boolean
  /** @default true */
  decompressBody?: boolean
  /** For bodies that are not zlib. */
  compressors?: Compressors | undefined
  /** Compare the body with its checksum. @default false */
  checkCRC?: boolean
}

/** Everything of a record that its sender or the store decides. */
export interface StoredMessageFields {
  topic: string
  body: Uint8Array
  propertiesString: string
  queueId: number
  flag: number
  queueOffset: number
  physicalOffset: number
  /** The two IPv6 bits are set from the hosts, whatever stands here. */
  sysFlag: number
  bornTimestamp: number
  bornHost: HostAddress
  storeTimestamp: number
  storeHost: HostAddress
  reconsumeTimes: number
  preparedTransactionOffset: number
  /** @default the body's */
  bodyCRC?: number
}

/**
 * Decodes one record. The body is a view of `bytes`, unless it was compressed.
 * @throws RemotingCommandException (`BAD_MESSAGE`) naming what does not fit.
 */
export function decodeMessage(bytes: Buffer, at = 0, options: DecodeOptions = {}): MessageExt {
  if (bytes.length - at < SMALLEST) throw bad(`${bytes.length - at} bytes are left, a record has more`)
  const storeSize = bytes.readInt32BE(at)
  if (storeSize < SMALLEST || storeSize > bytes.length - at) throw bad(`size ${storeSize}, ${bytes.length - at} bytes are left`)
  const end = at + storeSize
  const magic = bytes.readInt32BE(at + MAGIC_AT)
  if (magic !== MESSAGE_MAGIC_V1 && magic !== MESSAGE_MAGIC_V2) throw bad(`magic ${magic} is not known`)
  let sysFlag = bytes.readInt32BE(at + SYS_FLAG_AT)
  const bornV6 = (sysFlag & SysFlag.BORNHOST_V6) !== 0
  const storeV6 = (sysFlag & SysFlag.STOREHOST_V6) !== 0
  let next = at + BORN_HOST_AT
  const needed = (bornV6 ? 20 : 8) + (storeV6 ? 20 : 8) + 8 + 4 + 8 + 4
  if (end - next < needed) throw bad(`size ${storeSize} is too small for its hosts`)
  const bornHost = decodeHostAddress(bytes, next, bornV6)
  next += bornV6 ? 20 : 8
  const storeTimestamp = readInt64(bytes, next, 'storeTimestamp')
  next += 8
  const storeHost = decodeHostAddress(bytes, next, storeV6)
  next += storeV6 ? 20 : 8
  // Java has no address with such a port, and gives such a record up.
  const port = isPort(bornHost.port) ? storeHost.port : bornHost.port
  if (!isPort(port)) throw bad(`a host has port ${port}`)
  const reconsumeTimes = bytes.readInt32BE(next)
  const preparedTransactionOffset = readInt64(bytes, next + 4, 'preparedTransactionOffset')
  next += 12
  const bodyLength = bytes.readInt32BE(next)
  next += 4
  if (bodyLength < 0 || bodyLength > end - next) throw bad(`body length ${bodyLength}, ${end - next} bytes are left`)
  const bodyCRC = bytes.readInt32BE(at + 8)
  let body: Buffer = bytes.subarray(next, next + bodyLength)
  next += bodyLength
  const topicSize = magic === MESSAGE_MAGIC_V1 ? 1 : 2
  if (end - next < topicSize) throw bad('the topic passes the record')
  const topicLength = topicSize === 1 ? bytes.readUInt8(next) : bytes.readInt16BE(next)
  next += topicSize
  if (topicLength < 0 || topicLength > end - next - 2) throw bad(`topic length ${topicLength}, ${end - next} bytes are left`)
  const topic = bytes.toString('utf8', next, next + topicLength)
  next += topicLength
  const propertiesLength = bytes.readInt16BE(next)
  next += 2
  if (propertiesLength < 0 || propertiesLength > end - next) {
    throw bad(`properties length ${propertiesLength}, ${end - next} bytes are left`)
  }
  const properties = decodeProperties(bytes.toString('utf8', next, next + propertiesLength))
  if (options.checkCRC === true && bodyLength > 0 && crc32(body) !== bodyCRC) throw bad('the body does not match its checksum')
  if (options.readBody === false) body = Buffer.alloc(0)
  else if (options.decompressBody !== false && (sysFlag & SysFlag.COMPRESSED) !== 0) {
    body = decompressBody(body, compressionTypeOf(sysFlag), { compressors: options.compressors })
    sysFlag = clearCompressedFlag(sysFlag)
  }
  const commitLogOffset = readInt64(bytes, at + PHYSICAL_OFFSET_AT, 'physicalOffset')
  const offsetMsgId = createOffsetMsgId(storeHost, commitLogOffset)
  return {
    topic,
    queueId: bytes.readInt32BE(at + QUEUE_ID_AT),
    body,
    flag: bytes.readInt32BE(at + 16),
    properties,
    tags: properties.get(MessageConst.TAGS),
    keys: properties.get(MessageConst.KEYS),
    msgId: properties.get(MessageConst.UNIQ_KEY) ?? offsetMsgId,
    offsetMsgId,
    queueOffset: readInt64(bytes, at + QUEUE_OFFSET_AT, 'queueOffset'),
    commitLogOffset,
    storeSize,
    bodyCRC,
    sysFlag,
    bornTimestamp: readInt64(bytes, at + BORN_TIMESTAMP_AT, 'bornTimestamp'),
    bornHost,
    storeTimestamp,
    storeHost,
    reconsumeTimes,
    preparedTransactionOffset
  }
}

/** Decodes records that follow each other, as a pull answer holds them. @throws RemotingCommandException (`BAD_MESSAGE`) */
export function decodeMessages(bytes: Buffer, options: DecodeOptions = {}): MessageExt[] {
  const messages: MessageExt[] = []
  for (let at = 0; at < bytes.length; ) {
    const message = decodeMessage(bytes, at, options)
    messages.push(message)
    at += message.storeSize
  }
  return messages
}

/** Bytes that {@link writeStoredMessage} will write. */
export function storedMessageLength(fields: StoredMessageFields): number {
  const topicLength = utf8Length(fields.topic)
  const topicSize = topicLength > MAX_V1_TOPIC ? 2 : 1
  const hosts = fields.bornHost.bytes.length + fields.storeHost.bytes.length + 8
  return FIXED + hosts + fields.body.length + topicSize + topicLength + utf8Length(fields.propertiesString)
}

/**
 * Writes a record and returns the offset behind it. The caller has reserved {@link storedMessageLength} bytes.
 * @throws RemotingCommandException (`MESSAGE_ILLEGAL`) when topic or properties are longer than their length word can say.
 */
export function writeStoredMessage(target: Buffer, at: number, fields: StoredMessageFields): number {
  const { bornHost, storeHost, body } = fields
  const bornV6 = bornHost.bytes.length === 16
  const storeV6 = storeHost.bytes.length === 16
  let sysFlag = fields.sysFlag & ~(SysFlag.BORNHOST_V6 | SysFlag.STOREHOST_V6)
  if (bornV6) sysFlag |= SysFlag.BORNHOST_V6
  if (storeV6) sysFlag |= SysFlag.STOREHOST_V6
  writeInt32(target, at + 8, fields.bodyCRC ?? (body.length === 0 ? 0 : crc32(body)))
  writeInt32(target, at + QUEUE_ID_AT, fields.queueId)
  writeInt32(target, at + 16, fields.flag)
  writeInt64(target, at + QUEUE_OFFSET_AT, fields.queueOffset)
  writeInt64(target, at + PHYSICAL_OFFSET_AT, fields.physicalOffset)
  writeInt32(target, at + SYS_FLAG_AT, sysFlag)
  writeInt64(target, at + BORN_TIMESTAMP_AT, fields.bornTimestamp)
  let next = writeHost(target, at + BORN_HOST_AT, bornHost)
  next = writeInt64(target, next, fields.storeTimestamp)
  next = writeHost(target, next, storeHost)
  next = writeInt32(target, next, fields.reconsumeTimes)
  next = writeInt64(target, next, fields.preparedTransactionOffset)
  next = writeInt32(target, next, body.length)
  target.set(body, next)
  next += body.length
  const topicLength = writeUtf8(target, next + 1, fields.topic)
  if (topicLength <= MAX_V1_TOPIC) {
    writeInt32(target, at + MAGIC_AT, MESSAGE_MAGIC_V1)
    target[next] = topicLength
    next += 1 + topicLength
  } else {
    if (topicLength > MAX_V2_TOPIC) throw illegal('topic', topicLength, MAX_V2_TOPIC)
    writeInt32(target, at + MAGIC_AT, MESSAGE_MAGIC_V2)
    target.copyWithin(next + 2, next + 1, next + 1 + topicLength)
    target.writeInt16BE(topicLength, next)
    next += 2 + topicLength
  }
  const propertiesLength = writeUtf8(target, next + 2, fields.propertiesString)
  if (propertiesLength > MAX_PROPERTIES_LENGTH) throw illegal('properties', propertiesLength, MAX_PROPERTIES_LENGTH)
  target.writeInt16BE(propertiesLength, next)
  next += 2 + propertiesLength
  writeInt32(target, at, next - at)
  return next
}

function writeHost(target: Buffer, at: number, host: HostAddress): number {
  const { bytes } = host
  for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i] as number
  return writeInt32(target, at + bytes.length, host.port)
}

function isPort(port: number): boolean {
  return port >= 0 && port <= 65_535
}

function bad(message: string): RemotingCommandException {
  return new RemotingCommandException(`bad message record: ${message}`, { code: 'BAD_MESSAGE' })
}

function illegal(what: string, length: number, most: number): RemotingCommandException {
  return new RemotingCommandException(`the message's ${what} has ${length} bytes, at most ${most} can be stored`, {
    code: 'MESSAGE_ILLEGAL'
  })
}
