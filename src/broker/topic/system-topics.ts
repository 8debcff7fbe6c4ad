import { Perm } from '../../protocol/perm.ts'
import type { TopicConfig } from '../../protocol/topic-config.ts'
import {
  REPLY_TOPIC_POSTFIX,
  SCHEDULE_TOPIC,
  TBW102,
  TIMER_TOPIC,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC
} from '../../protocol/topics.ts'
import type { BrokerConfig } from '../broker-config.ts'
import { newTopicConfig } from './topic-config.ts'

const READ_WRITE = Perm.READ | Perm.WRITE
/** Java's `TopicConfig` default. */
const DEFAULT_QUEUE_NUMS = 16
const SCHEDULE_QUEUES = 18
const REVIVE_QUEUES = 8

/** Topics every broker has from the start; Java creates them in the constructor of `TopicConfigManager`. */
export function systemTopicConfigs(config: BrokerConfig, timerWheelEnable: boolean): TopicConfig[] {
  const { brokerClusterName, brokerName } = config
  const topics = [newTopicConfig('SELF_TEST_TOPIC', 1, READ_WRITE)]
  if (config.autoCreateTopicEnable) topics.push(newTopicConfig(TBW102, config.defaultTopicQueueNums, READ_WRITE | Perm.INHERIT))
  topics.push(
    newTopicConfig('BenchmarkTest', 1024, READ_WRITE),
    newTopicConfig(brokerClusterName, DEFAULT_QUEUE_NUMS, Perm.INHERIT | (config.clusterTopicEnable ? READ_WRITE : 0)),
    newTopicConfig(brokerName, 1, Perm.INHERIT | (config.brokerTopicEnable ? READ_WRITE : 0)),
    newTopicConfig('OFFSET_MOVED_EVENT', 1, READ_WRITE),
    newTopicConfig(SCHEDULE_TOPIC, SCHEDULE_QUEUES, READ_WRITE)
  )
  if (config.traceTopicEnable) topics.push(newTopicConfig(config.msgTraceTopicName, 1, READ_WRITE))
  topics.push(
    newTopicConfig(`${brokerClusterName}_${REPLY_TOPIC_POSTFIX}`, 1, READ_WRITE),
    newTopicConfig(`rmq_sys_REVIVE_LOG_${brokerClusterName}`, REVIVE_QUEUES, READ_WRITE),
    newTopicConfig(`rmq_sys_SYNC_BROKER_MEMBER_${brokerName}`, 1, Perm.INHERIT),
    newTopicConfig(TRANS_HALF_TOPIC, 1, READ_WRITE),
    newTopicConfig(TRANS_OP_HALF_TOPIC, 1, READ_WRITE)
  )
  if (timerWheelEnable) topics.push(newTopicConfig(TIMER_TOPIC, 1, READ_WRITE))
  return topics
}

const ALWAYS_SYSTEM = [
  TBW102,
  SCHEDULE_TOPIC,
  'BenchmarkTest',
  TRANS_HALF_TOPIC,
  'RMQ_SYS_TRACE_TOPIC',
  TRANS_OP_HALF_TOPIC,
  'TRANS_CHECK_MAX_TIME_TOPIC',
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
  'CHECKPOINT_TOPIC'
]

/** What this broker calls a system topic: the names known everywhere and those it made from its cluster and its own name. */
export function systemTopicNames(config: BrokerConfig, timerWheelEnable: boolean): Set<string> {
  const names = new Set(ALWAYS_SYSTEM)
  for (const { topicName } of systemTopicConfigs(config, timerWheelEnable)) names.add(topicName)
  return names
}
