import type { Clock } from '../../internal/clock.ts'
import type { Connection } from '../../transport/connection.ts'
import type { ClientChannelInfo } from './client-channel-info.ts'

/** Which producers of which group are connected; Java's `ProducerManager`. */
export class ProducerManager {
  readonly #clock: Clock
  readonly #groups = new Map<string, Map<Connection, ClientChannelInfo>>()
  readonly #clients = new Map<string, Connection>()
  #turn = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  registerProducer(group: string, info: ClientChannelInfo): void {
    let channels = this.#groups.get(group)
    if (channels === undefined) {
      channels = new Map()
      this.#groups.set(group, channels)
    }
    const known = channels.get(info.connection)
    if (known === undefined) {
      channels.set(info.connection, info)
      this.#clients.set(info.clientId, info.connection)
    } else {
      known.lastUpdate = this.#clock.monotonic()
      known.lastUpdateTimestamp = this.#clock.now()
    }
  }

  unregisterProducer(group: string, connection: Connection): void {
    const channels = this.#groups.get(group)
    if (channels !== undefined) this.#remove(group, channels, connection)
  }

  /** The members of a group; undefined when there is none. */
  group(group: string): Iterable<ClientChannelInfo> | undefined {
    return this.#groups.get(group)?.values()
  }

  /** A live connection of the group, each in turn; undefined when there is none. */
  getAvailableChannel(group: string): Connection | undefined {
    const channels = this.#groups.get(group)
    if (channels === undefined) return undefined
    const live = [...channels.keys()].filter((connection) => !connection.closed)
    return live.length === 0 ? undefined : live[this.#turn++ % live.length]
  }

  get groups(): Iterable<string> {
    return this.#groups.keys()
  }

  /** The connection of a client id, for calls to that client. */
  findConnection(clientId: string): Connection | undefined {
    return this.#clients.get(clientId)
  }

  onConnectionClosed(connection: Connection): void {
    for (const [group, channels] of this.#groups) this.#remove(group, channels, connection)
  }

  scanNotActive(expiredMillis: number): void {
    const now = this.#clock.monotonic()
    for (const [group, channels] of this.#groups) {
      for (const info of channels.values()) {
        if (now - info.lastUpdate > expiredMillis) this.#remove(group, channels, info.connection)
      }
    }
  }

  #remove(group: string, channels: Map<Connection, ClientChannelInfo>, connection: Connection): void {
    const info = channels.get(connection)
    if (info === undefined) return
    channels.delete(connection)
    if (channels.size === 0) this.#groups.delete(group)
    if (this.#clients.get(info.clientId) !== connection) return
    // Other groups of the same client are reached by its id as well.
    for (const others of this.#groups.values()) if (others.get(connection)?.clientId === info.clientId) return
    this.#clients.delete(info.clientId)
  }
}
