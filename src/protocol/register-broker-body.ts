import { deflateSync, inflateSync } from 'node:zlib'
import { RemotingCommandException } from '../internal/errors.ts'
import { isObject, parseFastjson, parseFastjsonObject } from './fastjson.ts'
import { mapOf, textsOf } from './fastjson-fields.ts'
import {
  attributesText,
  dataVersionJson,
  dataVersionOf,
  TOPIC_FILTER_TYPES,
  type TopicConfig,
  type TopicConfigSerializeWrapper,
  type TopicFilterType,
  topicConfigSerializeWrapperOf,
  topicConfigSerializeWrapperText
} from './topic-config.ts'

/** Body of REGISTER_BROKER; Java's `RegisterBrokerBody`. */
export interface RegisterBrokerBody {
  topicConfigSerializeWrapper: TopicConfigSerializeWrapper
  filterServerList: string[]
}

/** Most bytes of the compressed form once inflated. */
const MAX_INFLATED = 64 * 1024 * 1024
/** Most values of the plain form, as of some 100,000 topics, and most topics of the compressed one. */
const MAX_VALUES = 1_000_000
const MAX_TOPICS = 200_000
/** Brokers from 5.0 on write a count of topic mappings behind the filter servers. */
const FIRST_VERSION_WITH_MAPPINGS = 413

/**
 * Plain JSON, or, compressed, one zlib stream:
 *
 * ```
 * body  := dataVersionLength:int32 dataVersionJson topicCount:int32 topic* filterLength:int32 filterServersJson
 *          mappingCount:int32 mapping*                                     (the last line from 5.0 on)
 * topic := length:int32 "name read write perm filterType[ attributesJson]"
 * ```
 * The compressed form loses `order` and `topicSysFlag`.
 */
export function encodeRegisterBrokerBody(body: RegisterBrokerBody, compressed: boolean): Buffer {
  const { topicConfigSerializeWrapper: wrapper, filterServerList } = body
  if (!compressed) {
    const text = `{"filterServerList":${JSON.stringify(filterServerList)},"topicConfigSerializeWrapper":${topicConfigSerializeWrapperText(wrapper)}}`
    return Buffer.from(text, 'utf8')
  }
  const topics = [...wrapper.topicConfigTable.values()]
  const parts = [block(JSON.stringify(dataVersionJson(wrapper.dataVersion))), int32(topics.length)]
  for (const topic of topics) parts.push(block(topicText(topic)))
  parts.push(block(JSON.stringify(filterServerList)), int32(0))
  return deflateSync(Buffer.concat(parts), { level: 9 })
}

/**
 * @param version the MQVersion ordinal of the request.
 * @throws RemotingCommandException (`BAD_JSON`, `BAD_BODY`)
 */
export function decodeRegisterBrokerBody(
  bytes: Uint8Array | undefined,
  compressed: boolean,
  version: number
): RegisterBrokerBody {
  if (!compressed) {
    const json = parseFastjsonObject(bytes, 'the registration', MAX_VALUES)
    const wrapper = json.topicConfigSerializeWrapper
    return {
      topicConfigSerializeWrapper: topicConfigSerializeWrapperOf(isObject(wrapper) ? wrapper : {}),
      filterServerList: textsOf(json, 'filterServerList')
    }
  }
  const reader = new BlockReader(inflate(bytes))
  const dataVersion = reader.json()
  const topicConfigTable = new Map<string, TopicConfig>()
  for (let left = reader.count(); left > 0; left--) {
    const topic = topicOf(reader.text())
    topicConfigTable.set(topic.topicName, topic)
  }
  const filters = reader.json()
  if (version >= FIRST_VERSION_WITH_MAPPINGS) for (let left = reader.count(); left > 0; left--) reader.text()
  return {
    topicConfigSerializeWrapper: { topicConfigTable, dataVersion: dataVersionOf(isObject(dataVersion) ? dataVersion : {}) },
    filterServerList: Array.isArray(filters) ? filters.map(String) : []
  }
}

function inflate(bytes: Uint8Array | undefined): Buffer {
  try {
    return inflateSync(bytes ?? Buffer.alloc(0), { maxOutputLength: MAX_INFLATED })
  } catch (cause) {
    throw new RemotingCommandException(`the compressed registration is damaged or larger than ${MAX_INFLATED} bytes`, {
      code: 'BAD_BODY',
      cause
    })
  }
}

class BlockReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** A count of blocks, each of which has at least its length. */
  count(): number {
    const count = this.#int32()
    if (count < 0 || count > MAX_TOPICS || count * 4 > this.#bytes.length - this.#at) throw bad(`count ${count}`)
    return count
  }

  text(): string {
    const length = this.#int32()
    if (length < 0 || length > this.#bytes.length - this.#at) throw bad(`length ${length}`)
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  json(): ReturnType<typeof parseFastjson> {
    return parseFastjson(this.text())
  }

  #int32(): number {
    if (this.#bytes.length - this.#at < 4) throw bad('its end is missing')
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }
}

function topicText(topic: TopicConfig): string {
  const attributes = topic.attributes.size === 0 ? '' : ` ${attributesText(topic.attributes)}`
  return `${topic.topicName} ${topic.readQueueNums} ${topic.writeQueueNums} ${topic.perm} ${topic.topicFilterType}${attributes}`
}

function topicOf(text: string): TopicConfig {
  const [topicName = '', read, write, perm, filterType, ...attributes] = text.split(' ')
  if (filterType === undefined) throw bad(`a topic with fewer than 5 parts`)
  const json = attributes.length === 0 ? null : parseFastjson(attributes.join(' '))
  return {
    topicName,
    readQueueNums: Number(read) || 0,
    writeQueueNums: Number(write) || 0,
    perm: Number(perm) || 0,
    topicFilterType: TOPIC_FILTER_TYPES.includes(filterType as TopicFilterType) ? (filterType as TopicFilterType) : 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    attributes: isObject(json) ? mapOf({ json }, 'json', String) : new Map()
  }
}

function block(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([int32(bytes.length), bytes])
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function bad(problem: string): RemotingCommandException {
  return new RemotingCommandException(`the compressed registration does not fit: ${problem}`, { code: 'BAD_BODY' })
}
