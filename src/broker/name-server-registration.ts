import type { Clock, Timer } from '../internal/clock.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { RequestCode, ResponseCode } from '../protocol/codes.ts'
import { crc32 } from '../protocol/crc32.ts'
import { encodeRegisterBrokerBody } from '../protocol/register-broker-body.ts'
import { RemotingCommand } from '../protocol/remoting-command.ts'
import type { TopicConfig } from '../protocol/topic-config.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { TopicConfigManager } from './topic/topic-config-manager.ts'

const READ_WRITE = 6
const MIN_PERIOD = 10_000
const MAX_PERIOD = 60_000
const UNREGISTER_MILLIS = 3000

export interface RegistrationOptions {
  client: RemotingClient
  clock: Clock
  logger: Logger
  config: BrokerConfig
  topicConfigManager: TopicConfigManager
  /** A slave hears of its master with each registration. */
  onMaster?: (master: MasterAddress) => void
  namesrvAddrs: readonly string[]
}

/** What a name server knows of a slave's master; empty where it knows nothing. */
export interface MasterAddress {
  masterAddr: string
  haServerAddr: string
}

/** Tells every name server what this broker holds, over the wire; the registering half of Java's `BrokerOuterAPI`. */
export class NameServerRegistration {
  readonly #options: RegistrationOptions
  #brokerAddr = ''
  #haServerAddr = ''
  #timer: Timer | undefined
  #stopped = false
  #paused = false

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  /**
   * Registers everywhere at once; resolves when each name server has answered or failed.
   * @throws the first failure when no name server could be reached. Without name servers there is nothing to do.
   */
  async start(brokerAddr: string, haServerAddr: string): Promise<void> {
    this.#brokerAddr = brokerAddr
    this.#haServerAddr = haServerAddr
    const { namesrvAddrs, topicConfigManager } = this.#options
    const outcomes = await this.#registerAll(topicConfigManager.topicConfigTable)
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    if (namesrvAddrs.length > 0 && failed.length === outcomes.length) throw (failed[0] as PromiseRejectedResult).reason
    this.#arm()
  }

  /** One topic came or changed: the name servers learn it now, not with the next period. */
  registerIncrement(topicConfig: TopicConfig): void {
    if (this.#brokerAddr === '' || this.#stopped || this.#paused) return
    void this.#registerAll(new Map([[topicConfig.topicName, topicConfig]]))
  }

  /** As a process that is killed: nobody is told, the connections are gone, and so the name servers forget this broker. */
  pause(): void {
    this.#paused = true
    this.#timer?.cancel()
    for (const addr of this.#options.namesrvAddrs) this.#options.client.closeConnection(addr)
  }

  /** Registers again, and goes on; also for a name server that has forgotten everything. @throws as {@link start}. */
  async resume(): Promise<void> {
    if (this.#stopped || this.#brokerAddr === '') return
    // A connection to a name server that was restarted may not know yet that it has ended.
    this.pause()
    this.#paused = false
    await this.start(this.#brokerAddr, this.#haServerAddr)
  }

  /** Ends the periodic registration and tells the name servers to forget this broker; failures are logged. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#timer?.cancel()
    if (this.#brokerAddr === '') return
    const { client, config, logger, namesrvAddrs } = this.#options
    await Promise.all(
      namesrvAddrs.map(async (addr) => {
        try {
          const request = RemotingCommand.request(RequestCode.UNREGISTER_BROKER, {
            brokerName: config.brokerName,
            brokerAddr: this.#brokerAddr,
            clusterName: config.brokerClusterName,
            brokerId: String(config.brokerId)
          })
          await client.invoke(addr, request, UNREGISTER_MILLIS)
        } catch (error) {
          logger.warn(`name server ${addr} was not told that ${config.brokerName} stops: ${logText(error)}`)
        }
      })
    )
  }

  #arm(): void {
    const { clock, config, topicConfigManager } = this.#options
    if (this.#stopped || this.#paused) return
    const period = Math.min(Math.max(config.registerNameServerPeriod, MIN_PERIOD), MAX_PERIOD)
    this.#timer = clock.setTimeout(
      () => void this.#registerAll(topicConfigManager.topicConfigTable).then(() => this.#arm()),
      period,
      { ref: false }
    )
  }

  /** Never rejects; failures are logged. */
  #registerAll(topics: ReadonlyMap<string, TopicConfig>): Promise<Array<PromiseSettledResult<void>>> {
    const { config, topicConfigManager, namesrvAddrs, logger } = this.#options
    const body = encodeRegisterBrokerBody(
      {
        topicConfigSerializeWrapper: { topicConfigTable: this.#masked(topics), dataVersion: topicConfigManager.dataVersion },
        filterServerList: []
      },
      false
    )
    const bodyCrc32 = String(crc32(body))
    return Promise.allSettled(
      namesrvAddrs.map(async (addr) => {
        try {
          await this.#register(addr, body, bodyCrc32)
        } catch (error) {
          if (!this.#stopped && !this.#paused)
            logger.warn(`${config.brokerName} is not registered with name server ${addr}: ${logText(error)}`)
          throw error
        }
      })
    )
  }

  async #register(addr: string, body: Buffer, bodyCrc32: string): Promise<void> {
    const { client, config, onMaster } = this.#options
    const request = RemotingCommand.request(
      RequestCode.REGISTER_BROKER,
      {
        brokerName: config.brokerName,
        brokerAddr: this.#brokerAddr,
        clusterName: config.brokerClusterName,
        haServerAddr: this.#haServerAddr,
        brokerId: String(config.brokerId),
        compressed: 'false',
        bodyCrc32,
        enableActingMaster: 'false'
      },
      body
    )
    const response = await client.invoke(addr, request, config.registerBrokerTimeoutMills)
    if (response.code !== ResponseCode.SUCCESS) throw new Error(`answered with code ${response.code}: ${response.remark ?? ''}`)
    const { masterAddr = '', haServerAddr = '' } = response.extFields
    if (!this.#stopped && masterAddr !== '') onMaster?.({ masterAddr, haServerAddr })
  }

  /** A broker that may not be read or written announces its topics without that permission. */
  #masked(topics: ReadonlyMap<string, TopicConfig>): Map<string, TopicConfig> {
    const { brokerPermission } = this.#options.config
    if ((brokerPermission & READ_WRITE) === READ_WRITE) return new Map(topics)
    return new Map([...topics].map(([name, config]) => [name, { ...config, perm: config.perm & brokerPermission }]))
  }
}

/** Each address once; several may stand in a text, separated by `;` or `,`. */
export function nameServerAddresses(given: string | readonly string[]): string[] {
  const list = typeof given === 'string' ? given.split(/[;,]/) : given.flatMap((text) => text.split(/[;,]/))
  return [...new Set(list.map((text) => text.trim()).filter((text) => text !== ''))]
}
