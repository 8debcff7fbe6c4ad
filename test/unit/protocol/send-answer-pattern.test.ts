import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'

interface Answer {
  code?: number
  fields: Record<string, string>
  opaque: number
  more?: Record<string, unknown>
}

/** As a 5.3.3 broker writes it. */
function header({ code = 0, fields, opaque, more = {} }: Answer): string {
  return JSON.stringify({
    code,
    extFields: fields,
    flag: 1,
    language: 'JAVA',
    opaque,
    serializeTypeCurrentRPC: 'JSON',
    version: 479,
    ...more
  })
}

function decode(text: string): RemotingCommand {
  const bytes = Buffer.from(text)
  const frame = Buffer.concat([Buffer.alloc(8), bytes])
  frame.writeInt32BE(4 + bytes.length, 0)
  frame.writeInt32BE(bytes.length, 4)
  return RemotingCommand.decode(frame, 0, frame.length)
}

const fieldsOf = (queueId: string, queueOffset: string, msgId: string): Record<string, string> => ({
  queueId,
  TRACE_ON: 'true',
  MSG_REGION: 'DefaultRegion',
  msgId,
  queueOffset
})

describe('answers to sends', () => {
  it('an answer like the one before is read without a map, and the map is there when asked for', () => {
    decode(header({ fields: fieldsOf('0', '1', 'A1'), opaque: 1 }))
    const second = decode(
      header({ fields: fieldsOf('3', '123456789012', '7F00000100002A9F0000000000001234'), opaque: 2147483647 })
    )
    expect(second.sendAnswer).toMatchObject({
      queueId: 3,
      queueOffset: 123456789012,
      msgId: '7F00000100002A9F0000000000001234',
      transactionId: undefined,
      regionId: 'DefaultRegion',
      traceOn: 'true'
    })
    expect(second).toMatchObject({ code: 0, opaque: 2147483647, flag: 1, version: 479, remark: undefined })
    expect(second.hasExtFields).toBe(true)
    expect({ ...second.extFields }).toEqual(fieldsOf('3', '123456789012', '7F00000100002A9F0000000000001234'))
    expect(second.sendAnswer).toBeUndefined()
  })

  it('two brokers that answer by turns, with and without a transaction id', () => {
    for (let i = 0; i < 6; i++) {
      const fields: Record<string, string> = { ...fieldsOf(String(i), '7', `B${i}`), MSG_REGION: i % 2 === 0 ? 'east' : 'west' }
      if (i % 2 === 0) fields['transactionId'] = `T${i}`
      const command = decode(header({ fields, opaque: i }))
      expect(command.opaque).toBe(i)
      expect({ ...command.extFields }).toEqual(fields)
    }
  })

  it('property: whatever differs is read as a header without any before it would be', () => {
    const number = fc.oneof(fc.nat(9), fc.nat(2 ** 31 - 1), fc.integer()).map(String)
    const odd = fc.constantFrom('', '-1', '007', '1e3', '12345678901234567890', 'x', ' 5', '"', '\\', 'é', 'a"b', '5"')
    const text = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('7F00000100002A9F', '"opaque":7', '"msgId":"x"'))
    const answer = fc.record({
      code: fc.constantFrom(0, 0, 0, 10, 1, -1),
      opaque: fc.oneof(fc.nat(100), fc.integer()),
      queueId: fc.oneof(number, odd),
      queueOffset: fc.oneof(number, odd),
      msgId: text,
      extra: fc.option(fc.tuple(fc.constantFrom('transactionId', 'batchUniqId', 'recallHandle', 'opaque', 'x'), text), {
        nil: undefined
      }),
      remark: fc.option(text, { nil: undefined })
    })
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 8 }), (answers) => {
        for (const { code, opaque, queueId, queueOffset, msgId, extra, remark } of answers) {
          const fields = fieldsOf(queueId, queueOffset, msgId)
          if (extra !== undefined) fields[extra[0]] = extra[1]
          const command = decode(header({ code, fields, opaque, ...(remark === undefined ? {} : { more: { remark } }) }))
          expect({ ...command.extFields }).toEqual(fields)
          expect([command.code, command.opaque, command.flag, command.version]).toEqual([code, opaque, 1, 479])
          expect(command.remark).toBe(remark)
        }
      }),
      { numRuns: 500 }
    )
  })

  it('a header that is cut short or goes on is refused, also when it begins like the pattern', () => {
    const good = header({ fields: fieldsOf('1', '2', 'C'), opaque: 5 })
    decode(good)
    for (const bad of [good.slice(0, -1), `${good}}`, good.replace('"queueId":"1"', '"queueId":"1'), good.slice(0, 40)]) {
      expect(() => decode(bad)).toThrow('not valid JSON')
    }
  })
})
