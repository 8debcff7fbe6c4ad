import { expect, test } from 'vitest'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { InFlightTable, OpaqueSequence, PendingRequest } from '../../../src/transport/in-flight-table.ts'

function add(table: InFlightTable, sequence: OpaqueSequence, start = 0): PendingRequest {
  const request = RemotingCommand.request(1)
  request.opaque = table.reserve(sequence)
  const pending = new PendingRequest(
    { onTimeout() {}, cancel: () => false },
    request,
    1000,
    () => {},
    0,
    start,
    start + 1,
    0,
    false
  )
  table.put(pending)
  return pending
}

test('wire-W8 the opaque wraps past 2^31-1 to 0 and skips one that is still pending', () => {
  const sequence = new OpaqueSequence(0)
  const table = new InFlightTable()
  const old = add(table, sequence)
  expect(old.opaque).toBe(0)
  const late = new OpaqueSequence(0x7ffffffe)
  expect([add(table, late).opaque, add(table, late).opaque]).toEqual([0x7ffffffe, 0x7fffffff])
  expect(add(table, late).opaque).toBe(1)
  expect(table.take(0)).toBe(old)
  expect(table.size).toBe(3)
})

test('a request leaves the table once; an opaque with the same low bits does not find it', () => {
  const table = new InFlightTable()
  const pending = add(table, new OpaqueSequence(5))
  expect(table.take(5 + 64)).toBeUndefined()
  expect(table.take(-1)).toBeUndefined()
  expect(table.take(5)).toBe(pending)
  expect(table.take(5)).toBeUndefined()
  expect(table.size).toBe(0)
})

test('tens of thousands in flight stay findable while some never end', () => {
  const table = new InFlightTable()
  const sequence = new OpaqueSequence(0x7fff0000)
  const all = Array.from({ length: 70_000 }, (_, i) => add(table, sequence, i))
  expect(new Set(all.map((pending) => pending.opaque)).size).toBe(70_000)
  expect(all.every((pending) => pending.opaque >= 0)).toBe(true)
  for (const pending of all.filter((_, i) => i % 7 !== 0)) expect(table.take(pending.opaque)).toBe(pending)
  expect(table.size).toBe(10_000)
  expect(table.takeAll().map((pending) => pending.start)).toEqual(Array.from({ length: 10_000 }, (_, i) => i * 7))
  expect(table.size).toBe(0)
})
