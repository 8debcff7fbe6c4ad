import { type FastjsonObject, isObject, parseFastjsonObject } from './fastjson.ts'
import { booleanOf, enumOf, mapOf, numberOf, textOf } from './fastjson-fields.ts'

export const TOPIC_FILTER_TYPES = ['SINGLE_TAG', 'MULTI_TAG'] as const
export type TopicFilterType = (typeof TOPIC_FILTER_TYPES)[number]

export interface TopicConfig {
  topicName: string
  readQueueNums: number
  writeQueueNums: number
  perm: number
  topicFilterType: TopicFilterType
  topicSysFlag: number
  order: boolean
  attributes: Map<string, string>
}

/** Which of two states of a table is newer. */
export interface DataVersion {
  /** Only in 5.x. */
  stateVersion: number
  timestamp: number
  counter: number
}

export interface TopicConfigSerializeWrapper {
  topicConfigTable: Map<string, TopicConfig>
  dataVersion: DataVersion
}

export function isSameVersion(one: DataVersion, other: DataVersion): boolean {
  return one.stateVersion === other.stateVersion && one.timestamp === other.timestamp && one.counter === other.counter
}

/** Keys sorted, as fastjson writes them. */
export function encodeTopicConfigSerializeWrapper(wrapper: TopicConfigSerializeWrapper): Buffer {
  return Buffer.from(topicConfigSerializeWrapperText(wrapper), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeTopicConfigSerializeWrapper(bytes: Uint8Array | undefined): TopicConfigSerializeWrapper {
  return topicConfigSerializeWrapperOf(parseFastjsonObject(bytes, 'the topic configs'))
}

export function encodeDataVersion(version: DataVersion): Buffer {
  return Buffer.from(JSON.stringify(dataVersionJson(version)), 'utf8')
}

/** @throws RemotingCommandException (`BAD_JSON`) */
export function decodeDataVersion(bytes: Uint8Array | undefined): DataVersion {
  return dataVersionOf(parseFastjsonObject(bytes, 'the data version'))
}

export function topicConfigSerializeWrapperText(wrapper: TopicConfigSerializeWrapper): string {
  const topics = [...wrapper.topicConfigTable].map(([name, config]) => `${JSON.stringify(name)}:${topicConfigText(config)}`)
  return `{"dataVersion":${JSON.stringify(dataVersionJson(wrapper.dataVersion))},"topicConfigTable":{${topics.join(',')}}}`
}

export function topicConfigSerializeWrapperOf(json: FastjsonObject): TopicConfigSerializeWrapper {
  return {
    topicConfigTable: mapOf(json, 'topicConfigTable', (value, name) => topicConfigOf(isObject(value) ? value : {}, name)),
    dataVersion: dataVersionOf(isObject(json.dataVersion) ? json.dataVersion : {})
  }
}

/** @param name for a config that does not say it. */
export function topicConfigOf(json: FastjsonObject, name: string): TopicConfig {
  return {
    topicName: textOf(json, 'topicName', name),
    readQueueNums: numberOf(json, 'readQueueNums', 16),
    writeQueueNums: numberOf(json, 'writeQueueNums', 16),
    perm: numberOf(json, 'perm', 6),
    topicFilterType: enumOf(json, 'topicFilterType', TOPIC_FILTER_TYPES, 'SINGLE_TAG'),
    topicSysFlag: numberOf(json, 'topicSysFlag'),
    order: booleanOf(json, 'order'),
    attributes: mapOf(json, 'attributes', String)
  }
}

export function topicConfigText(config: TopicConfig): string {
  const { attributes, order, perm, readQueueNums, topicFilterType, topicName, topicSysFlag, writeQueueNums } = config
  const rest = { order, perm, readQueueNums, topicFilterType, topicName, topicSysFlag, writeQueueNums }
  return `{"attributes":${attributesText(attributes)},${JSON.stringify(rest).slice(1)}`
}

export function attributesText(attributes: ReadonlyMap<string, string>): string {
  return `{${[...attributes].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
}

export function dataVersionJson(version: DataVersion): object {
  return { counter: version.counter, stateVersion: version.stateVersion, timestamp: version.timestamp }
}

export function dataVersionOf(json: FastjsonObject): DataVersion {
  return {
    stateVersion: numberOf(json, 'stateVersion'),
    timestamp: numberOf(json, 'timestamp'),
    counter: numberOf(json, 'counter')
  }
}
