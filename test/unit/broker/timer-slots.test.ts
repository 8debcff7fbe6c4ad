import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type TimerEntry, TimerSlots } from '../../../src/broker/timer/timer-slots.ts'

const entry = (physicalOffset: number, deletes = false): TimerEntry => ({ physicalOffset, enqueuedAt: 0, roll: false, deletes })

it('store-72 a slot that was never used holds nothing; messages add up in their order, and what calls one back is subtracted', () => {
  const slots = new TimerSlots()
  expect([slots.num(1000), slots.first, slots.shift(), slots.size]).toEqual([0, undefined, undefined, 0])
  slots.add(2000, entry(1))
  slots.add(1000, entry(2))
  slots.add(2000, entry(3))
  slots.add(2000, entry(4, true))
  expect([slots.num(2000), slots.num(1000), slots.first, slots.size]).toEqual([1, 1, 1000, 4])
  expect(slots.shift()?.entries.map(({ physicalOffset }) => physicalOffset)).toEqual([2])
  expect(slots.shift()?.entries.map(({ physicalOffset }) => physicalOffset)).toEqual([1, 3, 4])
  // The time may come again: it begins anew.
  slots.add(2000, entry(5))
  expect([slots.num(2000), slots.size]).toEqual([1, 1])
})

it('slots come in the order of their times, whatever the order they were made in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }), (times) => {
      const slots = new TimerSlots()
      const out: number[] = []
      for (const [i, time] of times.entries()) {
        slots.add(time, entry(i))
        if (i % 7 === 6) out.push(...(slots.shift()?.entries.map(() => -1) ?? []))
      }
      const rest: number[] = []
      for (let slot = slots.shift(); slot !== undefined; slot = slots.shift()) rest.push(...slot.entries.map(() => slot!.time))
      expect(rest).toEqual([...rest].sort((a, b) => a - b))
      expect(out.length + rest.length).toBe(times.length)
    })
  )
})
