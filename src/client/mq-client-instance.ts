import { type Clock, realClock, type Timer } from '../internal/clock.ts'
import { MQClientException, type RocketMQError } from '../internal/errors.ts'
import { guardedLogger } from '../internal/guarded-logger.ts'
import { type Logger, logText, silentLogger } from '../internal/logger.ts'
import { CLIENT_LIMITS } from '../protocol/frame-reader.ts'
import { SerializeType } from '../protocol/remoting-command.ts'
import type { TopicRouteData } from '../protocol/topic-route.ts'
import type { Network } from '../transport/network.ts'
import { RemotingClient } from '../transport/remoting-client.ts'
import type { RPCHook } from '../transport/rpc-hook.ts'
import { SocksNetwork } from '../transport/socks-network.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import { Announcement } from './announcement.ts'
import { BrokerAddresses, type CheckedRoute } from './broker-addresses.ts'
import { BrokerTable } from './broker-table.ts'
import { buildClientId, localAddress } from './client-id.ts'
import type { ClientOptions } from './client-options.ts'
import { registerClientProcessors } from './client-remoting-processor.ts'
import { ClientRegistry, SharedSettings, usesTLS } from './client-sharing.ts'
import { optionFieldsHook } from './ext-field-rpc-hook.ts'
import { HeartbeatService } from './heartbeat-service.ts'
import { MQClientAPI } from './mq-client-api.ts'
import { parseNameServerAddresses } from './name-server-addresses.ts'
import { NameServerList } from './name-server-list.ts'
import type { ProducerHandle } from './producer-handle.ts'
import { type FindRouteOptions, RouteTable } from './route-table.ts'
import { RouteWatch } from './route-watch.ts'
import type { TopicPublishInfo } from './topic-publish-info.ts'

/** When background work runs first after the start, ms. */
const FIRST_POLL_MILLIS = 10
const FIRST_HEARTBEAT_MILLIS = 1000

const registry = new ClientRegistry<MQClientInstance>()

/**
 * Connections, routes and heartbeats of the producers with one client id; Java's `MQClientInstance`. Everyone who acquires it releases
 * it; the last release closes it.
 */
export class MQClientInstance {
  readonly clientId: string
  readonly clientIP: string
  readonly clock: Clock
  readonly logger: Logger
  readonly remoting: RemotingClient
  readonly api: MQClientAPI
  readonly #settings: SharedSettings
  /** What clients are told apart by; connections may go through a proxy of it. */
  readonly #network: Network
  readonly #brokerAddresses: BrokerAddresses
  readonly #nameServers: NameServerList
  readonly #brokers = new BrokerTable()
  readonly #routes: RouteTable
  readonly #routeWatch: RouteWatch
  readonly #heartbeats: HeartbeatService
  readonly #announcement: Announcement
  readonly #producers = new Map<string, ProducerHandle>()
  readonly #pollMillis: number
  readonly #heartbeatMillis: number
  readonly #timers = new Set<Timer>()
  #users = 0
  #started = false
  #closed: Promise<void> | undefined

  private constructor(clientId: string, clientIP: string, options: ClientOptions, settings: SharedSettings) {
    this.clientId = clientId
    this.clientIP = clientIP
    this.clock = options.clock ?? realClock
    this.logger = guardedLogger(options.logger ?? silentLogger, this.clock)
    this.#settings = settings
    this.#network = options.network ?? tcpNetwork
    this.#brokerAddresses = new BrokerAddresses(options, this.logger)
    this.#pollMillis = options.pollNameServerInterval ?? 30_000
    this.#heartbeatMillis = options.heartbeatBrokerInterval ?? 30_000
    this.remoting = this.#remotingClient(options)
    const timeoutMillis = options.mqClientApiTimeout ?? 3000
    const serializeType = options.serializeType === 'ROCKETMQ' ? SerializeType.ROCKETMQ : SerializeType.JSON
    const language = options.language ?? 'JAVA'
    this.#nameServers = new NameServerList(this.remoting, this.clock, this.logger)
    this.#nameServers.update(settings.nameServers)
    const sendSerializeType = options.serializeType === 'JSON' ? SerializeType.JSON : SerializeType.ROCKETMQ
    this.api = new MQClientAPI(this.remoting, this.#nameServers, { serializeType, sendSerializeType, timeoutMillis })
    const lookup = async (topic: string): Promise<CheckedRoute | undefined> => {
      const route = await this.api.getTopicRouteInfo(topic)
      return route && this.#brokerAddresses.check(route)
    }
    this.#routes = new RouteTable(lookup, this.#brokers, this.clock, this.logger)
    this.#routeWatch = new RouteWatch((topic) => this.#refreshRoute(topic), this.clock)
    const heartbeat = { clientId, language, serializeType, timeoutMillis, version2: options.useHeartbeatV2 ?? false }
    this.#heartbeats = new HeartbeatService(this.remoting, this.logger, heartbeat)
    this.#announcement = new Announcement(this.#heartbeats, this.clock, this.#heartbeatMillis)
    registerClientProcessors(this.remoting, this.#producers, this.logger)
    this.remoting.on('connected', (addr) => this.#onConnected(addr))
  }

  /**
   * The client of these options: the one with the same client id where there is one, else a new one.
   * @throws MQClientException `CLIENT_CONFLICT` when the existing one has other name servers, credentials or TLS settings; `BAD_ADDRESS`.
   */
  static acquire(options: ClientOptions): MQClientInstance {
    const nameServers = parseNameServerAddresses(options.namesrvAddr ?? process.env['NAMESRV_ADDR'])
    const settings = new SharedSettings(nameServers, options)
    const clientIP = options.clientIP ?? localAddress()
    const clientId = buildClientId(clientIP, options)
    const clients = registry.of(options.network ?? tcpNetwork)
    let instance = clients.get(clientId)
    if (instance === undefined) {
      instance = new MQClientInstance(clientId, clientIP, options, settings)
      clients.set(clientId, instance)
    } else {
      instance.#settings.assertSame(settings, clientId)
    }
    instance.#users++
    return instance
  }

  /** The same client for one user more, who releases it too. */
  share(): this {
    this.#users++
    return this
  }

  get nameServerAddresses(): readonly string[] {
    return this.#nameServers.addresses
  }

  /** Takes another list of name servers; connections to those that left it are closed. @throws MQClientException `BAD_ADDRESS` */
  updateNameServerAddressList(namesrvAddr: string | readonly string[]): void {
    this.#nameServers.update(parseNameServerAddresses(namesrvAddr))
  }

  /** @throws MQClientException when the group is registered here already. */
  registerProducer(handle: ProducerHandle): void {
    const group = handle.producerGroup
    if (this.#producers.has(group)) {
      throw new MQClientException(`The producer group[${group}] has been created before, specify another name please.`, {
        code: 'DUPLICATE_GROUP'
      })
    }
    this.#producers.set(group, handle)
  }

  /** Tells every known broker that the group is gone; settles when they have answered, or will not. Never rejects. */
  async unregisterProducer(group: string, timeoutMillis = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.#producers.delete(group)) return
    await this.#heartbeats.unregister(this.#brokers.all(), group, timeoutMillis)
  }

  /** Starts the background work; harmless when it runs. */
  async start(): Promise<void> {
    if (this.#started || this.#closed !== undefined) return
    this.#started = true
    this.#repeat('route refresh', FIRST_POLL_MILLIS, this.#pollMillis, () => this.#refreshRoutes())
    this.#repeat('heartbeat', FIRST_HEARTBEAT_MILLIS, this.#heartbeatMillis, async () => {
      this.#cleanOfflineBroker()
      await this.sendHeartbeatToAllBrokers()
    })
  }

  /** The last release closes the connections; nothing keeps the process alive afterwards. */
  async release(): Promise<void> {
    if (this.#users > 0) this.#users--
    if (this.#users > 0) return
    this.#closed ??= this.#close()
    await this.#closed
  }

  /** What is known about a topic, where there is a queue to send to. */
  publishInfo(topic: string): TopicPublishInfo | undefined {
    return this.#routes.usable(topic)
  }

  /**
   * The known publish info of a topic, or that of a fresh lookup; a topic that does not exist borrows the route of `createTopicKey`.
   * @throws MQClientException: `NO_NAME_SERVER` (10004); `NAME_SERVER_UNREACHABLE`, `NO_ROUTE` or `NO_WRITABLE_MASTER` (10005), whose
   *   texts and hints tell them apart; `signal.reason` when aborted.
   */
  tryToFindTopicPublishInfo(topic: string, options: FindRouteOptions): Promise<TopicPublishInfo> {
    return this.#routes.find(topic, options)
  }

  /**
   * A send of the topic failed on the way to its broker: the route may be out of date. It is looked up at once, and again in the seconds
   * that follow. Settles when that has been done. Never rejects.
   */
  suspectRoute(topic: string): Promise<void> {
    return this.#routeWatch.suspect(topic)
  }

  /** The master's address; undefined when the broker is unknown or has no master. */
  findBrokerAddressInPublish(brokerName: string): string | undefined {
    return this.#brokers.masterAddress(brokerName)
  }

  /**
   * Where to connect to for a broker that names itself `addr`, for addresses that do not come from a route (those in message ids).
   * @throws MQClientException `BAD_ADDRESS`, `HOST_NOT_ALLOWED`
   */
  resolveBrokerAddress(addr: string): string {
    return this.#brokerAddresses.resolve(addr)
  }

  /** Version (MQVersion ordinal) that the broker at this address answered heartbeats with; undefined before the first one. */
  brokerVersion(addr: string): number | undefined {
    return this.#heartbeats.brokerVersion(addr)
  }

  /**
   * Asks the name servers for a route, without keeping it; the addresses of its brokers are known from then on. Undefined when there is
   * none.
   */
  async fetchTopicRoute(topic: string, timeoutMillis: number, signal?: AbortSignal): Promise<TopicRouteData | undefined> {
    const found = await this.api.getTopicRouteInfo(topic, signal, timeoutMillis)
    const route = found && this.#brokerAddresses.check(found)
    if (route !== undefined) this.#brokers.update(route)
    return route
  }

  /** Settles when every master has answered, or will not. Never rejects. */
  async sendHeartbeatToAllBrokers(): Promise<void> {
    await this.#heartbeats.send(this.#brokers.masters(), this.#producers.keys())
  }

  /**
   * Makes itself known to the known masters, so that replies find this client: any of them may have to deliver one. Undefined when all
   * know it already; else settles when they do, or after `timeoutMillis`. Never rejects.
   */
  announce(timeoutMillis: number): Promise<void> | undefined {
    return this.#announcement.announce(this.#brokers.masters(), this.#producers.keys(), timeoutMillis)
  }

  #remotingClient(options: ClientOptions): RemotingClient {
    const rpcHooks: RPCHook[] = []
    const fieldsHook = optionFieldsHook(options)
    if (fieldsHook !== undefined) rpcHooks.push(fieldsHook)
    rpcHooks.push(...(options.rpcHooks ?? []))
    // Last, because the signature covers what the others add.
    if (this.#settings.aclHook !== undefined) rpcHooks.push(this.#settings.aclHook)
    const { socksProxyConfig } = options
    const tls = usesTLS(options) ? (options.tls ?? {}) : undefined
    if (tls?.rejectUnauthorized === false) {
      this.logger.warn(
        'TLS certificates are not verified (rejectUnauthorized: false): whoever intercepts a connection can read it'
      )
    }
    return new RemotingClient({
      network: socksProxyConfig === undefined ? this.#network : new SocksNetwork(this.#network, socksProxyConfig),
      clock: this.clock,
      logger: this.logger,
      tls,
      connectTimeout: options.connectTimeout ?? 3000,
      limits: { ...CLIENT_LIMITS, maxHeaderLength: options.maxResponseHeaderLength ?? CLIENT_LIMITS.maxHeaderLength },
      faults: options.faults,
      rpcHooks
    })
  }

  /** A broker hears at once who it has to do with. */
  #onConnected(addr: string): void {
    if (this.#closed !== undefined || !this.#brokers.masters().has(addr)) return
    this.#background('heartbeat', () => this.#heartbeats.send([addr], this.#producers.keys()))
  }

  async #refreshRoutes(): Promise<void> {
    const topics = new Set(this.#routes.topics())
    for (const producer of this.#producers.values()) for (const topic of producer.publishTopics()) topics.add(topic)
    for (const topic of topics) {
      const error = await this.#refreshRoute(topic)
      // The other topics would only wait for the same name servers.
      if (error !== undefined && (this.#closed !== undefined || error.code === 'NAME_SERVER_UNREACHABLE')) return
    }
  }

  /** What it failed with. Never rejects. */
  async #refreshRoute(topic: string): Promise<RocketMQError | undefined> {
    try {
      await this.#routes.refresh(topic)
      return undefined
    } catch (error) {
      if (this.#closed === undefined) {
        this.logger.warn(`route of topic ${logText(topic)} could not be refreshed: ${logText(error)}`)
      }
      return error as RocketMQError
    }
  }

  #cleanOfflineBroker(): void {
    for (const addr of this.#brokers.clean(this.#routes.routes())) {
      this.logger.info(`broker ${logText(addr)} is in no route any more`)
      this.#heartbeats.forget(addr)
      if ((this.remoting.connection(addr)?.inFlight ?? 0) === 0) this.remoting.closeConnection(addr)
    }
    this.#routes.forgetFormerQueues()
  }

  /** Runs `work` again and again; the pause counts from its end. */
  #repeat(name: string, firstMillis: number, millis: number, work: () => Promise<void>): void {
    const schedule = (wait: number): void => {
      if (this.#closed !== undefined) return
      const run = (): void => {
        this.#timers.delete(timer)
        this.#background(name, work, () => schedule(millis))
      }
      const timer = this.clock.setTimeout(run, wait, { ref: false })
      this.#timers.add(timer)
    }
    schedule(firstMillis)
  }

  #background(name: string, work: () => Promise<void>, done = (): void => {}): void {
    work()
      .catch((error: unknown) => this.logger.error(`${name} failed: ${logText(error)}`))
      .finally(done)
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#routeWatch.close()
    const clients = registry.of(this.#network)
    if (clients.get(this.clientId) === this) clients.delete(this.clientId)
    await this.remoting.close()
  }
}
