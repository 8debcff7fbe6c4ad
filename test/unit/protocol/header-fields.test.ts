import { describe, expect, it } from 'vitest'
import { RequestCode, ResponseCode, requestCodeName, responseCodeName } from '../../../src/protocol/codes.ts'
import { emptyExtFields } from '../../../src/protocol/ext-fields.ts'
import {
  booleanField,
  clampedLong,
  optionalInt,
  optionalLong,
  requiredInt,
  requiredLong,
  requiredText
} from '../../../src/protocol/header-fields.ts'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { isInherited, isReadable, isWriteable } from '../../../src/protocol/perm.ts'
import { RemotingCommand, SerializeType } from '../../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader } from '../../../src/protocol/send-message-header.ts'
import { FORBIDDEN_TOPICS, isSystemTopic } from '../../../src/protocol/topics.ts'
import { probes } from '../../golden/load.ts'

const fieldsOf = (fields: Record<string, string>): Record<string, string> => Object.assign(emptyExtFields(), fields)
const badField = (text: string): unknown => expect.objectContaining({ code: 'BAD_FIELD', message: expect.stringContaining(text) })

describe('header fields', () => {
  it("read numbers by Java's rules", () => {
    const fields = fieldsOf({ a: '12', b: '-7', c: '+7', d: '-2147483648', e: '9007199254740991', f: '', g: 'TRUE', h: '0012' })
    expect([requiredInt(fields, 'a'), requiredInt(fields, 'b'), requiredInt(fields, 'c'), requiredInt(fields, 'd')]).toEqual([
      12,
      -7,
      7,
      -(2 ** 31)
    ])
    expect(requiredInt(fields, 'h')).toBe(12)
    expect(requiredLong(fields, 'e')).toBe(2 ** 53 - 1)
    expect([optionalInt(fields, 'f'), optionalInt(fields, 'x'), optionalLong(fields, 'f')]).toEqual([
      undefined,
      undefined,
      undefined
    ])
    expect([
      booleanField(fields, 'g'),
      booleanField(fields, 'a'),
      booleanField(fields, 'x'),
      booleanField(fields, 'x', true)
    ]).toEqual([true, false, false, true])
  })

  it('name the field that is missing or no number', () => {
    for (const text of ['abc', '1.5', ' 1', '1e3', '0x10', '2147483648', '-2147483649', '99999999999999999999', '--1', '-']) {
      expect(() => requiredInt(fieldsOf({ queueId: text }), 'queueId')).toThrow(badField('queueId is not a 32-bit integer'))
      expect(() => optionalInt(fieldsOf({ queueId: text }), 'queueId')).toThrow(badField('queueId'))
    }
    expect(() => requiredLong(fieldsOf({ offset: '9007199254740992' }), 'offset')).toThrow(badField('offset'))
    expect(() => requiredInt(fieldsOf({ a: '' }), 'a')).toThrow(badField('a is missing'))
    expect(() => requiredText(fieldsOf({}), 'topic')).toThrow(badField('topic is missing'))
    expect(() => requiredText(fieldsOf({}), 'toString')).toThrow(badField('toString is missing'))
  })

  it('clamp the one field in which clients send Long.MAX_VALUE', () => {
    expect(clampedLong(fieldsOf({ endTimestamp: '9223372036854775807' }), 'endTimestamp')).toBe(Number.MAX_SAFE_INTEGER)
    expect(() => clampedLong(fieldsOf({ endTimestamp: 'x' }), 'endTimestamp')).toThrow(badField('endTimestamp'))
  })
})

describe('send headers', () => {
  const decode = (name: string): (() => unknown) => {
    const frame = Buffer.from(probes().find((probe) => probe.name === name)?.requestHex ?? '', 'hex')
    return () => decodeSendMessageRequestHeader(RemotingCommand.decode(frame, 0, frame.length))
  }

  it('are refused where a live broker answers a send with an exception, and read where it stores', () => {
    const names = probes().filter(({ name }) =>
      /^send-(v\d-(missing|bad|empty|numeric|bname|binary|n)|no-ext|empty-ext|v2$)/.test(name)
    )
    expect(names.length).toBeGreaterThan(14)
    for (const { name, responseHex } of names) {
      const answer = Buffer.from(responseHex ?? '', 'hex')
      const { code } = RemotingCommand.decode(answer, 0, answer.length)
      if (code === 0) expect(decode(name), name).not.toThrow()
      else expect(decode(name), name).toThrow(expect.objectContaining({ code: 'BAD_FIELD' }))
    }
    expect(decode('x6/exception-binary-send')).toThrow(badField('e is missing'))
  })

  it('read the same from JSON and from the undecoded binary map', () => {
    const values = fieldsOf({
      a: 'g',
      b: 'T',
      c: 'TBW102',
      d: '8',
      e: '-1',
      f: '1',
      g: '1795366196681',
      h: '-5',
      i: 'k\u0001é\u0002',
      j: '2',
      k: 'True',
      l: '16',
      m: 'true',
      n: 'b',
      zz: 'x'
    })
    const read = (serializeType: number): unknown => {
      const frame = frameToBuffer(RemotingCommand.request(310, values, undefined, serializeType))
      return decodeSendMessageRequestHeader(RemotingCommand.decode(frame, 0, frame.length))
    }
    expect(read(SerializeType.ROCKETMQ)).toEqual(read(SerializeType.JSON))
    expect(read(SerializeType.ROCKETMQ)).toMatchObject({
      queueId: -1,
      flag: -5,
      unitMode: true,
      batch: true,
      properties: 'k\u0001é\u0002',
      brokerName: 'b'
    })
    for (const name of ['b', 'e', 'f', 'g', 'h']) {
      const { [name]: _, ...rest } = values
      const frame = frameToBuffer(RemotingCommand.request(310, fieldsOf(rest), undefined, SerializeType.ROCKETMQ))
      expect(() => decodeSendMessageRequestHeader(RemotingCommand.decode(frame, 0, frame.length))).toThrow(
        badField(`${name} is missing`)
      )
    }
    for (const [name, value] of [
      ['e', '2147483648'],
      ['g', '9007199254740992'],
      ['h', 'x'],
      ['l', '1.5']
    ] as const) {
      const frame = frameToBuffer(
        RemotingCommand.request(310, fieldsOf({ ...values, [name]: value }), undefined, SerializeType.ROCKETMQ)
      )
      expect(() => decodeSendMessageRequestHeader(RemotingCommand.decode(frame, 0, frame.length))).toThrow(
        badField(`field ${name} `)
      )
    }
  })
})

describe('well-known names', () => {
  it('codes have their names both ways', () => {
    expect(requestCodeName(RequestCode.SEND_MESSAGE_V2)).toBe('SEND_MESSAGE_V2')
    expect(requestCodeName(-5)).toBe('-5')
    expect(responseCodeName(ResponseCode.TOPIC_NOT_EXIST)).toBe('TOPIC_NOT_EXIST')
    expect(responseCodeName(999)).toBe('999')
    for (const codes of [RequestCode, ResponseCode]) expect(new Set(Object.values(codes)).size).toBe(Object.keys(codes).length)
  })

  it('topics and permissions', () => {
    expect([...FORBIDDEN_TOPICS].every(isSystemTopic)).toBe(true)
    expect(['TBW102', 'rmq_sys_anything', 'Orders'].map(isSystemTopic)).toEqual([true, true, false])
    expect([6, 7, 4].map((perm) => [isReadable(perm), isWriteable(perm), isInherited(perm)])).toEqual([
      [true, true, false],
      [true, true, true],
      [true, false, false]
    ])
  })
})
