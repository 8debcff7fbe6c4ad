import { describe, expect, it } from 'vitest'
import { BrokerStatsManager } from '../../../../src/broker/stats/broker-stats-manager.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const NOON = new Date(2024, 0, 10, 12).getTime()

/** A manager that is sampled every ten seconds, as the broker does. */
class Sampled {
  readonly stats = new BrokerStatsManager('C', NOON)
  #now = NOON

  pass(millis: number): void {
    for (let left = millis; left > 0; left -= 10 * SECOND) {
      this.#now += 10 * SECOND
      this.stats.sample(this.#now)
    }
  }

  /** Every span of the puts of topic T. */
  puts() {
    const item = this.stats.get('TOPIC_PUT_NUMS', 'T')!
    return { minute: item.snapshot('minute'), hour: item.snapshot('hour'), day: item.snapshot('day') }
  }
}

describe('counters', () => {
  it('store-160 hold what came in within a minute, an hour, a day', () => {
    const nothing = { sum: 0, tps: 0, avgpt: 0 }
    const sampled = new Sampled()
    sampled.stats.incPut('T', 6, 600)
    expect(sampled.puts()).toEqual({ minute: nothing, hour: nothing, day: nothing })
    sampled.pass(10 * SECOND)
    expect(sampled.puts()).toEqual({ minute: { sum: 6, tps: 0.6, avgpt: 6 }, hour: nothing, day: nothing })
    sampled.pass(50 * SECOND)
    expect(sampled.puts().minute).toMatchObject({ sum: 6 })
    sampled.pass(10 * SECOND)
    expect(sampled.puts().minute).toEqual(nothing)
    sampled.pass(10 * MINUTE)
    expect(sampled.puts().hour).toMatchObject({ sum: 6, avgpt: 6 })
    sampled.pass(2 * HOUR)
    expect(sampled.puts()).toMatchObject({ hour: nothing, day: { sum: 6, avgpt: 6 } })
    sampled.pass(26 * HOUR)
    expect(sampled.puts().day).toEqual(nothing)
    expect(sampled.stats.get('TOPIC_PUT_NUMS', 'T')).toMatchObject({ value: 6, times: 1 })
  })

  it('the first sample of an hour is an hour after the start: until then the shorter spans tell what came in', () => {
    const sampled = new Sampled()
    sampled.stats.incPut('T', 2, 1)
    sampled.pass(10 * SECOND)
    sampled.stats.incPut('T', 1, 1)
    sampled.pass(20 * SECOND)
    // mqadmin statsAll takes the longest span that has a sum for the last 24 hours.
    expect(sampled.puts()).toMatchObject({ minute: { sum: 3 }, hour: { sum: 0 }, day: { sum: 0 } })
    sampled.pass(10 * MINUTE)
    expect(sampled.puts()).toMatchObject({ minute: { sum: 0 }, hour: { sum: 3 }, day: { sum: 0 } })
  })

  it('a clock that is set back neither stops the samples nor gives a negative rate', () => {
    const sampled = new Sampled()
    sampled.pass(MINUTE)
    sampled.stats.incPut('T', 1, 1)
    for (let i = 0; i < 10; i++) {
      sampled.stats.sample(NOON - HOUR + i * 10 * SECOND)
      expect(sampled.puts().minute.tps).toBeGreaterThanOrEqual(0)
    }
    sampled.stats.incPut('T', 2, 1)
    sampled.stats.sample(NOON - HOUR + 100 * SECOND)
    expect(sampled.puts().minute).toMatchObject({ sum: 2 })
  })

  it('store-162 the totals of midnight move on once a day and leave out the topics of the broker itself', () => {
    const sampled = new Sampled()
    sampled.stats.incPut('T', 3, 1)
    sampled.stats.incPut('SELF_TEST_TOPIC', 5, 1)
    sampled.stats.incGroupGet('G', 'T', 2, 1)
    expect(sampled.stats.userPutNums).toBe(3)
    sampled.pass(11 * HOUR)
    expect(sampled.stats.mornings).toEqual({ putYesterday: 0, putToday: 0, getYesterday: 0, getToday: 0 })
    sampled.pass(2 * HOUR)
    expect(sampled.stats.mornings).toEqual({ putYesterday: 0, putToday: 3, getYesterday: 0, getToday: 2 })
    sampled.stats.incPut('T', 2, 1)
    sampled.pass(24 * HOUR)
    expect(sampled.stats.mornings).toEqual({ putYesterday: 3, putToday: 5, getYesterday: 2, getToday: 2 })
  })
})
