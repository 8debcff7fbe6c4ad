import type { Clock } from '../internal/clock.ts'
import type { Logger } from '../internal/logger.ts'
import type { RemotingClient } from '../transport/remoting-client.ts'
import type { ClientOptions } from './client-options.ts'
import type { MQClientAPI } from './mq-client-api.ts'
import type { ProducerHandle } from './producer-handle.ts'
import type { TopicPublishInfo } from './topic-publish-info.ts'

export interface FindRouteOptions {
  createTopicKey: string
  defaultTopicQueueNums: number
  /** Ms. */
  timeoutMillis: number
  signal?: AbortSignal | undefined
}

/** Connections, routes and heartbeats, shared by the producers of one client id; Java's `MQClientInstance`. */
export declare class MQClientInstance {
  private constructor(options: ClientOptions)
  static acquire(options: ClientOptions): MQClientInstance
  readonly clientId: string
  readonly clientIP: string
  readonly api: MQClientAPI
  readonly remoting: RemotingClient
  readonly clock: Clock
  readonly logger: Logger
  registerProducer(handle: ProducerHandle): void
  unregisterProducer(group: string): Promise<void>
  start(): Promise<void>
  release(): Promise<void>
  publishInfo(topic: string): TopicPublishInfo | undefined
  tryToFindTopicPublishInfo(topic: string, options: FindRouteOptions): Promise<TopicPublishInfo>
  findBrokerAddressInPublish(brokerName: string): string | undefined
  sendHeartbeatToAllBrokers(): Promise<void>
}
