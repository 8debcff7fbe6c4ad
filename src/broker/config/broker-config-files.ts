import path from 'node:path'
import type { Timer } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import { type FastjsonObject, isObject } from '../../protocol/fastjson.ts'
import { numberOf } from '../../protocol/fastjson-fields.ts'
import { type TopicConfig, topicConfigSerializeWrapperOf, topicConfigSerializeWrapperText } from '../../protocol/topic-config.ts'
import { badStore } from '../../store/files/file-ops.ts'
import { JsonConfigFile } from '../../store/files/json-config-file.ts'
import { filesOn } from '../../store/files/watched-files.ts'
import type { BrokerServices } from '../broker-services.ts'
import { decodeInFlightMessages, encodeInFlightMessages } from '../pop/in-flight-file.ts'
import type { InFlightMessages } from '../pop/in-flight-messages.ts'
import {
  consumerOffsetsOf,
  delayOffsetsOf,
  encodeConsumerOffsets,
  encodeDelayOffsets,
  subscriptionGroupsOf
} from '../slave/slave-tables.ts'
import { readJavaTimerCheck } from '../timer/java-timer-check.ts'

/** The content of the files that say what has been delivered later. */
interface Delivered {
  delayOffsets: string
  timerOffset: string
}

/**
 * The broker's tables in Java's files: `topics.json`, `subscriptionGroup.json` and `messageRequestMode.json` are written when they change,
 * `consumerOffset.json` and `delayOffset.json` regularly and at the end. `timerOffset.json` and `popInFlight.json` are ours: Java's
 * `timercheck` belongs to a wheel of files that we do not have, but is read, so that what a Java broker delivered is not delivered again;
 * its check points of pops are messages. What we have no use for (`consumerFilter.json`, fields of groups) stays as it is.
 */
export class BrokerConfigFiles {
  readonly #folder: string
  readonly #broker: BrokerServices
  readonly #topics: JsonConfigFile
  readonly #groups: JsonConfigFile
  readonly #consumerOffsets: JsonConfigFile
  readonly #delayOffsets: JsonConfigFile
  readonly #requestModes: JsonConfigFile
  readonly #inFlight: JsonConfigFile
  readonly #timerOffset: JsonConfigFile
  /** Versions of topics and groups that are being written. */
  readonly #writing = new Set<Promise<void>>()
  readonly #timers = new Set<Timer>()
  /** Groups as they were read, with the fields that we do not know. */
  #foundGroups: FastjsonObject = {}
  #forbiddenTable: FastjsonObject = {}
  #writtenConsumerOffsets = 0
  #writtenInFlight = 0
  #writtenDelivered = ''
  /** Positions of the time before: what they count as delivered is durable by now. */
  #lastDelivered: Delivered = { delayOffsets: '', timerOffset: '' }
  #loaded = false
  #stopped = false

  constructor(folder: string, broker: BrokerServices) {
    const { clock, logger } = broker
    this.#folder = folder
    this.#broker = broker
    const files = filesOn(clock)
    const file = (name: string): JsonConfigFile => new JsonConfigFile(path.join(folder, name), logger, files)
    this.#topics = file('topics.json')
    this.#groups = file('subscriptionGroup.json')
    this.#consumerOffsets = file('consumerOffset.json')
    this.#delayOffsets = file('delayOffset.json')
    this.#requestModes = file('messageRequestMode.json')
    this.#inFlight = file('popInFlight.json')
    this.#timerOffset = file('timerOffset.json')
  }

  /**
   * Takes over what the files hold; files that are missing say nothing.
   * @returns whether there was a table of topics
   * @throws MQClientException (`STORE_DIRECTORY`) naming a file that cannot be read, and what to do.
   */
  load(): boolean {
    const { topicConfigManager, subscriptionGroupManager, consumerOffsetManager } = this.#broker
    const topics = this.#topics.load()
    const groups = this.#groups.load()
    const offsets = this.#consumerOffsets.load()
    const delays = this.#delayOffsets.load()
    const requestModes = this.#requestModes.load()
    const inFlight = this.#inFlight.load()
    const timer = this.#timerOffset.load()
    if (topics !== undefined) {
      const { topicConfigTable, dataVersion } = topicConfigSerializeWrapperOf(topics)
      for (const topicConfig of topicConfigTable.values()) refuseOtherQueues(this.#topics.path, topicConfig)
      topicConfigManager.load(topicConfigTable.values(), dataVersion)
    }
    if (groups !== undefined) {
      const table = subscriptionGroupsOf(groups)
      subscriptionGroupManager.load(table.groups, table.dataVersion)
      this.#foundGroups = objectOf(groups, 'subscriptionGroupTable')
      this.#forbiddenTable = objectOf(groups, 'forbiddenTable')
    }
    if (offsets !== undefined) consumerOffsetManager.putAll(consumerOffsetsOf(offsets))
    if (requestModes !== undefined) this.#broker.messageRequestModeManager.load(requestModes)
    if (inFlight !== undefined) {
      this.#broker.pop.inFlightMessages.load(decodeInFlightMessages(inFlight), ({ topic, group, queueId }) =>
        consumerOffsetManager.queryOffset(group, topic, queueId)
      )
    }
    if (delays !== undefined) {
      for (const [level, offset] of delayOffsetsOf(delays)) this.#broker.scheduleMessageService.offsetTable.set(level, offset)
    }
    this.#loadTimer(timer)
    this.#writtenConsumerOffsets = consumerOffsetManager.changes
    this.#writtenInFlight = this.#broker.pop.inFlightMessages.changes
    this.#lastDelivered = this.#delivered()
    this.#writtenDelivered = JSON.stringify(this.#lastDelivered)
    this.#loaded = true
    return topics !== undefined
  }

  /** Our own positions and those of a Java broker are both true: whoever has come further counts. */
  #loadTimer(own: FastjsonObject | undefined): void {
    const { storeConfig, timerMessageStore } = this.#broker
    const ours = own && {
      lastReadTimeMs: numberOf(own, 'lastReadTimeMs'),
      lastTimerQueueOffset: numberOf(own, 'lastTimerQueueOffset')
    }
    const java = readJavaTimerCheck(path.join(this.#folder, 'timercheck'), storeConfig.timerPrecisionMs)
    const further = java !== undefined && java.lastReadTimeMs > (ours?.lastReadTimeMs ?? 0) ? java : ours
    if (further !== undefined) timerMessageStore.load(further)
  }

  start(): void {
    const { flushConsumerOffsetInterval } = this.#broker.config
    const { flushDelayOffsetInterval } = this.#broker.storeConfig
    this.#every(flushConsumerOffsetInterval, () => this.#persistConsumed())
    this.#every(flushDelayOffsetInterval, () => this.#persistDelivered(false))
  }

  /**
   * Ends when changes of topics and groups that were made before the call are durable; rejects when one cannot be written. Undefined when
   * there is nothing to wait for.
   */
  get pending(): Promise<unknown> | undefined {
    return this.#writing.size === 0 ? undefined : Promise.all(this.#writing)
  }

  /** The topics changed. */
  topicsChanged(): void {
    this.#write(this.#topics, () => topicConfigSerializeWrapperText(this.#topicTable()))
  }

  /** The consumer groups changed. */
  groupsChanged(): void {
    this.#write(this.#groups, () => this.#groupsText())
  }

  /** Writes everything once more. Never rejects: what could not be written is logged. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
    if (!this.#loaded) return
    await Promise.allSettled(this.#writing)
    await Promise.all([this.#persistConsumed(), this.#persistDelivered(true)])
  }

  /** How groups get messages changed. */
  requestModesChanged(): void {
    this.#write(this.#requestModes, () => this.#broker.messageRequestModeManager.encode())
  }

  #topicTable(): Parameters<typeof topicConfigSerializeWrapperText>[0] {
    const { topicConfigTable, dataVersion } = this.#broker.topicConfigManager
    return { topicConfigTable, dataVersion }
  }

  #groupsText(): string {
    const { dataVersion, table } = this.#broker.subscriptionGroupManager
    const groups: Record<string, unknown> = Object.create(null)
    for (const [name, config] of table) {
      const found = objectOf(this.#foundGroups, name)
      const { attributes = config.attributes } = found
      groups[name] = { ...found, ...config, attributes }
    }
    return JSON.stringify({ dataVersion, forbiddenTable: this.#forbiddenTable, subscriptionGroupTable: groups })
  }

  #delivered(): Delivered {
    const { scheduleMessageService, timerMessageStore } = this.#broker
    return {
      delayOffsets: encodeDelayOffsets(scheduleMessageService.offsetTable).toString(),
      timerOffset: JSON.stringify(timerMessageStore.checkpoint)
    }
  }

  /** The positions last: what is held is then never newer than they are, see {@link InFlightMessages.load}. */
  async #persistConsumed(): Promise<void> {
    const { inFlightMessages } = this.#broker.pop
    const { changes } = inFlightMessages
    if (changes !== this.#writtenInFlight) {
      const written = await this.#persist(this.#inFlight, () => encodeInFlightMessages(inFlightMessages.state()))
      if (written) this.#writtenInFlight = changes
    }
    await this.#persistConsumerOffsets()
  }

  async #persistConsumerOffsets(): Promise<void> {
    const { consumerOffsetManager } = this.#broker
    const { changes } = consumerOffsetManager
    if (changes === this.#writtenConsumerOffsets) return
    const written = await this.#persist(this.#consumerOffsets, () =>
      encodeConsumerOffsets(consumerOffsetManager.offsetTable).toString()
    )
    if (written) this.#writtenConsumerOffsets = changes
  }

  /** @param last the store is about to be closed: now or never. */
  async #persistDelivered(last: boolean): Promise<void> {
    const now = this.#delivered()
    const delivered = last ? now : this.#lastDelivered
    this.#lastDelivered = now
    const text = JSON.stringify(delivered)
    if (text === this.#writtenDelivered) return
    const written = await Promise.all([
      this.#persist(this.#delayOffsets, () => delivered.delayOffsets),
      this.#persist(this.#timerOffset, () => delivered.timerOffset)
    ])
    if (written.every((done) => done)) this.#writtenDelivered = text
  }

  async #persist(file: JsonConfigFile, encode: () => string): Promise<boolean> {
    try {
      await file.persist(encode)
      return true
    } catch (error) {
      this.#broker.logger.error(`${file.path} could not be written: ${logText(error)}`)
      return false
    }
  }

  #write(file: JsonConfigFile, encode: () => string): void {
    // Before the table was read it is not ours to write, and after the end it may be another's already.
    if (!this.#loaded) return
    const writing = this.#stopped ? Promise.reject(new Error('the broker is shutting down')) : file.persist(encode)
    this.#writing.add(writing)
    writing
      .catch((error: unknown) => this.#broker.logger.error(`${file.path} could not be written: ${logText(error)}`))
      .finally(() => this.#stopped || this.#writing.delete(writing))
  }

  #every(millis: number, work: () => Promise<void>): void {
    const timer = this.#broker.clock.setTimeout(
      () => {
        this.#timers.delete(timer)
        void work().then(() => {
          if (!this.#stopped) this.#every(millis, work)
        })
      },
      millis,
      { ref: false }
    )
    this.#timers.add(timer)
  }
}

/** Queues of another kind would take messages that belong to those of the topic's own. */
function refuseOtherQueues(file: string, { topicName, attributes }: TopicConfig): void {
  const kind = attributes.get('queue.type') ?? 'SimpleCQ'
  if (kind === 'SimpleCQ') return
  throw badStore(
    `${file}: topic ${logText(topicName)} has queue.type=${logText(kind)}, served is SimpleCQ`,
    'open the store with the broker that wrote it, or remove the attribute when the topic holds no messages'
  )
}

function objectOf(object: FastjsonObject, name: string): FastjsonObject {
  const value = object[name]
  return isObject(value) ? value : {}
}
