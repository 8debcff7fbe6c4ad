import { describe, expect, it } from 'vitest'
import { OpMessages, type ReadOpMessages } from '../../../../src/broker/transaction/op-messages.ts'
import { immunityTime, offsetsOf } from '../../../../src/broker/transaction/transactional-message-util.ts'
import type { MessageExt } from '../../../../src/protocol/message.ts'

const BATCH = 2

/** An op queue that begins at an offset. */
function queue(bodies: string[], minOffset = 0, tags = 'd'): { read: ReadOpMessages; bodies: string[] } {
  const read: ReadOpMessages = (offset) => {
    const end = minOffset + bodies.length
    if (offset > end) return { messages: [], nextBeginOffset: end }
    const from = Math.max(offset, minOffset)
    const messages = bodies
      .slice(from - minOffset, from - minOffset + BATCH)
      .map((body, i) => ({ queueOffset: from + i, bornTimestamp: 1000 + from + i, body: Buffer.from(body), tags }) as MessageExt)
    return { messages, nextBeginOffset: from + messages.length }
  }
  return { read, bodies }
}

function pullAll(ops: OpMessages): void {
  while (!ops.exhausted) ops.pull()
}

const nobody = (): boolean => false

describe('op messages of a round', () => {
  it('each half message is done once, and the position moves over what is settled', () => {
    const { read } = queue(['5', '7', '6,8,'])
    const ops = new OpMessages(read, 0, 5)
    pullAll(ops)
    expect(ops.lastBornTimestamp).toBe(1002)
    expect([5, 5, 6, 9].map((offset) => ops.take(offset))).toEqual([true, false, true, false])
    // 7 is still to come, and 8 keeps its op message open.
    expect(ops.finish(nobody)).toBe(1)
    expect(ops.take(7)).toBe(true)
    expect(ops.finish(nobody)).toBe(2)
    expect(ops.take(8)).toBe(true)
    expect(ops.finish(nobody)).toBe(3)
  })

  it('offsets before the round are settled, unless a message that was put back may still ask for them', () => {
    const { read } = queue(['1', '2', '3'])
    const ops = new OpMessages(read, 0, 10)
    pullAll(ops)
    expect(ops.take(1)).toBe(true)
    expect(ops.finish((offset) => offset === 2)).toBe(1)
    expect(ops.finish(nobody)).toBe(3)
  })

  it('a half message that was ended twice, and bodies that say nothing, hold nothing up', () => {
    const { read } = queue(['5', '5', 'x,,-1', ''])
    const ops = new OpMessages(read, 0, 5)
    pullAll(ops)
    expect(ops.take(5)).toBe(true)
    expect(ops.take(5)).toBe(false)
    expect(ops.finish(nobody)).toBe(4)
  })

  it('positions that the store dropped, or never had, are left behind', () => {
    const dropped = new OpMessages(queue(['5'], 10).read, 3, 5)
    pullAll(dropped)
    expect(dropped.take(5)).toBe(true)
    expect(dropped.finish(nobody)).toBe(11)
    const lost = new OpMessages(queue(['5']).read, 90, 5)
    pullAll(lost)
    expect(lost.take(5)).toBe(false)
    expect(lost.finish(nobody)).toBe(1)
  })

  it('only the tag of a removal counts', () => {
    expect(offsetsOf({ tags: 'd', body: Buffer.from('3') } as MessageExt)).toEqual([3])
    expect(offsetsOf({ tags: 'x', body: Buffer.from('3') } as MessageExt)).toEqual([])
  })
})

it.each([
  ['', 6000],
  ['-1', 6000],
  ['1', 6000],
  ['5', 6000],
  ['100.5', 6000],
  ['7', 7000],
  ['60', 60_000],
  ['100', 100_000]
])('store-52 an immunity time of "%s" s with a timeout of 6 s is %i ms', (text, millis) => {
  expect(immunityTime(text, 6000)).toBe(millis)
})
