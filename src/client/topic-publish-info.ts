import { MQClientException } from '../internal/errors.ts'
import { MessageQueue } from '../protocol/message-queue.ts'
import { isWriteable } from '../protocol/perm.ts'
import type { TopicRouteData } from '../protocol/topic-route.ts'
import { MASTER_ID } from './broker-table.ts'

/** Queues of one broker that an order configuration may name; more is a mistake. */
const MAX_ORDER_QUEUES = 65_536
/** Queues a topic may have on all its brokers: a route of a few bytes must not cost gigabytes. */
const MAX_QUEUES = 262_144

/** The queues a producer may send to; Java's `TopicPublishInfo` without its counter. Never changed: a new route makes a new object. */
export interface TopicPublishInfo {
  readonly topic: string
  readonly messageQueues: readonly MessageQueue[]
  /**
   * Queues of brokers that an earlier route named and this one does not, while their addresses are kept: for sends that no broker of the
   * route has taken. Name servers drop a broker at once when its connection ends, and real ones may list it again only 10 s after its
   * restart.
   */
  readonly formerQueues: readonly MessageQueue[]
  /** Whether the queues come from an order configuration. */
  readonly orderTopic: boolean
  readonly routeData: TopicRouteData
}

/**
 * The publish info of a route. An order configuration (`brokerA:4;brokerB:4`) lists the queues itself, malformed parts of it are
 * skipped. Otherwise: the write queues of each broker that is writable and has a master, brokers in the order of their names. Static
 * topics (`topicQueueMappingByBroker`) have no queues here: they are not supported.
 * @throws MQClientException (`BAD_ROUTE`) for more than 262144 queues.
 */
export function topicRouteToPublishInfo(topic: string, routeData: TopicRouteData): TopicPublishInfo {
  const order = routeData.orderTopicConf
  if (order !== undefined && order !== '') {
    return { topic, messageQueues: orderedQueues(topic, order), formerQueues: [], orderTopic: true, routeData }
  }
  return {
    topic,
    messageQueues: (routeData.topicQueueMappingByBroker?.size ?? 0) > 0 ? [] : writeQueues(topic, routeData),
    formerQueues: [],
    orderTopic: false,
    routeData
  }
}

function orderedQueues(topic: string, conf: string): MessageQueue[] {
  const queues: MessageQueue[] = []
  for (const part of conf.split(';')) {
    const [brokerName, nums] = part.split(':')
    const count = /^\s*\d+\s*$/.test(nums ?? '') ? Number(nums) : 0
    if (brokerName.trim() === '' || count > MAX_ORDER_QUEUES) continue
    checkCount(topic, queues.length + count)
    for (let id = 0; id < count; id++) queues.push(new MessageQueue(topic, brokerName.trim(), id))
  }
  return queues
}

function writeQueues(topic: string, routeData: TopicRouteData): MessageQueue[] {
  const withMaster = new Set<string>()
  for (const broker of routeData.brokerDatas) if (broker.brokerAddrs.has(MASTER_ID)) withMaster.add(broker.brokerName)
  const queues: MessageQueue[] = []
  for (const data of [...routeData.queueDatas].sort(byBrokerName)) {
    if (!isWriteable(data.perm) || !withMaster.has(data.brokerName)) continue
    checkCount(topic, queues.length + data.writeQueueNums)
    for (let id = 0; id < data.writeQueueNums; id++) queues.push(new MessageQueue(topic, data.brokerName, id))
  }
  return queues
}

function checkCount(topic: string, count: number): void {
  if (count <= MAX_QUEUES) return
  throw new MQClientException(`the route of topic ${topic} names ${count} queues or more: at most ${MAX_QUEUES} are accepted`, {
    code: 'BAD_ROUTE'
  })
}

function byBrokerName(a: { brokerName: string }, b: { brokerName: string }): number {
  return a.brokerName < b.brokerName ? -1 : a.brokerName > b.brokerName ? 1 : 0
}
