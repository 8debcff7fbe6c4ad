import { expect, test } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { nextTurn } from '../../support/turns.ts'

test('time stands until it is moved; both clocks move together', async () => {
  const clock = new HeldClock(1000)
  let fired = false
  clock.setTimeout(() => {
    fired = true
  }, 1)
  await nextTurn(20)
  expect([fired, clock.now(), clock.monotonic()]).toEqual([false, 1000, 0])
  await clock.advance(5)
  expect([fired, clock.now(), clock.monotonic()]).toEqual([true, 1005, 5])
})

test('timers fire in time order, those due together in start order', async () => {
  const clock = new HeldClock()
  const fired: string[] = []
  const start = (name: string, millis: number): void =>
    void clock.setTimeout(() => fired.push(`${name}@${clock.monotonic()}`), millis)
  start('late', 30)
  start('first', 10)
  start('second', 10)
  start('between', 20)
  await clock.advance(25)
  expect(fired).toEqual(['first@10', 'second@10', 'between@20'])
  expect(clock.pending).toBe(1)
})

test('promises and turns of the event loop settle between two steps, and timers they start within the span fire', async () => {
  const clock = new HeldClock()
  const seen: string[] = []
  clock.setTimeout(() => {
    void (async () => {
      await nextTurn(3)
      seen.push(`turns@${clock.monotonic()}`)
      clock.setTimeout(() => seen.push(`nested@${clock.monotonic()}`), 5)
    })()
  }, 10)
  clock.setTimeout(() => seen.push(`other@${clock.monotonic()}`), 20)
  await clock.advance(50)
  expect(seen).toEqual(['turns@10', 'nested@15', 'other@20'])
})

test('a cancelled timer never fires; cancelling twice is harmless', async () => {
  const clock = new HeldClock()
  let fired = 0
  const timer = clock.setTimeout(() => fired++, 5)
  timer.cancel()
  timer.cancel()
  await clock.advance(10)
  expect(fired).toBe(0)
})

test('advances that overlap follow one another, and a callback that throws does not stop the rest', async () => {
  const clock = new HeldClock()
  const fired: number[] = []
  clock.setTimeout(() => {
    throw new Error('boom')
  }, 5)
  clock.setTimeout(() => fired.push(clock.monotonic()), 8)
  clock.setTimeout(() => fired.push(clock.monotonic()), 15)
  const first = clock.advance(10)
  const second = clock.advance(10)
  await expect(first).rejects.toThrow('boom')
  await second
  expect(fired).toEqual([8, 15])
  expect(clock.monotonic()).toBe(20)
})
