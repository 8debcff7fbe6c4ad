import type { SubscriptionData } from '../../protocol/heartbeat.ts'
import type { Connection } from '../../transport/connection.ts'
import type { ClientChannelInfo } from './client-channel-info.ts'

/** Characters of an expression, or of tags, that take as much room as one more subscription. */
const CHARACTERS_OF_ONE = 256

/** How many of `maxSubscriptionNum` these are: one each, and more where expressions are long. */
export function countOf(subscriptions: Iterable<SubscriptionData>): number {
  let count = 0
  for (const { subString, tagsSet } of subscriptions) {
    let characters = subString.length
    for (const tag of tagsSet) characters += tag.length + 1
    count += 1 + Math.floor(characters / CHARACTERS_OF_ONE)
  }
  return count
}

/** How a group consumes, as its heartbeats say. */
export interface ConsumerGroupModes {
  consumeType: string
  messageModel: string
  consumeFromWhere: string
}

/** The members of a consumer group and what it subscribes to; Java's `ConsumerGroupInfo`. */
export class ConsumerGroupInfo {
  readonly group: string
  readonly channels = new Map<Connection, ClientChannelInfo>()
  readonly subscriptions = new Map<string, SubscriptionData>()
  /** {@link countOf} of them. */
  subscriptionNum = 0
  modes: ConsumerGroupModes

  constructor(group: string, modes: ConsumerGroupModes) {
    this.group = group
    this.modes = modes
  }

  get broadcasting(): boolean {
    return this.modes.messageModel === 'BROADCASTING'
  }

  clientIds(): string[] {
    return [...this.channels.values()].map((info) => info.clientId)
  }

  findChannel(clientId: string): ClientChannelInfo | undefined {
    for (const info of this.channels.values()) if (info.clientId === clientId) return info
    return undefined
  }

  /** @returns whether the client is new. */
  updateChannel(info: ClientChannelInfo, modes: ConsumerGroupModes): boolean {
    this.modes = modes
    const known = this.channels.get(info.connection)
    if (known !== undefined && known.clientId === info.clientId) {
      known.lastUpdate = info.lastUpdate
      known.lastUpdateTimestamp = info.lastUpdateTimestamp
      return false
    }
    this.channels.set(info.connection, info)
    return known === undefined
  }

  /** @returns whether a topic came or went; a newer expression of a known topic is no change. */
  updateSubscriptions(given: readonly SubscriptionData[]): boolean {
    let updated = false
    const topics = new Set<string>()
    for (const subscription of given) {
      topics.add(subscription.topic)
      const old = this.subscriptions.get(subscription.topic)
      if (old === undefined) updated = true
      if (old === undefined || subscription.subVersion > old.subVersion) this.subscriptions.set(subscription.topic, subscription)
    }
    for (const topic of this.subscriptions.keys()) {
      if (topics.has(topic)) continue
      this.subscriptions.delete(topic)
      updated = true
    }
    this.subscriptionNum = countOf(this.subscriptions.values())
    return updated
  }
}
