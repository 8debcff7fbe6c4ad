import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BrokerProperties, StoredProperties } from '../../../src/broker/send/stored-properties.ts'
import { decodeProperties, encodeProperties } from '../../../src/protocol/properties.ts'

const sorted = (text: string): string[] => text.split('\u0002').sort()

describe('stored properties', () => {
  it('keeps the text of a clean header and puts additions behind it', () => {
    const properties = new BrokerProperties('DefaultRegion', true, 'DefaultCluster').rebuild('TAGS\u0001A\u0002KEYS\u0001k\u0002')
    expect(properties.text).toBe(
      'TAGS\u0001A\u0002KEYS\u0001k\u0002MSG_REGION\u0001DefaultRegion\u0002TRACE_ON\u0001true\u0002CLUSTER\u0001DefaultCluster\u0002'
    )
  })

  it('restores the last separator that 4.9.8 leaves out', () => {
    const properties = new StoredProperties('a\u0001b')
    properties.set('c', 'd')
    expect(properties.text).toBe('a\u0001b\u0002c\u0001d\u0002')
  })

  it('the broker’s own names replace what a client sent, POP_CK is dropped, and the last of several entries wins', () => {
    const broker = new BrokerProperties('r', false, 'c')
    const properties = broker.rebuild(
      'CLUSTER\u0001mine\u0002POP_CK\u00011 2\u0002a\u00011\u0002a\u00012\u0002TRACE_ON\u0001true\u0002'
    )
    expect(sorted(properties.text)).toEqual(
      sorted('CLUSTER\u0001c\u0002a\u00012\u0002TRACE_ON\u0001false\u0002MSG_REGION\u0001r\u0002')
    )
  })

  it.each([
    ['no separator', 'abc\u0002a\u0001b\u0002', 'a\u0001b\u0002'],
    ['no value', 'a\u0001\u0002b\u0001c\u0002', 'b\u0001c\u0002'],
    ['no name', '\u0001v\u0002b\u0001c\u0002', 'b\u0001c\u0002'],
    ['empty entries', '\u0002\u0002b\u0001c\u0002', 'b\u0001c\u0002'],
    ['garbage at the end', 'b\u0001c\u0002garbage', 'b\u0001c\u0002'],
    ['nothing', '', '']
  ])('entries that Java drops are dropped: %s', (_name, given, kept) => {
    expect(new StoredProperties(given).text).toBe(kept)
  })

  it('text and map agree with decoding and encoding the map, whatever is set and deleted', () => {
    const part = fc.array(fc.constantFrom('a', 'b', '\u0001', '\u0002'), { maxLength: 3 }).map((letters) => letters.join(''))
    const change = fc.record({ name: fc.constantFrom('a', 'b', 'x'), value: fc.constantFrom('1', '22'), remove: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        fc.array(change, { maxLength: 4 }),
        (text, changes) => {
          const map = decodeProperties(text)
          const properties = new StoredProperties(text)
          for (const { name, value, remove } of changes) {
            if (remove) {
              map.delete(name)
              properties.delete(name)
            } else {
              map.set(name, value)
              properties.set(name, value)
            }
          }
          expect(new Map([...properties.map].sort())).toEqual(new Map([...map].sort()))
          expect(sorted(properties.text)).toEqual(sorted(encodeProperties(map)))
        }
      )
    )
  })
})
