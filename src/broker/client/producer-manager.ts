import type { Clock } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import type { Connection } from '../../transport/connection.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'
import type { ClientChannelInfo } from './client-channel-info.ts'

interface Memberships {
  readonly groups: Set<string>
  /** In how many of them by which client id. */
  readonly clientIds: Map<string, number>
}

/** Which producers of which group are connected; Java's `ProducerManager`. */
export class ProducerManager {
  readonly #clock: Clock
  readonly #maxProducerNum: number
  readonly #groups = new Map<string, Map<Connection, ClientChannelInfo>>()
  /** What each connection is registered as, so that its end costs no look through everybody. */
  readonly #connections = new Map<Connection, Memberships>()
  readonly #clients = new Map<string, Connection>()
  #size = 0

  constructor(clock: Clock, maxProducerNum: number) {
    this.#clock = clock
    this.#maxProducerNum = maxProducerNum
  }

  /** @throws RequestRefused when the table is full. */
  registerProducer(group: string, info: ClientChannelInfo): void {
    const known = this.#groups.get(group)?.get(info.connection)
    if (known !== undefined) {
      known.lastUpdate = this.#clock.monotonic()
      known.lastUpdateTimestamp = this.#clock.now()
      return
    }
    if (this.#size >= this.#maxProducerNum) {
      throw quotaExceeded(`producer ${logText(info.clientId)} of group ${logText(group)}`, 'maxProducerNum', this.#maxProducerNum)
    }
    entry(this.#groups, group, () => new Map<Connection, ClientChannelInfo>()).set(info.connection, info)
    const { groups, clientIds } = entry(this.#connections, info.connection, newMemberships)
    groups.add(group)
    clientIds.set(info.clientId, (clientIds.get(info.clientId) ?? 0) + 1)
    this.#clients.set(info.clientId, info.connection)
    this.#size++
  }

  unregisterProducer(group: string, connection: Connection): void {
    this.#remove(group, connection)
  }

  /** The members of a group; undefined when there is none. */
  group(group: string): Iterable<ClientChannelInfo> | undefined {
    return this.#groups.get(group)?.values()
  }

  /**
   * A live connection of the group; undefined when there is none. One may be dead without anybody knowing yet: who asks again with the next
   * number gets another one, and after as many as there are has had each.
   */
  getAvailableChannel(group: string, turn: number): Connection | undefined {
    const channels = this.#groups.get(group)
    if (channels === undefined) return undefined
    const live = [...channels.keys()].filter((connection) => !connection.closed)
    return live.length === 0 ? undefined : live[turn % live.length]
  }

  get groups(): Iterable<string> {
    return this.#groups.keys()
  }

  /** The connection of a client id, for calls to that client. */
  findConnection(clientId: string): Connection | undefined {
    return this.#clients.get(clientId)
  }

  onConnectionClosed(connection: Connection): void {
    const memberships = this.#connections.get(connection)
    if (memberships !== undefined) for (const group of memberships.groups) this.#remove(group, connection)
  }

  scanNotActive(expiredMillis: number): void {
    const now = this.#clock.monotonic()
    for (const [group, channels] of this.#groups) {
      for (const info of channels.values()) {
        if (now - info.lastUpdate > expiredMillis) this.#remove(group, info.connection)
      }
    }
  }

  #remove(group: string, connection: Connection): void {
    const channels = this.#groups.get(group)
    const info = channels?.get(connection)
    if (channels === undefined || info === undefined) return
    channels.delete(connection)
    if (channels.size === 0) this.#groups.delete(group)
    this.#size--
    const memberships = this.#connections.get(connection)
    if (memberships === undefined) return
    memberships.groups.delete(group)
    if (memberships.groups.size === 0) this.#connections.delete(connection)
    const others = (memberships.clientIds.get(info.clientId) ?? 0) - 1
    // Other groups of the same client are reached by its id as well.
    if (others > 0) {
      memberships.clientIds.set(info.clientId, others)
      return
    }
    memberships.clientIds.delete(info.clientId)
    if (this.#clients.get(info.clientId) === connection) this.#clients.delete(info.clientId)
  }
}

function newMemberships(): Memberships {
  return { groups: new Set(), clientIds: new Map() }
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
