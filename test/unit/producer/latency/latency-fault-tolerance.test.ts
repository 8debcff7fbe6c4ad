import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { LatencyFaultTolerance } from '../../../../src/producer/latency/latency-fault-tolerance.ts'

function rig() {
  const clock = new HeldClock()
  const faults = new LatencyFaultTolerance({ clock, logger: silentLogger, detectTimeout: 200, detectInterval: 2000 })
  return { clock, faults }
}

describe('latency fault tolerance', () => {
  it('producer-40 a broker set aside for 3 s is avoided, one of 50 ms is soon back, a removed one is available at once', async () => {
    const { clock, faults } = rig()
    faults.updateFaultItem('a', 3000, 3000, true)
    faults.updateFaultItem('b', 100, 50, true)
    expect([faults.isAvailable('a'), faults.isAvailable('b'), faults.isAvailable('unknown')]).toEqual([false, false, true])
    await clock.advance(50)
    expect([faults.isAvailable('a'), faults.isAvailable('b')]).toEqual([false, true])
    faults.remove('a')
    expect(faults.isAvailable('a')).toBe(true)
  })

  it('a good send afterwards does not shorten the time, and a worse one extends it', async () => {
    const { clock, faults } = rig()
    faults.updateFaultItem('a', 600, 2000, true)
    faults.updateFaultItem('a', 1, 0, true)
    expect([faults.isAvailable('a'), faults.latency('a')]).toEqual([false, 1])
    faults.updateFaultItem('a', 3000, 6000, true)
    await clock.advance(5999)
    expect(faults.isAvailable('a')).toBe(false)
    await clock.advance(1)
    expect(faults.isAvailable('a')).toBe(true)
  })

  it('producer-41 an unreachable broker is known as such, and what is picked is known and reachable', () => {
    const { faults } = rig()
    expect(faults.pickOneAtLeast()).toBeUndefined()
    faults.updateFaultItem('a', 10_000, 10_000, false)
    faults.updateFaultItem('b', 10_000, 10_000, true)
    expect([faults.isReachable('a'), faults.isReachable('b'), faults.isReachable('unknown')]).toEqual([false, true, true])
    for (let i = 0; i < 20; i++) expect(faults.pickOneAtLeast()).toBe('b')
  })

  it('producer-41 the detector asks unreachable brokers again, each in its turn, and forgets those without an address', async () => {
    const { clock, faults } = rig()
    const asked: string[] = []
    const addresses: Record<string, string | undefined> = { a: 'a:1', b: 'b:1' }
    let answers = false
    faults.startDetector({
      resolve: (name) => addresses[name],
      detect: async (addr, timeoutMillis) => {
        asked.push(`${addr} ${timeoutMillis}`)
        return answers
      }
    })
    faults.updateFaultItem('a', 10_000, 10_000, false)
    faults.updateFaultItem('b', 10, 0, true)
    await clock.advance(2999)
    expect(asked).toEqual([])
    await clock.advance(1)
    expect(asked).toEqual(['a:1 200'])
    answers = true
    await clock.advance(3000)
    expect([faults.isReachable('a'), asked.length]).toEqual([true, 2])
    await clock.advance(3000)
    expect(asked).toHaveLength(2)
    addresses['b'] = undefined
    await clock.advance(3000)
    expect(faults.size).toBe(1)
    faults.shutdown()
    expect(clock.timers).toBe(0)
    await clock.advance(10_000)
    expect(asked).toHaveLength(2)
  })

  it('producer-72 one probe that is not answered holds up no other, and a failing one ends nothing', async () => {
    const { clock, faults } = rig()
    faults.updateFaultItem('silent', 10_000, 10_000, false)
    faults.updateFaultItem('there', 10_000, 10_000, false)
    let rounds = 0
    faults.startDetector({
      resolve: (name) => {
        if (name === 'silent' && rounds++ === 0) throw new Error('no table')
        return name
      },
      detect: async (addr) => addr === 'there'
    })
    await clock.advance(3000)
    expect(faults.isReachable('there')).toBe(false)
    await clock.advance(3000)
    expect([faults.isReachable('there'), faults.isReachable('silent')]).toEqual([true, false])
    faults.shutdown()
  })
})
