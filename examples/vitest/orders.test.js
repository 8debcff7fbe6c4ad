import { describe, expect, vi } from 'vitest'
import { Orders } from './orders.js'
import { test } from './test-support.js'

test('a payment is announced', async ({ broker, producer }) => {
  const msgId = await new Orders(producer).pay('o-1')
  expect(broker).toHaveReceived('Orders', { msgId, tags: 'paid', keys: 'o-1', json: { id: 'o-1', state: 'paid' } })
})

test('each test has a broker of its own', ({ broker }) => {
  expect(broker).toHaveReceivedTimes('Orders', 0)
})

describe.concurrent('tests that run at the same time do not meet', () => {
  for (const id of ['o-1', 'o-2', 'o-3']) {
    test(`only ${id}`, async ({ broker, producer, expect }) => {
      await new Orders(producer).pay(id)
      expect(broker).toHaveReceivedTimes('Orders', 1)
      expect(broker).toHaveReceived('Orders', { keys: id })
    })
  }
})

test('fake timers turn the application, and do not stop producer and broker', async ({ broker, producer }) => {
  vi.useFakeTimers()
  try {
    const orders = new Orders(producer)
    orders.remind('o-1')
    await orders.pay('o-1')
    expect(broker).not.toHaveReceived('Orders', { tags: 'reminder' })
    vi.advanceTimersByTime(86_400_000)
    await expect(broker).toReceive('Orders', { tags: 'reminder', keys: 'o-1' })
  } finally {
    vi.useRealTimers()
  }
})
