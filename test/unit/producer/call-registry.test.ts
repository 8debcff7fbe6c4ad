import { expect, it } from 'vitest'
import { MQClientException } from '../../../src/internal/errors.ts'
import { CallRegistry, type RegisteredCall } from '../../../src/producer/call-registry.ts'

it('giving up all calls reaches those behind one that ends by itself', () => {
  const registry = new CallRegistry()
  const givenUp: string[] = []
  const call = (name: string, ends: boolean): RegisteredCall => {
    const made: RegisteredCall = {
      previousCall: undefined,
      nextCall: undefined,
      giveUp() {
        givenUp.push(name)
        if (ends) registry.remove(made)
      }
    }
    registry.add(made)
    return made
  }
  call('being answered', false)
  call('first', true)
  call('second', true)
  registry.giveUpAll(() => new MQClientException('shut down'))
  expect(givenUp).toEqual(['being answered', 'first', 'second'])
  expect(registry.size).toBe(1)
})
