import path from 'node:path'
import { BrokerController } from '../broker/broker-controller.ts'
import { MQClientException } from '../internal/errors.ts'
import { NameServer } from '../nameserver/name-server.ts'
import type { StoreFilesOptions } from '../store/files/store-files.ts'
import type { TlsClientOptions, TlsServerOptions } from '../transport/network.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import type { LoopbackBrokerOptions, LoopbackClientOptions, LoopbackGroupOptions } from './loopback-options.ts'
import { type StoredMessage, storedMessages } from './stored-messages.ts'

/** How long slaves may take to follow their masters, ms. */
const SLAVES_MILLIS = 10_000
const MAX_BROKERS = 26
const MAX_SLAVES = 8

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
  readonly brokers: readonly BrokerController[]
  /** The slaves of all brokers. */
  readonly slaves: readonly BrokerController[]
  readonly #options: LoopbackBrokerOptions
  #state: State = 'STARTING'
  #closing: Promise<void> | undefined

  private constructor(
    options: LoopbackBrokerOptions,
    nameServer: NameServer,
    brokers: BrokerController[],
    slaves: BrokerController[]
  ) {
    this.#options = options
    this.nameServer = nameServer
    this.brokers = brokers
    this.slaves = slaves
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
    const { host = '127.0.0.1', network = tcpNetwork, clock, logger, faults, tls } = options
    const shared = { host, network, clock, logger, faults, tls }
    const nameServer = new NameServer({ ...shared, port: options.namesrvPort ?? 0, config: options.namesrvConfig })
    const brokers: BrokerController[] = []
    const slaves: BrokerController[] = []
    const loopback = new LoopbackBroker(options, nameServer, brokers, slaves)
    try {
      await nameServer.start()
      const add = (brokerName: string, brokerId: number): BrokerController => {
        const master = brokerId === 0
        const broker = new BrokerController({
          ...shared,
          port: master && brokers.length === 0 ? (options.port ?? 0) : 0,
          namesrvAddr: nameServer.addr,
          config: { ...options.brokerConfig, brokerName, ...(master ? {} : { brokerId }) },
          storeConfig: {
            ...options.storeConfig,
            // One port cannot serve two brokers.
            ...(master && brokers.length === 0 ? {} : { haListenPort: 0 }),
            ...(master ? {} : { brokerRole: 'SLAVE' as const })
          },
          acl: options.acl,
          namesrvTls: tls && ownTls(tls),
          storeFiles: storeFiles(options, alone ? '' : `${brokerName}${master ? '' : `-slave-${brokerId}`}`),
          topics: options.topics
        })
        ;(master ? brokers : slaves).push(broker)
        return broker
      }
      for (const { brokerName } of groups) add(brokerName, 0)
      await Promise.all(brokers.map((broker) => broker.start()))
      // A slave learns its master when it registers.
      for (const { brokerName, slaves: count } of groups) for (let id = 1; id <= count; id++) add(brokerName, id)
      await Promise.all(slaves.map((slave) => slave.start()))
      await Promise.all(groups.map(({ slaves: count }, i) => brokers[i]!.haService.whenSlaves(count, SLAVES_MILLIS)))
    } catch (error) {
      await loopback.close()
      throw error
    }
    loopback.#state = 'RUNNING'
    return loopback
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

  /** Everything a consumer could read of `topic` now, by broker and queue, oldest first. */
  messages(topic: string): StoredMessage[] {
    this.#mustRun('messages')
    const found: StoredMessage[] = []
    for (const { broker, queueId } of this.#queues(topic)) {
      for (const message of storedMessages(broker.store, broker.brokerName, topic, queueId)) found.push(message)
    }
    return found
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
   * Resolves when `topic` holds at least `count` messages.
   * @param options.signal gives up with its reason; without one it waits as long as the broker runs.
   */
  waitForMessages(topic: string, count: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#mustRun('waitForMessages')
    const { signal } = options
    return new Promise<void>((resolve, reject) => {
      const stops: Array<() => void> = []
      const finish = (settle: () => void): void => {
        for (const stop of stops) stop()
        settle()
      }
      const check = (): void => {
        if (this.#state === 'RUNNING' && this.messageCount(topic) >= count) finish(resolve)
      }
      if (signal?.aborted) return reject(signal.reason)
      const abort = (): void => finish(() => reject(signal?.reason))
      signal?.addEventListener('abort', abort, { once: true })
      stops.push(() => signal?.removeEventListener('abort', abort))
      const closed = (): void =>
        finish(() =>
          reject(
            new MQClientException(`the broker was closed while waiting for ${count} messages of ${topic}`, { code: 'CLOSED' })
          )
        )
      this.#closeListeners.add(closed)
      stops.push(() => this.#closeListeners.delete(closed))
      for (const broker of this.brokers) {
        stops.push(
          broker.store.onMessageArriving((request) => {
            if (request.topic === topic) check()
          })
        )
      }
      check()
    })
  }

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
    const outcomes = await Promise.allSettled([...this.brokers, ...this.slaves].map((broker) => broker.shutdown()))
    await this.nameServer.shutdown()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
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

/** The broker's connection to its own name server, which it has just started itself: there is nobody to be verified. */
function ownTls({ cert, key, passphrase }: TlsServerOptions): TlsClientOptions {
  return { cert, key, rejectUnauthorized: false, ...(passphrase === undefined ? {} : { passphrase }) }
}

function storeFiles({ dataDir, repair }: LoopbackBrokerOptions, folder: string): StoreFilesOptions | undefined {
  return dataDir === undefined ? undefined : { root: path.join(dataDir, folder), repair }
}

/** What every group is called and how many slaves it has. */
function brokerGroups({ brokers = 1, brokerConfig }: LoopbackBrokerOptions): Array<Required<LoopbackGroupOptions>> {
  const bad = (message: string): MQClientException => new MQClientException(message, { code: 'BAD_OPTION' })
  const count = Array.isArray(brokers) ? brokers.length : (brokers as number)
  if (!Number.isInteger(count) || count < 1 || count > MAX_BROKERS) {
    throw bad(
      `brokers is ${String(Array.isArray(brokers) ? `a list of ${count}` : brokers)}: allowed is a whole number from 1 to ${MAX_BROKERS}, ` +
        'or a list of as many, for example [{ slaves: 1 }]'
    )
  }
  const given: ReadonlyArray<LoopbackGroupOptions | undefined> = Array.isArray(brokers) ? brokers : Array.from({ length: count })
  const groups = given.map((group, i) => {
    const { slaves = 0 } = group ?? {}
    if (!Number.isInteger(slaves) || slaves < 0 || slaves > MAX_SLAVES) {
      throw bad(`brokers[${i}].slaves is ${String(slaves)}: allowed is a whole number from 0 to ${MAX_SLAVES}`)
    }
    const single = count === 1 ? brokerConfig?.brokerName : undefined
    return { brokerName: group?.brokerName ?? single ?? `broker-${String.fromCharCode(97 + i)}`, slaves }
  })
  const names = new Set(groups.map(({ brokerName }) => brokerName))
  if (names.size < count) throw bad('brokers: each needs a brokerName of its own')
  return groups
}
