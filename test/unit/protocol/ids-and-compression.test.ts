import zlib from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { MQClientException, RemotingCommandException } from '../../../src/internal/errors.ts'
import {
  type Compressor,
  compressBody,
  compressionFlag,
  compressionTypeNamed,
  compressionTypeOf,
  decompressBody
} from '../../../src/protocol/compression.ts'
import { lz4NapiCompressor, wasmZstdCompressor } from '../../../src/protocol/compression-adapters.ts'
import { lz4OutputBound, zstdOutputBound } from '../../../src/protocol/compression-bounds.ts'
import { decodeHostAddress, formatHostAddress, hostAddress } from '../../../src/protocol/host-address.ts'
import { createUniqId, decodeOffsetMsgId, decodeUniqId } from '../../../src/protocol/message-id.ts'
import { wireVectors } from '../../golden/load.ts'

describe('client message ids', () => {
  it('producer-60 give back time, address and process, and count up', () => {
    const now = Date.now()
    const ids = Array.from({ length: 100 }, () => createUniqId(now))
    const decoded = ids.map((id) => decodeUniqId(id, now))
    expect(ids.every((id) => /^[0-9A-F]+$/.test(id) && id.length === ids[0]?.length)).toBe(true)
    const first = decoded[0]?.counter ?? 0
    decoded.forEach(({ timestamp, pid, ip, counter }, i) => {
      expect(Math.abs(timestamp - now)).toBeLessThanOrEqual(20)
      expect(pid).toBe(process.pid & 0xffff)
      expect(ip).toBe(decoded[0]?.ip)
      expect(counter).toBe((first + i) & 0xffff)
    })
    // Go and Java on IPv4: 32 characters.
    expect(ids[0]?.length).toBe(decoded[0]?.ip.includes(':') ? 56 : 32)
  })

  it('are unique and near the time beyond 65,536 in a millisecond, and on a clock that stands still', () => {
    const now = Date.now() + 86_400_000
    const seen = new Set<string>()
    for (let i = 0; i < 200_000; i++) seen.add(createUniqId(now))
    expect(seen.size).toBe(200_000)
    const last = [...seen].pop() ?? ''
    expect(Math.abs(decodeUniqId(last, now).timestamp - now)).toBeLessThanOrEqual(20)
  })

  it('are unique and near the time when the clock is set back, and over the turn of a month', () => {
    const seen = new Set<string>()
    const turn = new Date(2031, 4, 1).getTime()
    let made = 0
    for (const now of [turn - 2, turn - 1, turn, turn + 1, turn - 3_600_000, turn - 1, turn - 2, turn]) {
      for (let i = 0; i < 2000; i++) {
        const id = createUniqId(now)
        made++
        seen.add(id)
        expect(Math.abs(decodeUniqId(id, now).timestamp - now)).toBeLessThanOrEqual(20)
      }
    }
    expect(seen.size).toBe(made)
  })

  it('are unique over copies of the module, as worker threads and processes with one address and pid have them', async () => {
    const now = Date.now()
    const seen = new Set<string>()
    for (let copy = 0; copy < 20; copy++) {
      vi.resetModules()
      const { createUniqId: create } = await import('../../../src/protocol/message-id.ts')
      expect(create).not.toBe(createUniqId)
      for (let i = 0; i < 500; i++) seen.add(create(now))
    }
    expect(seen.size).toBe(10_000)
  })

  it('refuse what is no id', () => {
    for (const id of ['', 'x'.repeat(32), '00', '0'.repeat(31), '0'.repeat(55), '0'.repeat(57)]) {
      expect(() => decodeUniqId(id)).toThrow(RemotingCommandException)
      expect(() => decodeOffsetMsgId(id)).toThrow(RemotingCommandException)
    }
    expect(() => decodeOffsetMsgId('7F00000100002A9F7FFFFFFFFFFFFFF0')).toThrow(RemotingCommandException)
  })
})

describe('host addresses', () => {
  it('read IPv4, IPv6 in every form, and IPv4 inside IPv6', () => {
    const bytes = (host: string): string => Buffer.from(hostAddress(host, 1).bytes).toString('hex')
    expect(bytes('192.0.2.7')).toBe('c0000207')
    expect(bytes('::ffff:192.0.2.7')).toBe('c0000207')
    expect(bytes('::')).toBe('0'.repeat(32))
    expect(bytes('[2001:db8::1:0:5]')).toBe('20010db8000000000000000100000005')
    expect(bytes('fe80::1%eth0')).toBe('fe800000000000000000000000000001')
    expect(bytes('64:ff9b::192.0.2.7')).toBe('0064ff9b0000000000000000c0000207')
    expect(formatHostAddress(hostAddress('::1', 80))).toBe('[0:0:0:0:0:0:0:1]:80')
    expect(formatHostAddress(hostAddress('127.0.0.1', 80))).toBe('127.0.0.1:80')
    for (const bad of ['localhost', '', '1.2.3', '1.2.3.4.5', ':::', 'g::1'])
      expect(() => hostAddress(bad, 1)).toThrow(RemotingCommandException)
  })

  it('outlive the record they were read from', () => {
    const record = Buffer.from('7f00000100002a9f', 'hex')
    const host = decodeHostAddress(record, 0, false)
    record.fill(0)
    expect([...host.bytes]).toEqual([127, 0, 0, 1])
  })
})

describe('compression', () => {
  it('producer-67 bits 0 and 3 mean zlib, 1 lz4, 2 zstd, others fail', () => {
    expect([0, 1, 2, 3].map((bits) => compressionTypeOf((bits << 8) | 1))).toEqual(['ZLIB', 'LZ4', 'ZSTD', 'ZLIB'])
    for (const bits of [4, 5, 6, 7]) expect(() => compressionTypeOf(bits << 8)).toThrow(`compression type ${bits}`)
    expect([compressionFlag('LZ4'), compressionFlag('ZSTD'), compressionFlag('ZLIB')]).toEqual([0x100, 0x200, 0x300])
    expect(compressionTypeNamed('zLib')).toBe('ZLIB')
    expect(() => compressionTypeNamed('gzip')).toThrow('Unsupported compress type name: gzip')
  })

  it('producer-67 zlib round-trips, large bodies off the event loop', async () => {
    for (const size of [0, 1, 5000, 200_000]) {
      const body = Buffer.alloc(size, 'abcdef')
      const result = compressBody(body, 'ZLIB', { level: 5 })
      expect(result instanceof Promise).toBe(size >= 65_536)
      expect(decompressBody(await result, 'ZLIB').equals(body)).toBe(true)
    }
  })

  it('producer-67 the codecs of the application round-trip; a missing one names the package', async () => {
    const reverse: Compressor = {
      compress: async (bytes, level) => Uint8Array.of(level, ...bytes),
      decompress: (bytes) => bytes.subarray(1)
    }
    const compressors = { lz4: reverse, zstd: reverse }
    for (const type of ['LZ4', 'ZSTD'] as const) {
      const packed = await compressBody(Buffer.from('body'), type, { level: 5, compressors })
      expect(decompressBody(packed, type, { compressors }).toString()).toBe('body')
    }
    const lz4 = expect.objectContaining({ code: 'NO_COMPRESSOR', hint: expect.stringContaining('lz4-napi') })
    expect(() => compressBody(Buffer.from('x'), 'LZ4', { level: 5 })).toThrow(lz4)
    expect(() => decompressBody(Buffer.from('x'), 'ZSTD')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('@hpcc-js/wasm-zstd') })
    )
    expect(() => decompressBody(Buffer.from('x'), 'ZSTD')).toThrow(MQClientException)
  })

  it('a bomb and damaged bytes are a typed error', () => {
    const bomb = zlib.deflateSync(Buffer.alloc(20_000_000))
    expect(bomb.length).toBeLessThan(30_000)
    // Stopped while inflating, not measured afterwards.
    expect(() => decompressBody(bomb, 'ZLIB')).toThrow('damaged or larger than 16777216')
    expect(() => decompressBody(Buffer.from('nonsense'), 'ZLIB')).toThrow(RemotingCommandException)
    expect(() => decompressBody(zlib.deflateSync(Buffer.alloc(100)), 'ZLIB', { maxOutput: 99 })).toThrow(RemotingCommandException)
    const lies: Compressor = { compress: (bytes) => bytes, decompress: () => new Uint8Array(200) }
    expect(() => decompressBody(Buffer.from('x'), 'LZ4', { maxOutput: 199, compressors: { lz4: lies } })).toThrow('has 200 bytes')
  })

  it('the adapters hand over frames that can fit, and no others', () => {
    const vector = (type: string): { packed: Buffer; raw: Buffer } => {
      const found = wireVectors().compression.find((item) => item.type === type)
      return { packed: Buffer.from(found?.compressedHex ?? '', 'hex'), raw: Buffer.from(found?.rawHex ?? '', 'hex') }
    }
    const lz4 = vector('LZ4')
    const zstd = vector('ZSTD')
    const asked: Buffer[] = []
    const compressors = {
      lz4: lz4NapiCompressor({
        compressFrameSync: () => lz4.packed,
        decompressFrameSync(bytes) {
          asked.push(bytes)
          return lz4.raw
        }
      }),
      zstd: wasmZstdCompressor({ compress: () => zstd.packed, decompress: () => zstd.raw })
    }
    expect(decompressBody(lz4.packed, 'LZ4', { compressors }).equals(lz4.raw)).toBe(true)
    expect(decompressBody(zstd.packed, 'ZSTD', { compressors }).equals(zstd.raw)).toBe(true)
    expect(asked).toHaveLength(1)
    expect(() => decompressBody(lz4.packed, 'LZ4', { compressors, maxOutput: 100 })).toThrow(RemotingCommandException)
    expect(() => decompressBody(zstd.packed, 'ZSTD', { compressors, maxOutput: 100 })).toThrow(RemotingCommandException)
    expect(asked).toHaveLength(1)
    for (let size = 0; size < lz4.packed.length - 4; size++)
      expect(() => lz4OutputBound(lz4.packed.subarray(0, size))).toThrow('LZ4')
    for (let size = 0; size < zstd.packed.length - 4; size++)
      expect(() => zstdOutputBound(zstd.packed.subarray(0, size))).toThrow('ZSTD')
  })
})
