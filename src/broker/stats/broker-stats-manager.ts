/** A sum and how often something was added to it. */
export interface StatsItem {
  value: number
  times: number
}

/** The put counters of one topic, kept together so that a send looks up one entry. */
export interface TopicPutStats {
  readonly nums: StatsItem
  readonly size: StatsItem
}

/**
 * Counters of Java's `BrokerStatsManager` by its item names: plain sums since the start. Keys are topics, `topic@group`,
 * `topic@queueId` or the cluster, as Java has them.
 */
export class BrokerStatsManager {
  readonly #cluster: string
  readonly #topicPut = new Map<string, TopicPutStats>()
  readonly #items = new Map<string, Map<string, StatsItem>>()
  readonly #brokerPut: StatsItem
  readonly #brokerGet: StatsItem

  constructor(clusterName: string) {
    this.#cluster = clusterName
    this.#brokerPut = this.#item('BROKER_PUT_NUMS', clusterName)
    this.#brokerGet = this.#item('BROKER_GET_NUMS', clusterName)
  }

  /** A put of `messages` records with `bytes` altogether succeeded. */
  incPut(topic: string, messages: number, bytes: number): void {
    let stats = this.#topicPut.get(topic)
    if (stats === undefined) {
      stats = { nums: this.#item('TOPIC_PUT_NUMS', topic), size: this.#item('TOPIC_PUT_SIZE', topic) }
      this.#topicPut.set(topic, stats)
    }
    stats.nums.value += messages
    stats.nums.times++
    stats.size.value += bytes
    stats.size.times++
    this.#brokerPut.value += messages
    this.#brokerPut.times++
  }

  incQueuePut(topic: string, queueId: number, messages: number, bytes: number): void {
    this.#add('QUEUE_PUT_NUMS', `${topic}@${queueId}`, messages)
    this.#add('QUEUE_PUT_SIZE', `${topic}@${queueId}`, bytes)
  }

  incGroupGet(group: string, topic: string, messages: number, bytes: number): void {
    this.#add('GROUP_GET_NUMS', `${topic}@${group}`, messages)
    this.#add('GROUP_GET_SIZE', `${topic}@${group}`, bytes)
    this.#brokerGet.value += messages
    this.#brokerGet.times++
  }

  incSendBack(group: string, topic: string): void {
    this.#add('SNDBCK_PUT_NUMS', `${topic}@${group}`, 1)
  }

  incSendBackToDlq(group: string, topic: string): void {
    this.#add('SNDBCK2DLQ_TIMES', `${topic}@${group}`, 1)
  }

  /** Undefined when nothing was counted under that name and key. */
  get(itemName: string, key: string): Readonly<StatsItem> | undefined {
    return this.#items.get(itemName)?.get(key)
  }

  get brokerPut(): Readonly<StatsItem> {
    return this.#brokerPut
  }

  get brokerGet(): Readonly<StatsItem> {
    return this.#brokerGet
  }

  /** Forgets the counters of a topic: exact key, and keys that begin with it. */
  onTopicDeleted(topic: string): void {
    this.#topicPut.delete(topic)
    for (const [name, items] of this.#items) {
      if (name.startsWith('BROKER_')) continue
      for (const key of items.keys()) if (key === topic || key.startsWith(`${topic}@`)) items.delete(key)
    }
  }

  get clusterName(): string {
    return this.#cluster
  }

  #add(itemName: string, key: string, value: number): void {
    const item = this.#item(itemName, key)
    item.value += value
    item.times++
  }

  #item(itemName: string, key: string): StatsItem {
    let items = this.#items.get(itemName)
    if (items === undefined) {
      items = new Map()
      this.#items.set(itemName, items)
    }
    let item = items.get(key)
    if (item === undefined) {
      item = { value: 0, times: 0 }
      items.set(key, item)
    }
    return item
  }
}
