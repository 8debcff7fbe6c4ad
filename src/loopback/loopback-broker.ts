import type { BrokerController } from '../broker/broker-controller.ts'
import { type BrokerConsumeMessageHook, BrokerHooks, type BrokerSendMessageHook } from '../broker/hooks/broker-hooks.ts'
import { type Clock, realClock } from '../internal/clock.ts'
import { MQClientException } from '../internal/errors.ts'
import { FaultTable } from '../internal/fault-table.ts'
import { HeldClock } from '../internal/held-clock.ts'
import type { NameServer } from '../nameserver/name-server.ts'
import { checkFields, checkText, checkWhole, reasoned, refused } from './bad-input.ts'
import { type BrokerStatistics, brokerStatistics } from './broker-statistics.ts'
import { checkStart } from './check-start.ts'
import { type ConnectedClient, type ConnectedConsumer, connectedConsumers, connectedProducers } from './connected-clients.ts'
import { checkMessages, type PublishedMessage, type PublishResult, publishTo, type Replier, replyingTo } from './local-client.ts'
import { LoopbackFaults } from './loopback-faults.ts'
import type { ClockedOptions, LoopbackBrokerOptions, LoopbackClientOptions, LoopbackGroupOptions } from './loopback-options.ts'
import { Members } from './members.ts'
import { MessageWaits } from './message-waits.ts'
import { type RecordedRequest, type RequestFilter, recordedRequests } from './recorded-requests.ts'
import { type MessageFilter, messageMatcher, type StoredMessage, storedMessages } from './stored-messages.ts'
import { WireJournal } from './wire-journal.ts'

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
  /** What goes wrong on purpose. */
  readonly faults: LoopbackFaults
  readonly #options: ClockedOptions
  readonly #members: Members
  readonly #waits: MessageWaits
  readonly #journal: WireJournal | undefined
  readonly #hooks = new BrokerHooks()
  #nextBroker = 0
  #state: State = 'STARTING'
  #closing: Promise<void> | undefined

  private constructor(given: LoopbackBrokerOptions) {
    const options = { ...given, clock: startClock(given.clock) }
    const { seed = Math.floor(Math.random() * 2 ** 32) } = options
    const faults = options.faults ?? new FaultTable(seed)
    this.#options = options
    this.#journal = newJournal(options)
    this.#waits = new MessageWaits((topic) => this.#count(topic))
    const onArrival = (topic: string): void => this.#waits.arrived(topic)
    this.#members = new Members({ options, faults, journal: this.#journal, hooks: this.#hooks, onArrival })
    this.faults = new LoopbackFaults(faults, seed, () => ({ ...this.#members.scope(), ...this.#members.faultHost() }))
  }

  /**
   * Starts a name server and the brokers; resolves when they accept and are registered.
   * @throws MQClientException when an option is wrong; the error of the socket when a port is taken.
   */
  static async start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
    checkStart(options)
    const loopback = new LoopbackBroker(options)
    try {
      await loopback.#members.start()
    } catch (error) {
      await loopback.close()
      throw error
    }
    loopback.#state = 'RUNNING'
    return loopback
  }

  /**
   * The clock that stands, where this broker was started with `clock: 'held'` or with a `HeldClock`: `await broker.clock.advance('30m')`.
   * @throws MQClientException (`BAD_STATE`) when it follows another clock, the system's for one.
   */
  get clock(): HeldClock {
    const { clock } = this.#options
    if (typeof (clock as Partial<HeldClock> | undefined)?.advance === 'function') return clock as HeldClock
    throw new MQClientException(
      `the time of this broker cannot be moved: it follows ${clock === undefined ? "the system's clock" : 'a clock of yours'}. ` +
        "Start it with { clock: 'held' }, and give producers the clock with clientOptions()",
      { code: 'BAD_STATE' }
    )
  }

  /**
   * Knows the routes; for tests that ask it themselves.
   * @throws MQClientException (`BAD_STATE`) where the brokers register with other name servers, as `namesrvAddr` says.
   */
  get nameServer(): NameServer {
    const { nameServer, namesrvAddr } = this.#members
    if (nameServer !== undefined) return nameServer
    throw new MQClientException(`this broker has no name server of its own: it is registered with ${namesrvAddr}`, {
      code: 'BAD_STATE'
    })
  }

  /** The masters. */
  get brokers(): readonly BrokerController[] {
    return this.#members.masters
  }

  /** The slaves of all brokers. */
  get slaves(): readonly BrokerController[] {
    return this.#members.slaves
  }

  /**
   * Starts a further broker, and its slaves; resolves when it accepts, is registered and its slaves follow. It has the topics of the start.
   * @returns its name.
   * @throws MQClientException (`BAD_OPTION`) for a name that is taken or no name, or a number of slaves that is not 0 to 8.
   */
  async addBroker(group: LoopbackGroupOptions = {}): Promise<string> {
    this.#mustRun('addBroker')
    return await this.#members.add(group)
  }

  /**
   * Kills a broker, a slave (`broker-a-slave-1`) or the name server (`namesrv`), as far as others can tell: connections end without
   * another byte, new ones are refused, and the name server forgets a broker. What a broker has stored stays, as on a disk.
   * @throws MQClientException (`BAD_OPTION`) for a name that does not exist, (`BAD_STATE`) for a broker that is down.
   */
  async kill(name: string): Promise<void> {
    this.#mustRun('kill')
    await this.#members.kill(name)
  }

  /**
   * Brings back what {@link kill} took away, on the same ports; resolves when it accepts and is registered.
   * @throws MQClientException (`BAD_OPTION`) for a name that does not exist, (`BAD_STATE`) for one that is not down; the error of the
   *   socket when a port is taken by now.
   */
  async restart(name: string): Promise<void> {
    this.#mustRun('restart')
    await this.#members.restart(name)
  }

  /**
   * Shows a hook every send before a broker looks at it, and its answer; on all brokers, until the end. Hooks run in the order in which they
   * were registered, synchronously. One that throws an {@link AbortProcessException} before the send decides the answer; anything else it
   * throws is logged.
   * @throws MQClientException (`BAD_OPTION`) for anything but a hook.
   *
   * @example
   * broker.registerSendMessageHook({
   *   hookName: 'quota',
   *   sendMessageBefore({ producerGroup }) {
   *     if (producerGroup === 'greedy') throw new AbortProcessException(215, 'too many sends')
   *   },
   *   sendMessageAfter({ topic, code, queueOffset }) {}
   * })
   */
  registerSendMessageHook(hook: BrokerSendMessageHook): void {
    this.#hooks.registerSendMessageHook(hook)
  }

  /**
   * The same for every answer to a pull before it leaves, and for every message that a consumer sends back.
   * @throws MQClientException (`BAD_OPTION`) for anything but a hook.
   */
  registerConsumeMessageHook(hook: BrokerConsumeMessageHook): void {
    this.#hooks.registerConsumeMessageHook(hook)
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
      const up = this.brokers.filter(({ suspended }) => !suspended)
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
    const stops = this.brokers.map((broker) => broker.store.onMessageArriving(replyingTo(broker, topic, fn)))
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
      this.brokers.filter(({ suspended }) => !suspended).map((broker) => broker.checkTransactions())
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
    await this.#members.reset(keepTopics)
    this.#journal?.clear()
  }

  /** `host:port` of the name server. */
  get namesrvAddr(): string {
    return this.#members.namesrvAddr
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
    const matches = messageMatcher(filter, this.#members.brokerNames)
    const found: StoredMessage[] = []
    for (const { broker, queueId } of this.#members.queues(topic)) {
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
    return recordedRequests(this.#journal, filter, () => this.#members.scope())
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
    return this.#count(topic)
  }

  /**
   * Resolves with all messages of `topic` when there are at least `count`.
   * @param options.signal gives up; without one it waits as long as the broker runs.
   * @throws MQClientException (`ABORTED`) with what was missing and the signal's reason as cause; (`CLOSED`) when the broker is closed
   *   meanwhile; (`BAD_OPTION`) for a count that is no whole number.
   */
  async waitForMessages(topic: string, count: number, options: { signal?: AbortSignal } = {}): Promise<StoredMessage[]> {
    this.#mustRun('waitForMessages')
    checkFields('options', options, ['signal'])
    checkWhole('count', count ?? Number.NaN, 0)
    const { signal } = options
    const missing = (): string => `waited for ${count} messages of ${topic}, found ${this.#count(topic)}`
    await reasoned(this.#waits.until(topic, count, signal), signal, missing)
    return this.messages(topic)
  }

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
    this.#waits.close()
    this.faults.clear()
    await this.#members.shutdown()
    this.#journal?.clear()
  }

  #count(topic: string): number {
    let count = 0
    for (const { broker, queueId } of this.#members.queues(topic)) {
      // A queue without messages has no first one.
      count += broker.store.getMaxOffsetInQueue(topic, queueId) - Math.max(0, broker.store.getMinOffsetInQueue(topic, queueId))
    }
    return count
  }

  #mustRun(call: string): void {
    if (this.#state !== 'RUNNING') {
      throw new MQClientException(`${call}() needs a running broker; this one is ${this.#state}`, { code: 'BAD_STATE' })
    }
  }
}

function startClock(clock: Clock | 'held' | undefined): Clock | undefined {
  if (clock === 'held') return new HeldClock()
  if (clock === undefined || typeof (clock as Partial<Clock> | null)?.setTimeout === 'function') return clock
  throw refused('clock', clock, "'held', or a clock such as new HeldClock()")
}

function newJournal({ journal = {}, clock = realClock }: ClockedOptions): WireJournal | undefined {
  if (journal === false) return undefined
  checkFields('journal', journal, ['requests', 'bytes'])
  const { requests = JOURNAL_REQUESTS, bytes = JOURNAL_BYTES } = journal
  checkWhole('journal.requests', requests, 1)
  checkWhole('journal.bytes', bytes, 1)
  return new WireJournal({ requests, bytes }, clock)
}
