import { isInherited, isReadable, isWriteable } from '../../protocol/perm.ts'
import type { TopicConfig } from '../../protocol/topic-config.ts'

export function newTopicConfig(topicName: string, queueNums: number, perm: number): TopicConfig {
  return {
    topicName,
    readQueueNums: queueNums,
    writeQueueNums: queueNums,
    perm,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    attributes: new Map()
  }
}

/** As Java's `TopicConfig.toString` writes it; part of the remark about a bad queue id. */
export function describeTopicConfig(config: TopicConfig): string {
  const { topicName, readQueueNums, writeQueueNums, topicFilterType, topicSysFlag, order } = config
  const attributes = [...config.attributes].map(([name, value]) => `${name}=${value}`)
  return (
    `TopicConfig [topicName=${topicName}, readQueueNums=${readQueueNums}, writeQueueNums=${writeQueueNums}, perm=${permText(config.perm)}, ` +
    `topicFilterType=${topicFilterType}, topicSysFlag=${topicSysFlag}, order=${order}, attributes={${attributes.join(', ')}}]`
  )
}

function permText(perm: number): string {
  return `${isReadable(perm) ? 'R' : '-'}${isWriteable(perm) ? 'W' : '-'}${isInherited(perm) ? 'X' : '-'}`
}
