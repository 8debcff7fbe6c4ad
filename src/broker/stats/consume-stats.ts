import { MessageQueue } from '../../protocol/message-queue.ts'
import type { BrokerServices } from '../broker-services.ts'

/** How far a group is behind in some queues; Java's `ConsumeStats`. */
export class ConsumeStats {
  readonly #entries: string[] = []
  #consumeTps = 0
  /** Messages that are there and not consumed. */
  totalDiff = 0
  /** Messages that were pulled and are not consumed. */
  totalInflightDiff = 0

  /** The queues of one topic. */
  add(broker: BrokerServices, group: string, topic: string, queues: number): void {
    const { store, consumerOffsetManager } = broker
    for (let queueId = 0; queueId < queues; queueId++) {
      const brokerOffset = Math.max(0, store.getMaxOffsetInQueue(topic, queueId))
      const consumerOffset = Math.max(0, consumerOffsetManager.queryOffset(group, topic, queueId))
      const pullOffset = Math.max(consumerOffset, consumerOffsetManager.queryPullOffset(group, topic, queueId))
      const lastTimestamp =
        consumerOffset > 0 ? Math.max(0, store.getMessageStoreTimeStamp(topic, queueId, consumerOffset - 1)) : 0
      const queue = new MessageQueue(topic, broker.config.brokerName, queueId)
      const offsets = { brokerOffset, consumerOffset, lastTimestamp, pullOffset }
      this.#entries.push(`${JSON.stringify(queue)}:${JSON.stringify(offsets)}`)
      this.totalDiff += brokerOffset - consumerOffset
      this.totalInflightDiff += pullOffset - consumerOffset
    }
    this.#consumeTps += broker.brokerStatsManager.tpsGroupGetNums(group, topic)
  }

  /** The queue is the key of its entry, as an object: fastjson's form. */
  encode(): string {
    return `{"consumeTps":${this.#consumeTps},"offsetTable":{${this.#entries.join(',')}}}`
  }
}
