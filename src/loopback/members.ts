import { BrokerController } from '../broker/broker-controller.ts'
import type { BrokerHooks } from '../broker/hooks/broker-hooks.ts'
import { parseAddress } from '../internal/address.ts'
import { SingleFlight } from '../internal/async.ts'
import { realClock, type Timer } from '../internal/clock.ts'
import { MQClientException } from '../internal/errors.ts'
import type { FaultTable } from '../internal/fault-table.ts'
import { logText, silentLogger } from '../internal/logger.ts'
import { NameServer } from '../nameserver/name-server.ts'
import { encodeTopicRoute } from '../protocol/topic-route.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import { checkFields, checkText, checkWhole, refused } from './bad-input.ts'
import { brokerGroups, MAX_BROKERS, MAX_SLAVES, ownTls, storeFiles } from './broker-groups.ts'
import type { FaultHost } from './fault-kinds.ts'
import type { ClockedOptions, LoopbackGroupOptions } from './loopback-options.ts'
import type { FilterScope } from './recorded-requests.ts'
import type { WireJournal } from './wire-journal.ts'

/** How long slaves may take to follow their masters, ms. */
const SLAVES_MILLIS = 10_000
/** Pause before a fault tries again to bring back a broker whose port is taken, or whose name servers are down, ms. */
const RESTART_PAUSE_MILLIS = 1000

export interface MembersDeps {
  options: ClockedOptions
  faults: FaultTable
  journal: WireJournal | undefined
  /** Of all brokers. */
  hooks: BrokerHooks
  /** A message of the topic became visible to consumers. */
  onArrival: (topic: string) => void
}

/** The name server and the brokers behind one loopback broker: makes them, finds them by name, kills and restarts them. */
export class Members {
  /** None where the brokers register with name servers of others. */
  readonly nameServer: NameServer | undefined
  /** Those that the brokers register with, `;` between them. */
  readonly #foreignNameServers: string | undefined
  readonly masters: BrokerController[] = []
  readonly slaves: BrokerController[] = []
  readonly #deps: MembersDeps
  readonly #groups: ReturnType<typeof brokerGroups>
  /** Restarts that faults have asked for. */
  readonly #restarts = new Set<Timer>()
  readonly #resuming = new SingleFlight<BrokerController | NameServer, void>()
  #stopped = false

  /** @throws MQClientException (`BAD_OPTION`) for brokers that cannot be. */
  constructor(deps: MembersDeps) {
    const { options, faults, journal } = deps
    this.#deps = deps
    this.#groups = brokerGroups(options)
    const { host = '127.0.0.1', network = tcpNetwork, clock, logger, tls } = options
    this.#foreignNameServers = foreignNameServers(options)
    if (this.#foreignNameServers !== undefined) return
    this.nameServer = new NameServer({
      host,
      network,
      clock,
      logger,
      faults,
      tls,
      journal: journal?.of('namesrv'),
      port: options.namesrvPort ?? 0,
      config: options.namesrvConfig
    })
  }

  /** What producers are told. */
  get namesrvAddr(): string {
    return this.#foreignNameServers ?? (this.nameServer as NameServer).addr
  }

  get brokers(): BrokerController[] {
    return [...this.masters, ...this.slaves]
  }

  get brokerNames(): string[] {
    return this.masters.map(({ brokerName }) => brokerName)
  }

  /** Resolves when everything accepts, is registered, and slaves follow. */
  async start(): Promise<void> {
    const groups = this.#groups
    const alone = groups.length === 1 && groups[0]!.slaves === 0
    await this.nameServer?.start()
    for (const { brokerName } of groups) this.#create(brokerName, 0, alone)
    await Promise.all(this.masters.map((broker) => broker.start()))
    // A slave learns its master when it registers.
    for (const { brokerName, slaves: count } of groups) for (let id = 1; id <= count; id++) this.#create(brokerName, id)
    await Promise.all(this.slaves.map((slave) => slave.start()))
    await Promise.all(groups.map(({ slaves: count }, i) => this.masters[i]!.haService.whenSlaves(count, SLAVES_MILLIS)))
  }

  /** Nothing of it is left when it fails. @returns its name. */
  async add(group: LoopbackGroupOptions): Promise<string> {
    checkFields('broker', group, ['brokerName', 'slaves'])
    checkText('broker.brokerName', group.brokerName)
    checkWhole('broker.slaves', group.slaves, 0, MAX_SLAVES)
    if (this.masters.length >= MAX_BROKERS) throw refused('brokers', this.masters.length + 1, `up to ${MAX_BROKERS}`)
    const taken = this.brokerNames
    const free = Array.from({ length: MAX_BROKERS }, (_, i) => `broker-${String.fromCharCode(97 + i)}`)
    const brokerName = group.brokerName ?? (free.find((name) => !taken.includes(name)) as string)
    if (taken.includes(brokerName))
      throw refused('broker.brokerName', brokerName, `a name that is not taken: ${taken.join(', ')} are`)
    const count = group.slaves ?? 0
    const master = this.#create(brokerName, 0)
    const slaves: BrokerController[] = []
    try {
      await master.start()
      for (let id = 1; id <= count; id++) slaves.push(this.#create(brokerName, id))
      await Promise.all(slaves.map((slave) => slave.start()))
      await master.haService.whenSlaves(count, SLAVES_MILLIS)
    } catch (error) {
      for (const list of [this.masters, this.slaves]) {
        for (const broker of [master, ...slaves]) if (list.includes(broker)) list.splice(list.indexOf(broker), 1)
      }
      await Promise.allSettled([master, ...slaves].map((broker) => broker.shutdown()))
      throw error
    }
    return brokerName
  }

  async kill(name: string): Promise<void> {
    const server = this.#find(name)
    if (server.suspended) throw new MQClientException(`${name} is down already: restart(name) comes first`, { code: 'BAD_STATE' })
    await server.suspend()
  }

  async restart(name: string): Promise<void> {
    const server = this.#find(name)
    if (!server.suspended) throw new MQClientException(`${name} runs: kill(name) comes first`, { code: 'BAD_STATE' })
    await this.#resume(server)
  }

  /** Brings back what is down, and empties every broker. */
  async reset(keepTopics: boolean): Promise<void> {
    this.cancelRestarts()
    if (this.nameServer?.suspended) await this.#resume(this.nameServer)
    for (const broker of this.brokers) if (broker.suspended) await this.#resume(broker)
    await Promise.all(this.brokers.map((broker) => broker.reset(keepTopics)))
  }

  cancelRestarts(): void {
    for (const timer of this.#restarts) timer.cancel()
    this.#restarts.clear()
  }

  /** Resolves when no socket and no timer is left. */
  async shutdown(): Promise<void> {
    this.#stopped = true
    this.cancelRestarts()
    const outcomes = await Promise.allSettled(this.brokers.map((broker) => broker.shutdown()))
    await this.nameServer?.shutdown()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** What faults and filters may name. */
  scope(): FilterScope & { brokerNames: readonly string[]; queuesOf(topic: string): number | undefined } {
    const topics = new Set(this.masters.flatMap(({ topicConfigManager }) => [...topicConfigManager.topicConfigTable.keys()]))
    const slaves = this.slaves.map(({ brokerName, brokerId }) => memberName(brokerName, brokerId))
    return {
      topics,
      servers: [...(this.nameServer === undefined ? [] : ['namesrv']), ...this.brokerNames, ...slaves],
      brokerNames: this.brokerNames,
      queuesOf: (topic) => this.#queuesOf(topic)
    }
  }

  /** Of the master that has most of them; undefined for a topic that none knows. */
  #queuesOf(topic: string): number | undefined {
    const configs = this.masters.flatMap(({ topicConfigManager }) => topicConfigManager.selectTopicConfig(topic) ?? [])
    if (configs.length === 0) return undefined
    return Math.max(...configs.map(({ readQueueNums, writeQueueNums }) => Math.max(readQueueNums, writeQueueNums)))
  }

  /** What faults do to the members. */
  faultHost(): FaultHost {
    return {
      routes: () => {
        const bodies = new Map<string, Uint8Array>()
        const routes = this.nameServer?.routes
        if (routes === undefined) return bodies
        for (const topic of this.scope().topics) {
          const route = routes.pickupTopicRouteData(topic)
          if (route !== undefined) bodies.set(topic, encodeTopicRoute(route, true))
        }
        return bodies
      },
      emptyRoute: () => encodeTopicRoute({ queueDatas: [], brokerDatas: [], filterServerTable: new Map() }, true),
      kill: (brokerName, restartAfter) => this.#killByFault(brokerName, restartAfter)
    }
  }

  /** Every queue of a topic that can be read. */
  *queues(topic: string): Generator<{ broker: BrokerController; queueId: number }> {
    for (const broker of this.masters) {
      const queues = broker.topicConfigManager.selectTopicConfig(topic)?.readQueueNums ?? 0
      for (let queueId = 0; queueId < queues; queueId++) yield { broker, queueId }
    }
  }

  /** Makes a broker of a group and remembers it. @param alone its files are in the folder itself. */
  #create(brokerName: string, brokerId: number, alone = false): BrokerController {
    const { options: given, faults, journal, hooks, onArrival } = this.#deps
    const { host = '127.0.0.1', network = tcpNetwork, clock, logger, tls, brokerConfig, storeConfig, ...options } = given
    const master = brokerId === 0
    const first = master && this.masters.length === 0
    const name = memberName(brokerName, brokerId)
    const broker = new BrokerController({
      host,
      network,
      clock,
      logger,
      tls,
      faults,
      journal: journal?.of(name),
      port: first ? (options.port ?? 0) : 0,
      namesrvAddr: this.namesrvAddr,
      config: { ...brokerConfig, brokerName, ...(master ? {} : { brokerId }) },
      storeConfig: {
        ...storeConfig,
        // One port cannot serve two brokers.
        ...(first ? {} : { haListenPort: 0 }),
        ...(master ? {} : { brokerRole: 'SLAVE' as const })
      },
      acl: options.acl,
      hooks,
      namesrvTls: this.nameServer && tls && ownTls(tls),
      storeFiles: storeFiles(options, alone ? '' : name),
      topics: options.topics
    })
    ;(master ? this.masters : this.slaves).push(broker)
    if (master) broker.store.onMessageArriving(({ topic }) => onArrival(topic))
    return broker
  }

  /** @throws for a name nobody has. */
  #find(name: string): BrokerController | NameServer {
    const found = this.brokers.find((broker) => memberName(broker.brokerName, broker.brokerId) === name)
    if (found !== undefined) return found
    if (name !== 'namesrv' || this.nameServer === undefined) throw refused('name', name, this.scope().servers.join(', '))
    return this.nameServer
  }

  /** Connections end before this returns, so that the request which struck is not answered. */
  #killByFault(brokerName: string, restartAfter: number | undefined): void {
    const { logger = silentLogger } = this.#deps.options
    this.kill(brokerName).catch((error: unknown) => logger.error(`a fault could not kill ${brokerName}: ${logText(error)}`))
    if (restartAfter !== undefined) this.#restartLater(brokerName, restartAfter)
  }

  #restartLater(brokerName: string, millis: number): void {
    const { clock = realClock, logger = silentLogger } = this.#deps.options
    const timer = clock.setTimeout(() => {
      this.#restarts.delete(timer)
      this.restart(brokerName).catch((error: unknown) => {
        logger.error(`a fault could not restart ${brokerName}: ${logText(error)}`)
        if (!this.#stopped && this.#find(brokerName).suspended) this.#restartLater(brokerName, RESTART_PAUSE_MILLIS)
      })
    }, millis)
    this.#restarts.add(timer)
  }

  /** Once at a time, though faults, {@link restart} and {@link reset} may all want it. */
  #resume(server: BrokerController | NameServer): Promise<void> {
    return this.#resuming.run(server, async () => {
      await server.resume()
      if (server === this.nameServer) await Promise.all(this.brokers.map((broker) => broker.register()))
    })
  }
}

/** @throws MQClientException (`BAD_OPTION`) for what is no address. */
function foreignNameServers({ namesrvAddr }: ClockedOptions): string | undefined {
  if (namesrvAddr === undefined) return undefined
  const list = (typeof namesrvAddr === 'string' ? namesrvAddr.split(';') : [...namesrvAddr]).map((addr) => String(addr).trim())
  for (const addr of list) {
    try {
      parseAddress(addr)
    } catch {
      throw refused('namesrvAddr', addr, 'host:port, several separated by ;')
    }
  }
  return list.join(';')
}

/** What faults, filters and `kill` call a broker. */
function memberName(brokerName: string, brokerId: number): string {
  return brokerId === 0 ? brokerName : `${brokerName}-slave-${brokerId}`
}
