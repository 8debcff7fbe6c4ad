/** Well-known topics and prefixes; Java's `TopicValidator` and `MixAll`. */
export const TBW102 = 'TBW102'
export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX'
export const BENCHMARK_TOPIC = 'BenchmarkTest'
export const TRANS_HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC'
export const TRANS_OP_HALF_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC'
export const TRANS_CHECK_MAX_TIME_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC'
export const TRACE_TOPIC = 'RMQ_SYS_TRACE_TOPIC'
export const SELF_TEST_TOPIC = 'SELF_TEST_TOPIC'
export const OFFSET_MOVED_EVENT = 'OFFSET_MOVED_EVENT'
export const CHECKPOINT_TOPIC = 'CHECKPOINT_TOPIC'
/** Where messages for a point in time wait; Java's `TimerMessageStore.TIMER_TOPIC`. */
export const TIMER_TOPIC = 'rmq_sys_wheel_timer'

/** Retry topic of a consumer group, and its dead-letter topic. */
export const RETRY_PREFIX = '%RETRY%'
export const DLQ_PREFIX = '%DLQ%'
export const REPLY_TOPIC_POSTFIX = 'REPLY_TOPIC'
export const SYSTEM_TOPIC_PREFIX = 'rmq_sys_'

const systemTopics: ReadonlySet<string> = new Set([
  TBW102,
  SCHEDULE_TOPIC,
  BENCHMARK_TOPIC,
  TRANS_HALF_TOPIC,
  TRACE_TOPIC,
  TRANS_OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  SELF_TEST_TOPIC,
  OFFSET_MOVED_EVENT,
  CHECKPOINT_TOPIC
])

/** Topics nobody may send to. */
export const FORBIDDEN_TOPICS: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  SELF_TEST_TOPIC,
  OFFSET_MOVED_EVENT
])

export function isSystemTopic(topic: string): boolean {
  return systemTopics.has(topic) || topic.startsWith(SYSTEM_TOPIC_PREFIX)
}
