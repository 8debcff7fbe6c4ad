import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RingQueue } from '../../../src/internal/ring-queue.ts'

test('a ring queue behaves as an array used with push and shift', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer()), { maxLength: 200 }), (steps) => {
      const ring = new RingQueue<number>(2)
      const model: number[] = []
      for (const step of steps) {
        if (step === null) expect(ring.shift()).toBe(model.shift())
        else {
          ring.push(step)
          model.push(step)
        }
        expect(ring.length).toBe(model.length)
        expect(ring.peek()).toBe(model[0])
      }
    })
  )
})
