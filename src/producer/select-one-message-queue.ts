import type { TopicPublishInfo } from '../client/topic-publish-info.ts'
import type { MessageQueue } from '../protocol/message-queue.ts'

const LARGEST = 0x7fffffff

/** A counter that goes round through the queues of a topic, from a random start; Java's `ThreadLocalIndex`. */
export class QueueIndex {
  #next: number

  /** @param start 0 to 2147483647. */
  constructor(start = randomStart()) {
    this.#next = start
  }

  /** Goes on from somewhere else. */
  reset(): void {
    this.#next = randomStart()
  }

  /** 0 to `size` - 1. */
  next(size: number): number {
    this.#next = (this.#next + 1) & LARGEST
    return this.#next % size
  }
}

function randomStart(): number {
  return Math.floor(Math.random() * LARGEST)
}

/**
 * The next queue in turn. A retry avoids every broker this send has tried; when all were tried, it takes one that an earlier route named,
 * or at least avoids the last one; when there is no other, it takes the next queue all the same.
 *
 * @param brokersSent names of the brokers that were tried, oldest first; empty at the first attempt.
 */
export function selectOneMessageQueue(
  info: TopicPublishInfo,
  index: QueueIndex,
  brokersSent: readonly string[]
): MessageQueue | undefined {
  const queues = info.messageQueues
  if (queues.length === 0) return undefined
  const start = index.next(queues.length)
  if (brokersSent.length === 0) return queues[start]
  const last = brokersSent[brokersSent.length - 1]
  let notLast: MessageQueue | undefined
  for (let i = 0; i < queues.length; i++) {
    const queue = queues[(start + i) % queues.length]
    if (!brokersSent.includes(queue.brokerName)) return queue
    if (notLast === undefined && queue.brokerName !== last) notLast = queue
  }
  return formerQueue(info, start, brokersSent) ?? notLast ?? queues[start]
}

function formerQueue(
  { formerQueues }: TopicPublishInfo,
  start: number,
  brokersSent: readonly string[]
): MessageQueue | undefined {
  const untried = formerQueues.filter(({ brokerName }) => !brokersSent.includes(brokerName))
  return untried[start % untried.length]
}

/** Whether the topic has or had queues on a broker other than `brokerName`. */
export function hasAnotherBroker(info: TopicPublishInfo, brokerName: string): boolean {
  return isOnAnother(info.messageQueues, brokerName) || isOnAnother(info.formerQueues, brokerName)
}

function isOnAnother(queues: readonly MessageQueue[], brokerName: string): boolean {
  for (let i = 0; i < queues.length; i++) {
    if (queues[i].brokerName !== brokerName) return true
  }
  return false
}

/** Whether the route names a broker that is not among these. */
export function hasUntriedBroker(info: TopicPublishInfo, brokersSent: readonly string[]): boolean {
  return info.messageQueues.some(({ brokerName }) => !brokersSent.includes(brokerName))
}
