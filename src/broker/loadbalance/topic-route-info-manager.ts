import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { RequestCode, ResponseCode } from '../../protocol/codes.ts'
import { MessageQueue } from '../../protocol/message-queue.ts'
import { isReadable } from '../../protocol/perm.ts'
import { RemotingCommand } from '../../protocol/remoting-command.ts'
import { decodeTopicRoute, type QueueData } from '../../protocol/topic-route.ts'
import type { RemotingClient } from '../../transport/remoting-client.ts'
import { MAX_QUEUE_NUMS, type TopicConfigManager } from '../topic/topic-config-manager.ts'

export interface TopicRouteInfoManagerOptions {
  client: RemotingClient
  clock: Clock
  logger: Logger
  brokerName: string
  topicConfigManager: TopicConfigManager
  namesrvAddrs: readonly string[]
}

const ASK_MILLIS = 3000
/** How long an answer is used again: the members of a group ask at the same time. Java asks every 30 s. */
const FRESH_MILLIS = 1000
const MAX_TOPICS = 10_000

interface Route {
  readonly askedAt: number
  readonly queues: Promise<MessageQueue[] | undefined>
}

/** The queues that a topic has on all brokers, as the name servers know them; Java's `TopicRouteInfoManager`. */
export class TopicRouteInfoManager {
  readonly #options: TopicRouteInfoManagerOptions
  readonly #routes = new Map<string, Route>()

  constructor(options: TopicRouteInfoManagerOptions) {
    this.#options = options
  }

  /** In their order; undefined for a topic that no name server knows, or when none answers. A broker that stands alone tells its own. Never rejects. */
  getTopicSubscribeInfo(topic: string): Promise<MessageQueue[] | undefined> {
    const now = this.#options.clock.monotonic()
    const known = this.#routes.get(topic)
    if (known !== undefined && now - known.askedAt < FRESH_MILLIS) return known.queues
    this.#routes.delete(topic)
    for (const [oldest] of this.#routes) {
      if (this.#routes.size < MAX_TOPICS) break
      this.#routes.delete(oldest)
    }
    const queues = this.#ask(topic)
    this.#routes.set(topic, { askedAt: now, queues })
    return queues
  }

  async #ask(topic: string): Promise<MessageQueue[] | undefined> {
    const { client, logger, namesrvAddrs } = this.#options
    for (const addr of namesrvAddrs) {
      try {
        const request = RemotingCommand.request(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic })
        const response = await client.invoke(addr, request, ASK_MILLIS)
        if (response.code === ResponseCode.SUCCESS) return queuesOf(topic, decodeTopicRoute(response.body).queueDatas)
        if (response.code === ResponseCode.TOPIC_NOT_EXIST) return undefined
        logger.warn(`name server ${addr} gave no route of ${logText(topic)}: code ${response.code}`)
      } catch (error) {
        logger.warn(`name server ${addr} gave no route of ${logText(topic)}: ${logText(error)}`)
      }
    }
    // Not for one that only cannot reach them: it would take away what other brokers have.
    if (namesrvAddrs.length > 0) return undefined
    const { brokerName, topicConfigManager } = this.#options
    const own = topicConfigManager.selectTopicConfig(topic)
    return own === undefined ? undefined : queuesOf(topic, [{ ...own, brokerName }])
  }
}

function queuesOf(
  topic: string,
  queueDatas: ReadonlyArray<Pick<QueueData, 'brokerName' | 'perm' | 'readQueueNums'>>
): MessageQueue[] {
  return queueDatas
    .filter(({ perm }) => isReadable(perm))
    .flatMap(({ brokerName, readQueueNums }) =>
      Array.from(
        { length: Math.min(readQueueNums, MAX_QUEUE_NUMS) },
        (_, queueId) => new MessageQueue(topic, brokerName, queueId)
      )
    )
    .sort((a, b) => a.compareTo(b))
}
