import { Zstd } from '@hpcc-js/wasm-zstd'
import lz4 from 'lz4-napi'
import { describe, expect, it } from 'vitest'
import { aclContent, aclSignature } from '../../src/protocol/acl-signature.ts'
import { decodeBatch, encodeBatch } from '../../src/protocol/batch-codec.ts'
import { compressBody, compressionFlag, compressionTypeOf, decompressBody } from '../../src/protocol/compression.ts'
import { lz4NapiCompressor, wasmZstdCompressor } from '../../src/protocol/compression-adapters.ts'
import { lz4OutputBound, zstdOutputBound } from '../../src/protocol/compression-bounds.ts'
import { crc32 } from '../../src/protocol/crc32.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { javaHashCode, tagsCodeOf } from '../../src/protocol/java-hash.ts'
import {
  decodeMessage,
  decodeMessages,
  type StoredMessageFields,
  storedMessageLength,
  writeStoredMessage
} from '../../src/protocol/message-codec.ts'
import { createOffsetMsgId, decodeOffsetMsgId, decodeUniqId } from '../../src/protocol/message-id.ts'
import { decodeProperties, encodeProperties } from '../../src/protocol/properties.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { conversations, type StoredMessageVector, wireVectors } from './load.ts'

const vectors = wireVectors()

/** The properties in the order in which the vector's bytes hold them, which is Java's hash order. */
function propertiesText(vector: StoredMessageVector): string {
  const bytes = Buffer.from(vector.encodedHex, 'hex')
  const order = [...decodeMessage(bytes, 0, { decompressBody: false }).properties.keys()]
  return encodeProperties(new Map(order.map((name) => [name, vector.properties[name] as string])))
}

describe('stored messages written by Java 5.3.3', () => {
  it('decode to the fields they were made from, IPv4 and IPv6', () => {
    for (const vector of vectors.storedMessages) {
      const bytes = Buffer.from(vector.encodedHex, 'hex')
      const message = decodeMessage(bytes, 0, { decompressBody: false, checkCRC: true })
      expect(message).toMatchObject({
        topic: vector.topic,
        flag: vector.flag,
        queueId: vector.queueId,
        queueOffset: vector.queueOffset,
        commitLogOffset: vector.commitLogOffset,
        sysFlag: vector.sysFlag,
        bornTimestamp: vector.bornTimestamp,
        storeTimestamp: vector.storeTimestamp,
        reconsumeTimes: vector.reconsumeTimes,
        preparedTransactionOffset: vector.preparedTransactionOffset,
        bodyCRC: vector.bodyCrc,
        offsetMsgId: vector.offsetMsgId,
        storeSize: bytes.length
      })
      expect([message.bornHost.host, message.bornHost.port]).toEqual([vector.bornHost, vector.bornPort])
      expect([message.storeHost.host, message.storeHost.port]).toEqual([vector.storeHost, vector.storePort])
      expect(message.body.toString('hex')).toBe(vector.bodyHex)
      expect(Object.fromEntries(message.properties)).toEqual(vector.properties)
    }
  })

  it('are written byte for byte', () => {
    for (const vector of vectors.storedMessages) {
      const fields: StoredMessageFields = {
        ...vector,
        body: Buffer.from(vector.bodyHex, 'hex'),
        propertiesString: propertiesText(vector),
        physicalOffset: vector.commitLogOffset,
        bornHost: hostAddress(vector.bornHost, vector.bornPort),
        storeHost: hostAddress(vector.storeHost, vector.storePort)
      }
      const target = Buffer.alloc(storedMessageLength(fields) + 7)
      const end = writeStoredMessage(target, 7, fields)
      expect(end).toBe(target.length)
      expect(target.subarray(7, end).toString('hex')).toBe(vector.encodedHex)
    }
  })

  it('follow each other in one body', () => {
    const bytes = Buffer.concat(vectors.storedMessages.map(({ encodedHex }) => Buffer.from(encodedHex, 'hex')))
    const messages = decodeMessages(bytes, { decompressBody: false })
    expect(messages.map(({ offsetMsgId }) => offsetMsgId)).toEqual(vectors.storedMessages.map(({ offsetMsgId }) => offsetMsgId))
  })
})

describe('records in recorded answers to pulls and queries', () => {
  it('wire-W13 decode, and write as the same bytes', () => {
    let records = 0
    for (const { frames } of conversations()) {
      for (const frame of frames) {
        if (frame.truncated === true || frame.dir !== 's2c' || frame.code !== 0) continue
        if (![11, 361, 12, 33].includes(frame.requestCode ?? 0)) continue
        const bytes = Buffer.from(frame.hex, 'hex')
        const { body } = RemotingCommand.decode(bytes, 0, bytes.length)
        for (const message of decodeMessages(body as Buffer, { decompressBody: false, checkCRC: true })) {
          records++
          const fields: StoredMessageFields = {
            ...message,
            physicalOffset: message.commitLogOffset,
            propertiesString: encodeProperties(message.properties)
          }
          const written = Buffer.alloc(storedMessageLength(fields))
          writeStoredMessage(written, 0, fields)
          const again = decodeMessage(written, 0, { decompressBody: false })
          expect({ ...again, storeSize: 0 }).toEqual({ ...message, storeSize: 0 })
        }
      }
    }
    expect(records).toBeGreaterThan(100)
  })
})

describe('batch bodies written by Java 5.3.3', () => {
  it('decode to their messages', () => {
    for (const { messages, encodedHex } of vectors.batchBodies) {
      const items = decodeBatch(Buffer.from(encodedHex, 'hex'))
      expect(
        items.map(({ flag, body, propertiesString }) => ({
          flag,
          bodyHex: body.toString('hex'),
          properties: Object.fromEntries(decodeProperties(propertiesString))
        }))
      ).toEqual(messages)
    }
  })

  it('are written byte for byte', () => {
    for (const { messages, encodedHex } of vectors.batchBodies) {
      const order = decodeBatch(Buffer.from(encodedHex, 'hex')).map((item) => [...decodeProperties(item.propertiesString).keys()])
      const batch = encodeBatch(
        messages.map(({ flag, bodyHex, properties }, i) => ({
          flag,
          body: Buffer.from(bodyHex, 'hex'),
          properties: new Map((order[i] as string[]).map((name) => [name, properties[name] as string]))
        }))
      )
      expect(batch.toString('hex')).toBe(encodedHex)
    }
  })

  it('wire-W13 recorded batches decode and write as the same bytes', () => {
    let batches = 0
    for (const { frames } of conversations()) {
      for (const frame of frames.filter(({ code, dir, truncated }) => code === 320 && dir === 'c2s' && truncated !== true)) {
        batches++
        const bytes = Buffer.from(frame.hex, 'hex')
        const body = RemotingCommand.decode(bytes, 0, bytes.length).body as Buffer
        const messages = decodeBatch(body).map((item) => ({ ...item, properties: decodeProperties(item.propertiesString) }))
        expect(messages.length).toBeGreaterThan(1)
        const again = decodeBatch(encodeBatch(messages))
        expect(again.map(({ body: inner, flag }) => ({ inner, flag }))).toEqual(
          messages.map(({ body: inner, flag }) => ({ inner, flag }))
        )
      }
    }
    expect(batches).toBe(
      conversations().flatMap(({ frames }) => frames.filter(({ code, dir }) => code === 320 && dir === 'c2s')).length
    )
  })
})

describe('properties', () => {
  it('encode and decode as Java does', () => {
    for (const { properties, string } of vectors.propertyStrings) {
      const decoded = decodeProperties(string)
      expect(Object.fromEntries(decoded)).toEqual(properties)
      expect(encodeProperties(decoded)).toBe(string)
    }
  })
})

describe('ids and hashes', () => {
  it('offset message ids both ways', () => {
    for (const { host, port, offset, id } of vectors.offsetMsgIds) {
      expect(createOffsetMsgId(hostAddress(host, port), offset)).toBe(id)
      const decoded = decodeOffsetMsgId(id)
      expect([decoded.host.host, decoded.host.port, decoded.offset]).toEqual([host, port, offset])
    }
  })

  it("producer-60 Java's client ids give back address, pid and time", () => {
    for (const { uniqId, ip, pid, time } of vectors.uniqIds) {
      // The vectors were made in UTC; months start elsewhere at another moment.
      const utc = new Date(time)
      const shift =
        new Date(utc.getUTCFullYear(), utc.getUTCMonth(), 1).getTime() - Date.UTC(utc.getUTCFullYear(), utc.getUTCMonth(), 1)
      const decoded = decodeUniqId(uniqId, time + shift + 1)
      expect(decoded.timestamp).toBe(time + shift)
      expect(decoded.pid).toBe(pid)
      expect(
        decoded.ip
          .split(':')
          .map((group) => group.padStart(4, '0'))
          .join(':')
      ).toBe(ip)
      expect(decodeUniqId(uniqId.toLowerCase(), time + shift + 1)).toEqual(decoded)
    }
  })

  it('string hash, tags code and checksum', () => {
    for (const { string, javaHashCode: hash, tagsCode, crc32OfUtf8 } of vectors.hashes) {
      expect(javaHashCode(string)).toBe(hash)
      expect(tagsCodeOf(string)).toBe(tagsCode)
      expect(crc32(Buffer.from(string, 'utf8'))).toBe(crc32OfUtf8)
    }
    expect(tagsCodeOf('')).toBe(0)
    expect(tagsCodeOf(undefined)).toBe(0)
  })
})

describe('compressed bodies made by Java', () => {
  it.each(vectors.compression)('producer-67 $type: the flag means the format', ({ type, compressionFlag: flag }) => {
    expect(compressionTypeOf(flag | 1)).toBe(type)
    expect(compressionFlag(type)).toBe(flag)
  })

  it('producer-67 zlib decompresses to what it was', () => {
    const zlib = vectors.compression.find(({ type }) => type === 'ZLIB')
    expect(decompressBody(Buffer.from(zlib?.compressedHex ?? '', 'hex'), 'ZLIB').toString('hex')).toBe(zlib?.rawHex)
  })

  it('producer-67 lz4 and zstd frames decompress to what they were, and come back from our own frames', async () => {
    const compressors = { lz4: lz4NapiCompressor(lz4), zstd: wasmZstdCompressor(await Zstd.load()) }
    for (const { type, rawHex, compressedHex } of vectors.compression) {
      const decompressed = decompressBody(Buffer.from(compressedHex, 'hex'), type, { compressors })
      expect(decompressed.toString('hex')).toBe(rawHex)
      const ours = await compressBody(decompressed, type, { level: 5, compressors })
      expect(decompressBody(ours, type, { compressors }).toString('hex')).toBe(rawHex)
    }
  })

  it('lz4 and zstd frames are measured before they are handed to a library', () => {
    const sizeOf = { LZ4: lz4OutputBound, ZSTD: zstdOutputBound }
    for (const { type, rawHex, compressedHex } of vectors.compression) {
      if (type === 'ZLIB') continue
      const bound = sizeOf[type](Buffer.from(compressedHex, 'hex'))
      expect(bound).toBeGreaterThanOrEqual(rawHex.length / 2)
      expect(bound).toBeLessThanOrEqual(131_072)
    }
  })
})

describe('ACL signatures made by Java', () => {
  it('producer-63 sign the same content with the same result', () => {
    for (const { secretKey, fields, bodyHex, contentHex, signature } of vectors.aclSignatures) {
      // Put in from the back: the order of the map must not matter.
      const reversed = Object.fromEntries([...Object.entries(fields).reverse(), ['Signature', 'is not signed']])
      const content = aclContent(reversed, Buffer.from(bodyHex, 'hex'))
      expect(content.toString('hex')).toBe(contentHex)
      expect(aclSignature(secretKey, content)).toBe(signature)
    }
  })

  it('producer-63 refuse an empty key', () => {
    expect(() => aclSignature('', Buffer.from('x'))).toThrow('secret key')
  })
})
