import { describe, expect, it } from 'vitest'
import { BodySlab } from '../../../src/producer/body-slab.ts'

describe('body slab', () => {
  it('copies keep their bytes whatever happens to the original and to other copies', () => {
    const slab = new BodySlab()
    const copies: Array<{ copy: Buffer; fill: number }> = []
    for (let i = 0; i < 300; i++) {
      const original = Buffer.alloc((i * 37) % 20_000, i & 0xff)
      copies.push({ copy: slab.copy(original), fill: i & 0xff })
      original.fill(0xee)
    }
    for (const { copy, fill } of copies) expect(copy.equals(Buffer.alloc(copy.length, fill))).toBe(true)
  })
})
