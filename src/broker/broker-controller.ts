import path from 'node:path'
import { formatAddress } from '../internal/address.ts'
import { type Clock, realClock } from '../internal/clock.ts'
import { MQClientException } from '../internal/errors.ts'
import { guardedLogger } from '../internal/guarded-logger.ts'
import { type Logger, silentLogger } from '../internal/logger.ts'
import type { HostAddress } from '../protocol/host-address.ts'
import { SCHEDULE_TOPIC, TIMER_TOPIC } from '../protocol/topics.ts'
import { DefaultMessageStore } from '../store/default-message-store.ts'
import type { MessageStoreConfig } from '../store/message-store-config.ts'
import type { DispatchRequest } from '../store/types.ts'
import { RemotingClient } from '../transport/remoting-client.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import type { TransportStats } from '../transport/transport-stats.ts'
import { UnansweredRequests } from '../transport/unanswered-requests.ts'
import { ownRequestsHook } from './acl/own-requests-hook.ts'
import { PlainPermissionManager } from './acl/plain-permission-manager.ts'
import { type BrokerConfig, checkRole, createBrokerConfig } from './broker-config.ts'
import type { BrokerControllerOptions } from './broker-controller-options.ts'
import { BrokerPorts } from './broker-ports.ts'
import { newBrokerServer } from './broker-server.ts'
import type { BrokerServices } from './broker-services.ts'
import { Broker2Client } from './client/broker2client.ts'
import { ClientHousekeepingService } from './client/client-housekeeping-service.ts'
import { ConsumerManager } from './client/consumer-manager.ts'
import { ProducerManager } from './client/producer-manager.ts'
import { RebalanceLockManager } from './client/rebalance-lock-manager.ts'
import { SubscriptionGroupManager } from './client/subscription-group-manager.ts'
import { BrokerConfigFiles } from './config/broker-config-files.ts'
import { FilterFactory } from './filter/filter-factory.ts'
import { HAService } from './ha/ha-service.ts'
import { BrokerHooks } from './hooks/broker-hooks.ts'
import { MessageRequestModeManager } from './loadbalance/message-request-mode-manager.ts'
import { TopicRouteInfoManager } from './loadbalance/topic-route-info-manager.ts'
import { PullRequestHoldService } from './longpolling/pull-request-hold-service.ts'
import { NameServerRegistration, nameServerAddresses } from './name-server-registration.ts'
import { ConsumerOffsetManager } from './offset/consumer-offset-manager.ts'
import { PopServices } from './pop/pop-services.ts'
import { ScheduleMessageService } from './schedule/schedule-message-service.ts'
import { SlaveSynchronize } from './slave/slave-synchronize.ts'
import { BrokerStatsManager } from './stats/broker-stats-manager.ts'
import { TimerMessageStore } from './timer/timer-message-store.ts'
import { addInitialTopics } from './topic/initial-topics.ts'
import { TopicConfigManager } from './topic/topic-config-manager.ts'
import { serveTopicsOfLog } from './topic/topics-of-log.ts'
import { TransactionalMessageCheckService } from './transaction/transactional-message-check-service.ts'

export type { BrokerControllerOptions } from './broker-controller-options.ts'

type State = 'CREATED' | 'STARTING' | 'RUNNING' | 'SUSPENDED' | 'STOPPED'

/**
 * A RocketMQ broker in this process; Java's `BrokerController`.
 *
 * @example
 * const broker = new BrokerController({ namesrvAddr: nameServer.addr, topics: { Orders: { queues: 4 } } })
 * await broker.start()
 * await broker.shutdown()
 */
export class BrokerController implements BrokerServices {
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly logger: Logger
  readonly store: DefaultMessageStore
  readonly topicConfigManager: TopicConfigManager
  readonly subscriptionGroupManager: SubscriptionGroupManager
  readonly consumerOffsetManager: ConsumerOffsetManager
  readonly producerManager: ProducerManager
  readonly consumerManager: ConsumerManager
  readonly rebalanceLockManager: RebalanceLockManager
  readonly filterFactory = new FilterFactory()
  readonly pullRequestHoldService: PullRequestHoldService
  readonly pop: PopServices
  readonly messageRequestModeManager: MessageRequestModeManager
  readonly topicRouteInfoManager: TopicRouteInfoManager
  readonly brokerStatsManager: BrokerStatsManager
  readonly broker2Client: Broker2Client
  /** Told of sends and pulls; see {@link BrokerHooks.registerSendMessageHook}. */
  readonly hooks: BrokerHooks
  readonly haService: HAService
  /** Undefined on a master. */
  readonly slaveSynchronize: SlaveSynchronize | undefined
  readonly scheduleMessageService: ScheduleMessageService
  readonly timerMessageStore: TimerMessageStore
  readonly #ports: BrokerPorts
  readonly #clientHousekeepingService: ClientHousekeepingService
  readonly #client: RemotingClient
  readonly #registration: NameServerRegistration
  readonly #transactionalMessageCheckService: TransactionalMessageCheckService
  readonly #wantedPort: number
  readonly #unanswered = new UnansweredRequests()
  readonly #configFiles: BrokerConfigFiles | undefined
  #state: State = 'CREATED'
  #stopping: Promise<void> | undefined
  #forgottenOffset = 0
  /** Those that a start makes: {@link reset} leaves them. */
  readonly #firstTopics: ReadonlySet<string>

  /** @throws MQClientException naming a setting or topic that is wrong, and what is allowed. */
  constructor(options: BrokerControllerOptions) {
    const { network = tcpNetwork, clock = realClock, faults } = options
    const logger = guardedLogger(options.logger ?? silentLogger, clock)
    const config = createBrokerConfig(options.config)
    this.config = config
    this.clock = clock
    this.logger = logger
    this.hooks = options.hooks ?? new BrokerHooks()
    this.#wantedPort = options.port ?? 0
    const host = options.host ?? '127.0.0.1'

    // What is stored.
    this.haService = new HAService({ network, clock, logger, host, store: () => this.store })
    this.store = new DefaultMessageStore(options.storeConfig ?? {}, {
      clock,
      logger,
      replicaService: this.haService,
      brokerName: config.brokerName,
      files: options.storeFiles,
      ...(faults === undefined ? {} : { faults })
    })
    checkRole(config.brokerId, this.#isSlave)

    // Tables, and their files.
    this.topicConfigManager = new TopicConfigManager({
      config,
      timerWheelEnable: this.store.config.timerWheelEnable,
      clock,
      logger,
      onChange: (topicConfig) => this.#registration.registerIncrement(topicConfig),
      onVersion: () => this.#configFiles?.topicsChanged()
    })
    addInitialTopics(this.topicConfigManager, options.topics)
    this.#firstTopics = new Set(this.topicConfigManager.topicConfigTable.keys())
    this.subscriptionGroupManager = new SubscriptionGroupManager(config, clock, () => this.#configFiles?.groupsChanged())
    this.consumerOffsetManager = new ConsumerOffsetManager(config.maxConsumerOffsetNum)
    this.messageRequestModeManager = new MessageRequestModeManager(() => this.#configFiles?.requestModesChanged())
    this.#configFiles = options.storeFiles && new BrokerConfigFiles(path.join(options.storeFiles.root, 'config'), this)

    // Clients, and what they wait for.
    this.broker2Client = new Broker2Client(logger)
    this.producerManager = new ProducerManager(clock, config.maxProducerNum)
    this.consumerManager = new ConsumerManager(clock, config, (group, members) =>
      this.broker2Client.notifyConsumerIdsChanged(group, members)
    )
    this.rebalanceLockManager = new RebalanceLockManager(clock, config.maxQueueLockNum)
    this.pullRequestHoldService = new PullRequestHoldService(clock, this.config)
    this.brokerStatsManager = new BrokerStatsManager(config.brokerClusterName, clock.now())

    // What is delivered later, and comes back.
    const timed = { store: this.store, stats: this.brokerStatsManager, clock, logger }
    this.scheduleMessageService = new ScheduleMessageService(timed)
    this.timerMessageStore = new TimerMessageStore(timed)
    this.pop = new PopServices({
      ...timed,
      topicConfigManager: this.topicConfigManager,
      consumerOffsetManager: this.consumerOffsetManager,
      storeHost: () => this.storeHost,
      isStarting: () => this.#state === 'STARTING'
    })
    this.#clientHousekeepingService = new ClientHousekeepingService(this)

    // Ports, and who may ask.
    const acl = options.acl && new PlainPermissionManager(options.acl, clock)
    const serverDeps = { broker: this, options, unanswered: this.#unanswered, acl, configFiles: this.#configFiles }
    this.#ports = new BrokerPorts({
      port: this.#wantedPort,
      brokerIP1: config.brokerIP1,
      brokerName: config.brokerName,
      openToAll: acl === undefined,
      logger,
      server: (port, fast) => newBrokerServer(serverDeps, port, fast)
    })

    // Name servers, and a slave's master.
    const signing = ownRequestsHook(options.acl)
    const rpcHooks = signing === undefined ? [] : [signing]
    this.#client = new RemotingClient({ network, clock, logger, tls: options.namesrvTls, rpcHooks })
    const namesrvAddrs = nameServerAddresses(options.namesrvAddr)
    this.topicRouteInfoManager = new TopicRouteInfoManager({
      client: this.#client,
      clock,
      logger,
      brokerName: config.brokerName,
      topicConfigManager: this.topicConfigManager,
      namesrvAddrs
    })
    this.#registration = new NameServerRegistration({
      client: this.#client,
      clock,
      logger,
      config,
      topicConfigManager: this.topicConfigManager,
      namesrvAddrs,
      onMaster: ({ masterAddr, haServerAddr }) => {
        this.slaveSynchronize?.setMasterAddr(masterAddr)
        this.haService.updateMasterAddress(haServerAddr)
      }
    })
    this.slaveSynchronize = this.#isSlave
      ? new SlaveSynchronize({
          client: this.#client,
          clock,
          logger,
          topicConfigManager: this.topicConfigManager,
          consumerOffsetManager: this.consumerOffsetManager,
          subscriptionGroupManager: this.subscriptionGroupManager,
          messageRequestModeManager: this.messageRequestModeManager,
          onDelayOffsets: (offsets) => {
            for (const [level, offset] of offsets) this.scheduleMessageService.offsetTable.set(level, offset)
          }
        })
      : undefined

    this.#transactionalMessageCheckService = new TransactionalMessageCheckService(this)
    this.store.onMessageArriving((arrived) => this.#onMessageArriving(arrived))
    this.#ports.onConnectionClosed((connection) => {
      this.#clientHousekeepingService.onConnectionClosed(connection)
      this.pullRequestHoldService.onConnectionClosed(connection)
      this.pop.onConnectionClosed(connection)
    })
  }

  /**
   * Store, remoting server, registration with every name server. Resolves when it accepts and is registered.
   * @throws the error of the socket when the port is taken, or of the registration when no name server could be reached; nothing is left
   * running then.
   */
  async start(): Promise<void> {
    if (this.#state !== 'CREATED')
      throw new MQClientException(`the broker is ${this.#state}: it can be started once`, { code: 'BAD_STATE' })
    this.#state = 'STARTING'
    try {
      await this.store.start()
      this.#loadConfigFiles()
      // A slave's messages are delivered by its master.
      if (!this.#isSlave) {
        this.scheduleMessageService.start()
        if (this.storeConfig.timerWheelEnable) this.timerMessageStore.start()
      }
      await this.#ports.start()
      await this.haService.start(this.#wantedPort)
      await this.#registration.start(this.addr, this.haServerAddr)
      this.slaveSynchronize?.start()
    } catch (error) {
      await this.shutdown()
      throw error
    }
    if ((this.#state as State) === 'STOPPED') return
    this.#state = 'RUNNING'
    this.#clientHousekeepingService.start()
    // A slave's half messages are its master's to ask about.
    if (!this.#isSlave) this.#transactionalMessageCheckService.start()
  }

  /** Leaves the name servers, stops accepting, answers what is in flight, closes the store. Calling it again is harmless. */
  shutdown(): Promise<void> {
    this.#stopping ??= this.#shutdown()
    return this.#stopping
  }

  /**
   * As a process that is killed: every connection ends without another byte, nothing is accepted, and the name servers forget this broker.
   * What it has stored stays, as on a disk. Ends with {@link resume}.
   */
  async suspend(): Promise<void> {
    this.#mustBe('RUNNING', 'suspend')
    this.#state = 'SUSPENDED'
    await this.#vanish()
  }

  /**
   * Accepts again on the ports it had, and registers.
   * @throws the error of the socket when a port is taken by now, or of the registration when no name server could be reached; it is suspended
   * then as before.
   */
  async resume(): Promise<void> {
    this.#mustBe('SUSPENDED', 'resume')
    try {
      await this.#ports.resume()
      await this.haService.resume()
      await this.#registration.resume()
    } catch (error) {
      await this.#vanish()
      throw error
    }
    // Unless it was shut down meanwhile.
    if (this.suspended) this.#state = 'RUNNING'
  }

  /** Registers with the name servers now, not with the next period; for one that has forgotten everything. */
  async register(): Promise<void> {
    if (this.#state === 'RUNNING') await this.#registration.resume()
  }

  get suspended(): boolean {
    return this.#state === 'SUSPENDED'
  }

  /** Asks now about every half message that is open, however young it is. @returns how many were asked about. */
  checkTransactions(): Promise<number> {
    this.#mustBe('RUNNING', 'checkTransactions')
    return this.#transactionalMessageCheckService.checkNow()
  }

  /**
   * Forgets every message, every consumed position and everything that waits; connections and groups stay.
   * @param keepTopics topics that came since the start stay, empty.
   */
  async reset(keepTopics: boolean): Promise<void> {
    this.scheduleMessageService.stop()
    this.timerMessageStore.stop()
    await this.#transactionalMessageCheckService.pause()
    await Promise.all([this.scheduleMessageService.idle(), this.timerMessageStore.idle(), this.#unanswered.idle()])
    this.store.deleteTopics([...this.store.topics()])
    this.#forgottenOffset = this.store.getMaxPhyOffset()
    this.pop.forget(() => true)
    this.consumerOffsetManager.clear()
    this.scheduleMessageService.offsetTable.clear()
    this.timerMessageStore.clear()
    for (const topic of [...this.topicConfigManager.topicConfigTable.keys()]) {
      this.brokerStatsManager.onTopicDeleted(topic)
      if (!keepTopics && !this.#firstTopics.has(topic)) this.topicConfigManager.deleteTopicConfig(topic)
    }
    if (this.#isSlave) return
    this.scheduleMessageService.start()
    if (this.storeConfig.timerWheelEnable) this.timerMessageStore.start()
    this.#transactionalMessageCheckService.start()
  }

  get brokerName(): string {
    return this.config.brokerName
  }

  get brokerId(): number {
    return this.config.brokerId
  }

  get storeConfig(): MessageStoreConfig {
    return this.store.config
  }

  /** `host:port` as it is announced. */
  get addr(): string {
    return formatAddress(this.brokerIP, this.port)
  }

  get host(): string {
    return this.#ports.main.host
  }

  get port(): number {
    return this.#ports.main.port
  }

  get brokerIP(): string {
    return this.#ports.brokerIP
  }

  /** Connections of clients that are open now. */
  get connectionCount(): number {
    return this.#ports.connections.length
  }

  /** Counters of its port. */
  get transportStats(): Readonly<TransportStats> {
    return this.#ports.main.stats
  }

  /** `host:port` that slaves connect to. */
  get haServerAddr(): string {
    const { brokerIP2 } = this.config
    return formatAddress(brokerIP2 === '' ? this.brokerIP : brokerIP2, this.haService.port)
  }

  get forgottenOffset(): number {
    return this.#forgottenOffset
  }

  get delayOffsets(): ReadonlyMap<number, number> {
    return this.scheduleMessageService.offsetTable
  }

  async #vanish(): Promise<void> {
    this.#registration.pause()
    await Promise.all([this.haService.suspend(), this.#ports.suspend()])
  }

  get #isSlave(): boolean {
    return this.store.config.brokerRole === 'SLAVE'
  }

  get storeHost(): HostAddress {
    return this.#ports.storeHost
  }

  #mustBe(state: State, call: string): void {
    if (this.#state === state) return
    throw new MQClientException(`${call}() needs the broker to be ${state}; ${this.brokerName} is ${this.#state}`, {
      code: 'BAD_STATE'
    })
  }

  async #shutdown(): Promise<void> {
    this.#state = 'STOPPED'
    this.#clientHousekeepingService.stop()
    await this.#registration.stop()
    this.pullRequestHoldService.shutdown()
    this.pop.answerAll()
    this.broker2Client.shutdown()
    const checked = this.#transactionalMessageCheckService.shutdown()
    this.slaveSynchronize?.stop()
    await this.haService.shutdown()
    this.scheduleMessageService.stop()
    this.timerMessageStore.stop()
    // While the store is still ours.
    await this.#configFiles?.stop()
    this.pop.stop()
    // Settles every put that waits for a flush or a slave; their answers still leave, then the connections are closed.
    await this.store.shutdown()
    await checked
    await this.#unanswered.idle()
    await this.#ports.close()
    await this.#client.close()
  }

  #loadConfigFiles(): void {
    const files = this.#configFiles
    if (files === undefined) return
    const known = files.load()
    files.start()
    // A slave's messages come back at its master.
    if (this.#isSlave) this.pop.inFlightMessages.forget(() => true)
    if (!known && !this.#isSlave) serveTopicsOfLog(this.store, this.topicConfigManager, this.logger)
  }

  #onMessageArriving(arrived: DispatchRequest): void {
    this.pullRequestHoldService.notifyMessageArriving(arrived)
    this.pop.notifyMessageArriving(arrived)
    if (arrived.topic === SCHEDULE_TOPIC) this.scheduleMessageService.notifyMessageArriving(arrived.queueId)
    else if (arrived.topic === TIMER_TOPIC) this.timerMessageStore.notifyMessageArriving()
  }
}
