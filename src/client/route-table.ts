import { SingleFlight } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import { MQClientException, type RocketMQError } from '../internal/errors.ts'
import { type Logger, logText } from '../internal/logger.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'
import { encodeTopicRoute, type TopicRouteData } from '../protocol/topic-route.ts'
import { TBW102 } from '../protocol/topics.ts'
import type { CheckedRoute } from './broker-addresses.ts'
import type { BrokerTable } from './broker-table.ts'
import { type TopicPublishInfo, topicRouteToPublishInfo } from './topic-publish-info.ts'

export interface FindRouteOptions {
  /** Topic whose route serves when the topic has none yet. */
  createTopicKey: string
  /** Queues per broker such a new topic gets at most. */
  defaultTopicQueueNums: number
  /** Ms. */
  timeoutMillis: number
  signal?: AbortSignal | undefined
}

/** Looks up a route; undefined when the name server has none for the topic. Rejects when nobody answers. */
export type RouteLookup = (topic: string) => Promise<TopicRouteData | undefined>

interface Entry {
  info: TopicPublishInfo
  /** The route as text, to see whether a new one differs. */
  fingerprint: string
}

/**
 * Routes of the topics this client sends to; Java's route tables of `MQClientInstance`. One lookup a topic runs at a time, whoever asks
 * meanwhile shares it. A topic the name server does not know borrows the route of the topic new ones are modelled on. A failed refresh
 * keeps what is known.
 */
export class RouteTable {
  readonly #entries = new Map<string, Entry>()
  readonly #flights = new SingleFlight<string, TopicPublishInfo | undefined>()
  readonly #lookup: RouteLookup
  readonly #brokers: BrokerTable
  readonly #clock: Clock
  readonly #logger: Logger

  constructor(lookup: RouteLookup, brokers: BrokerTable, clock: Clock, logger: Logger) {
    this.#lookup = lookup
    this.#brokers = brokers
    this.#clock = clock
    this.#logger = logger
  }

  /** What is known and has a queue to send to. */
  usable(topic: string): TopicPublishInfo | undefined {
    const info = this.#entries.get(topic)?.info
    return info !== undefined && info.messageQueues.length > 0 ? info : undefined
  }

  topics(): Iterable<string> {
    return this.#entries.keys()
  }

  *routes(): Iterable<TopicRouteData> {
    for (const entry of this.#entries.values()) yield entry.info.routeData
  }

  /**
   * The known publish info, or that of a fresh lookup.
   * @throws MQClientException `NO_ROUTE` or `NO_WRITABLE_MASTER` (10005), or what the lookup rejected with.
   */
  async find(topic: string, options: FindRouteOptions): Promise<TopicPublishInfo> {
    const known = this.usable(topic)
    if (known !== undefined) return known
    // A lookup that runs already may model a new topic on another one: that is part of the key.
    const key = `${topic}\n${options.createTopicKey}\n${options.defaultTopicQueueNums}`
    const flight = this.#flights.run(key, () => this.#findRoute(topic, options))
    const info = await this.#within(flight, options).catch((error: unknown) => {
      throw options.signal?.aborted ? error : lookupFailed(topic, error)
    })
    if (info === undefined) throw noRoute(topic)
    if (info.messageQueues.length === 0) throw noWritableMaster(info)
    return info
  }

  /** Asks the name server again; a topic it does not know stays as it was. */
  async refresh(topic: string): Promise<void> {
    const route = await this.#lookup(topic)
    if (route !== undefined) this.#store(topic, route)
  }

  /** Addresses have been forgotten: former queues of those brokers are of no use any more. */
  forgetFormerQueues(): void {
    for (const entry of this.#entries.values()) {
      const { formerQueues } = entry.info
      const left = formerQueues.filter(({ brokerName }) => this.#hasMaster(brokerName))
      if (left.length < formerQueues.length) entry.info = { ...entry.info, formerQueues: left }
    }
  }

  async #findRoute(topic: string, options: FindRouteOptions): Promise<TopicPublishInfo | undefined> {
    const route = await this.#lookup(topic)
    if (route !== undefined) return this.#store(topic, route)
    for (const model of new Set([options.createTopicKey, TBW102])) {
      const modelRoute = model === topic ? undefined : await this.#lookup(model)
      if (modelRoute !== undefined) return this.#store(topic, asNewTopic(modelRoute, options.defaultTopicQueueNums))
    }
    return undefined
  }

  #store(topic: string, route: TopicRouteData): TopicPublishInfo {
    const fingerprint = fingerprintOf(route)
    const old = this.#entries.get(topic)
    if (old?.fingerprint === fingerprint) return old.info
    const fresh = topicRouteToPublishInfo(topic, route)
    const info = old === undefined || fresh.orderTopic ? fresh : { ...fresh, formerQueues: this.#formerQueues(old.info, route) }
    this.#entries.set(topic, { info, fingerprint })
    this.#brokers.update(route)
    this.#logger.info(
      `route of topic ${logText(topic)} ${old === undefined ? 'found' : 'changed'}: ${info.messageQueues.length} queues`
    )
    return info
  }

  /** Queues of the old info whose brokers the new route does not name. */
  #formerQueues({ messageQueues, formerQueues }: TopicPublishInfo, { brokerDatas }: TopicRouteData): MessageQueue[] {
    const named = new Set(brokerDatas.map(({ brokerName }) => brokerName))
    return [...messageQueues, ...formerQueues].filter(({ brokerName }) => !named.has(brokerName) && this.#hasMaster(brokerName))
  }

  #hasMaster(brokerName: string): boolean {
    return this.#brokers.masterAddress(brokerName) !== undefined
  }

  /** The caller's own deadline and signal; the lookup itself goes on for the others. */
  async #within<T>(flight: Promise<T>, { timeoutMillis, signal }: FindRouteOptions): Promise<T> {
    signal?.throwIfAborted()
    let giveUp!: (error: unknown) => void
    const over = new Promise<never>((_, reject) => {
      giveUp = reject
    })
    const timer = this.#clock.setTimeout(() => giveUp(lookupTimeout(timeoutMillis)), timeoutMillis)
    const abort = (): void => giveUp(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([flight, over])
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** The model's brokers with the queues a new topic will get. */
function asNewTopic(route: TopicRouteData, defaultTopicQueueNums: number): TopicRouteData {
  const queueDatas = route.queueDatas.map((data) => {
    const nums = Math.min(defaultTopicQueueNums, data.readQueueNums)
    return { ...data, readQueueNums: nums, writeQueueNums: nums }
  })
  return { ...route, queueDatas }
}

/** The order in which a name server lists brokers means nothing. */
function fingerprintOf(route: TopicRouteData): string {
  const byBrokerName = (a: { brokerName: string }, b: { brokerName: string }): number => (a.brokerName < b.brokerName ? -1 : 1)
  const sorted = {
    ...route,
    queueDatas: [...route.queueDatas].sort(byBrokerName),
    brokerDatas: [...route.brokerDatas].sort(byBrokerName)
  }
  return encodeTopicRoute(sorted, true).toString('latin1')
}

function noRoute(topic: string): RocketMQError {
  return new MQClientException(`No route info of this topic: ${topic}`, {
    code: 'NO_ROUTE',
    responseCode: 10005,
    hint: 'The name server answered that the topic does not exist. Create it, or run the broker with autoCreateTopicEnable=true.'
  })
}

function noWritableMaster(info: TopicPublishInfo): RocketMQError {
  const { queueDatas, brokerDatas } = info.routeData
  const { refusedAddresses = [] } = info.routeData as Partial<CheckedRoute>
  if (refusedAddresses.length > 0) return addressesRefused(info.topic, refusedAddresses)
  const brokers = brokerDatas.map((b) => {
    const data = queueDatas.find((q) => q.brokerName === b.brokerName)
    return `${b.brokerName} (perm ${data?.perm}, write queues ${data?.writeQueueNums}, ids ${[...b.brokerAddrs.keys()].join(',')})`
  })
  return new MQClientException(
    `No route info of this topic: ${info.topic}: no broker has a writable master: ${brokers.join(', ')}`,
    {
      code: 'NO_WRITABLE_MASTER',
      responseCode: 10005,
      retryable: true,
      hint: "The topic's permission lacks write (bit 2), its write queues are 0, or every master (broker id 0) is down."
    }
  )
}

function addressesRefused(topic: string, refused: readonly string[]): RocketMQError {
  return new MQClientException(
    `No route info of this topic: ${topic}: addresses of its brokers were refused: ${refused.join('; ')}`,
    {
      code: 'NO_WRITABLE_MASTER',
      responseCode: 10005,
      retryable: true,
      hint: "Set brokerIP1 in the broker's configuration to an address that clients can use, or adjust allowedHosts and mapBrokerAddress."
    }
  )
}

function lookupTimeout(millis: number): RocketMQError {
  return new MQClientException(`no name server answered within ${Math.round(millis)} ms`, {
    code: 'NAME_SERVER_UNREACHABLE',
    responseCode: 10005,
    retryable: true,
    hint: 'Check that a name server runs and is reachable at the address in namesrvAddr.'
  })
}

/** Names the topic, keeps the rest. */
function lookupFailed(topic: string, error: unknown): RocketMQError {
  const cause = error as RocketMQError
  if (cause.code === 'NO_NAME_SERVER') return cause
  return new MQClientException(`No route info of this topic: ${topic}: ${cause.message}`, {
    code: cause.code,
    responseCode: cause.code === 'NAME_SERVER_REFUSED' ? cause.responseCode : 10005,
    retryable: cause.retryable,
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    cause
  })
}
