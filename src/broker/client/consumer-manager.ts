import type { Clock } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import type { SubscriptionData } from '../../protocol/heartbeat.ts'
import type { Connection } from '../../transport/connection.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'
import type { BrokerConfig } from '../broker-config.ts'
import type { ClientChannelInfo } from './client-channel-info.ts'
import { ConsumerGroupInfo, type ConsumerGroupModes, countOf } from './consumer-group-info.ts'

/** Tells members that their group changed; the call may not throw. */
export type ConsumerIdsChangedNotifier = (group: string, members: Iterable<Connection>) => void

type ConsumerLimits = Pick<BrokerConfig, 'maxConsumerNum' | 'maxSubscriptionNum'>

/** Which consumers of which group are connected; Java's `ConsumerManager`. */
export class ConsumerManager {
  readonly #clock: Clock
  readonly #limits: ConsumerLimits
  readonly #notify: ConsumerIdsChangedNotifier
  readonly #groups = new Map<string, ConsumerGroupInfo>()
  /** The groups of each connection, so that its end costs no look through all of them. */
  readonly #connections = new Map<Connection, Set<ConsumerGroupInfo>>()
  #consumers = 0
  #subscriptions = 0

  constructor(clock: Clock, limits: ConsumerLimits, notify: ConsumerIdsChangedNotifier) {
    this.#clock = clock
    this.#limits = limits
    this.#notify = notify
  }

  get groups(): Iterable<ConsumerGroupInfo> {
    return this.#groups.values()
  }

  getConsumerGroupInfo(group: string): ConsumerGroupInfo | undefined {
    return this.#groups.get(group)
  }

  /** Groups with members that subscribe to a topic. */
  queryTopicConsumeByWho(topic: string): string[] {
    return [...this.#groups.values()].filter((info) => info.subscriptions.has(topic)).map((info) => info.group)
  }

  /** Whether a group, as far as its members say, does not subscribe to a topic: what it committed there is of the past. */
  hasLeftTopic(group: string, topic: string): boolean {
    const subscriptions = this.#groups.get(group)?.subscriptions
    return subscriptions !== undefined && subscriptions.size > 0 && !subscriptions.has(topic)
  }

  /**
   * One group of a heartbeat. Members are told before this returns.
   * @param subscriptions undefined keeps what is known (heartbeat V2 without subscriptions).
   * @throws RequestRefused when a table is full; nothing has changed then.
   */
  registerConsumer(
    group: string,
    info: ClientChannelInfo,
    modes: ConsumerGroupModes,
    subscriptions: readonly SubscriptionData[] | undefined,
    notifyEnabled: boolean
  ): boolean {
    const groupInfo = this.#groups.get(group) ?? new ConsumerGroupInfo(group, modes)
    this.#checkLimits(groupInfo, info, subscriptions)
    this.#groups.set(group, groupInfo)
    const members = groupInfo.channels.size
    const joined = groupInfo.updateChannel(info, modes)
    this.#consumers += groupInfo.channels.size - members
    const before = groupInfo.subscriptionNum
    const resubscribed = subscriptions !== undefined && groupInfo.updateSubscriptions(subscriptions)
    this.#subscriptions += groupInfo.subscriptionNum - before
    this.#groupsOf(info.connection).add(groupInfo)
    const changed = joined || resubscribed
    if (changed && notifyEnabled) this.#changed(groupInfo)
    return changed
  }

  unregisterConsumer(group: string, connection: Connection, notifyEnabled: boolean): void {
    const groupInfo = this.#groups.get(group)
    if (groupInfo === undefined) return
    this.#leave(groupInfo, connection)
    // Java notifies even when the client was no member.
    if (notifyEnabled) this.#changed(groupInfo)
  }

  onConnectionClosed(connection: Connection): void {
    for (const groupInfo of this.#connections.get(connection) ?? []) this.#remove(groupInfo, connection)
  }

  scanNotActive(expiredMillis: number): void {
    const now = this.#clock.monotonic()
    for (const groupInfo of this.#groups.values()) {
      for (const info of groupInfo.channels.values()) {
        if (now - info.lastUpdate > expiredMillis) this.#remove(groupInfo, info.connection)
      }
    }
  }

  #remove(groupInfo: ConsumerGroupInfo, connection: Connection): void {
    if (this.#leave(groupInfo, connection)) this.#changed(groupInfo)
  }

  /** @returns whether it was a member. */
  #leave(groupInfo: ConsumerGroupInfo, connection: Connection): boolean {
    if (!groupInfo.channels.delete(connection)) return false
    this.#consumers--
    const groups = this.#connections.get(connection)
    groups?.delete(groupInfo)
    if (groups?.size === 0) this.#connections.delete(connection)
    if (groupInfo.channels.size === 0) {
      this.#groups.delete(groupInfo.group)
      this.#subscriptions -= groupInfo.subscriptionNum
    }
    return true
  }

  #groupsOf(connection: Connection): Set<ConsumerGroupInfo> {
    const groups = this.#connections.get(connection) ?? new Set()
    this.#connections.set(connection, groups)
    return groups
  }

  #checkLimits(groupInfo: ConsumerGroupInfo, info: ClientChannelInfo, subscriptions: readonly SubscriptionData[] = []): void {
    const { maxConsumerNum, maxSubscriptionNum } = this.#limits
    const named = `of group ${logText(groupInfo.group)}`
    if (this.#consumers >= maxConsumerNum && !groupInfo.channels.has(info.connection)) {
      throw quotaExceeded(`consumer ${logText(info.clientId)} ${named}`, 'maxConsumerNum', maxConsumerNum)
    }
    const count = countOf(subscriptions)
    const others = this.#subscriptions - groupInfo.subscriptionNum
    if (count > groupInfo.subscriptionNum && others + count > maxSubscriptionNum) {
      throw quotaExceeded(`${subscriptions.length} subscriptions ${named}`, 'maxSubscriptionNum', maxSubscriptionNum)
    }
  }

  #changed(groupInfo: ConsumerGroupInfo): void {
    if (!groupInfo.broadcasting) this.#notify(groupInfo.group, groupInfo.channels.keys())
  }
}
