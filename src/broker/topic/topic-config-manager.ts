import type { Clock } from '../../internal/clock.ts'
import { MQClientException } from '../../internal/errors.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { isInherited, Perm } from '../../protocol/perm.ts'
import { type DataVersion, isSameVersion, type TopicConfig } from '../../protocol/topic-config.ts'
import { RETRY_PREFIX, TBW102 } from '../../protocol/topics.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'
import type { BrokerConfig } from '../broker-config.ts'
import { isLegalTopic } from '../names.ts'
import { systemTopicConfigs, systemTopicNames } from './system-topics.ts'
import { newTopicConfig } from './topic-config.ts'

/** Most queues a topic may have; a queue is an entry in tables of broker, name server and clients. */
export const MAX_QUEUE_NUMS = 65_535

export interface TopicConfigManagerOptions {
  config: BrokerConfig
  /** Whether there is the topic in which timer messages wait. */
  timerWheelEnable: boolean
  clock: Clock
  logger: Logger
  /** Called after a topic came or changed, so that the name servers learn it at once. */
  onChange(topicConfig: TopicConfig): void
  /** Called after the table changed, so that it is written down. */
  onVersion?: (() => void) | undefined
}

/** The broker's topics; Java's `TopicConfigManager`. Every name in the table is legal. */
export class TopicConfigManager {
  readonly dataVersion: DataVersion
  readonly #table = new Map<string, TopicConfig>()
  /** What the broker needs for itself finds room in a full table. */
  readonly #systemTopics: ReadonlySet<string>
  readonly #options: TopicConfigManagerOptions

  constructor(options: TopicConfigManagerOptions) {
    this.#options = options
    this.dataVersion = { stateVersion: 0, timestamp: options.clock.now(), counter: 0 }
    const { config, timerWheelEnable } = options
    this.#systemTopics = systemTopicNames(config, timerWheelEnable)
    for (const topicConfig of systemTopicConfigs(config, timerWheelEnable)) this.#table.set(topicConfig.topicName, topicConfig)
  }

  selectTopicConfig(topic: string): TopicConfig | undefined {
    return this.#table.get(topic)
  }

  get topicConfigTable(): Map<string, TopicConfig> {
    return this.#table
  }

  isOrderTopic(topic: string): boolean {
    return this.#table.get(topic)?.order ?? false
  }

  /**
   * Automatic creation from `defaultTopic`, which has to exist and to allow inheriting.
   * @returns undefined when it may not be created.
   * @throws RequestRefused when the table is full.
   */
  createTopicInSendMessageMethod(
    topic: string,
    defaultTopic: string,
    clientDefaultTopicQueueNums: number,
    topicSysFlag: number,
    remoteAddr: string
  ): TopicConfig | undefined {
    const existing = this.#table.get(topic)
    if (existing !== undefined) return existing
    const template = this.#table.get(defaultTopic)
    if (template === undefined) {
      this.#options.logger.warn(
        `topic ${logText(topic)} not created: default topic ${logText(defaultTopic)} does not exist, ${remoteAddr}`
      )
      return undefined
    }
    // TBW102 only inherits while automatic creation is on; it may have been there from earlier.
    const inherits = defaultTopic === TBW102 && !this.#options.config.autoCreateTopicEnable ? false : isInherited(template.perm)
    if (!inherits) {
      this.#options.logger.warn(
        `topic ${logText(topic)} not created: default topic ${logText(defaultTopic)} does not inherit, ${remoteAddr}`
      )
      return undefined
    }
    const queueNums = Math.max(0, Math.min(clientDefaultTopicQueueNums, template.writeQueueNums))
    const created = newTopicConfig(topic, queueNums, template.perm & ~Perm.INHERIT)
    created.topicSysFlag = topicSysFlag
    created.topicFilterType = template.topicFilterType
    this.#put(created)
    return created
  }

  /** The retry or dead letter topic of a group; created when it is not there. @throws RequestRefused when the table is full. */
  createTopicInSendMessageBackMethod(
    topic: string,
    queueNums: number,
    perm: number,
    topicSysFlag: number,
    order = false
  ): TopicConfig | undefined {
    const existing = this.#table.get(topic)
    if (existing !== undefined) {
      if (existing.order !== order) {
        existing.order = order
        this.#put(existing)
      }
      return existing
    }
    if (!isLegalTopic(topic)) return undefined
    const created = newTopicConfig(topic, queueNums, perm)
    created.topicSysFlag = topicSysFlag
    created.order = order
    this.#put(created)
    return created
  }

  /** Creates or replaces. @throws RequestRefused when the table is full. */
  updateTopicConfig(topicConfig: TopicConfig): void {
    this.#put(topicConfig)
  }

  /** Topics that exist from the start; nobody has to be told, the first registration carries them. */
  addInitial(topicConfig: TopicConfig): void {
    const { topicName } = topicConfig
    if (!isLegalTopic(topicName) || (topicName.length > 127 && !topicName.startsWith(RETRY_PREFIX))) {
      throw new MQClientException(`topic "${logText(topicName)}": allowed are 1 to 127 of the characters %|a-zA-Z0-9_-`, {
        code: 'BAD_OPTION'
      })
    }
    this.#table.set(topicName, topicConfig)
  }

  isVersion(version: DataVersion): boolean {
    return isSameVersion(this.dataVersion, version)
  }

  /** A slave's table becomes its master's; names that are not legal, and more queues than a topic may have, are left out. */
  replaceAll(topicConfigs: Iterable<TopicConfig>, version: DataVersion): void {
    this.#table.clear()
    for (const topicConfig of topicConfigs) {
      const { topicName, readQueueNums, writeQueueNums } = topicConfig
      if (isLegalTopic(topicName) && isQueueNums(readQueueNums) && isQueueNums(writeQueueNums))
        this.#table.set(topicName, topicConfig)
    }
    Object.assign(this.dataVersion, version)
    this.#options.onVersion?.()
  }

  /** What was written down last; names and numbers that are not legal are left out. Topics that are only known here stay. */
  load(topicConfigs: Iterable<TopicConfig>, version: DataVersion): void {
    for (const topicConfig of topicConfigs) {
      const { topicName, readQueueNums, writeQueueNums } = topicConfig
      if (isLegalTopic(topicName) && isQueueNums(readQueueNums) && isQueueNums(writeQueueNums))
        this.#table.set(topicName, topicConfig)
    }
    Object.assign(this.dataVersion, version)
  }

  deleteTopicConfig(topic: string): void {
    if (this.#table.delete(topic)) this.#nextVersion()
  }

  #put(topicConfig: TopicConfig): void {
    const { topicName } = topicConfig
    const { maxTopicNum } = this.#options.config
    if (this.#table.size >= maxTopicNum && !this.#table.has(topicName) && !this.#systemTopics.has(topicName)) {
      throw quotaExceeded(`topic ${logText(topicName)}`, 'maxTopicNum', maxTopicNum)
    }
    this.#table.set(topicConfig.topicName, topicConfig)
    this.#nextVersion()
    this.#options.onChange(topicConfig)
  }

  #nextVersion(): void {
    this.dataVersion.timestamp = this.#options.clock.now()
    this.dataVersion.counter++
    this.#options.onVersion?.()
  }
}

function isQueueNums(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_QUEUE_NUMS
}
