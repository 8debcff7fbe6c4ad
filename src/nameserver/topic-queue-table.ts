import { logText } from '../internal/logger.ts'
import { isWriteable, Perm } from '../protocol/perm.ts'
import type { TopicConfig } from '../protocol/topic-config.ts'
import type { QueueData } from '../protocol/topic-route.ts'
import { quotaExceeded } from '../transport/request-refused.ts'
import { checkLength } from './name-length.ts'

/** Which broker has which queues of a topic; Java's `topicQueueTable`. A topic without queues does not exist. */
export class TopicQueueTable {
  readonly #topics = new Map<string, Map<string, QueueData>>()
  readonly #maxRouteNum: number
  #size = 0

  constructor(maxRouteNum: number) {
    this.#maxRouteNum = maxRouteNum
  }

  topics(): Iterable<string> {
    return this.#topics.keys()
  }

  queues(topic: string): ReadonlyMap<string, QueueData> | undefined {
    return this.#topics.get(topic)
  }

  has(topic: string, brokerName: string): boolean {
    return this.#topics.get(topic)?.has(brokerName) === true
  }

  /** @throws RequestRefused when these topics of a broker do not all find room. */
  checkRoom(brokerName: string, topics: Iterable<string>): void {
    let free = this.#maxRouteNum - this.#size
    for (const topic of topics) {
      if (this.has(topic, brokerName)) continue
      checkLength('a topic', topic)
      if (--free < 0) throw quotaExceeded(`topic ${logText(topic)}`, 'maxRouteNum', this.#maxRouteNum)
    }
  }

  /** @throws RequestRefused when the table is full. */
  put(topic: string, data: QueueData): void {
    let queues = this.#topics.get(topic)
    if (queues?.has(data.brokerName) !== true) {
      this.checkRoom(data.brokerName, [topic])
      this.#size++
    }
    if (queues === undefined) {
      queues = new Map()
      this.#topics.set(topic, queues)
    }
    queues.set(data.brokerName, data)
  }

  putConfig(brokerName: string, config: TopicConfig, perm: number): void {
    const { topicName, readQueueNums, writeQueueNums, topicSysFlag } = config
    this.put(topicName, { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag })
  }

  deleteTopic(topic: string): void {
    this.#size -= this.#topics.get(topic)?.size ?? 0
    this.#topics.delete(topic)
  }

  remove(topic: string, brokerName: string): void {
    const queues = this.#topics.get(topic)
    if (queues?.delete(brokerName) !== true) return
    this.#size--
    if (queues.size === 0) this.#topics.delete(topic)
  }

  removeBroker(brokerName: string): void {
    for (const topic of this.topicsOf(brokerName)) this.remove(topic, brokerName)
  }

  topicsOf(brokerName: string): string[] {
    const topics: string[] = []
    for (const [topic, queues] of this.#topics) if (queues.has(brokerName)) topics.push(topic)
    return topics
  }

  /** Takes the write permission of all queues of a broker away, or gives back read and write. @returns how many topics it has */
  changeWritePerm(brokerName: string, writable: boolean): number {
    const topics = this.topicsOf(brokerName)
    for (const topic of topics) {
      const data = this.#topics.get(topic)!.get(brokerName)!
      this.put(topic, { ...data, perm: writable ? Perm.READ | Perm.WRITE : data.perm & ~Perm.WRITE })
    }
    return topics.length
  }

  isWriteable(topic: string, brokerName: string): boolean {
    return isWriteable(this.#topics.get(topic)?.get(brokerName)?.perm ?? 0)
  }
}
