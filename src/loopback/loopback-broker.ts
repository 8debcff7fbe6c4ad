import { BrokerController } from '../broker/broker-controller.ts'
import { realClock, type Timer } from '../internal/clock.ts'
import { MQClientException } from '../internal/errors.ts'
import { FaultTable } from '../internal/fault-table.ts'
import { logText, silentLogger } from '../internal/logger.ts'
import { NameServer } from '../nameserver/name-server.ts'
import { encodeTopicRoute } from '../protocol/topic-route.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import { checkFields, checkText, checkWhole, refused } from './bad-input.ts'
import { brokerGroups, MAX_BROKERS, MAX_SLAVES, ownTls, storeFiles } from './broker-groups.ts'
import { type BrokerStatistics, brokerStatistics } from './broker-statistics.ts'
import { type ConnectedClient, type ConnectedConsumer, connectedConsumers, connectedProducers } from './connected-clients.ts'
import type { FaultHost } from './fault-kinds.ts'
import { checkMessages, type PublishedMessage, type PublishResult, publishTo, type Replier, replyingTo } from './local-client.ts'
import { LoopbackFaults } from './loopback-faults.ts'
import type { LoopbackBrokerOptions, LoopbackClientOptions, LoopbackGroupOptions } from './loopback-options.ts'
import { type RecordedRequest, type RequestFilter, recordedRequests } from './recorded-requests.ts'
import { type MessageFilter, messageMatcher, type StoredMessage, storedMessages } from './stored-messages.ts'
import { WireJournal } from './wire-journal.ts'

/** How long slaves may take to follow their masters, ms. */
const SLAVES_MILLIS = 10_000
const JOURNAL_REQUESTS = 10_000
const JOURNAL_BYTES = 64 * 1024 * 1024

type State = 'STARTING' | 'RUNNING' | 'CLOSED'

/**
 * A name server and its brokers as one object.
 *
 * @example
 * const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } } })
 * const producer = new DefaultMQProducer({ producerGroup: 'orders', ...broker.clientOptions() })
 * await producer.start()
 * await producer.send(new Message({ topic: 'Orders', body: 'hello' }))
 * broker.messages('Orders').length // 1
 * await producer.shutdown()
 * await broker.close()
 */
export class LoopbackBroker {
  /** Knows the routes; for tests that ask it themselves. */
  readonly nameServer: NameServer
  /** The masters. */
  get brokers(): readonly BrokerController[] {
    return this.#brokers
  }

  /** The slaves of all brokers. */
  get slaves(): readonly BrokerController[] {
    return this.#slaves
  }

  readonly #brokers: BrokerController[]
  readonly #slaves: BrokerController[]
  readonly #table: FaultTable
  readonly #timers = new Set<Timer>()
  #nextBroker = 0
  /** What goes wrong on purpose. */
  readonly faults: LoopbackFaults
  readonly #journal: WireJournal | undefined
  readonly #options: LoopbackBrokerOptions
  #state: State = 'STARTING'
  #closing: Promise<void> | undefined

  private constructor(
    options: LoopbackBrokerOptions,
    nameServer: NameServer,
    brokers: BrokerController[],
    slaves: BrokerController[],
    faults: { table: FaultTable; seed: number },
    journal: WireJournal | undefined
  ) {
    this.#options = options
    this.#journal = journal
    this.faults = new LoopbackFaults(faults.table, faults.seed, () => ({ ...this.#scope(), ...this.#faultHost() }))
    this.nameServer = nameServer
    this.#brokers = brokers
    this.#slaves = slaves
    this.#table = faults.table
  }

  /**
   * Starts a name server and the brokers; resolves when they accept and are registered.
   * @throws MQClientException when an option is wrong; the error of the socket when a port is taken.
   */
  static async start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
    const groups = brokerGroups(options)
    const alone = groups.length === 1 && groups[0]!.slaves === 0
    const { topics = {} } = options
    const named = typeof topics === 'object' && !Array.isArray(topics)
    if (!named || Object.values(topics).some((topic) => typeof topic !== 'object')) {
      throw new MQClientException('topics: allowed is an object of names and settings, for example { Orders: { queues: 4 } }', {
        code: 'BAD_OPTION'
      })
    }
    checkWhole('seed', options.seed, 0, 2 ** 32 - 1)
    const { host = '127.0.0.1', network = tcpNetwork, clock, logger, tls } = options
    const { seed = Math.floor(Math.random() * 2 ** 32) } = options
    const faults = options.faults ?? new FaultTable(seed)
    const journal = newJournal(options)
    const shared = { host, network, clock, logger, faults, tls }
    const nameServer = new NameServer({
      ...shared,
      journal: journal?.of('namesrv'),
      port: options.namesrvPort ?? 0,
      config: options.namesrvConfig
    })
    const brokers: BrokerController[] = []
    const slaves: BrokerController[] = []
    const loopback = new LoopbackBroker(options, nameServer, brokers, slaves, { table: faults, seed }, journal)
    try {
      await nameServer.start()
      for (const { brokerName } of groups) loopback.#create(brokerName, 0, alone)
      await Promise.all(brokers.map((broker) => broker.start()))
      // A slave learns its master when it registers.
      for (const { brokerName, slaves: count } of groups) for (let id = 1; id <= count; id++) loopback.#create(brokerName, id)
      await Promise.all(slaves.map((slave) => slave.start()))
      await Promise.all(groups.map(({ slaves: count }, i) => brokers[i]!.haService.whenSlaves(count, SLAVES_MILLIS)))
    } catch (error) {
      await loopback.close()
      throw error
    }
    loopback.#state = 'RUNNING'
    return loopback
  }

  /**
   * Starts a further broker, and its slaves; resolves when it accepts, is registered and its slaves follow. It has the topics of the start.
   * @returns its name.
   * @throws MQClientException (`BAD_OPTION`) for a name that is taken or no name, or a number of slaves that is not 0 to 8.
   */
  async addBroker(group: LoopbackGroupOptions = {}): Promise<string> {
    this.#mustRun('addBroker')
    checkFields('broker', group, ['brokerName', 'slaves'])
    checkText('broker.brokerName', group.brokerName)
    checkWhole('broker.slaves', group.slaves, 0, MAX_SLAVES)
    if (this.#brokers.length >= MAX_BROKERS) throw refused('brokers', this.#brokers.length + 1, `up to ${MAX_BROKERS}`)
    const taken = this.#brokerNames()
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
      for (const list of [this.#brokers, this.#slaves]) {
        for (const broker of [master, ...slaves]) if (list.includes(broker)) list.splice(list.indexOf(broker), 1)
      }
      await Promise.allSettled([master, ...slaves].map((broker) => broker.shutdown()))
      throw error
    }
    return brokerName
  }

  /**
   * Kills a broker, a slave (`broker-a-slave-1`) or the name server (`namesrv`), as far as others can tell: connections end without
   * another byte, new ones are refused, and the name server forgets a broker. What a broker has stored stays, as on a disk.
   * @throws MQClientException (`BAD_OPTION`) for a name that does not exist, (`BAD_STATE`) for a broker that is down.
   */
  async kill(name: string): Promise<void> {
    this.#mustRun('kill')
    const server = this.#server(name)
    if (server.suspended) throw new MQClientException(`${name} is down already: restart(name) comes first`, { code: 'BAD_STATE' })
    await server.suspend()
  }

  /**
   * Brings back what {@link kill} took away, on the same ports; resolves when it accepts and is registered.
   * @throws MQClientException (`BAD_OPTION`) for a name that does not exist, (`BAD_STATE`) for one that is not down; the error of the
   *   socket when a port is taken by now.
   */
  async restart(name: string): Promise<void> {
    this.#mustRun('restart')
    const server = this.#server(name)
    if (!server.suspended) throw new MQClientException(`${name} runs: kill(name) comes first`, { code: 'BAD_STATE' })
    await server.resume()
    if (server === this.nameServer) await Promise.all([...this.#brokers, ...this.#slaves].map((broker) => broker.register()))
  }

  /**
   * Stores messages as if a producer had sent them, without the wire; several brokers take turns.
   * @returns where they are.
   * @throws MQClientException (`PUBLISH_FAILED`) with the broker's answer when it does not take one; those before it are stored.
   */
  async publish(topic: string, messages: ReadonlyArray<PublishedMessage | string>): Promise<PublishResult[]> {
    this.#mustRun('publish')
    checkMessages(messages)
    const results: PublishResult[] = []
    for (const message of messages) {
      const up = this.#brokers.filter(({ suspended }) => !suspended)
      if (up.length === 0) throw new MQClientException('publish() needs a broker that is not killed', { code: 'BAD_STATE' })
      results.push(await publishTo(up[this.#nextBroker++ % up.length] as BrokerController, topic, message))
    }
    return results
  }

  /**
   * Answers the requests that arrive at a topic from now on: the other half of a producer's `request`. Messages that are no requests are
   * left alone. What `fn` throws is logged, and the requester times out.
   * @param fn gets the request, and gives the body of the reply, or undefined for none.
   * @returns what ends it.
   */
  replyTo(topic: string, fn: Replier): () => void {
    this.#mustRun('replyTo')
    checkText('topic', topic ?? null)
    if (typeof fn !== 'function') throw refused('fn', fn, 'a function')
    const stops = this.#brokers.map((broker) => broker.store.onMessageArriving(replyingTo(broker, topic, fn)))
    return () => {
      for (const stop of stops) stop()
    }
  }

  /**
   * Asks producers now about every half message that is open, whatever its age. Their answers come over the wire afterwards.
   * @returns how many were asked about.
   */
  async checkTransactions(): Promise<number> {
    this.#mustRun('checkTransactions')
    const counts = await Promise.all(
      this.#brokers.filter(({ suspended }) => !suspended).map((broker) => broker.checkTransactions())
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /**
   * As after the start, for the next test: no message, no consumed position, no fault, no recorded request; killed brokers are back.
   * Connections stay, and so do producers and consumers. Wait for sends that are under way before.
   * @param options.keepTopics topics that were created since the start stay, empty. @default false
   */
  async reset(options: { keepTopics?: boolean } = {}): Promise<void> {
    this.#mustRun('reset')
    checkFields('options', options, ['keepTopics'])
    const { keepTopics = false } = options
    if (typeof keepTopics !== 'boolean') throw refused('options.keepTopics', keepTopics, 'true, false')
    this.faults.clear()
    this.#cancelTimers()
    if (this.nameServer.suspended) await this.restart('namesrv')
    const all = [...this.#brokers, ...this.#slaves]
    for (const broker of all) if (broker.suspended) await broker.resume()
    await Promise.all(all.map((broker) => broker.reset(keepTopics)))
    this.#journal?.clear()
  }

  /** `host:port` of the name server. */
  get namesrvAddr(): string {
    return this.nameServer.addr
  }

  /** Spread this into a producer's options. */
  clientOptions(): LoopbackClientOptions {
    const { network, clock, tls } = this.#options
    const options: LoopbackClientOptions = { namesrvAddr: this.namesrvAddr }
    if (tls !== undefined && tls.mode !== 'permissive') options.useTLS = true
    if (network !== undefined) options.network = network
    if (clock !== undefined) options.clock = clock
    return options
  }

  /**
   * Everything a consumer could read of `topic` now, by broker and queue, oldest first; empty for a topic that does not exist.
   * @param filter fields that have to agree, or a function that says yes. @default all
   * @throws MQClientException (`BAD_OPTION`) for a filter that can match nothing.
   */
  messages(topic: string, filter: MessageFilter | ((message: StoredMessage) => boolean) = {}): StoredMessage[] {
    this.#mustRun('messages')
    const matches = messageMatcher(filter, this.#brokerNames())
    const found: StoredMessage[] = []
    for (const { broker, queueId } of this.#queues(topic)) {
      for (const message of storedMessages(broker.store, broker.brokerName, topic, queueId)) {
        if (matches(message)) found.push(message)
      }
    }
    return found
  }

  /**
   * The requests that passed the wire, oldest first, each with its answer: those of clients, those of brokers to the name server, and
   * those that brokers sent to clients. Secrets are replaced by asterisks.
   * @param filter fields that have to agree. @default all that is kept
   * @throws MQClientException (`BAD_OPTION`) for a filter that can match nothing, (`BAD_STATE`) when `journal: false` was given.
   */
  requests(filter: RequestFilter = {}): RecordedRequest[] {
    this.#mustRun('requests')
    if (this.#journal === undefined) {
      throw new MQClientException('requests() needs the journal, which start() was told not to keep (journal: false)', {
        code: 'BAD_STATE'
      })
    }
    return recordedRequests(this.#journal, filter, () => this.#scope())
  }

  /** The producers that brokers know from heartbeats, one entry a group, broker and connection. */
  producers(): ConnectedClient[] {
    this.#mustRun('producers')
    return connectedProducers(this.brokers)
  }

  /** The consumers that brokers know from heartbeats, with what they subscribe to. */
  consumers(): ConnectedConsumer[] {
    this.#mustRun('consumers')
    return connectedConsumers(this.brokers)
  }

  /** Counters of each broker, masters first. */
  statistics(): BrokerStatistics[] {
    this.#mustRun('statistics')
    return [...this.brokers, ...this.slaves].map(brokerStatistics)
  }

  /** How many messages `topic` has received, without decoding them. */
  messageCount(topic: string): number {
    this.#mustRun('messageCount')
    let count = 0
    for (const { broker, queueId } of this.#queues(topic)) {
      // A queue without messages has no first one.
      count += broker.store.getMaxOffsetInQueue(topic, queueId) - Math.max(0, broker.store.getMinOffsetInQueue(topic, queueId))
    }
    return count
  }

  /**
   * Resolves with all messages of `topic` when there are at least `count`.
   * @param options.signal gives up with its reason; without one it waits as long as the broker runs.
   * @throws MQClientException (`CLOSED`) when the broker is closed meanwhile, (`BAD_OPTION`) for a count that is no whole number.
   */
  async waitForMessages(topic: string, count: number, options: { signal?: AbortSignal } = {}): Promise<StoredMessage[]> {
    this.#mustRun('waitForMessages')
    checkFields('options', options, ['signal'])
    checkWhole('count', count ?? Number.NaN, 0)
    const { signal } = options
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        signal?.removeEventListener('abort', abort)
        this.#closeListeners.delete(closed)
        this.#arrivalListeners.delete(check)
        settle()
      }
      const check = (arrived: string): void => {
        if (arrived === topic && this.#state === 'RUNNING' && this.messageCount(topic) >= count) finish(resolve)
      }
      const abort = (): void => finish(() => reject(signal?.reason))
      const closed = (): void => {
        const text = `the broker was closed while waiting for ${count} messages of ${topic}`
        finish(() => reject(new MQClientException(text, { code: 'CLOSED' })))
      }
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', abort, { once: true })
      this.#closeListeners.add(closed)
      this.#arrivalListeners.add(check)
      check(topic)
    })
    return this.messages(topic)
  }

  /** Told of the topic of every message that consumers can see now. */
  readonly #arrivalListeners = new Set<(topic: string) => void>()
  readonly #closeListeners = new Set<() => void>()

  /** Stops everything; resolves when no socket and no timer is left. Calling it again is harmless. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** `await using broker = ...` */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#state = 'CLOSED'
    for (const listener of [...this.#closeListeners]) listener()
    this.faults.clear()
    this.#cancelTimers()
    const outcomes = await Promise.allSettled([...this.brokers, ...this.slaves].map((broker) => broker.shutdown()))
    await this.nameServer.shutdown()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Makes a broker of a group and remembers it. @param alone its files are in the folder itself. */
  #create(brokerName: string, brokerId: number, alone = false): BrokerController {
    const { host = '127.0.0.1', network = tcpNetwork, clock, logger, tls, brokerConfig, storeConfig, ...options } = this.#options
    const master = brokerId === 0
    const first = master && this.#brokers.length === 0
    const name = memberName(brokerName, brokerId)
    const broker = new BrokerController({
      host,
      network,
      clock,
      logger,
      tls,
      faults: this.#table,
      journal: this.#journal?.of(name),
      port: first ? (options.port ?? 0) : 0,
      namesrvAddr: this.nameServer.addr,
      config: { ...brokerConfig, brokerName, ...(master ? {} : { brokerId }) },
      storeConfig: {
        ...storeConfig,
        // One port cannot serve two brokers.
        ...(first ? {} : { haListenPort: 0 }),
        ...(master ? {} : { brokerRole: 'SLAVE' as const })
      },
      acl: options.acl,
      namesrvTls: tls && ownTls(tls),
      storeFiles: storeFiles(options, alone ? '' : name),
      topics: options.topics
    })
    ;(master ? this.#brokers : this.#slaves).push(broker)
    if (master) {
      broker.store.onMessageArriving(({ topic }) => {
        if (this.#arrivalListeners.size > 0) for (const listener of [...this.#arrivalListeners]) listener(topic)
      })
    }
    return broker
  }

  /** @throws for a name nobody has. */
  #server(name: string): BrokerController | NameServer {
    const found = [...this.#brokers, ...this.#slaves].find((broker) => memberName(broker.brokerName, broker.brokerId) === name)
    if (found !== undefined) return found
    if (name !== 'namesrv') throw refused('name', name, this.#scope().servers.join(', '))
    return this.nameServer
  }

  /** Connections end before this returns, so that the request which struck is not answered. */
  #killByFault(brokerName: string, restartAfter: number | undefined): void {
    const { clock = realClock, logger = silentLogger } = this.#options
    const failed = (error: unknown): void => logger.error(`a fault could not kill or restart ${brokerName}: ${logText(error)}`)
    this.kill(brokerName).catch(failed)
    if (restartAfter === undefined) return
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer)
      this.restart(brokerName).catch(failed)
    }, restartAfter)
    this.#timers.add(timer)
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #brokerNames(): string[] {
    return this.brokers.map(({ brokerName }) => brokerName)
  }

  /** What faults and filters may name. */
  #scope(): { topics: ReadonlySet<string>; servers: readonly string[]; brokerNames: readonly string[] } {
    const topics = new Set(this.brokers.flatMap(({ topicConfigManager }) => [...topicConfigManager.topicConfigTable.keys()]))
    const slaves = this.slaves.map(({ brokerName, brokerId }) => memberName(brokerName, brokerId))
    return { topics, servers: ['namesrv', ...this.#brokerNames(), ...slaves], brokerNames: this.#brokerNames() }
  }

  #faultHost(): FaultHost {
    const { routes } = this.nameServer
    return {
      routes: () => {
        const bodies = new Map<string, Uint8Array>()
        for (const topic of this.#scope().topics) {
          const route = routes.pickupTopicRouteData(topic)
          if (route !== undefined) bodies.set(topic, encodeTopicRoute(route, true))
        }
        return bodies
      },
      emptyRoute: () => encodeTopicRoute({ queueDatas: [], brokerDatas: [], filterServerTable: new Map() }, true),
      kill: (brokerName, restartAfter) => this.#killByFault(brokerName, restartAfter)
    }
  }

  *#queues(topic: string): Generator<{ broker: BrokerController; queueId: number }> {
    for (const broker of this.brokers) {
      const queues = broker.topicConfigManager.selectTopicConfig(topic)?.readQueueNums ?? 0
      for (let queueId = 0; queueId < queues; queueId++) yield { broker, queueId }
    }
  }

  #mustRun(call: string): void {
    if (this.#state !== 'RUNNING') {
      throw new MQClientException(`${call}() needs a running broker; this one is ${this.#state}`, { code: 'BAD_STATE' })
    }
  }
}

/** What faults, filters and `kill` call a broker. */
function memberName(brokerName: string, brokerId: number): string {
  return brokerId === 0 ? brokerName : `${brokerName}-slave-${brokerId}`
}

function newJournal({ journal = {}, clock = realClock }: LoopbackBrokerOptions): WireJournal | undefined {
  if (journal === false) return undefined
  checkFields('journal', journal, ['requests', 'bytes'])
  const { requests = JOURNAL_REQUESTS, bytes = JOURNAL_BYTES } = journal
  checkWhole('journal.requests', requests, 1)
  checkWhole('journal.bytes', bytes, 1)
  return new WireJournal({ requests, bytes }, clock)
}
