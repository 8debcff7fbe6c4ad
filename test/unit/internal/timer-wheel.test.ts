import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Clock, Timer } from '../../../src/internal/clock.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { TimerWheel, WheelEntry } from '../../../src/internal/timer-wheel.ts'

class Entry extends WheelEntry {
  readonly #work: () => void
  readonly #alive: boolean
  constructor(work: () => void, alive = true) {
    super()
    this.#work = work
    this.#alive = alive
  }
  override get keepsAlive(): boolean {
    return this.#alive
  }
  override expire(): void {
    this.#work()
  }
}

/** A held clock that counts armed timers and keeps their ref state. */
class CountingClock implements Clock {
  readonly held = new HeldClock()
  armed = 0
  most = 0
  refs = new Set<object>()
  now = (): number => this.held.now()
  monotonic = (): number => this.held.monotonic()
  setTimeout(callback: () => void, millis: number, options?: { ref?: boolean }): Timer {
    this.armed++
    this.most = Math.max(this.most, this.armed)
    let live = true
    const key = {}
    if (options?.ref !== false) this.refs.add(key)
    const end = (): void => {
      if (!live) return
      live = false
      this.armed--
      this.refs.delete(key)
    }
    const timer = this.held.setTimeout(() => {
      end()
      callback()
    }, millis)
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
      ref: () => void this.refs.add(key),
      unref: () => void this.refs.delete(key)
    }
  }
}

function wheel(clock: Clock, errors: unknown[] = []): TimerWheel {
  return new TimerWheel(clock, (error) => errors.push(error))
}

test('entries expire at their exact deadline, earliest first, and once', async () => {
  const clock = new HeldClock()
  const timers = wheel(clock)
  const fired: string[] = []
  const add = (name: string, millis: number): void =>
    timers.add(new Entry(() => fired.push(`${name}@${clock.monotonic()}`)), millis)
  add('c', 3000)
  add('a', 5)
  add('b', 7)
  add('far', 25_000)
  await clock.advance(6)
  expect(fired).toEqual(['a@5'])
  await clock.advance(2994)
  expect(fired).toEqual(['a@5', 'b@7', 'c@3000'])
  await clock.advance(100_000)
  expect(fired).toEqual(['a@5', 'b@7', 'c@3000', 'far@25000'])
  expect(timers.size).toBe(0)
})

test('whatever is added and removed in whatever order, each entry that stays expires at its deadline', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ at: fc.nat(300), millis: fc.nat(12_000), removed: fc.option(fc.nat(12_000)) }), { maxLength: 40 }),
      async (plan) => {
        const clock = new HeldClock()
        const timers = wheel(clock)
        const fired: Array<[number, number]> = []
        const expected: Array<[number, number]> = []
        plan.forEach(({ at, millis, removed }, index) => {
          const entry = new Entry(() => fired.push([index, clock.monotonic()]))
          clock.setTimeout(() => timers.add(entry, millis), at)
          if (removed !== null) clock.setTimeout(() => timers.remove(entry), at + removed)
          if (removed === null || removed > millis) expected.push([index, at + millis])
          // On a tie either may come first.
          else if (removed === millis)
            clock.setTimeout(
              () => {
                if (fired.some(([i]) => i === index)) expected.push([index, at + millis])
              },
              at + millis + 1
            )
        })
        await clock.advance(13_000)
        const sort = (list: Array<[number, number]>): Array<[number, number]> => list.sort((a, b) => a[0] - b[0])
        expect(sort(fired)).toEqual(sort(expected))
        expect(timers.size).toBe(0)
      }
    ),
    { numRuns: 15 }
  )
}, 20_000)

test('at most one timer is armed, whatever waits', async () => {
  const clock = new CountingClock()
  const timers = wheel(clock)
  const entries = Array.from({ length: 100 }, () => new Entry(() => {}))
  for (const [i, entry] of entries.entries()) timers.add(entry, 1000 - i)
  expect(clock.most).toBe(1)
  await clock.held.advance(950)
  expect(clock.most).toBe(1)
  for (const entry of entries) timers.remove(entry)
  await clock.held.advance(100)
  expect(clock.armed).toBe(0)
})

test('the timer keeps the process alive only while an entry that does so waits', () => {
  const clock = new CountingClock()
  const timers = wheel(clock)
  const request = new Entry(() => {})
  timers.add(new Entry(() => {}, false), 100)
  expect(clock.armed).toBe(1)
  expect(clock.refs.size).toBe(0)
  timers.add(request, 200)
  expect(clock.refs.size).toBe(1)
  timers.remove(request)
  expect(clock.refs.size).toBe(0)
  timers.add(request, 50)
  expect(clock.refs.size).toBe(1)
  timers.clear()
  expect(clock.armed).toBe(0)
  expect(timers.size).toBe(0)
})

test('an entry that throws is reported and harms no other; one that adds itself again waits anew', async () => {
  const clock = new HeldClock()
  const errors: unknown[] = []
  const timers = wheel(clock, errors)
  let again = 0
  const repeat = new Entry(() => {
    if (++again < 3) timers.add(repeat, 10)
  })
  let other = 0
  timers.add(
    new Entry(() => {
      throw new Error('boom')
    }),
    10
  )
  timers.add(repeat, 10)
  timers.add(new Entry(() => other++), 10)
  await clock.advance(30)
  expect(errors).toHaveLength(1)
  expect([again, other]).toEqual([3, 1])
})

test('an entry that another one removes while both are due does not expire', async () => {
  const clock = new HeldClock()
  const timers = wheel(clock)
  let fired = false
  const victim = new Entry(() => {
    fired = true
  })
  timers.add(new Entry(() => timers.remove(victim)), 10)
  timers.add(victim, 10)
  await clock.advance(20)
  expect(fired).toBe(false)
})

test('adding an entry that waits moves its deadline', async () => {
  const clock = new HeldClock()
  const timers = wheel(clock)
  const fired: number[] = []
  const entry = new Entry(() => fired.push(clock.monotonic()))
  timers.add(entry, 10)
  timers.add(entry, 40)
  await clock.advance(100)
  expect(fired).toEqual([40])
})
