import { describe, expect, it } from 'vitest'
import { parseSubscription, tagsFilter } from '../../../src/broker/client/subscription.ts'
import { javaHashCode } from '../../../src/protocol/java-hash.ts'

describe('tag subscriptions', () => {
  it('reads tags between || and passes their hashes only', () => {
    const filter = tagsFilter(parseSubscription('T', ' a|| b ||', 'TAG'))!
    expect([filter(javaHashCode('a')), filter(javaHashCode('b')), filter(javaHashCode('c'))]).toEqual([true, true, false])
  })

  it.each([['*'], [''], [undefined]])('%s passes everything', (expression) => {
    expect(tagsFilter(parseSubscription('T', expression, undefined))).toBeUndefined()
  })

  it.each([
    ['||', 'TAG'],
    ['', 'SQL92']
  ])('"%s" of type %s is no subscription', (expression, type) => {
    expect(() => parseSubscription('T', expression, type)).toThrow()
  })
})
