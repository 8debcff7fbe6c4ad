import { describe, expect, it } from 'vitest'
import type { ExtFields } from '../../src/protocol/ext-fields.ts'
import { CLIENT_LIMITS, FrameReader, SERVER_LIMITS } from '../../src/protocol/frame-reader.ts'
import { languageName, languageOrdinal } from '../../src/protocol/language-code.ts'
import { frameToBuffer } from '../../src/protocol/outgoing-frame.ts'
import { RemotingCommand, SerializeType } from '../../src/protocol/remoting-command.ts'
import { decodeSendMessageRequestHeader, hasShortNames } from '../../src/protocol/send-message-header.ts'
import { headerFields, SendMessageRequest } from '../../src/protocol/send-message-request.ts'
import { SendMessageResponse } from '../../src/protocol/send-message-response.ts'
import { type CommandVector, conversations, wireVectors } from './load.ts'

const vectors = wireVectors().remotingCommands
const title = (vector: CommandVector, i: number): string => `${i} ${vector.serialize} code ${vector.code} flag ${vector.flag}`

function decode(hex: string): RemotingCommand {
  const frame = Buffer.from(hex, 'hex')
  return RemotingCommand.decode(frame, 0, frame.length)
}

/** An empty remark and empty values of binary headers read as absent. */
function expectedFields(vector: CommandVector): Record<string, string> {
  const entries = Object.entries(vector.extFields)
  return Object.fromEntries(vector.serialize === 'JSON' ? entries : entries.filter(([, value]) => value !== ''))
}

const empty = Buffer.alloc(0)

function describeFrame(command: RemotingCommand): unknown[] {
  const { serializeType, code, opaque, flag, version, language, remark, hasExtFields, extFields } = command
  return [serializeType, code, opaque, flag, version, language, remark, hasExtFields, Object.entries(extFields).sort()]
}

function plain(fields: ExtFields): Record<string, string> {
  return { ...fields }
}

describe('commands made by Java 5.3.3', () => {
  it('wire-W13 decode to the fields they were made from', () => {
    for (const vector of vectors) {
      const command = decode(vector.frameHex)
      expect(command.serializeType).toBe(SerializeType[vector.serialize])
      expect(command.code).toBe(vector.code)
      expect(languageName(command.language)).toBe(vector.language)
      expect(command.version).toBe(vector.version)
      expect(command.opaque).toBe(vector.opaque)
      expect(command.flag).toBe(vector.flag)
      const remark = vector.serialize === 'ROCKETMQ' && vector.remark === '' ? undefined : (vector.remark ?? undefined)
      expect(command.remark).toBe(remark)
      expect(plain(command.extFields)).toEqual(expectedFields(vector))
      expect(command.body?.toString('hex')).toBe(vector.bodyHex ?? undefined)
    }
  })

  it('wire-W13 encode to the same bytes', () => {
    vectors.forEach((vector, i) => {
      // The order of map entries is Java's hash order; everything else has to come out the same.
      const order = Object.keys(decode(vector.frameHex).extFields)
      const fields: ExtFields = Object.create(null)
      for (const name of order) fields[name] = vector.extFields[name] as string
      const command = RemotingCommand.request(vector.code, fields, undefined, SerializeType[vector.serialize])
      command.language = languageOrdinal(vector.language)
      command.version = vector.version
      command.opaque = vector.opaque
      command.flag = vector.flag
      if (vector.remark !== null) command.remark = vector.remark
      if (vector.bodyHex !== null) command.body = Buffer.from(vector.bodyHex, 'hex')
      expect(frameToBuffer(command).toString('hex'), title(vector, i)).toBe(vector.frameHex)
    })
  })
})

describe('send requests made by Java 5.3.3', () => {
  const sends = vectors.filter((vector) => (vector.flag & 1) === 0)

  it('read into the same header from JSON and binary, long names and short ones', () => {
    for (const vector of sends) {
      const header = decodeSendMessageRequestHeader(decode(vector.frameHex))
      const fields = plain(headerFields(vector.code, header))
      expect(fields).toEqual({ ...vector.extFields, ...(vector.extFields.l === undefined ? {} : { l: fields.l }) })
    }
  })

  it('producer-66 wire-W13 are written with the topic as b and the queue id as e, field for field as Java writes them', () => {
    for (const vector of sends.filter(({ code }) => hasShortNames(code))) {
      const original = decode(vector.frameHex)
      const header = decodeSendMessageRequestHeader(original)
      const request = new SendMessageRequest(
        vector.code,
        header,
        { body: original.body },
        {
          serializeType: original.serializeType,
          oneway: original.isOneway,
          language: original.language,
          version: original.version
        }
      )
      request.opaque = original.opaque
      for (const frame of [frameToBuffer(request), frameToBuffer(request.toCommand())]) {
        const written = RemotingCommand.decode(frame, 0, frame.length)
        expect(plain(written.extFields)).toEqual(expectedFields(vector))
        expect(written.extFields.b).toBe(vector.extFields.b)
        expect(written.extFields.e).toBe(vector.extFields.e)
        expect([written.code, written.opaque, written.flag, written.language, written.version]).toEqual([
          vector.code,
          vector.opaque,
          vector.flag,
          original.language,
          vector.version
        ])
        expect(written.body).toEqual(original.body)
      }
    }
  })
})

describe('frames recorded from real clients and servers', () => {
  const whole = conversations().flatMap(({ client, server, frames }) =>
    frames.filter(({ truncated }) => truncated !== true).map((frame) => ({ client, server, frame }))
  )

  it('wire-W13 all decode, and re-encode to the same map', () => {
    expect(whole.length).toBe(2998)
    for (const { frame } of whole) {
      const bytes = Buffer.from(frame.hex, 'hex')
      const command = RemotingCommand.decode(bytes, 0, bytes.length)
      expect(describeFrame(command).slice(0, 5)).toEqual([
        SerializeType[frame.type],
        frame.code,
        frame.opaque,
        frame.flag,
        frame.version
      ])
      const again = frameToBuffer(command)
      const decoded = RemotingCommand.decode(again, 0, again.length)
      expect(JSON.stringify(describeFrame(decoded))).toBe(JSON.stringify(describeFrame(command)))
      expect((decoded.body ?? empty).equals(command.body ?? empty)).toBe(true)
    }
  })

  it('wire-W13 pass the readers of both sides', () => {
    for (const { limits, dir } of [
      { limits: SERVER_LIMITS, dir: 'c2s' },
      { limits: CLIENT_LIMITS, dir: 's2c' }
    ]) {
      let frames = 0
      const reader = new FrameReader(limits, () => frames++)
      const sent = whole.filter(({ frame }) => frame.dir === dir)
      for (const { frame } of sent) reader.push(Buffer.from(frame.hex, 'hex'))
      expect(frames).toBe(sent.length)
    }
  })

  it('wire-W13 send requests of every client read as a header, and write as the same map', () => {
    const sends = whole.filter(({ frame }) => frame.dir === 'c2s' && [10, 310, 320, 324, 325].includes(frame.code))
    const clients = new Set<string>()
    for (const { client, frame } of sends) {
      clients.add(client)
      const command = decode(frame.hex)
      const expected = plain(command.extFields)
      const header = decodeSendMessageRequestHeader(decode(frame.hex))
      const fields = plain(headerFields(command.code, header))
      for (const name of Object.keys(expected)) if (name in fields) expect(fields[name]).toBe(expected[name])
      // What one client leaves out, the header fills with what Java sends.
      const added = Object.keys(fields).filter((name) => !(name in expected))
      for (const name of added) expect(['i', 'm', 'properties', 'batch', 'j', 'reconsumeTimes']).toContain(name)
      if (!hasShortNames(command.code)) continue
      const request = new SendMessageRequest(
        command.code,
        header,
        { body: command.body },
        { serializeType: command.serializeType }
      )
      const again = frameToBuffer(request)
      expect(plain(RemotingCommand.decode(again, 0, again.length).extFields)).toEqual(
        command.serializeType === SerializeType.JSON
          ? fields
          : Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
      )
    }
    expect([...clients].sort()).toEqual(['go', 'java47', 'java49', 'java49r', 'java53', 'java53r', 'ons'])
  })

  it('answers to sends come out of the direct encoder with the fields a broker sent', () => {
    let answers = 0
    for (const { frame } of whole) {
      if (frame.dir !== 's2c' || ![10, 310, 320].includes(frame.requestCode ?? 0) || frame.code !== 0) continue
      answers++
      const answer = decode(frame.hex)
      const { msgId = '', queueId, queueOffset, transactionId, recallHandle, MSG_REGION = '', TRACE_ON } = answer.extFields
      for (const serializeType of [SerializeType.JSON, SerializeType.ROCKETMQ]) {
        const ours = new SendMessageResponse({ opaque: answer.opaque, serializeType }, answer.code, {
          msgId,
          queueId: Number(queueId),
          queueOffset: Number(queueOffset),
          transactionId,
          recallHandle,
          regionId: MSG_REGION,
          traceOn: TRACE_ON === 'true'
        })
        for (const bytes of [frameToBuffer(ours), frameToBuffer(ours.toCommand())]) {
          const written = RemotingCommand.decode(bytes, 0, bytes.length)
          expect(plain(written.extFields)).toEqual(plain(answer.extFields))
          expect([written.code, written.opaque, written.flag, written.version, written.language, written.remark]).toEqual([
            answer.code,
            answer.opaque,
            answer.flag,
            answer.version,
            answer.language,
            answer.remark
          ])
        }
      }
    }
    expect(answers).toBeGreaterThan(100)
  })
})
