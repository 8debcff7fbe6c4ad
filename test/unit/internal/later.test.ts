import { describe, expect, it } from 'vitest'
import { Later } from '../../../src/internal/later.ts'

describe('a value that comes later', () => {
  it('is told to the first listener of each link within the call that brings it', () => {
    const later = new Later<number>()
    const seen: unknown[] = []
    void later.then((value) => value + 1).then((value) => seen.push(value))
    later.complete(1)
    expect(seen).toEqual([2])
  })

  it('comes once: the first one stands', async () => {
    const later = new Later<number>()
    later.complete(1)
    later.complete(2)
    expect(await later).toBe(1)
  })

  it('reaches every further listener, and those who come afterwards, as a promise’s does', async () => {
    const later = new Later<number>()
    const told = [later.then((value) => value), later.then((value) => value * 10), Promise.all([later, 7])]
    later.complete(1)
    expect(await Promise.all(told)).toEqual([1, 10, [1, 7]])
    expect(await later.then((value) => value * 100)).toBe(100)
    expect(await later.finally(() => {})).toBe(1)
  })

  it('what a listener throws, or the promise it returns fails with, goes to the next link that takes it; complete never throws', async () => {
    const later = new Later<number>()
    const thrown = later
      .then(() => {
        throw new Error('first')
      })
      .then(() => 'passed over')
      .then(undefined, (error: Error) => error.message)
    const rejected = later.then(() => Promise.reject(new Error('second'))).catch((error: Error) => error.message)
    const chained = new Later<number>()
    const direct = chained
      .then(() => Promise.reject(new Error('third')))
      .then(
        () => 'passed over',
        (error: Error) => error.message
      )
    later.complete(1)
    chained.complete(1)
    expect(await Promise.all([thrown, rejected, direct])).toEqual(['first', 'second', 'third'])
  })

  it('a listener’s promise is waited for', async () => {
    const later = new Later<number>()
    const next = later.then(async (value) => value + 1).then((value) => value + 1)
    later.complete(1)
    expect(await next).toBe(3)
  })

  it('an error that nobody listens to is unhandled, as a promise’s is', async () => {
    const unhandled = new Promise((resolve) => {
      const others = process.listeners('unhandledRejection')
      process.removeAllListeners('unhandledRejection')
      process.once('unhandledRejection', (error) => {
        for (const other of others) process.on('unhandledRejection', other)
        resolve(error)
      })
    })
    const later = new Later<number>()
    const error = new Error('lost')
    void later.then(() => {
      throw error
    })
    later.complete(1)
    expect(await unhandled).toBe(error)
  })
})
