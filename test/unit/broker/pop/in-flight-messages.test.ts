import { describe, expect, it } from 'vitest'
import { decodeInFlightMessages, encodeInFlightMessages } from '../../../../src/broker/pop/in-flight-file.ts'
import { type InFlightMessage, InFlightMessages, type QueueInFlightState } from '../../../../src/broker/pop/in-flight-messages.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { seededRandom } from '../../../support/random.ts'

const SEED = Number(process.env.TEST_SEED)
const QUEUE = { topic: 'T', group: 'G', queueId: 0 }

function table(clock = new HeldClock(1_700_000_000_000)) {
  const committed: number[] = []
  const ended: number[] = []
  const inFlight: InFlightMessages = new InFlightMessages({
    clock,
    logger: silentLogger,
    commit: (_queue, offset) => committed.push(offset),
    timeEnded: (message: InFlightMessage) => {
      ended.push(message.queueOffset)
      inFlight.remove(message)
    }
  })
  return { clock, committed, ended, inFlight }
}

const state = (fields: Partial<QueueInFlightState>): QueueInFlightState => ({
  ...QUEUE,
  consumed: 5,
  next: 9,
  messages: [
    [5, 1, 1_700_000_001_000],
    [7, 1, 1_700_000_002_000]
  ],
  ...fields
})

describe('messages in flight', () => {
  it('store-181 whatever is acknowledged in whatever order: nothing that is held lies below the offset', async () => {
    for (let round = 0; round < 20; round++) {
      const random = seededRandom(SEED + round)
      const { inFlight, committed, clock, ended } = table()
      const held = new Set<number>()
      let next = 0
      for (let step = 0; step < 60; step++) {
        if (random() < 0.3) {
          const offsets = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) => next + i * (random() < 0.8 ? 1 : 2))
          const rising = [...new Set(offsets)].toSorted((a, b) => a - b)
          next = (rising.at(-1) as number) + 1
          inFlight.popped(QUEUE, rising, next, 1, 1000 + Math.floor(random() * 5000))
          for (const offset of rising) held.add(offset)
        } else if (random() < 0.8) {
          const all = [...held]
          const one = all[Math.floor(random() * all.length)]
          if (one !== undefined) {
            expect(inFlight.ack(QUEUE, one, 1)).toBe(true)
            held.delete(one)
          }
        } else {
          await clock.advance(1500)
          for (const one of ended.splice(0)) held.delete(one)
        }
        const lowest = held.size === 0 ? next : Math.min(...held)
        expect([inFlight.size, committed.at(-1) ?? 0], `seed ${SEED + round}`).toEqual([held.size, lowest])
      }
    }
  })

  it('store-190 a table that was read back never begins above a group that was set back, nor below one that went on', async () => {
    const behind = table()
    behind.inFlight.load([state({})], () => 4)
    expect([behind.inFlight.size, behind.inFlight.nextOffset(QUEUE)]).toEqual([0, undefined])
    const ahead = table()
    ahead.inFlight.load([state({})], () => 6)
    expect([ahead.inFlight.size, ahead.inFlight.nextOffset(QUEUE)]).toEqual([1, 9])
    const passed = table()
    passed.inFlight.load([state({})], () => 12)
    expect(passed.inFlight.size).toBe(0)
    const same = table()
    same.inFlight.load([state({})], () => 5)
    expect(same.inFlight.state()).toEqual([state({})])
    await same.clock.advance(2000)
    expect([same.ended, same.committed]).toEqual([
      [5, 7],
      [7, 9]
    ])
  })

  it('store-190 the file holds what the table says; what is no name and no number is left out', () => {
    const written = JSON.parse(encodeInFlightMessages([state({})]))
    expect(decodeInFlightMessages(written)).toEqual([state({})])
    const [queue] = written.queues
    const wrong = [
      { ...queue, topic: '../x' },
      { ...queue, group: 'a@b' },
      { ...queue, next: -3 },
      { ...queue, queueId: 1.5 },
      { ...queue, messages: [[5], 'x', [1, 2, -3]] },
      7
    ]
    expect(decodeInFlightMessages({ queues: wrong })).toEqual([state({ messages: [] })])
    expect(decodeInFlightMessages({})).toEqual([])
  })
})
