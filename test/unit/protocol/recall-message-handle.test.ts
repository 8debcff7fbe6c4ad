import { describe, expect, it } from 'vitest'
import { decodeRecallHandle, encodeRecallHandle } from '../../../src/protocol/recall-message-handle.ts'

const encoded = (text: string): string => Buffer.from(text).toString('base64url')

describe('recall handles', () => {
  it('producer-68 round-trip, in the form that a 5.3.3 broker gave', () => {
    const recorded = 'djEgVDY2MTk2IGJyb2tlci1hIDE3OTUzNjYyMDAwMDEgVE1tczE1MDA='
    const parts = { topic: 'T66196', brokerName: 'broker-a', timestamp: '1795366200001', messageId: 'TMms1500' }
    expect(decodeRecallHandle(recorded)).toEqual(parts)
    expect(encodeRecallHandle(parts)).toBe(recorded)
    expect(decodeRecallHandle(recorded.slice(0, -1))).toEqual(parts)
    for (const messageId of ['a', 'ab', 'abc', 'ü你']) {
      expect(decodeRecallHandle(encodeRecallHandle({ ...parts, messageId }))).toEqual({ ...parts, messageId })
    }
  })

  it.each([
    ['empty', ''],
    ['four items', encoded('v1 T broker-a 1')],
    ['an empty item at the end', encoded('v1 T broker-a 1 ')],
    ['another version', encoded('v2 T broker-a 1 U')],
    ['not base64', '!djEg'],
    ['of base64 of the other alphabet', '++//'],
    ['of an impossible length', 'djEgV'],
    ['padded wrongly', `${encoded('v1 T broker-a 1 UU')}==`]
  ])('producer-68 one that is %s is refused', (_, handle) => {
    expect(() => decodeRecallHandle(handle)).toThrow('recall handle is invalid')
  })
})
