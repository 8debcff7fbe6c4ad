import { describe, expect, it } from 'vitest'
import { BackPressure } from '../../../src/producer/back-pressure.ts'

const room = (maxMessages: number, maxBytes: number, maxWaiting = 1e6, maxWaitingBytes = 1e9): BackPressure =>
  new BackPressure({ maxMessages, maxBytes, maxWaiting, maxWaitingBytes })

function waiter(limits: BackPressure, weight: number, served: string[], name: string, ends = false) {
  const self = {
    weight,
    settled: false,
    onRoom() {
      served.push(name)
      if (ends) limits.release(weight)
    }
  }
  limits.wait(self)
  return self
}

describe('back-pressure', () => {
  it('serves waiters in the order they came; a large one at the head is not overtaken', () => {
    const limits = room(10, 100)
    const served: string[] = []
    expect(limits.tryAcquire(60)).toBe(true)
    expect(limits.tryAcquire(30)).toBe(true)
    expect(limits.tryAcquire(20)).toBe(false)
    waiter(limits, 50, served, 'large')
    waiter(limits, 1, served, 'small')
    expect(limits.tryAcquire(1)).toBe(false)
    limits.release(30)
    expect(served).toEqual([])
    limits.release(60)
    expect(served).toEqual(['large', 'small'])
    expect([limits.messages, limits.bytes]).toEqual([2, 51])
  })

  it('passes over who gave up, and serves who stood behind', () => {
    const limits = room(10, 100)
    const served: string[] = []
    limits.tryAcquire(60)
    const large = waiter(limits, 50, served, 'large')
    waiter(limits, 40, served, 'small')
    large.settled = true
    limits.giveUp(50)
    expect(served).toEqual(['small'])
  })

  it('a body above the limit passes alone', () => {
    const limits = room(10, 100)
    expect(limits.tryAcquire(500)).toBe(true)
    expect(limits.tryAcquire(1)).toBe(false)
    limits.release(500)
    expect(limits.tryAcquire(1)).toBe(true)
  })

  it('twenty thousand waiters that end at once need no deep stack', () => {
    const limits = room(1, 1000)
    const served: string[] = []
    limits.tryAcquire(1)
    for (let i = 0; i < 20_000; i++) waiter(limits, 1, served, 'x', true)
    limits.release(1)
    expect(served).toHaveLength(20_000)
    expect([limits.messages, limits.bytes]).toEqual([0, 0])
  })

  it('net-N13 the line is bounded by messages and by bytes, one large body may wait alone', () => {
    const limits = room(1, 1000, 3, 100)
    const served: string[] = []
    limits.tryAcquire(1)
    expect(limits.wait({ weight: 500, settled: false, onRoom: () => served.push('large') })).toBe(true)
    expect(limits.wait({ weight: 1, settled: false, onRoom: () => {} })).toBe(false)
    limits.release(1)
    limits.release(500)
    limits.tryAcquire(1)
    const fits = [40, 40, 40, 20, 1].map((weight) => limits.wait({ weight, settled: false, onRoom: () => {} }))
    expect(fits).toEqual([true, true, false, true, false])
    expect([limits.waiting, limits.waitingBytes, served]).toEqual([3, 100, ['large']])
    expect(room(1, 1, 0).wait({ weight: 1, settled: false, onRoom: () => {} })).toBe(false)
  })

  it('net-N13 those who gave up behind a patient one free their places, and are not kept', async () => {
    const limits = room(1, 1000, 10, 1e6)
    limits.tryAcquire(1)
    const patient = waiter(limits, 1, [], 'patient')
    const collected = new FinalizationRegistry<number>(() => count++)
    let count = 0
    for (let i = 0; i < 5000; i++) {
      const impatient = waiter(limits, 1, [], String(i))
      collected.register(impatient, i)
      impatient.settled = true
      limits.giveUp(1)
      expect(limits.waiting).toBe(1)
    }
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(count).toBeGreaterThan(4800)
    expect(patient.settled).toBe(false)
  })

  it('producer-9 the limit may change while sends are under way', () => {
    const limits = room(10, 1000)
    const served: string[] = []
    for (let i = 0; i < 10; i++) limits.tryAcquire(1)
    for (let i = 0; i < 5; i++) waiter(limits, 1, served, String(i))
    limits.maxMessages = 13
    expect(served).toEqual(['0', '1', '2'])
    limits.maxMessages = 12
    limits.release(1)
    expect(served).toHaveLength(3)
    limits.release(1)
    expect(served).toHaveLength(4)
    expect(limits.messages).toBe(12)
  })
})
