import type { BrokerServices } from '../broker-services.ts'
import type { PoppedQueue } from './in-flight-messages.ts'

/** How many queues of a topic pops read. */
export function popQueueNums({ topicConfigManager, store }: BrokerServices, topic: string): number {
  // Messages of a retry topic may be older than the table of topics that was written last.
  return topicConfigManager.selectTopicConfig(topic)?.readQueueNums ?? store.queueNums(topic)
}

/** Where the next pop of a queue begins to read; undefined when the group has no position there yet. Changes nothing. */
export function nextPopOffset({ consumerOffsetManager, pop }: BrokerServices, queue: PoppedQueue): number | undefined {
  const { topic, group, queueId } = queue
  const committed = consumerOffsetManager.queryOffset(group, topic, queueId)
  if (committed < 0) return undefined
  // The next pop forgets what is held of a queue that was reset.
  if (consumerOffsetManager.hasOffsetReset(group, topic, queueId)) return committed
  return Math.max(committed, pop.inFlightMessages.nextOffset(queue) ?? 0)
}
