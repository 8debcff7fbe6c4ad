import { javaHashCode } from '../protocol/java-hash.ts'
import { ConsumeQueue } from './consume-queue.ts'

/** What the store keeps of a topic, so that a put computes it once and not per message. */
export class TopicQueues {
  readonly topic: string
  readonly queues = new Map<number, ConsumeQueue>()
  /** Java's hash of `topic#`: where the hash of each of the topic's keys begins. */
  readonly keyHash: number
  /** Messages and bytes that were put. */
  putTimes = 0
  putBytes = 0

  constructor(topic: string) {
    this.topic = topic
    this.keyHash = javaHashCode(`${topic}#`)
  }

  queue(queueId: number): ConsumeQueue {
    let queue = this.queues.get(queueId)
    if (queue === undefined) {
      queue = new ConsumeQueue(this.topic, queueId)
      this.queues.set(queueId, queue)
    }
    return queue
  }
}

/** All consume queues by topic and queue id; Java's `ConsumeQueueStore`. */
export class ConsumeQueueStore {
  readonly #topics = new Map<string, TopicQueues>()
  /** The topic of the last put; puts come in runs. */
  #recent: TopicQueues | undefined

  /** The topic's queues, made when they are not there. */
  topic(name: string): TopicQueues {
    const recent = this.#recent
    if (recent !== undefined && recent.topic === name) return recent
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = new TopicQueues(name)
      this.#topics.set(name, topic)
    }
    this.#recent = topic
    return topic
  }

  lookup(topic: string): TopicQueues | undefined {
    return this.#topics.get(topic)
  }

  find(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.#topics.get(topic)?.queues.get(queueId)
  }

  topics(): IterableIterator<TopicQueues> {
    return this.#topics.values()
  }

  correctMinOffset(minPhysicalOffset: number): void {
    for (const topic of this.#topics.values()) {
      for (const queue of topic.queues.values()) queue.correctMinOffset(minPhysicalOffset)
    }
  }

  /** Forgets a topic's queues; false when there are none. */
  delete(topic: string): boolean {
    if (this.#recent?.topic === topic) this.#recent = undefined
    return this.#topics.delete(topic)
  }
}
