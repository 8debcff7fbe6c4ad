import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'

/** A frame with a binary header; fields may come twice. */
function frameOf(fields: ReadonlyArray<readonly [string, string]>, { code = 0, flag = 1, remark = '', opaque = 7 } = {}): Buffer {
  const entries = fields.map(([name, value]) => {
    const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)]
    const entry = Buffer.alloc(6 + nameBytes.length + valueBytes.length)
    entry.writeInt16BE(nameBytes.length, 0)
    nameBytes.copy(entry, 2)
    entry.writeInt32BE(valueBytes.length, 2 + nameBytes.length)
    valueBytes.copy(entry, 6 + nameBytes.length)
    return entry
  })
  const map = Buffer.concat(entries)
  const head = Buffer.alloc(21 + Buffer.byteLength(remark))
  head.writeInt16BE(code, 0)
  head.writeInt16BE(479, 3)
  head.writeInt32BE(opaque, 5)
  head.writeInt32BE(flag, 9)
  head.writeInt32BE(Buffer.byteLength(remark), 13)
  head.write(remark, 17)
  head.writeInt32BE(map.length, head.length - 4)
  const frame = Buffer.concat([Buffer.alloc(8), head, map])
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeUInt32BE(((1 << 24) | (frame.length - 8)) >>> 0, 4)
  return frame
}

const decode = (frame: Buffer): RemotingCommand => RemotingCommand.decode(frame, 0, frame.length)

const ANSWER: ReadonlyArray<readonly [string, string]> = [
  ['msgId', '7F00000100002A9F0000000000001234'],
  ['queueId', '3'],
  ['queueOffset', '123456789012'],
  ['transactionId', 'T1'],
  ['MSG_REGION', 'DefaultRegion'],
  ['TRACE_ON', 'true']
]

describe('binary answers to sends', () => {
  it('are read without a map, and the map is there when asked for', () => {
    const command = decode(frameOf(ANSWER))
    expect(command.sendAnswer).toMatchObject({
      queueId: 3,
      queueOffset: 123456789012,
      msgId: '7F00000100002A9F0000000000001234',
      transactionId: 'T1',
      regionId: 'DefaultRegion',
      traceOn: 'true'
    })
    expect(command).toMatchObject({ code: 0, opaque: 7, flag: 1, version: 479 })
    expect(command.hasExtFields).toBe(true)
    expect({ ...command.extFields }).toEqual(Object.fromEntries(ANSWER))
    expect(command.sendAnswer).toBeUndefined()
  })

  it('of brokers with other regions, and without region, by turns', () => {
    for (const region of ['east', 'west', undefined, 'east', undefined]) {
      const fields = ANSWER.filter(([name]) => name !== 'MSG_REGION')
      const given = region === undefined ? fields : [...fields, ['MSG_REGION', region] as const]
      expect(decode(frameOf(given)).sendAnswer?.regionId).toBe(region)
      expect({ ...decode(frameOf(given)).extFields }).toEqual(Object.fromEntries(given))
    }
  })

  it.each([
    ['another code', ANSWER, { code: 10 }],
    ['a request', ANSWER, { flag: 0 }],
    ['a remark', ANSWER, { remark: 'well' }],
    ['no offset', ANSWER.filter(([name]) => name !== 'queueOffset'), {}],
    ['a field more', [...ANSWER, ['recallHandle', 'x'] as const], {}]
  ])('%s: read as any other', (_name, fields, more) => {
    const command = decode(frameOf(fields, more))
    expect(command.sendAnswer).toBeUndefined()
    expect({ ...command.extFields }).toEqual(Object.fromEntries(fields))
  })

  it('property: whatever the fields hold, the map is what it would be without this', () => {
    const number = fc.oneof(fc.nat(9), fc.nat(2 ** 31 - 1), fc.integer()).map(String)
    const odd = fc.constantFrom('', '-1', '007', '1e3', '12345678901234567890', '2147483648', 'x', ' 5', 'é')
    const value = fc.oneof(number, odd, fc.string({ maxLength: 20 }))
    const name = fc.constantFrom('msgId', 'queueId', 'queueOffset', 'transactionId', 'MSG_REGION', 'TRACE_ON', 'msgIe', '')
    const fields = fc.oneof(
      fc.array(fc.tuple(name, value), { maxLength: 8 }),
      fc
        .tuple(value, number, number)
        .map(([a, b, c]) => [['msgId', a] as const, ['queueId', b] as const, ['queueOffset', c] as const])
    )
    fc.assert(
      fc.property(fields, (given) => {
        // Of a request the map is always read in full.
        expect({ ...decode(frameOf(given)).extFields }).toEqual({ ...decode(frameOf(given, { flag: 0 })).extFields })
      })
    )
  })

  it('property: bytes that are no map are refused, or read, as without this', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (place, byte) => {
        const frame = frameOf(ANSWER)
        // Behind the header's own fields.
        frame[29 + (place % (frame.length - 29))] = byte
        const asRequest = Buffer.from(frame)
        asRequest.writeInt32BE(0, 8 + 9)
        const read = (bytes: Buffer): unknown => {
          try {
            return { ...decode(bytes).extFields }
          } catch (error) {
            return (error as Error).message
          }
        }
        expect(read(frame)).toEqual(read(asRequest))
      })
    )
  })
})
