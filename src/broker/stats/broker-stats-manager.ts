import { isSystemTopic } from '../../protocol/topics.ts'
import { STATS_SPANS, StatsItem, type StatsSpan, samplingPeriod } from './stats-item.ts'

/** The put counters of one topic, kept together so that a send looks up one entry. */
export interface TopicPutStats {
  readonly nums: StatsItem
  readonly size: StatsItem
  readonly system: boolean
}

/** Messages of users, in and out, at the last two midnights; Java's `BrokerStats`. */
export interface MorningTotals {
  putYesterday: number
  putToday: number
  getYesterday: number
  getToday: number
}

/** A sample may be taken so much before its time: timers are not exact. */
const EARLY_MILLIS = 5000

/**
 * Counters of Java's `BrokerStatsManager` by its item names: sums since the start, and what they were over the last minute, hour and day.
 * Keys are topics, `topic@group`, `topic@queueId` or the cluster, as Java has them.
 */
export class BrokerStatsManager {
  readonly #cluster: string
  readonly #topicPut = new Map<string, TopicPutStats>()
  readonly #items = new Map<string, Map<string, StatsItem>>()
  readonly #brokerPut: StatsItem
  readonly #brokerGet: StatsItem
  /** The same without the topics that the broker has for itself. */
  readonly #userPut: StatsItem
  readonly #userGet: StatsItem
  /** When each span was sampled last, wall clock, ms. */
  readonly #lastSample = new Map<StatsSpan, number>()
  /** The day of the last sample, in the time zone of the process. */
  #day: string | undefined
  readonly #mornings: MorningTotals = { putYesterday: 0, putToday: 0, getYesterday: 0, getToday: 0 }

  /** @param now wall clock, ms: the spans begin with it */
  constructor(clusterName: string, now: number) {
    this.#cluster = clusterName
    for (const span of STATS_SPANS) this.#lastSample.set(span, now)
    this.#brokerPut = this.#item('BROKER_PUT_NUMS', clusterName)
    this.#brokerGet = this.#item('BROKER_GET_NUMS', clusterName)
    this.#userPut = this.#item('BROKER_PUT_NUMS_WITHOUT_SYSTEM_TOPIC', clusterName)
    this.#userGet = this.#item('BROKER_GET_NUMS_WITHOUT_SYSTEM_TOPIC', clusterName)
  }

  /**
   * Takes the samples that are due; to be called every ten seconds.
   * @param now wall clock, ms
   */
  sample(now: number): void {
    for (const span of STATS_SPANS) {
      const last = this.#lastSample.get(span)!
      // A clock that was set back is believed.
      if (now >= last && now - last < samplingPeriod(span) - EARLY_MILLIS) continue
      this.#lastSample.set(span, now)
      for (const items of this.#items.values()) for (const item of items.values()) item.sample(span, now)
    }
    this.#noteMorning(now)
  }

  /** Totals at the last two midnights. */
  get mornings(): Readonly<MorningTotals> {
    return this.#mornings
  }

  /** Messages that a group got of a topic in the last minute, per second. */
  tpsGroupGetNums(group: string, topic: string): number {
    return this.get('GROUP_GET_NUMS', `${topic}@${group}`)?.snapshot('minute').tps ?? 0
  }

  /** A put of `messages` records with `bytes` altogether succeeded. */
  incPut(topic: string, messages: number, bytes: number): void {
    let stats = this.#topicPut.get(topic)
    if (stats === undefined) {
      stats = {
        nums: this.#item('TOPIC_PUT_NUMS', topic),
        size: this.#item('TOPIC_PUT_SIZE', topic),
        system: isSystemTopic(topic)
      }
      this.#topicPut.set(topic, stats)
    }
    stats.nums.value += messages
    stats.nums.times++
    stats.size.value += bytes
    stats.size.times++
    this.#brokerPut.value += messages
    this.#brokerPut.times++
    if (!stats.system) this.#userPut.value += messages
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
    if (!isSystemTopic(topic)) this.#userGet.value += messages
  }

  incSendBack(group: string, topic: string): void {
    this.#add('SNDBCK_PUT_NUMS', `${topic}@${group}`, 1)
  }

  incSendBackToDlq(group: string, topic: string): void {
    this.#add('SNDBCK2DLQ_TIMES', `${topic}@${group}`, 1)
  }

  /** Undefined when nothing was counted under that name and key. */
  get(itemName: string, key: string): StatsItem | undefined {
    return this.#items.get(itemName)?.get(key)
  }

  /** All messages that were handed out. */
  get brokerGet(): Readonly<StatsItem> {
    return this.#brokerGet
  }

  /** Messages of users that came in since the start. */
  get userPutNums(): number {
    return this.#userPut.value
  }

  /** Messages of users that were handed out since the start. */
  get userGetNums(): number {
    return this.#userGet.value
  }

  /** Forgets the counters of a group: keys that end with it. */
  onGroupDeleted(group: string): void {
    for (const items of this.#items.values()) {
      for (const key of items.keys()) if (key.endsWith(`@${group}`)) items.delete(key)
    }
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
      item = new StatsItem()
      items.set(key, item)
    }
    return item
  }

  #noteMorning(now: number): void {
    const day = new Date(now).toDateString()
    if (day === this.#day) return
    if (this.#day !== undefined) {
      const mornings = this.#mornings
      mornings.putYesterday = mornings.putToday
      mornings.getYesterday = mornings.getToday
      mornings.putToday = this.#userPut.value
      mornings.getToday = this.#userGet.value
    }
    this.#day = day
  }
}
