import { expect, test } from 'vitest'
import { GuardedEmitter } from '../../../src/internal/guarded-emitter.ts'

interface Events {
  tick: (count: number) => void
}

test('a listener that throws or rejects is reported, and the others are called', async () => {
  const reported: unknown[] = []
  const emitter = new GuardedEmitter<Events>((error) => reported.push(error))
  const seen: number[] = []
  const [thrown, rejected] = [new Error('thrown'), new Error('rejected')]
  emitter.on('tick', () => {
    throw thrown
  })
  emitter.on('tick', async () => {
    throw rejected
  })
  emitter.addListener('tick', (count) => void seen.push(count))
  expect(emitter.emit('tick', 1)).toBe(true)
  await new Promise((resolve) => setImmediate(resolve))
  expect([seen, reported]).toEqual([[1], [thrown, rejected]])
})

test('listeners can be taken off again, run once, and keep their context', () => {
  const emitter = new GuardedEmitter<Events>(() => {})
  const seen: number[] = []
  const listener = (count: number): void => void seen.push(count)
  emitter.on('tick', listener).once('tick', listener)
  emitter.emit('tick', 1)
  emitter.emit('tick', 2)
  emitter.off('tick', listener)
  emitter.emit('tick', 3)
  expect([seen, emitter.listenerCount('tick')]).toEqual([[1, 1, 2], 0])
  const owner = { total: 0 }
  function add(this: typeof owner, count: number): void {
    this.total += count
  }
  emitter.on('tick', add, owner)
  emitter.emit('tick', 5)
  emitter.removeListener('tick')
  emitter.emit('tick', 5)
  expect(owner.total).toBe(5)
})
