import { describe, expect, it } from 'vitest'
import { BackPressure } from '../../../src/producer/back-pressure.ts'

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
    const limits = new BackPressure(10, 100)
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
    const limits = new BackPressure(10, 100)
    const served: string[] = []
    limits.tryAcquire(60)
    const large = waiter(limits, 50, served, 'large')
    waiter(limits, 40, served, 'small')
    large.settled = true
    limits.forget()
    expect(served).toEqual(['small'])
  })

  it('a body above the limit passes alone', () => {
    const limits = new BackPressure(10, 100)
    expect(limits.tryAcquire(500)).toBe(true)
    expect(limits.tryAcquire(1)).toBe(false)
    limits.release(500)
    expect(limits.tryAcquire(1)).toBe(true)
  })

  it('twenty thousand waiters that end at once need no deep stack', () => {
    const limits = new BackPressure(1, 1000)
    const served: string[] = []
    limits.tryAcquire(1)
    for (let i = 0; i < 20_000; i++) waiter(limits, 1, served, 'x', true)
    limits.release(1)
    expect(served).toHaveLength(20_000)
    expect([limits.messages, limits.bytes]).toEqual([0, 0])
  })

  it('producer-9 the limit may change while sends are under way', () => {
    const limits = new BackPressure(10, 1000)
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
