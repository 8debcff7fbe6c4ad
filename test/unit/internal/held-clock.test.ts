import fc from 'fast-check'
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
  expect(clock.timers).toBe(1)
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

test.each([
  [0, 0],
  [1.5, 1.5],
  ['500ms', 500],
  ['30m', 1_800_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  ['1d2h3m4s5ms', 93_784_005]
])('loopback-20 a duration of %j is %d ms', async (duration, millis) => {
  const clock = new HeldClock()
  await clock.advance(duration)
  expect(clock.monotonic()).toBe(millis)
})

test.each([
  '',
  '30',
  '30 m',
  '1.5h',
  '5m1h',
  '-1s',
  'soon',
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  undefined,
  null,
  '99999999d'
])('loopback-20 a duration of %j is refused with what is allowed', async (duration) => {
  const clock = new HeldClock()
  const error = await clock.advance(duration as never).catch((thrown) => thrown)
  expect(error).toMatchObject({ code: 'BAD_OPTION' })
  expect(error.message).toContain("'1h30m'")
  expect(clock.monotonic()).toBe(0)
})

test('loopback-26 timers that start each other without end are noticed', async () => {
  const clock = new HeldClock()
  const again = (): void => void clock.setTimeout(again, 0)
  again()
  await expect(clock.advance(1)).rejects.toMatchObject({ code: 'CLOCK_RUNAWAY' })
}, 20_000)

test('loopback-26 a signal stops it between two steps, and what several callbacks throw is told together', async () => {
  const clock = new HeldClock()
  const stop = new AbortController()
  clock.setTimeout(() => stop.abort(new Error('enough')), 5)
  await expect(clock.advance(10, { signal: stop.signal })).rejects.toThrow('enough')
  expect(clock.monotonic()).toBe(5)
  for (const name of ['first', 'second']) {
    clock.setTimeout(() => {
      throw new Error(name)
    }, 1)
  }
  const error = await clock.advance(2).catch((thrown) => thrown)
  expect(error.errors.map(({ message }: Error) => message)).toEqual(['first', 'second'])
})

test('loopback-26 it moves to the next timer and says by how much', async () => {
  const clock = new HeldClock()
  const fired: string[] = []
  for (const [name, millis] of [
    ['b', 20],
    ['a', 10],
    ['c', 20]
  ] as const)
    clock.setTimeout(() => fired.push(name), millis)
  expect([await clock.advanceToNextTimer(), await clock.advanceToNextTimer(), await clock.advanceToNextTimer()]).toEqual([
    10, 10, 0
  ])
  expect(fired).toEqual(['a', 'b', 'c'])
})

test('loopback-22 work that is tracked holds it, however many turns and ms that takes', async () => {
  const clock = new HeldClock()
  const seen: string[] = []
  clock.setTimeout(() => {
    void clock.track(
      nextTurn(2000).then(() => seen.push(`done@${clock.monotonic()}`)),
      'a long way'
    )
  }, 10)
  clock.setTimeout(() => seen.push(`next@${clock.monotonic()}`), 11)
  await clock.advance(20)
  expect(seen).toEqual(['done@10', 'next@11'])
})

test('whatever is started and cancelled, timers fire by time, then by the order they were started in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ millis: fc.nat(20), cancelled: fc.boolean() }), { maxLength: 60 }), async (plan) => {
      const clock = new HeldClock()
      const fired: number[] = []
      const timers = plan.map(({ millis }, i) => clock.setTimeout(() => fired.push(i), millis))
      for (const [i, { cancelled }] of plan.entries()) if (cancelled) timers[i].cancel()
      await clock.advance(20)
      const expected = plan.map((timer, i) => ({ ...timer, i })).filter(({ cancelled }) => !cancelled)
      expect(fired).toEqual(expected.sort((a, b) => a.millis - b.millis || a.i - b.i).map(({ i }) => i))
    }),
    { numRuns: 20 }
  )
})
