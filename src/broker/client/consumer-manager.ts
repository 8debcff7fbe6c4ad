import type { Clock } from '../../internal/clock.ts'
import type { SubscriptionData } from '../../protocol/heartbeat.ts'
import type { Connection } from '../../transport/connection.ts'
import type { ClientChannelInfo } from './client-channel-info.ts'
import { ConsumerGroupInfo, type ConsumerGroupModes } from './consumer-group-info.ts'

/** Tells members that their group changed; the call may not throw. */
export type ConsumerIdsChangedNotifier = (group: string, members: Iterable<Connection>) => void

/** Which consumers of which group are connected; Java's `ConsumerManager`. */
export class ConsumerManager {
  readonly #clock: Clock
  readonly #notify: ConsumerIdsChangedNotifier
  readonly #groups = new Map<string, ConsumerGroupInfo>()

  constructor(clock: Clock, notify: ConsumerIdsChangedNotifier) {
    this.#clock = clock
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
   */
  registerConsumer(
    group: string,
    info: ClientChannelInfo,
    modes: ConsumerGroupModes,
    subscriptions: readonly SubscriptionData[] | undefined,
    notifyEnabled: boolean
  ): boolean {
    let groupInfo = this.#groups.get(group)
    if (groupInfo === undefined) {
      groupInfo = new ConsumerGroupInfo(group, modes)
      this.#groups.set(group, groupInfo)
    }
    const joined = groupInfo.updateChannel(info, modes)
    const resubscribed = subscriptions !== undefined && groupInfo.updateSubscriptions(subscriptions)
    const changed = joined || resubscribed
    if (changed && notifyEnabled) this.#changed(groupInfo)
    return changed
  }

  unregisterConsumer(group: string, connection: Connection, notifyEnabled: boolean): void {
    const groupInfo = this.#groups.get(group)
    if (groupInfo === undefined) return
    groupInfo.channels.delete(connection)
    if (groupInfo.channels.size === 0) this.#groups.delete(group)
    // Java notifies even when the client was no member.
    if (notifyEnabled) this.#changed(groupInfo)
  }

  onConnectionClosed(connection: Connection): void {
    for (const groupInfo of this.#groups.values()) this.#remove(groupInfo, connection)
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
    if (!groupInfo.channels.delete(connection)) return
    if (groupInfo.channels.size === 0) this.#groups.delete(groupInfo.group)
    this.#changed(groupInfo)
  }

  #changed(groupInfo: ConsumerGroupInfo): void {
    if (!groupInfo.broadcasting) this.#notify(groupInfo.group, groupInfo.channels.keys())
  }
}
