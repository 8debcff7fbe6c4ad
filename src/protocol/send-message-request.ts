import { writeInt32 } from './big-endian.ts'
import { emptyExtFields } from './ext-fields.ts'
import { LanguageCode } from './language-code.ts'
import type { FrameStore, OutgoingFrame } from './outgoing-frame.ts'
import { CURRENT_VERSION, ONEWAY_FLAG, RemotingCommand, SerializeType } from './remoting-command.ts'
import { hasShortNames, type SendMessageRequestHeader } from './send-message-header.ts'
import { MAP_AT, middlePart, type PreparedParts, preparedParts, tailPart } from './send-message-parts.ts'
import { timeText, writeDigits, writeEntry, writeJsonText, writeNumber } from './send-message-writers.ts'

export interface SendMessageRequestOptions {
  /** @default JSON */
  serializeType?: number
  /** No answer is wanted. @default false */
  oneway?: boolean
  /** LanguageCode ordinal. @default JAVA */
  language?: number
  /** MQVersion ordinal. @default CURRENT_VERSION */
  version?: number
}

/** Where a request takes its body from until it has been encoded. */
export interface BodySource {
  readonly body: Uint8Array | undefined
}

/**
 * A send request with one-letter field names (codes 310, 320, 325) whose header is written straight into the outgoing buffer.
 * Requests that interceptors look at go out as {@link toCommand}.
 */
export class SendMessageRequest implements OutgoingFrame {
  readonly code: number
  header: SendMessageRequestHeader
  readonly serializeType: number
  readonly language: number
  readonly version: number
  opaque = 0
  flag: number
  readonly #source: BodySource
  #store: FrameStore | undefined
  #at = 0
  readonly #length: number

  constructor(code: number, header: SendMessageRequestHeader, source: BodySource, options?: SendMessageRequestOptions) {
    this.code = code
    this.header = header
    this.#source = source
    this.#length = source.body?.length ?? 0
    this.serializeType = options?.serializeType ?? SerializeType.JSON
    this.language = options?.language ?? LanguageCode.JAVA
    this.version = options?.version ?? CURRENT_VERSION
    this.flag = options?.oneway === true ? ONEWAY_FLAG : 0
  }

  /** Once the request has been encoded, the bytes that were: the source may hold something else by then. */
  get body(): Uint8Array | undefined {
    const store = this.#store
    return store === undefined ? this.#source.body : store.buffer.subarray(this.#at, this.#at + this.#length)
  }

  /** Whether the bytes that were encoded are held, so that the source is not needed any more. */
  get holdsBody(): boolean {
    return this.#store !== undefined
  }

  bodyCopied(store: FrameStore, at: number): void {
    store.retain()
    this.#store?.release()
    this.#store = store
    this.#at = at
  }

  /** The request has settled: nobody asks for its body any more. */
  releaseBody(): void {
    this.#store?.release()
    this.#store = undefined
  }

  headerBound(): number {
    const { producerGroup, topic, defaultTopic, brokerName, properties } = this.header
    const texts = producerGroup.length + topic.length + defaultTopic.length + (brokerName?.length ?? 0) + properties.length
    // 512 hold names, numbers and punctuation; a character takes 6 bytes when escaped in JSON, at most 3 in UTF-8.
    return 512 + texts * (this.serializeType === SerializeType.JSON ? 6 : 3)
  }

  writeHeader(target: Buffer, offset: number): number {
    const { header } = this
    const head = preparedParts(this)
    if (this.serializeType !== SerializeType.JSON) return this.#writeBinary(head, target, offset)
    target.set(head.jsonHead, offset)
    let at = writeDigits(target, offset + head.jsonHead.length, header.queueId)
    const middle = middlePart(header)
    target.set(middle, at)
    at = writeJsonText(target, at + middle.length, header.properties)
    const tail = tailPart(header, this.flag)
    target.set(tail, at)
    at += tail.length
    target.set(head.jsonLanguage, at)
    at = writeDigits(target, at + head.jsonLanguage.length, this.opaque)
    target.set(head.jsonVersion, at)
    return at + head.jsonVersion.length
  }

  #writeBinary(head: PreparedParts, target: Buffer, offset: number): number {
    const { header } = this
    target.set(head.binaryHead, offset)
    writeInt32(target, offset + 5, this.opaque)
    writeInt32(target, offset + 9, this.flag)
    let at = offset + head.binaryHead.length
    at = writeNumber(target, at, 0x65, header.queueId)
    at = writeNumber(target, at, 0x66, header.sysFlag)
    at = writeEntry(target, at, 0x67, timeText(header.bornTimestamp))
    at = writeNumber(target, at, 0x68, header.flag)
    if (header.properties !== '') at = writeEntry(target, at, 0x69, header.properties)
    at = writeNumber(target, at, 0x6a, header.reconsumeTimes)
    at = writeEntry(target, at, 0x6b, header.unitMode ? 'true' : 'false')
    if (header.maxReconsumeTimes !== undefined) at = writeNumber(target, at, 0x6c, header.maxReconsumeTimes)
    at = writeEntry(target, at, 0x6d, header.batch ? 'true' : 'false')
    writeInt32(target, offset + MAP_AT - 4, at - offset - MAP_AT)
    return at
  }

  /** The same request with its fields as a map, for code that adds or signs fields. */
  toCommand(): RemotingCommand {
    const fields = headerFields(this.code, this.header)
    const bytes = this.body
    const body = bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const command = RemotingCommand.request(this.code, fields, body, this.serializeType)
    command.language = this.language
    command.version = this.version
    command.flag = this.flag
    command.opaque = this.opaque
    return command
  }
}

/** The header as a map, with the names that belong to the request code. */
export function headerFields(code: number, header: SendMessageRequestHeader): Record<string, string> {
  const fields = emptyExtFields()
  const names = hasShortNames(code) ? SHORT_NAMES : LONG_NAMES
  const values = [
    header.producerGroup,
    header.topic,
    header.defaultTopic,
    header.defaultTopicQueueNums,
    header.queueId,
    header.sysFlag,
    header.bornTimestamp,
    header.flag,
    header.properties,
    header.reconsumeTimes,
    header.unitMode,
    header.maxReconsumeTimes,
    header.batch,
    header.brokerName
  ]
  values.forEach((value, i) => {
    if (value !== undefined) fields[names[i] as string] = String(value)
  })
  return fields
}

const SHORT_NAMES = [...'abcdefghijklmn']
const LONG_NAMES = [
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
  'maxReconsumeTimes',
  'batch',
  'bname'
]
