import { MessageQueue } from '../../protocol/message-queue.ts'
import type { MessageRequestMode } from './message-request-mode-manager.ts'

/** Shares queues out among the members of a group; both lists are sorted, so that everybody comes to the same result. */
type Strategy = (queues: readonly MessageQueue[], members: readonly string[], index: number) => MessageQueue[]

/** Neighbouring queues, the first members one more where it does not come out even. */
const averagely: Strategy = (queues, members, index) => {
  const rest = queues.length % members.length
  const size = Math.floor(queues.length / members.length) + (index < rest ? 1 : 0)
  const start = index < rest ? index * size : index * size + rest
  return queues.slice(start, start + size)
}

/** Like cards. */
const averagelyByCircle: Strategy = (queues, members, index) => queues.filter((_, i) => i % members.length === index)

/** Java's strategies by the names that clients give; the others exist only in clients. */
const STRATEGIES: ReadonlyMap<string, Strategy> = new Map([
  ['AVG', averagely],
  ['AVG_BY_CIRCLE', averagelyByCircle]
])

/**
 * The queues of one member; Java's `QueryAssignmentProcessor`.
 * @param queues of the topic, sorted
 * @param members client ids of the group, sorted
 * @returns undefined for a strategy that is not known; nothing when the client is no member.
 */
export function allocateMessageQueues(
  strategyName: string,
  { mode, popShareQueueNum }: Pick<MessageRequestMode, 'mode' | 'popShareQueueNum'>,
  queues: readonly MessageQueue[],
  members: readonly string[],
  clientId: string
): MessageQueue[] | undefined {
  const strategy = STRATEGIES.get(strategyName)
  if (strategy === undefined) return undefined
  if (mode === 'POP' && (popShareQueueNum <= 0 || popShareQueueNum >= members.length - 1)) return anyQueue(queues)
  const index = members.indexOf(clientId)
  if (index < 0 || queues.length === 0) return []
  if (mode === 'PULL') return strategy(queues, members, index)
  if (members.length > queues.length) return [queues[index % queues.length] as MessageQueue]
  const shared = new Set<MessageQueue>()
  for (let i = 0; i <= popShareQueueNum; i++) {
    for (const queue of strategy(queues, members, (index + i) % members.length)) shared.add(queue)
  }
  return [...shared]
}

/** -1 for each broker: all of its queues, together with everybody else. */
function anyQueue(queues: readonly MessageQueue[]): MessageQueue[] {
  const brokers = new Map(queues.map((queue) => [queue.brokerName, queue.topic]))
  return [...brokers].map(([brokerName, topic]) => new MessageQueue(topic, brokerName, -1))
}
