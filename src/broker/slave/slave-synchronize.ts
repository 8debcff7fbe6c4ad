import type { Clock, Timer } from '../../internal/clock.ts'
import { RemotingCommandException } from '../../internal/errors.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import { parseFastjsonObject } from '../../protocol/fastjson.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { decodeTopicConfigSerializeWrapper } from '../../protocol/topic-config.ts'
import type { RemotingClient } from '../../transport/remoting-client.ts'
import type { SubscriptionGroupManager } from '../client/subscription-group-manager.ts'
import type { MessageRequestModeManager } from '../loadbalance/message-request-mode-manager.ts'
import type { ConsumerOffsetManager } from '../offset/consumer-offset-manager.ts'
import type { TopicConfigManager } from '../topic/topic-config-manager.ts'
import { decodeConsumerOffsets, decodeDelayOffsets, decodeSubscriptionGroups } from './slave-tables.ts'

/** How often a slave asks, ms; Java's 4.x. */
const PERIOD = 10_000
const TIMEOUT = 3000

export interface SlaveSynchronizeOptions {
  client: RemotingClient
  clock: Clock
  logger: Logger
  topicConfigManager: TopicConfigManager
  consumerOffsetManager: ConsumerOffsetManager
  subscriptionGroupManager: SubscriptionGroupManager
  messageRequestModeManager: MessageRequestModeManager
  /** Takes the master's positions in the delay queues, by level. */
  onDelayOffsets(offsets: ReadonlyMap<number, number>): void
}

/**
 * Keeps a slave's tables like its master's: topics, consumers' positions, delay levels' positions, consumer groups and who pops. Java's
 * `SlaveSynchronize`. It asks as soon as it knows its master and every ten seconds after that; one table that cannot be had does not
 * keep the others from being asked for.
 */
export class SlaveSynchronize {
  readonly #options: SlaveSynchronizeOptions
  #masterAddr: string | undefined
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopped = false
  /** The master whose topics and groups were taken over once: versions of another one say nothing. */
  #topicsFrom: string | undefined
  #groupsFrom: string | undefined

  constructor(options: SlaveSynchronizeOptions) {
    this.#options = options
  }

  get masterAddr(): string | undefined {
    return this.#masterAddr
  }

  /** What the name server says; a new master is asked at once. */
  setMasterAddr(addr: string): void {
    if (addr === this.#masterAddr || this.#stopped) return
    this.#masterAddr = addr
    void this.syncAll()
  }

  start(): void {
    if (this.#stopped) return
    this.#timer = this.#options.clock.setTimeout(() => void this.syncAll().then(() => this.start()), PERIOD, { ref: false })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Never rejects; callers that come meanwhile share its end. */
  syncAll(): Promise<void> {
    this.#running ??= this.#syncAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #syncAll(): Promise<void> {
    const addr = this.#masterAddr
    if (addr === undefined) return
    await this.#sync(addr, 'topics', RequestCode.GET_ALL_TOPIC_CONFIG, (body) => this.#takeTopics(addr, body))
    await this.#sync(addr, 'consumer offsets', RequestCode.GET_ALL_CONSUMER_OFFSET, (body) => {
      this.#options.consumerOffsetManager.putAll(decodeConsumerOffsets(body))
    })
    await this.#sync(addr, 'delay offsets', RequestCode.GET_ALL_DELAY_OFFSET, (body) => {
      this.#options.onDelayOffsets(decodeDelayOffsets(body))
    })
    await this.#sync(addr, 'consumer groups', RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, (body) =>
      this.#takeGroups(addr, body)
    )
    const takeModes = (body: Uint8Array | undefined): void =>
      this.#options.messageRequestModeManager.replaceAll(parseFastjsonObject(body, 'the request modes'))
    // Nobody pops at a master of 4.x.
    await this.#sync(addr, 'request modes', RequestCode.GET_ALL_MESSAGE_REQUEST_MODE, takeModes, { since5: true })
  }

  /** @param options `since5`: masters of 4.x do not know the code, and have no such table. */
  async #sync(
    addr: string,
    what: string,
    code: number,
    take: (body: Uint8Array | undefined) => void,
    { since5 = false } = {}
  ): Promise<void> {
    if (this.#stopped || addr !== this.#masterAddr) return
    const { client, logger } = this.#options
    try {
      const response = await client.invoke(addr, RemotingCommand.request(code), TIMEOUT)
      if (since5 && response.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED) return
      if (response.code !== ResponseCode.SUCCESS) {
        throw new RemotingCommandException(`answered with code ${response.code}: ${response.remark ?? ''}`, {
          code: 'BAD_ANSWER'
        })
      }
      if (!this.#stopped && addr === this.#masterAddr) take(response.body)
    } catch (error) {
      if (!this.#stopped) logger.warn(`the ${what} of the master ${addr} were not taken over: ${logText(error)}`)
    }
  }

  #takeTopics(addr: string, body: Uint8Array | undefined): void {
    const { topicConfigManager } = this.#options
    const { topicConfigTable, dataVersion } = decodeTopicConfigSerializeWrapper(body)
    if (this.#topicsFrom === addr && topicConfigManager.isVersion(dataVersion)) return
    topicConfigManager.replaceAll(topicConfigTable.values(), dataVersion)
    this.#topicsFrom = addr
  }

  #takeGroups(addr: string, body: Uint8Array | undefined): void {
    const { subscriptionGroupManager } = this.#options
    const { groups, dataVersion } = decodeSubscriptionGroups(body)
    if (this.#groupsFrom === addr && subscriptionGroupManager.isVersion(dataVersion)) return
    subscriptionGroupManager.replaceAll(groups, dataVersion)
    this.#groupsFrom = addr
  }
}
