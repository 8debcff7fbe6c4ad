import { describe, expect, it } from 'vitest'
import { allocateMessageQueues } from '../../../../src/broker/loadbalance/allocate-message-queues.ts'
import { MessageQueue } from '../../../../src/protocol/message-queue.ts'

const queues = (count: number, broker = 'b'): MessageQueue[] =>
  Array.from({ length: count }, (_, queueId) => new MessageQueue('T', broker, queueId))
const members = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`)

const shares = (
  strategy: string,
  mode: 'PULL' | 'POP',
  queueCount: number,
  memberCount: number,
  popShareQueueNum = -1
): Array<number[] | undefined> =>
  members(memberCount).map((client) =>
    allocateMessageQueues(strategy, { mode, popShareQueueNum }, queues(queueCount), members(memberCount), client)?.map(
      ({ queueId }) => queueId
    )
  )

describe('queues of a member', () => {
  it('store-193 are neighbours, or dealt like cards; none for whoever is no member', () => {
    expect(shares('AVG', 'PULL', 7, 3)).toEqual([
      [0, 1, 2],
      [3, 4],
      [5, 6]
    ])
    expect(shares('AVG', 'PULL', 2, 3)).toEqual([[0], [1], []])
    expect(shares('AVG_BY_CIRCLE', 'PULL', 5, 2)).toEqual([
      [0, 2, 4],
      [1, 3]
    ])
    expect(shares('NEARBY', 'PULL', 5, 2)).toEqual([undefined, undefined])
    expect(allocateMessageQueues('AVG', { mode: 'PULL', popShareQueueNum: 0 }, queues(4), members(2), 'stranger')).toEqual([])
  })

  it('store-193 are all queues of each broker where everybody pops, and with popShareQueueNum those of the next members too', () => {
    const both = [...queues(2, 'a'), ...queues(2, 'b')]
    const everything = allocateMessageQueues('AVG', { mode: 'POP', popShareQueueNum: -1 }, both, members(9), 'c0')
    expect(everything?.map(({ brokerName, queueId }) => [brokerName, queueId])).toEqual([
      ['a', -1],
      ['b', -1]
    ])
    expect(shares('AVG', 'POP', 8, 4, 1)).toEqual([
      [0, 1, 2, 3],
      [2, 3, 4, 5],
      [4, 5, 6, 7],
      [6, 7, 0, 1]
    ])
    // Everybody's queues, if nobody is left out.
    expect(shares('AVG', 'POP', 8, 4, 3)).toEqual([[-1], [-1], [-1], [-1]])
    // Nobody goes without.
    expect(shares('AVG', 'POP', 2, 5, 1)).toEqual([[0], [1], [0], [1], [0]])
  })
})
