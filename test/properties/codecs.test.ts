import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBatch, encodeBatch } from '../../src/protocol/batch-codec.ts'
import { emptyExtFields } from '../../src/protocol/ext-fields.ts'
import { FrameReader, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { scanJsonHeader } from '../../src/protocol/header-json-scan.ts'
import { addressText, hostAddress } from '../../src/protocol/host-address.ts'
import { decodeMessage, storedMessageLength, writeStoredMessage } from '../../src/protocol/message-codec.ts'
import { createOffsetMsgId, decodeOffsetMsgId } from '../../src/protocol/message-id.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { decodeProperties, encodeProperties } from '../../src/protocol/properties.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader, type SendMessageRequestHeader } from '../../src/protocol/send-message-header.ts'
import { headerFields, SendMessageRequest } from '../../src/protocol/send-message-request.ts'
import { SendMessageResponse } from '../../src/protocol/send-message-response.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const offset = fc.maxSafeNat()
const plainText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
// Whatever JavaScript holds as text, lone surrogates left out: UTF-8 has no room for them.
const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter((text) => Buffer.from(text).toString() === text)
const propertyText = plainText.filter((text) => !text.includes('\u0001') && !text.includes('\u0002'))
const properties = fc.uniqueArray(fc.tuple(propertyText, propertyText), { selector: ([name]) => name, maxLength: 6 })
const host = fc
  .tuple(fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })), fc.nat(65_535))
  .map(([bytes, port]) => hostAddress(addressText(bytes), port))
const body = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))

const header: fc.Arbitrary<SendMessageRequestHeader> = fc.record({
  producerGroup: anyText,
  topic: anyText,
  defaultTopic: anyText,
  defaultTopicQueueNums: int32,
  queueId: int32,
  sysFlag: int32,
  bornTimestamp: fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 }),
  flag: int32,
  properties: fc.oneof(
    properties.map((entries) => encodeProperties(new Map(entries))),
    anyText
  ),
  reconsumeTimes: int32,
  unitMode: fc.boolean(),
  maxReconsumeTimes: fc.option(int32, { nil: undefined }),
  batch: fc.boolean(),
  brokerName: fc.option(anyText, { nil: undefined })
})

describe('round trips', () => {
  it('commands, in both serializations', () => {
    const command = fc.record({
      code: fc.integer({ min: -32_768, max: 32_767 }),
      language: fc.nat(13),
      version: fc.integer({ min: 0, max: 32_767 }),
      opaque: int32,
      flag: fc.nat(3),
      remark: fc.option(anyText, { nil: undefined }),
      fields: fc.uniqueArray(fc.tuple(anyText, anyText), { selector: ([name]) => name, maxLength: 8 }),
      content: body,
      serializeType: fc.constantFrom(0, 1)
    })
    fc.assert(
      fc.property(command, ({ fields, content, serializeType, ...rest }) => {
        const extFields = emptyExtFields()
        for (const [name, value] of fields) extFields[name] = value
        const original = Object.assign(RemotingCommand.request(rest.code, extFields, content, serializeType), rest)
        expect(original.headerBound()).toBeGreaterThanOrEqual(frameToBuffer(original).length - 8 - content.length)
        const frame = frameToBuffer(original)
        const decoded = RemotingCommand.decode(frame, 0, frame.length)
        expect(decoded).toMatchObject(rest)
        expect(Object.entries(decoded.extFields).sort()).toEqual(fields.sort())
        expect(decoded.body ?? Buffer.alloc(0)).toEqual(content)
      })
    )
  })

  it('send requests: the direct encoder writes what the map would hold, and both readers read it', () => {
    fc.assert(
      fc.property(
        header,
        fc.constantFrom(310, 320, 325),
        fc.constantFrom(0, 1),
        int32,
        body,
        (value, code, serializeType, opaque, content) => {
          const request = new SendMessageRequest(code, value, { body: content }, { serializeType })
          request.opaque = opaque
          const target = Buffer.alloc(request.headerBound())
          const end = request.writeHeader(target, 0)
          expect(end).toBeLessThanOrEqual(target.length)
          const frame = frameToBuffer(request)
          const decoded = RemotingCommand.decode(frame, 0, frame.length)
          expect(decoded.opaque).toBe(opaque)
          expect(decodeSendMessageRequestHeader(decoded)).toEqual(value)
          const fields = Object.entries(headerFields(code, value)).filter(([, text]) => text !== '' || serializeType === 0)
          expect(Object.entries(decoded.extFields).sort()).toEqual(fields.sort())
          const command = frameToBuffer(request.toCommand())
          expect(decodeSendMessageRequestHeader(RemotingCommand.decode(command, 0, command.length))).toEqual(value)
        }
      )
    )
  })

  it('answers to sends: the direct encoder writes what the map would hold', () => {
    const fields = fc.record({
      msgId: anyText,
      queueId: int32,
      queueOffset: offset,
      transactionId: fc.option(anyText, { nil: undefined }),
      batchUniqId: fc.option(anyText, { nil: undefined }),
      recallHandle: fc.option(anyText, { nil: undefined }),
      regionId: anyText,
      traceOn: fc.boolean()
    })
    fc.assert(
      fc.property(
        fields,
        fc.constantFrom(0, 1),
        int32,
        fc.option(anyText, { nil: undefined }),
        (value, serializeType, opaque, remark) => {
          const answer = new SendMessageResponse({ opaque, serializeType }, 10, value, remark)
          const target = Buffer.alloc(answer.headerBound())
          expect(answer.writeHeader(target, 0)).toBeLessThanOrEqual(target.length)
          const direct = frameToBuffer(answer)
          const mapped = frameToBuffer(answer.toCommand())
          const [left, right] = [direct, mapped].map((bytes) => RemotingCommand.decode(bytes, 0, bytes.length)) as [
            RemotingCommand,
            RemotingCommand
          ]
          expect(Object.entries(left.extFields).sort()).toEqual(Object.entries(right.extFields).sort())
          expect(left).toMatchObject({ code: 10, opaque, flag: 1, remark, version: right.version, language: right.language })
        }
      )
    )
  })

  it('properties, stored messages, batches and ids', () => {
    const stored = fc.record({
      topic: plainText,
      body,
      queueId: int32,
      flag: int32,
      queueOffset: offset,
      physicalOffset: offset,
      sysFlag: fc.constantFrom(0, 4, 8, 12),
      bornTimestamp: offset,
      bornHost: host,
      storeTimestamp: offset,
      storeHost: host,
      reconsumeTimes: int32,
      preparedTransactionOffset: fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 })
    })
    fc.assert(
      fc.property(stored, properties, (fields, entries) => {
        const propertiesString = encodeProperties(new Map(entries))
        expect([...decodeProperties(propertiesString)]).toEqual(entries)
        const all = { ...fields, propertiesString }
        const bytes = Buffer.alloc(storedMessageLength(all))
        expect(writeStoredMessage(bytes, 0, all)).toBe(bytes.length)
        const message = decodeMessage(bytes, 0, { checkCRC: true })
        const { physicalOffset, sysFlag, ...same } = fields
        expect(message).toMatchObject({ ...same, commitLogOffset: physicalOffset })
        expect(message.sysFlag & ~0x30).toBe(sysFlag)
        expect([...message.properties]).toEqual(entries)
        expect(decodeOffsetMsgId(createOffsetMsgId(fields.storeHost, physicalOffset))).toEqual({
          host: fields.storeHost,
          offset: physicalOffset
        })
        const items = decodeBatch(encodeBatch([1, 2].map((flag) => ({ flag, body: fields.body, properties: new Map(entries) }))))
        expect(items).toEqual([1, 2].map((flag) => ({ flag, body: fields.body, propertiesString })))
      })
    )
  })
})

describe('two ways to the same', () => {
  it('a JSON header reads alike by scanning and by parsing', () => {
    const value = fc.oneof(
      anyText,
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('\\', '"', '\u0001', '\u001f\u007f', '')
    )
    const record = fc.record({
      code: int32,
      extFields: fc.option(fc.dictionary(value, value, { maxKeys: 6 }), { nil: undefined }),
      flag: int32,
      language: fc.constantFrom('JAVA', 'GO', 'NODE_JS', 'unknown'),
      opaque: int32,
      version: int32
    })
    let scans = 0
    fc.assert(
      fc.property(record, (fields) => {
        const text = JSON.stringify(fields)
        const bytes = Buffer.from(`xx${text}`)
        const scanned = new RemotingCommand(0)
        const spaced = Buffer.from(`12345678 ${text}`)
        spaced.writeInt32BE(spaced.length - 4, 0)
        spaced.writeInt32BE(spaced.length - 8, 4)
        const parsed = RemotingCommand.decode(spaced, 0, spaced.length)
        if (!scanJsonHeader(scanned, bytes, 2, bytes.length)) return
        scans++
        expect(Object.entries(scanned.extFields)).toEqual(Object.entries(parsed.extFields))
        const { code, flag, language, opaque, version, hasExtFields } = parsed
        expect(scanned).toMatchObject({ code, flag, language, opaque, version, hasExtFields })
      })
    )
    expect(scans).toBeGreaterThan(10)
  })

  it('a stream reads alike however it is cut', () => {
    const frames = fc.array(
      fc
        .tuple(body, fc.constantFrom(0, 1))
        .map(([content, type]) => frameToBuffer(RemotingCommand.request(10, { a: 'b' }, content, type))),
      { maxLength: 6 }
    )
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 12 }), (sent, cuts) => {
        const read: string[] = []
        const reader = new FrameReader(SERVER_LIMITS, (bytes, start, end) => read.push(bytes.toString('hex', start, end)))
        const stream = Buffer.concat(sent)
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] as number
          reader.push(stream.subarray(at, at + size))
          at += size
        }
        expect(read).toEqual(sent.map((frame) => frame.toString('hex')))
        expect(reader.pendingBytes).toBe(0)
      })
    )
  })
})
