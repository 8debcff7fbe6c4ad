import type { Clock } from '../internal/clock.ts'
import type { Logger } from '../internal/logger.ts'
import type { HostAddress } from '../protocol/host-address.ts'
import type { DefaultMessageStore } from '../store/default-message-store.ts'
import type { MessageStoreConfig } from '../store/message-store-config.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { Broker2Client } from './client/broker2client.ts'
import type { ConsumerManager } from './client/consumer-manager.ts'
import type { ProducerManager } from './client/producer-manager.ts'
import type { RebalanceLockManager } from './client/rebalance-lock-manager.ts'
import type { SubscriptionGroupManager } from './client/subscription-group-manager.ts'
import type { FilterFactory } from './filter/filter-factory.ts'
import type { HAService } from './ha/ha-service.ts'
import type { BrokerHooks } from './hooks/broker-hooks.ts'
import type { MessageRequestModeManager } from './loadbalance/message-request-mode-manager.ts'
import type { TopicRouteInfoManager } from './loadbalance/topic-route-info-manager.ts'
import type { PullRequestHoldService } from './longpolling/pull-request-hold-service.ts'
import type { ConsumerOffsetManager } from './offset/consumer-offset-manager.ts'
import type { PopServices } from './pop/pop-services.ts'
import type { ScheduleMessageService } from './schedule/schedule-message-service.ts'
import type { BrokerStatsManager } from './stats/broker-stats-manager.ts'
import type { TimerMessageStore } from './timer/timer-message-store.ts'
import type { TopicConfigManager } from './topic/topic-config-manager.ts'

/** What request handlers may use of the broker. */
export interface BrokerServices {
  readonly config: BrokerConfig
  readonly storeConfig: MessageStoreConfig
  readonly clock: Clock
  readonly logger: Logger
  readonly store: DefaultMessageStore
  readonly topicConfigManager: TopicConfigManager
  readonly subscriptionGroupManager: SubscriptionGroupManager
  readonly consumerOffsetManager: ConsumerOffsetManager
  readonly producerManager: ProducerManager
  readonly consumerManager: ConsumerManager
  readonly rebalanceLockManager: RebalanceLockManager
  readonly filterFactory: FilterFactory
  readonly pullRequestHoldService: PullRequestHoldService
  readonly pop: PopServices
  readonly messageRequestModeManager: MessageRequestModeManager
  readonly topicRouteInfoManager: TopicRouteInfoManager
  readonly brokerStatsManager: BrokerStatsManager
  readonly scheduleMessageService: ScheduleMessageService
  readonly timerMessageStore: TimerMessageStore
  readonly broker2Client: Broker2Client
  readonly hooks: BrokerHooks
  /** How far each delay level has been delivered, by level; on a slave as its master last said. */
  readonly delayOffsets: ReadonlyMap<number, number>
  /** Commit log offset below which everything was forgotten by a reset, though the records are still there. */
  readonly forgottenOffset: number
  /** The address records carry; known once the broker listens. */
  readonly storeHost: HostAddress
  /** `host:port` as it is announced. */
  readonly addr: string
  readonly haService: HAService
  /** What remarks name the broker by: `brokerIP1`, or the bound address. */
  readonly brokerIP: string
}
