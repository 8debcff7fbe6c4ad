import path from 'node:path'
import { BrokerController } from '../broker/broker-controller.ts'
import { MQClientException } from '../internal/errors.ts'
import { NameServer } from '../nameserver/name-server.ts'
import type { StoreFilesOptions } from '../store/files/store-files.ts'
import type { TlsClientOptions, TlsServerOptions } from '../transport/network.ts'
import { tcpNetwork } from '../transport/tcp-network.ts'
import type { LoopbackBrokerOptions, LoopbackClientOptions } from './loopback-options.ts'
import { type StoredMessage, storedMessages } from './stored-messages.ts'

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
  readonly nameServer: NameServer
  readonly brokers: readonly BrokerController[]
  readonly #options: LoopbackBrokerOptions
  #state: State = 'STARTING'
  #closing: Promise<void> | undefined

  private constructor(options: LoopbackBrokerOptions, nameServer: NameServer, brokers: BrokerController[]) {
    this.#options = options
    this.nameServer = nameServer
    this.brokers = brokers
  }

  /**
   * Starts a name server and the brokers; resolves when they accept and are registered.
   * @throws MQClientException when an option is wrong; the error of the socket when a port is taken.
   */
  static async start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
    const count = options.brokers ?? 1
    if (!Number.isInteger(count) || count < 1 || count > 26) {
      throw new MQClientException(`brokers is ${String(options.brokers)}: allowed is a whole number from 1 to 26`, {
        code: 'BAD_OPTION'
      })
    }
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
    const loopback = new LoopbackBroker(options, nameServer, brokers)
    try {
      await nameServer.start()
      for (let i = 0; i < count; i++) {
        const brokerName = `broker-${String.fromCharCode(97 + i)}`
        const broker = new BrokerController({
          ...shared,
          port: i === 0 ? (options.port ?? 0) : 0,
          namesrvAddr: nameServer.addr,
          config: { brokerName, ...(count === 1 ? options.brokerConfig : { ...options.brokerConfig, brokerName }) },
          storeConfig: options.storeConfig,
          acl: options.acl,
          namesrvTls: tls && ownTls(tls),
          storeFiles: storeFiles(options, count === 1 ? '' : brokerName),
          topics: options.topics
        })
        brokers.push(broker)
      }
      await Promise.all(brokers.map((broker) => broker.start()))
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#state = 'CLOSED'
    for (const listener of [...this.#closeListeners]) listener()
    const outcomes = await Promise.allSettled(this.brokers.map((broker) => broker.shutdown()))
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
