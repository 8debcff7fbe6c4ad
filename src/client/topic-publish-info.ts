import type { MessageQueue } from '../protocol/message-queue.ts'
import type { TopicRouteData } from '../protocol/topic-route.ts'

/** The queues a producer may send to; Java's `TopicPublishInfo` without its counter. Never changed: a new route makes a new object. */
export interface TopicPublishInfo {
  readonly topic: string
  readonly messageQueues: readonly MessageQueue[]
  /** Whether the queues come from an order configuration. */
  readonly orderTopic: boolean
  readonly routeData: TopicRouteData
}
