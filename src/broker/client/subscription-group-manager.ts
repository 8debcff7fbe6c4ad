import type { Clock } from '../../internal/clock.ts'
import { logText } from '../../internal/logger.ts'
import { type DataVersion, isSameVersion } from '../../protocol/topic-config.ts'
import { quotaExceeded } from '../../transport/request-refused.ts'
import type { BrokerConfig } from '../broker-config.ts'
import { isLegalGroup } from '../names.ts'
import type { GroupRetryPolicy } from './group-retry-policy.ts'

/** A consumer group's settings, by Java's names. */
export interface SubscriptionGroupConfig {
  groupName: string
  consumeEnable: boolean
  consumeFromMinEnable: boolean
  consumeBroadcastEnable: boolean
  consumeMessageOrderly: boolean
  retryQueueNums: number
  retryMaxTimes: number
  groupRetryPolicy: GroupRetryPolicy
  brokerId: number
  whichBrokerWhenConsumeSlowly: number
  notifyConsumerIdsChangedEnable: boolean
  groupSysFlag: number
  consumeTimeoutMinute: number
  attributes: Record<string, string>
}

export function newSubscriptionGroupConfig(groupName: string): SubscriptionGroupConfig {
  return {
    attributes: {},
    brokerId: 0,
    consumeBroadcastEnable: true,
    consumeEnable: true,
    consumeFromMinEnable: true,
    consumeMessageOrderly: false,
    consumeTimeoutMinute: 15,
    groupName,
    groupRetryPolicy: { type: 'CUSTOMIZED' },
    groupSysFlag: 0,
    notifyConsumerIdsChangedEnable: true,
    retryMaxTimes: 16,
    retryQueueNums: 1,
    whichBrokerWhenConsumeSlowly: 1
  }
}

const SYSTEM_GROUPS = [
  'TOOLS_CONSUMER',
  'FILTERSRV_CONSUMER',
  'SELF_TEST_C_GROUP',
  'CID_ONS-HTTP-PROXY',
  'CID_ONSAPI_PULL',
  'CID_ONSAPI_PERMISSION',
  'CID_ONSAPI_OWNER',
  'CID_RMQ_SYS_TRANS'
]

/** Groups with this prefix are created on use even when automatic creation is off. */
const SYSTEM_GROUP_PREFIX = 'CID_RMQ_SYS_'

/** Java's `SubscriptionGroupManager`. */
export class SubscriptionGroupManager {
  readonly dataVersion: DataVersion
  readonly #config: BrokerConfig
  readonly #clock: Clock
  readonly #onVersion: (() => void) | undefined
  readonly #table = new Map<string, SubscriptionGroupConfig>()

  /** @param onVersion called after the table changed, so that it is written down */
  constructor(config: BrokerConfig, clock: Clock, onVersion?: () => void) {
    this.#onVersion = onVersion
    this.#config = config
    this.#clock = clock
    this.dataVersion = { stateVersion: 0, timestamp: clock.now(), counter: 0 }
    for (const group of SYSTEM_GROUPS) this.#table.set(group, newSubscriptionGroupConfig(group))
  }

  /**
   * Creates it when it is unknown and `autoCreateSubscriptionGroup` allows; undefined otherwise, and for illegal names.
   * @throws RequestRefused when the table is full.
   */
  findSubscriptionGroupConfig(group: string): SubscriptionGroupConfig | undefined {
    const existing = this.#table.get(group)
    if (existing !== undefined) return existing
    if (!this.#config.autoCreateSubscriptionGroup && !group.startsWith(SYSTEM_GROUP_PREFIX)) return undefined
    if (!isLegalGroup(group)) return undefined
    const created = newSubscriptionGroupConfig(group)
    this.update(created)
    return created
  }

  contains(group: string): boolean {
    return this.#table.has(group)
  }

  /** Creates or replaces. @throws RequestRefused when the table is full. */
  update(config: SubscriptionGroupConfig): void {
    const { maxSubscriptionGroupNum } = this.#config
    if (this.#table.size >= maxSubscriptionGroupNum && !this.#table.has(config.groupName)) {
      throw quotaExceeded(`group ${logText(config.groupName)}`, 'maxSubscriptionGroupNum', maxSubscriptionGroupNum)
    }
    this.#table.set(config.groupName, config)
    this.dataVersion.timestamp = this.#clock.now()
    this.dataVersion.counter++
    this.#onVersion?.()
  }

  /** @returns whether there was such a group. */
  delete(group: string): boolean {
    if (!this.#table.delete(group)) return false
    this.dataVersion.timestamp = this.#clock.now()
    this.dataVersion.counter++
    this.#onVersion?.()
    return true
  }

  isVersion(version: DataVersion): boolean {
    return isSameVersion(this.dataVersion, version)
  }

  /** A slave's table becomes its master's. */
  replaceAll(configs: Iterable<SubscriptionGroupConfig>, version: DataVersion): void {
    this.#table.clear()
    for (const config of configs) this.#table.set(config.groupName, config)
    Object.assign(this.dataVersion, version)
    this.#onVersion?.()
  }

  /** What was written down last. Groups that are only known here stay. */
  load(configs: Iterable<SubscriptionGroupConfig>, version: DataVersion): void {
    for (const config of configs) this.#table.set(config.groupName, config)
    Object.assign(this.dataVersion, version)
  }

  get table(): ReadonlyMap<string, SubscriptionGroupConfig> {
    return this.#table
  }
}
