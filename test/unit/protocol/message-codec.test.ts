import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { RemotingCommandException } from '../../../src/internal/errors.ts'
import { decodeBatch, encodeBatch } from '../../../src/protocol/batch-codec.ts'
import { hostAddress } from '../../../src/protocol/host-address.ts'
import {
  decodeMessage,
  decodeMessages,
  MAGIC_AT,
  MESSAGE_MAGIC_V1,
  MESSAGE_MAGIC_V2,
  type StoredMessageFields,
  storedMessageLength,
  writeStoredMessage
} from '../../../src/protocol/message-codec.ts'
import { wireVectors } from '../../golden/load.ts'

const fields: StoredMessageFields = {
  topic: 'T',
  body: Buffer.from('body'),
  propertiesString: '',
  queueId: 1,
  flag: 2,
  queueOffset: 3,
  physicalOffset: 4,
  sysFlag: 0,
  bornTimestamp: 5,
  bornHost: hostAddress('127.0.0.1', 1000),
  storeTimestamp: 6,
  storeHost: hostAddress('127.0.0.1', 2000),
  reconsumeTimes: 0,
  preparedTransactionOffset: -1
}

function record(change: Partial<StoredMessageFields>): Buffer {
  const all = { ...fields, ...change }
  const bytes = Buffer.alloc(storedMessageLength(all))
  expect(writeStoredMessage(bytes, 0, all)).toBe(bytes.length)
  return bytes
}

describe('stored messages', () => {
  it('wire-W12 count the topic in bytes: up to 127 the v1 form, above it the v2 form', () => {
    for (const [topic, magic] of [
      ['x'.repeat(127), MESSAGE_MAGIC_V1],
      ['x'.repeat(128), MESSAGE_MAGIC_V2],
      [`${'队'.repeat(42)}x`, MESSAGE_MAGIC_V1],
      [`${'队'.repeat(42)}xy`, MESSAGE_MAGIC_V2],
      ['队'.repeat(10_922), MESSAGE_MAGIC_V2]
    ] as const) {
      const bytes = record({ topic, propertiesString: 'a\u0001b\u0002' })
      expect(bytes.readInt32BE(MAGIC_AT)).toBe(magic)
      const message = decodeMessage(bytes)
      expect(message.topic).toBe(topic)
      expect(message.properties.get('a')).toBe('b')
    }
    expect(() => record({ topic: '队'.repeat(10_923) })).toThrow('topic has 32769 bytes')
  })

  it('wire-W12 count properties in bytes, and never write a negative length', () => {
    const most = `k\u0001${'队'.repeat(10_921)}\u0002`
    expect(Buffer.byteLength(most)).toBe(32_766)
    expect(decodeMessage(record({ propertiesString: most })).properties.get('k')).toBe('队'.repeat(10_921))
    expect(decodeMessage(record({ propertiesString: `${most}\u0002` })).storeSize).toBe(
      record({ propertiesString: `${most}\u0002` }).length
    )
    for (const tooLong of [`${most}xx`, 'x'.repeat(32_768), 'x'.repeat(65_536 + 5)]) {
      expect(() => record({ propertiesString: tooLong })).toThrow(RemotingCommandException)
      expect(() => record({ propertiesString: tooLong })).toThrow('at most 32767')
    }
  })

  it('hold IPv6 hosts, and say so whatever the flag said', () => {
    const message = decodeMessage(
      record({ bornHost: hostAddress('::1', 9), storeHost: hostAddress('[2001:db8::5]', 10_911), sysFlag: 0 })
    )
    expect(message.bornHost).toMatchObject({ host: '0:0:0:0:0:0:0:1', port: 9 })
    expect(message.storeHost).toMatchObject({ host: '2001:db8:0:0:0:0:0:5', port: 10_911 })
    expect(message.sysFlag).toBe(0x30)
    expect(message.offsetMsgId).toHaveLength(56)
    expect(decodeMessage(record({ sysFlag: 0x30 })).sysFlag).toBe(0)
    expect(message.preparedTransactionOffset).toBe(-1)
  })

  it('take the client id as message id where there is one', () => {
    expect(decodeMessage(record({ propertiesString: 'UNIQ_KEY\u0001id\u0002' })).msgId).toBe('id')
    expect(decodeMessage(record({})).msgId).toBe('7F000001000007D00000000000000004')
  })

  it('decompress, and leave the type bits as Java does', () => {
    const body = deflateSync(Buffer.from('plain'))
    const bytes = record({ body, sysFlag: 0x301 })
    expect(decodeMessage(bytes)).toMatchObject({ body: Buffer.from('plain'), sysFlag: 0x300 })
    expect(decodeMessage(bytes, 0, { decompressBody: false })).toMatchObject({ body, sysFlag: 0x301 })
    expect(decodeMessage(bytes, 0, { readBody: false }).body).toHaveLength(0)
  })

  it.each([-1, 65_536])('a host with port %i is no address, as in Java', (port) => {
    const broken = { host: '127.0.0.1', port, bytes: Buffer.from([127, 0, 0, 1]) }
    expect(() => decodeMessage(record({ bornHost: broken }))).toThrow(`port ${port}`)
    expect(() => decodeMessage(record({ storeHost: broken }))).toThrow(`port ${port}`)
  })

  it('every cut and every lie in a length is a typed error', () => {
    const bytes = Buffer.from(wireVectors().storedMessages[2]?.encodedHex ?? '', 'hex')
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeMessage(bytes.subarray(0, size))).toThrow(RemotingCommandException)
    }
    for (let at = 0; at + 4 <= bytes.length; at++) {
      for (const value of [-1, 0x7fffffff, 0]) {
        const changed = Buffer.from(bytes)
        changed.writeInt32BE(value, at)
        try {
          decodeMessage(changed)
        } catch (error) {
          if (!(error instanceof RemotingCommandException)) throw error
        }
      }
    }
    const damaged = Buffer.concat([record({}), record({}).subarray(0, 50)])
    expect(() => decodeMessages(damaged)).toThrow(RemotingCommandException)
    const wrong = record({})
    wrong[84] = 0xff
    expect(() => decodeMessage(wrong, 0, { checkCRC: true })).toThrow(RemotingCommandException)
  })
})

describe('batch bodies', () => {
  const messages = ['one', 'two', 'three'].map((body, i) => ({
    body: Buffer.from(body),
    flag: i,
    properties: new Map([['n', String(i)]])
  }))
  const batch = encodeBatch(messages)

  it('wire-W10 whose sizes lie are refused whole, quickly', () => {
    const second = batch.readInt32BE(0)
    const at = { size: 0, bodyLength: 16, propertiesLength: 23 }
    const cases: Array<[number, number, 2 | 4]> = []
    for (const lie of [0, -1, 21, 23, 1000, -(2 ** 31), 2 ** 31 - 1]) cases.push([at.size, lie, 4], [second + at.size, lie, 4])
    for (const lie of [-1, 0, 2, 4, 1000, 2 ** 31 - 1]) cases.push([at.bodyLength, lie, 4], [second + at.bodyLength, lie, 4])
    for (const lie of [-1, 0, 1, 5, 32_767, -32_768])
      cases.push([at.propertiesLength, lie, 2], [second + at.propertiesLength, lie, 2])
    for (const [offset, lie, bytes] of cases) {
      const changed = Buffer.from(batch)
      changed.writeIntBE(lie, offset, bytes)
      expect(() => decodeBatch(changed), `${lie} at ${offset}`).toThrow(RemotingCommandException)
    }
    for (let size = 1; size < batch.length; size++) {
      if (size === second || size === second * 2) continue
      expect(() => decodeBatch(batch.subarray(0, size))).toThrow(expect.objectContaining({ code: 'MESSAGE_ILLEGAL' }))
    }
    expect(decodeBatch(batch)).toHaveLength(3)
    expect(decodeBatch(Buffer.alloc(0))).toEqual([])
  })

  it('wire-W10 of 100,000 messages, the last of which lies, are refused in 20 ms', () => {
    const item = batch.subarray(0, batch.readInt32BE(0))
    const many = Buffer.alloc(item.length * 100_000)
    for (let i = 0; i < 100_000; i++) item.copy(many, i * item.length)
    many.writeInt32BE(item.length + 1, item.length * 99_999)
    const refuse = (): number => {
      const started = performance.now()
      expect(() => decodeBatch(many)).toThrow('message 99999')
      return performance.now() - started
    }
    expect(Math.min(...Array.from({ length: 8 }, refuse))).toBeLessThan(20)
  })

  it('wire-W10 wire-W12 inner properties above 32,767 bytes are refused on both sides', () => {
    const long = new Map([['k', '队'.repeat(10_922)]])
    expect(() => encodeBatch([{ body: Buffer.from('x'), flag: 0, properties: long }])).toThrow(
      'message 0 of the batch have 32769 bytes'
    )
    const item = Buffer.alloc(22 + 1 + 40_000)
    item.writeInt32BE(item.length, 0)
    item.writeInt32BE(1, 16)
    item.writeUInt16BE(40_000, 21)
    expect(() => decodeBatch(item)).toThrow(RemotingCommandException)
  })
})
