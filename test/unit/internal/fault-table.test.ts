import { expect, test } from 'vitest'
import { FaultTable } from '../../../src/internal/fault-table.ts'

test('a row strikes when all fields it names agree, as often as it says', () => {
  const table = new FaultTable()
  const row = table.add({ when: { point: 'request', code: 310, topic: 'A' }, then: { kind: 'drop' }, times: 2 })
  expect(table.strike({ point: 'request', code: 310, topic: 'B' })).toBeUndefined()
  expect(table.strike({ point: 'response', code: 310, topic: 'A' })).toBeUndefined()
  expect(table.strike({ point: 'request', code: 310, topic: 'A' })?.action).toEqual({ kind: 'drop' })
  expect(table.strike({ point: 'request', code: 310, topic: 'A' })).toBeDefined()
  expect(table.strike({ point: 'request', code: 310, topic: 'A' })).toBeUndefined()
  expect([row.hits, table.empty]).toEqual([2, true])
})

test('nth strikes once, at that matching event; probability asks the source of chance', () => {
  const table = new FaultTable(() => 0.5)
  table.add({ when: { code: 1, nth: 2 }, then: { kind: 'drop' } })
  expect([1, 2, 3].map(() => table.strike({ point: 'request', code: 1 }) !== undefined)).toEqual([false, true, false])
  table.clear()
  table.add({ when: { probability: 0.5 }, then: { kind: 'drop' } })
  expect(table.strike({ point: 'append' })).toBeUndefined()
  table.add({ when: { probability: 0.6 }, then: { kind: 'drop' } })
  expect(table.strike({ point: 'append' })).toBeDefined()
})

test('fired() resolves at the wanted count, and rejects when aborted', async () => {
  const table = new FaultTable()
  const row = table.add({ when: {}, then: { kind: 'drop' } })
  const twice = row.fired(2)
  const controller = new AbortController()
  const aborted = row.fired(3, { signal: controller.signal })
  table.strike({ point: 'request' })
  table.strike({ point: 'request' })
  await twice
  controller.abort(new Error('no longer wanted'))
  await expect(aborted).rejects.toThrow('no longer wanted')
})

test('release lets go what a hold fault holds, also through clear', async () => {
  const table = new FaultTable()
  const row = table.add({ when: { point: 'flush' }, then: { kind: 'hold' } })
  const first = table.strike({ point: 'flush' })
  row.release()
  await first?.released
  expect(table.empty).toBe(true)
  table.add({ when: { point: 'flush' }, then: { kind: 'hold' } })
  const second = table.strike({ point: 'flush' })
  table.clear()
  await second?.released
})
