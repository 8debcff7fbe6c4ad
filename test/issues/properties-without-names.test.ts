import { describe, expect, it } from 'vitest'
import { StoredProperties } from '../../src/broker/send/stored-properties.ts'

describe('properties of very many entries without a name', () => {
  it('are read in time that grows with their length, not with its square', () => {
    const text = `${'\u0002'.repeat(4_000_000)}a\u0001b\u0002`
    const begin = performance.now()
    expect([...new StoredProperties(text).map]).toEqual([['a', 'b']])
    expect(performance.now() - begin).toBeLessThan(2000)
  })
})
