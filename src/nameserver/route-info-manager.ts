import type { Clock } from '../internal/clock.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { ResponseCode } from '../protocol/codes.ts'
import { Perm } from '../protocol/perm.ts'
import type { DataVersion, TopicConfigSerializeWrapper } from '../protocol/topic-config.ts'
import type { BrokerData, QueueData, TopicRouteData } from '../protocol/topic-route.ts'
import type { Connection } from '../transport/connection.ts'
import { quotaExceeded, RequestRefused } from '../transport/request-refused.ts'
import { checkLength } from './name-length.ts'
import type { NamesrvConfig } from './namesrv-config.ts'
import { TopicQueueTable } from './topic-queue-table.ts'

const MASTER_ID = 0

/** Most filter servers of a broker; those since 4.x have none. */
const MAX_FILTER_SERVERS = 64

/** After this time without a sign of life a broker is gone, unless it asked for another one, ms. */
const BROKER_EXPIRED_MILLIS = 120_000

export interface BrokerRegistration {
  clusterName: string
  brokerAddr: string
  brokerName: string
  brokerId: number
  haServerAddr: string
  zoneName: string | undefined
  /** Ms. @default 120000 */
  heartbeatTimeoutMillis: number | undefined
  /** Undefined for brokers older than 5.0. */
  enableActingMaster: boolean | undefined
  topicConfig: TopicConfigSerializeWrapper
  filterServerList: readonly string[]
  connection: Connection | undefined
}

export interface RegisterBrokerResult {
  haServerAddr?: string
  masterAddr?: string
}

interface BrokerLiveInfo {
  readonly clusterName: string
  readonly brokerAddr: string
  lastUpdate: number
  readonly timeoutMillis: number
  readonly dataVersion: DataVersion
  readonly connection: Connection | undefined
  readonly haServerAddr: string
}

/** Brokers, clusters, topics and which brokers live; Java's `RouteInfoManager`, 5.3.3. */
export class RouteInfoManager {
  readonly topicQueues: TopicQueueTable
  readonly #brokers = new Map<string, BrokerData>()
  readonly #clusters = new Map<string, Set<string>>()
  readonly #live = new Map<string, BrokerLiveInfo>()
  readonly #filterServers = new Map<string, readonly string[]>()
  readonly #config: NamesrvConfig
  readonly #clock: Clock
  readonly #logger: Logger

  constructor(config: NamesrvConfig, clock: Clock, logger: Logger) {
    this.#config = config
    this.topicQueues = new TopicQueueTable(config.maxRouteNum)
    this.#clock = clock
    this.#logger = logger
  }

  get brokers(): Map<string, BrokerData> {
    return this.#brokers
  }

  /** Cluster to broker names. */
  get clusters(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#clusters
  }

  /**
   * Takes a registration in. Topics come from the master only, or from the slave with the smallest id where there may be an acting
   * master. With an unchanged data version only topics that are not in the table yet are applied; topics that a newer registration
   * lacks stay.
   * @returns undefined when a broker that is not registered yet brings exactly one topic: then the answer is an error, although
   *   the broker's name stays in the tables, without an address.
   * @throws RequestRefused when there is not room for all of it; nothing has changed then.
   */
  registerBroker(registration: BrokerRegistration): RegisterBrokerResult | undefined {
    const { clusterName, brokerAddr, brokerName, brokerId, topicConfig } = registration
    checkNames(registration)
    this.#checkRoom(registration)
    this.#cluster(clusterName).add(brokerName)
    const known = this.#brokers.get(brokerName)
    const broker: BrokerData = known ?? {
      cluster: clusterName,
      brokerName,
      brokerAddrs: new Map<number, string>(),
      enableActingMaster: false
    }
    if (known === undefined) this.#brokers.set(brokerName, broker)
    broker.enableActingMaster = registration.enableActingMaster === true
    broker.zoneName = registration.zoneName
    const addrs = broker.brokerAddrs
    // A slave that became master: one address has one id.
    for (const [id, addr] of addrs) if (addr === brokerAddr && id !== brokerId) addrs.delete(id)
    if (this.#isConflict(addrs.get(brokerId), registration)) return {}
    if (!addrs.has(brokerId) && topicConfig.topicConfigTable.size === 1) {
      this.#logger.warn(`registration of ${logText(brokerAddr)} refused: one topic only, and the broker is not registered yet`)
      return undefined
    }
    const first = known === undefined || !addrs.has(brokerId)
    addrs.set(brokerId, brokerAddr)
    this.#applyTopics(registration, broker, first)
    const key = liveKey(clusterName, brokerAddr)
    if (!this.#live.has(key)) this.#logger.info(`broker registered: ${logText(brokerName)} ${brokerId} ${logText(brokerAddr)}`)
    this.#live.set(key, {
      clusterName,
      brokerAddr,
      lastUpdate: this.#clock.monotonic(),
      timeoutMillis: registration.heartbeatTimeoutMillis ?? BROKER_EXPIRED_MILLIS,
      dataVersion: topicConfig.dataVersion,
      connection: registration.connection,
      haServerAddr: registration.haServerAddr
    })
    if (registration.filterServerList.length === 0) this.#filterServers.delete(key)
    else this.#filterServers.set(key, registration.filterServerList)
    return this.#masterOf(broker, brokerId)
  }

  /** Names that a refused registration leaves behind count as well. */
  #checkRoom({ clusterName, brokerAddr, brokerName, topicConfig }: BrokerRegistration): void {
    this.topicQueues.checkRoom(brokerName, topicConfig.topicConfigTable.keys())
    const { maxBrokerNum } = this.#config
    const isKnown = this.#live.has(liveKey(clusterName, brokerAddr)) && this.#brokers.has(brokerName)
    if (isKnown && this.#clusters.has(clusterName)) return
    if (Math.max(this.#live.size, this.#brokers.size, this.#clusters.size) < maxBrokerNum) return
    throw quotaExceeded(`broker ${logText(brokerName)} ${logText(brokerAddr)}`, 'maxBrokerNum', maxBrokerNum)
  }

  #cluster(name: string): Set<string> {
    let names = this.#clusters.get(name)
    if (names === undefined) {
      names = new Set()
      this.#clusters.set(name, names)
    }
    return names
  }

  /** Another broker holds this id and is ahead: the one that registers now is out. */
  #isConflict(holder: string | undefined, { clusterName, brokerAddr, topicConfig }: BrokerRegistration): boolean {
    if (holder === undefined || holder === brokerAddr) return false
    const version = this.#live.get(liveKey(clusterName, holder))?.dataVersion
    if (version === undefined || version.stateVersion <= topicConfig.dataVersion.stateVersion) return false
    this.#logger.warn(`registration of ${logText(brokerAddr)} ignored: ${logText(holder)} has its id and a newer state version`)
    this.#live.delete(liveKey(clusterName, brokerAddr))
    return true
  }

  #applyTopics(registration: BrokerRegistration, broker: BrokerData, first: boolean): void {
    const { clusterName, brokerAddr, brokerName, brokerId, enableActingMaster, topicConfig } = registration
    const prime = enableActingMaster !== undefined && brokerId !== MASTER_ID && brokerId === minBrokerId(broker)
    if (brokerId !== MASTER_ID && !prime) return
    if (this.#config.deleteTopicWithBrokerRegistration) {
      for (const topic of this.topicQueues.topicsOf(brokerName)) {
        if (!topicConfig.topicConfigTable.has(topic)) this.topicQueues.remove(topic, brokerName)
      }
    }
    const changed = first || this.isBrokerTopicConfigChanged(clusterName, brokerAddr, topicConfig.dataVersion)
    for (const config of topicConfig.topicConfigTable.values()) {
      if (!changed && this.topicQueues.has(config.topicName, brokerName)) continue
      const readOnly = prime && broker.enableActingMaster
      this.topicQueues.putConfig(brokerName, config, readOnly ? config.perm & ~Perm.WRITE : config.perm)
    }
  }

  /** What a slave is told about its master. */
  #masterOf(broker: BrokerData, brokerId: number): RegisterBrokerResult {
    const masterAddr = brokerId === MASTER_ID ? undefined : broker.brokerAddrs.get(MASTER_ID)
    const live = masterAddr === undefined ? undefined : this.#live.get(liveKey(broker.cluster, masterAddr))
    return live === undefined ? {} : { haServerAddr: live.haServerAddr, masterAddr: masterAddr! }
  }

  /** Forgets one address of a broker, and the broker with its queues when that was the last one. */
  unregisterBroker(clusterName: string, brokerAddr: string, brokerName: string): void {
    const key = liveKey(clusterName, brokerAddr)
    if (this.#live.delete(key)) this.#logger.info(`broker gone: ${logText(brokerName)} ${logText(brokerAddr)}`)
    this.#filterServers.delete(key)
    const broker = this.#brokers.get(brokerName)
    if (broker === undefined) return
    for (const [id, addr] of broker.brokerAddrs) if (addr === brokerAddr) broker.brokerAddrs.delete(id)
    if (broker.brokerAddrs.size === 0) {
      this.#brokers.delete(brokerName)
      this.topicQueues.removeBroker(brokerName)
      const names = this.#clusters.get(clusterName)
      names?.delete(brokerName)
      if (names?.size === 0) this.#clusters.delete(clusterName)
    } else if (broker.enableActingMaster && !broker.brokerAddrs.has(MASTER_ID)) {
      this.topicQueues.changeWritePerm(brokerName, false)
    }
  }

  /** Whether the name server knows another data version of this broker, or none. */
  isBrokerTopicConfigChanged(clusterName: string, brokerAddr: string, version: DataVersion): boolean {
    const known = this.dataVersion(clusterName, brokerAddr)
    return (
      known === undefined ||
      known.stateVersion !== version.stateVersion ||
      known.timestamp !== version.timestamp ||
      known.counter !== version.counter
    )
  }

  dataVersion(clusterName: string, brokerAddr: string): DataVersion | undefined {
    return this.#live.get(liveKey(clusterName, brokerAddr))?.dataVersion
  }

  /** The broker gave a sign of life. */
  touch(clusterName: string, brokerAddr: string): void {
    const live = this.#live.get(liveKey(clusterName, brokerAddr))
    if (live !== undefined) live.lastUpdate = this.#clock.monotonic()
  }

  /** Brokers that were silent for too long are gone; their connections are closed. */
  scanNotActiveBroker(): void {
    const now = this.#clock.monotonic()
    for (const live of [...this.#live.values()]) {
      if (live.lastUpdate + live.timeoutMillis >= now) continue
      this.#logger.warn(`broker ${logText(live.brokerAddr)} was silent for ${live.timeoutMillis} ms`)
      this.#drop(live)
      live.connection?.close()
    }
  }

  /** A broker that registered over this connection, and over no newer one, is gone. */
  onConnectionClosed(connection: Connection): void {
    for (const live of [...this.#live.values()]) if (live.connection === connection) this.#drop(live)
  }

  #drop({ clusterName, brokerAddr }: BrokerLiveInfo): void {
    for (const broker of this.#brokers.values()) {
      if (broker.cluster !== clusterName || ![...broker.brokerAddrs.values()].includes(brokerAddr)) continue
      this.unregisterBroker(clusterName, brokerAddr, broker.brokerName)
      return
    }
    // No broker has this address any more: nothing but the sign of life is left of it.
    this.#live.delete(liveKey(clusterName, brokerAddr))
    this.#filterServers.delete(liveKey(clusterName, brokerAddr))
  }

  /** Takes in queues of a topic, all or, when one of their brokers is unknown, those before it (none of a new topic). */
  registerTopic(topic: string, queueDatas: readonly QueueData[]): void {
    const unknown = queueDatas.findIndex((data) => !this.#brokers.has(data.brokerName))
    if (unknown >= 0)
      this.#logger.warn(`topic ${logText(topic)}: broker ${logText(queueDatas[unknown].brokerName)} is not registered`)
    const exists = this.topicQueues.queues(topic) !== undefined
    const taken = unknown < 0 ? queueDatas : exists ? queueDatas.slice(0, unknown) : []
    for (const data of taken) this.topicQueues.put(topic, data)
  }

  /** Forgets a topic, in one cluster only when one is named. */
  deleteTopic(topic: string, clusterName?: string): void {
    if (clusterName === undefined || clusterName === '') this.topicQueues.deleteTopic(topic)
    else for (const brokerName of this.#clusters.get(clusterName) ?? []) this.topicQueues.remove(topic, brokerName)
  }

  /** The route of a topic; undefined when it has no queues or none of its brokers is registered. */
  pickupTopicRouteData(topic: string): TopicRouteData | undefined {
    const queues = this.topicQueues.queues(topic)
    if (queues === undefined) return undefined
    const brokerDatas: BrokerData[] = []
    const filterServerTable = new Map<string, string[]>()
    for (const brokerName of queues.keys()) {
      const broker = this.#brokers.get(brokerName)
      if (broker === undefined) continue
      brokerDatas.push({ ...broker, brokerAddrs: this.#addressesFor(topic, broker) })
      for (const addr of broker.brokerAddrs.values()) {
        const servers = this.#filterServers.get(liveKey(broker.cluster, addr))
        if (servers !== undefined) filterServerTable.set(addr, [...servers])
      }
    }
    return brokerDatas.length === 0 ? undefined : { queueDatas: [...queues.values()], brokerDatas, filterServerTable }
  }

  /** The addresses by id; where slaves may stand in, the smallest id of a broker without master is shown as 0. */
  #addressesFor(topic: string, broker: BrokerData): Map<number, string> {
    const addrs = new Map(broker.brokerAddrs)
    if (!this.#config.supportActingMaster || !broker.enableActingMaster || addrs.size === 0 || addrs.has(MASTER_ID)) return addrs
    if (topic.startsWith('rmq_sys_SYNC_BROKER_MEMBER_') || this.topicQueues.isWriteable(topic, broker.brokerName)) return addrs
    const id = minBrokerId(broker)
    const acting = addrs.get(id)!
    addrs.delete(id)
    return addrs.set(MASTER_ID, acting)
  }
}

function minBrokerId(broker: BrokerData): number {
  return Math.min(...broker.brokerAddrs.keys())
}

function liveKey(clusterName: string, brokerAddr: string): string {
  return `${clusterName}\n${brokerAddr}`
}

function checkNames({ clusterName, brokerName, brokerAddr, haServerAddr, zoneName, filterServerList }: BrokerRegistration): void {
  checkLength('clusterName', clusterName)
  checkLength('brokerName', brokerName)
  checkLength('brokerAddr', brokerAddr)
  checkLength('haServerAddr', haServerAddr)
  checkLength('zoneName', zoneName ?? '')
  if (filterServerList.length > MAX_FILTER_SERVERS) {
    throw new RequestRefused(
      ResponseCode.INVALID_PARAMETER,
      `filterServerList has ${filterServerList.length} entries, at most ${MAX_FILTER_SERVERS} are allowed`
    )
  }
  for (const server of filterServerList) checkLength('a filter server', server)
}
