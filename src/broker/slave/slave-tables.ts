import { type FastjsonObject, type FastjsonValue, isObject, parseFastjsonObject } from '../../protocol/fastjson.ts'
import { mapOf } from '../../protocol/fastjson-fields.ts'
import { type DataVersion, dataVersionJson, dataVersionOf } from '../../protocol/topic-config.ts'
import { groupRetryPolicyOf } from '../client/group-retry-policy.ts'
import { newSubscriptionGroupConfig, type SubscriptionGroupConfig } from '../client/subscription-group-manager.ts'
import { isLegalGroup, isLegalTopic } from '../names.ts'

/**
 * The bodies a master answers its slaves with. Numbers as keys are written bare, as fastjson does; both forms are read.
 *
 * ```
 * 43  {"dataVersion":{...},"groupTopicMap":{"group":["topic"]},"offsetTable":{"topic@group":{0:17}}}     4.x only the last
 * 45  {"dataVersion":{...},"offsetTable":{3:5}}                   by delay level; 4.x only the last
 * 201 {"dataVersion":{...},"subscriptionGroupTable":{"group":{...}}}
 * ```
 */

/** Slaves take offsets over whatever the version says. */
const NO_VERSION = JSON.stringify(dataVersionJson({ stateVersion: 0, timestamp: 0, counter: 0 }))

const MAX_RETRY_QUEUES = 1024

export function encodeConsumerOffsets(table: ReadonlyMap<string, ReadonlyMap<number, number>>): Buffer {
  const entries = [...table].map(([key, queues]) => `${JSON.stringify(key)}:${offsetsText(queues)}`)
  const topics = new Map<string, string[]>()
  for (const key of table.keys()) {
    const [topic, group] = key.split('@') as [string, string]
    topics.set(group, [...(topics.get(group) ?? []), topic])
  }
  const groups = [...topics].map(([group, names]) => `${JSON.stringify(group)}:${JSON.stringify(names)}`)
  return Buffer.from(`{"dataVersion":${NO_VERSION},"groupTopicMap":{${groups.join(',')}},"offsetTable":{${entries.join(',')}}}`)
}

/** By `topic@group` and queue. What is no name, queue or offset is left out. @throws RemotingCommandException (`BAD_JSON`) */
export function decodeConsumerOffsets(body: Uint8Array | undefined): Map<string, Map<number, number>> {
  return consumerOffsetsOf(parseFastjsonObject(body, 'the consumer offsets'))
}

export function consumerOffsetsOf(json: FastjsonObject): Map<string, Map<number, number>> {
  const table = mapOf(json, 'offsetTable', (value) => offsetsOf(value))
  for (const key of table.keys()) {
    const [topic, group, more] = key.split('@') as [string, string?, string?]
    if (!isLegalTopic(topic) || group === undefined || !isLegalGroup(group) || more !== undefined) table.delete(key)
  }
  return table
}

export function encodeDelayOffsets(offsets: ReadonlyMap<number, number>): Buffer {
  return Buffer.from(`{"dataVersion":${NO_VERSION},"offsetTable":${offsetsText(offsets)}}`)
}

/** By delay level. @throws RemotingCommandException (`BAD_JSON`) */
export function decodeDelayOffsets(body: Uint8Array | undefined): Map<number, number> {
  return delayOffsetsOf(parseFastjsonObject(body, 'the delay offsets'))
}

export function delayOffsetsOf(json: FastjsonObject): Map<number, number> {
  return offsetsOf(json.offsetTable)
}

/** Fields that are missing or of another type get their defaults. @throws RemotingCommandException (`BAD_JSON`) */
export function decodeSubscriptionGroups(body: Uint8Array | undefined): {
  groups: SubscriptionGroupConfig[]
  dataVersion: DataVersion
} {
  return subscriptionGroupsOf(parseFastjsonObject(body, 'the consumer groups'))
}

export function subscriptionGroupsOf(json: FastjsonObject): { groups: SubscriptionGroupConfig[]; dataVersion: DataVersion } {
  const table = mapOf(json, 'subscriptionGroupTable', (value, name) => groupOf(isObject(value) ? value : {}, name))
  return {
    groups: [...table.values()].filter(({ groupName }) => isLegalGroup(groupName)),
    dataVersion: dataVersionOf(isObject(json.dataVersion) ? json.dataVersion : {})
  }
}

function groupOf(json: FastjsonObject, name: string): SubscriptionGroupConfig {
  const config = newSubscriptionGroupConfig(name)
  for (const field of Object.keys(config) as Array<keyof SubscriptionGroupConfig>) {
    const value = json[field]
    if (typeof value === typeof config[field] && typeof value !== 'object' && field !== 'groupName') {
      ;(config as unknown as Record<string, unknown>)[field] = value
    }
  }
  config.groupRetryPolicy = groupRetryPolicyOf(json.groupRetryPolicy)
  config.retryQueueNums = Math.max(0, Math.min(config.retryQueueNums, MAX_RETRY_QUEUES))
  return config
}

function offsetsText(offsets: ReadonlyMap<number, number>): string {
  return `{${[...offsets].map(([key, offset]) => `${key}:${offset}`).join(',')}}`
}

function offsetsOf(value: FastjsonValue | undefined): Map<number, number> {
  const offsets = new Map<number, number>()
  if (!isObject(value)) return offsets
  for (const [key, offset] of Object.entries(value)) {
    if (/^\d{1,9}$/.test(key) && Number.isSafeInteger(offset)) offsets.set(Number(key), offset as number)
  }
  return offsets
}
