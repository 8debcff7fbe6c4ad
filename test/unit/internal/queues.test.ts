import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RemotingTooMuchRequestException } from '../../../src/internal/errors.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { RingQueue } from '../../../src/internal/ring-queue.ts'
import type { Permit } from '../../../src/internal/semaphore.ts'
import { Semaphore } from '../../../src/internal/semaphore.ts'
import { nextTurn } from '../../support/turns.ts'

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

test('permits are handed out in call order: a big request is not overtaken by a small one behind it', async () => {
  const semaphore = new Semaphore(10, new HeldClock())
  const held = semaphore.tryAcquire(8) as Permit
  const order: string[] = []
  const big = Promise.resolve(semaphore.acquire(5, 1000)).then((permit) => {
    order.push('big')
    return permit
  })
  const small = Promise.resolve(semaphore.acquire(1, 1000)).then((permit) => {
    order.push('small')
    return permit
  })
  expect(semaphore.tryAcquire(1)).toBeUndefined()
  await nextTurn()
  expect(order).toEqual([])
  held.release()
  await Promise.all([big, small])
  expect(order).toEqual(['big', 'small'])
  expect(semaphore.available).toBe(4)
})

test('giving a permit back twice counts once', () => {
  const semaphore = new Semaphore(2, new HeldClock())
  const permit = semaphore.tryAcquire() as Permit
  permit.release()
  permit.release()
  expect(semaphore.available).toBe(2)
})

test('a waiter whose time is over is refused, and lets those behind it pass', async () => {
  const clock = new HeldClock()
  const semaphore = new Semaphore(10, clock)
  semaphore.tryAcquire(8)
  const refused = expect(semaphore.acquire(5, 100)).rejects.toBeInstanceOf(RemotingTooMuchRequestException)
  const behind = semaphore.acquire(2, 1000)
  await clock.advance(100)
  await refused
  await behind
  expect([semaphore.available, semaphore.waiting, clock.pending]).toEqual([0, 0, 0])
})

test('a waiter that aborts takes nothing and leaves no timer', async () => {
  const clock = new HeldClock()
  const semaphore = new Semaphore(1, clock)
  const held = semaphore.tryAcquire() as Permit
  const controller = new AbortController()
  const waiting = semaphore.acquire(1, 1000, controller.signal)
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  held.release()
  expect([semaphore.available, semaphore.waiting, clock.pending]).toEqual([1, 0, 0])
})

test('a request above the total waits for all permits and passes alone', async () => {
  const semaphore = new Semaphore(10, new HeldClock())
  const one = semaphore.tryAcquire(1) as Permit
  const huge = Promise.resolve(semaphore.acquire(1000, 1000))
  one.release()
  const permit = await huge
  expect(semaphore.available).toBe(0)
  permit.release()
  expect(semaphore.available).toBe(10)
})

test('without time to wait a taken permit is refused at once', async () => {
  const semaphore = new Semaphore(1, new HeldClock())
  semaphore.tryAcquire()
  await expect(semaphore.acquire(1, 0)).rejects.toMatchObject({ code: 'TOO_MUCH_REQUESTS', maybeStored: false })
})
