import { describe, expect, it } from 'vitest'
import {
  selectMessageQueueByHash,
  selectMessageQueueByMachineRoom,
  selectMessageQueueByRandom
} from '../../../src/producer/selectors.ts'
import { Message } from '../../../src/protocol/message.ts'
import { MessageQueue } from '../../../src/protocol/message-queue.ts'

const message = new Message({ topic: 'T', body: 'x' })
const queues = Array.from({ length: 10 }, (_, id) => new MessageQueue('T', 'broker-a', id))

describe('selectors', () => {
  it('producer-44 the hash selector spreads keys, and the smallest hash does not fail', () => {
    const id = (arg: string | number): number => selectMessageQueueByHash(queues, message, arg).queueId
    // Java: "123".hashCode() = 48690, "234".hashCode() = 49683
    expect(id('123')).toBe(0)
    expect(id('234')).toBe(3)
    for (const key of ['polygenelubricants', 'GydZG_', 'DESIGNING WORKHOUSES']) expect(id(key)).toBe(8)
    expect(id(17)).toBe(7)
    expect(id(-17)).toBe(7)
    expect(id(-2147483648)).toBe(8)
  })

  it('a key that is missing, or an object, is refused: all of them would be one key', () => {
    for (const arg of [undefined, null, { id: 1 }]) {
      expect(() => selectMessageQueueByHash(queues, message, arg as never)).toThrow(
        /^arg is .+: allowed is the key, a text or a number$/
      )
    }
  })

  it('producer-45 the random selector returns a member, the only one of one, and throws for none', () => {
    for (let i = 0; i < 50; i++) expect(queues).toContain(selectMessageQueueByRandom(queues, message, undefined))
    expect(selectMessageQueueByRandom(queues.slice(3, 4), message, undefined)).toBe(queues[3])
    expect(() => selectMessageQueueByRandom([], message, undefined)).toThrow('no queue to choose from')
    expect(() => selectMessageQueueByHash([], message, 'x')).toThrow('no queue to choose from')
  })

  it('the machine room selector keeps to brokers of these rooms, and says when there is none', () => {
    const names = ['berlin@a', 'paris@b', 'paris@c', 'plain', '@none']
    const spread = names.flatMap((name) => [new MessageQueue('T', name, 0), new MessageQueue('T', name, 1)])
    const seen = new Set<string>()
    const near = selectMessageQueueByMachineRoom(['paris', 'rome'])
    for (let i = 0; i < 200; i++) seen.add(near(spread, message, undefined).toString())
    expect(seen.size).toBe(4)
    for (const text of seen) expect(text).toContain('paris@')
    expect(() => selectMessageQueueByMachineRoom(['rome'])(spread, message, undefined)).toThrow(
      'no queue is on a broker of the machine rooms rome'
    )
    expect(() => selectMessageQueueByMachineRoom([''])(spread, message, undefined)).toThrow('no queue is on a broker')
  })
})
