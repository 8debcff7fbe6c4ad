import { describe, expect, it } from 'vitest'
import type { TopicPublishInfo } from '../../../src/client/topic-publish-info.ts'
import { hasAnotherBroker, QueueIndex, selectOneMessageQueue } from '../../../src/producer/select-one-message-queue.ts'
import { MessageQueue } from '../../../src/protocol/message-queue.ts'

function info(brokers: string[], queues: number): TopicPublishInfo {
  const messageQueues = brokers.flatMap((broker) => Array.from({ length: queues }, (_, id) => new MessageQueue('T', broker, id)))
  return {
    topic: 'T',
    messageQueues,
    formerQueues: [],
    orderTopic: false,
    routeData: { queueDatas: [], brokerDatas: [], filterServerTable: new Map() }
  }
}

describe('queue selection', () => {
  it('goes round through the queues', () => {
    const route = info(['a', 'b'], 2)
    const index = new QueueIndex()
    const first = Array.from({ length: 4 }, () => selectOneMessageQueue(route, index, []))
    expect(new Set(first).size).toBe(4)
    expect(Array.from({ length: 4 }, () => selectOneMessageQueue(route, index, []))).toEqual(first)
  })

  it('producer-42 the index rises by one, over the 32-bit limit too, is never negative, and is positive after a reset', () => {
    const size = 2 ** 31
    const index = new QueueIndex(0x7fffffff - 3)
    expect(Array.from({ length: 6 }, () => index.next(size))).toEqual([0x7ffffffd, 0x7ffffffe, 0x7fffffff, 0, 1, 2])
    const random = new QueueIndex()
    for (let i = 0; i < 1000; i++) {
      const before = random.next(size)
      expect(random.next(size)).toBe((before + 1) % size)
      random.reset()
      expect(random.next(size)).toBeGreaterThan(0)
    }
  })

  it('producer-43 retries over three one-queue brokers visit all three whatever the start', () => {
    const route = info(['a', 'b', 'c'], 1)
    const index = new QueueIndex()
    for (let start = 0; start < 50; start++) {
      // Other sends move the counter between the attempts.
      for (let i = 0; i < start % 7; i++) index.next(3)
      const sent: string[] = []
      for (let attempt = 0; attempt < 3; attempt++) {
        for (let i = 0; i < start % 3; i++) index.next(3)
        sent.push((selectOneMessageQueue(route, index, sent) as MessageQueue).brokerName)
      }
      expect([...sent].sort()).toEqual(['a', 'b', 'c'])
    }
  })

  it('takes a queue of an earlier route when all brokers of this one were tried, and counts it as another broker', () => {
    const route = { ...info(['a'], 2), formerQueues: info(['b', 'c'], 2).messageQueues }
    const broker = (sent: string[]): string | undefined => selectOneMessageQueue(route, new QueueIndex(), sent)?.brokerName
    for (let i = 0; i < 20; i++) {
      expect(broker([])).toBe('a')
      expect(broker(['a'])).toMatch(/[bc]/)
      expect(broker(['a', 'b'])).toBe('c')
      expect(broker(['a', 'b', 'c'])).toBe('a')
    }
    expect(hasAnotherBroker(route, 'a')).toBe(true)
    expect(hasAnotherBroker(info(['a'], 2), 'a')).toBe(false)
  })

  it('avoids at least the last broker when all were tried, and stays where there is no other', () => {
    for (let i = 0; i < 20; i++) {
      expect(selectOneMessageQueue(info(['a', 'b'], 4), new QueueIndex(), ['a', 'b'])?.brokerName).toBe('a')
      expect(selectOneMessageQueue(info(['a'], 4), new QueueIndex(), ['a'])?.brokerName).toBe('a')
    }
    expect(selectOneMessageQueue(info([], 0), new QueueIndex(), [])).toBeUndefined()
  })

  it('knows whether another broker can be tried', () => {
    expect(hasAnotherBroker(info(['a', 'b'], 1), 'a')).toBe(true)
    expect(hasAnotherBroker(info(['a'], 4), 'a')).toBe(false)
  })
})
