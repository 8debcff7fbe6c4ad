import zlib from 'node:zlib'
import { Zstd } from '@hpcc-js/wasm-zstd'
import lz4 from 'lz4-napi'
import { beforeAll, describe, expect, it } from 'vitest'
import { RemotingCommandException } from '../../src/internal/errors.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { type CompressionType, type Compressors, decompressBody } from '../../src/protocol/compression.ts'
import { lz4NapiCompressor, wasmZstdCompressor } from '../../src/protocol/compression-adapters.ts'
import { Message } from '../../src/protocol/message.ts'
import { decodeRegisterBrokerBody } from '../../src/protocol/register-broker-body.ts'
import { SysFlag } from '../../src/protocol/sys-flag.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

const HUGE = 64 * 1024 * 1024
const FORMATS: CompressionType[] = ['ZLIB', 'LZ4', 'ZSTD']

let bombs: Record<CompressionType, Buffer>
let compressors: Compressors

beforeAll(async () => {
  const zstd = await Zstd.load()
  const zeros = Buffer.alloc(HUGE)
  bombs = {
    ZLIB: zlib.deflateSync(zeros),
    LZ4: lz4.compressFrameSync(zeros),
    ZSTD: Buffer.from(zstd.compress(zeros))
  }
  compressors = { lz4: lz4NapiCompressor(lz4), zstd: wasmZstdCompressor(zstd) }
})

/** What resident memory rose by, bytes. */
function rise(work: () => void): number {
  const before = process.memoryUsage.rss()
  work()
  return process.memoryUsage.rss() - before
}

describe('bombs', () => {
  it.each(FORMATS)('security-X6 a %s body is refused before it is large', (format) => {
    const bomb = bombs[format]
    expect(bomb.length).toBeLessThan(HUGE / 200)
    let refused: unknown
    const grown = rise(() => {
      try {
        decompressBody(bomb, format, { compressors })
      } catch (error) {
        refused = error
      }
    })
    expect(refused).toBeInstanceOf(RemotingCommandException)
    expect(refused).toMatchObject({ code: 'BAD_COMPRESSION' })
    expect(grown).toBeLessThan(HUGE * 0.75)
  })

  it('security-X6 frames behind the first bring nothing out either', () => {
    for (const format of ['LZ4', 'ZSTD'] as const) {
      const small = format === 'LZ4' ? lz4.compressFrameSync(Buffer.from('small')) : undefined
      const first = small ?? Buffer.from((compressors.zstd?.compress(Buffer.from('small'), 3) ?? []) as Uint8Array)
      let size = 0
      try {
        size = decompressBody(Buffer.concat([first, bombs[format]]), format, { compressors }).length
      } catch (error) {
        expect(error).toBeInstanceOf(RemotingCommandException)
      }
      expect(size).toBeLessThanOrEqual(5)
    }
  })

  it('security-X6 a compressed registration has a limit too', () => {
    expect(() => decodeRegisterBrokerBody(bombs.ZLIB, true, 479)).toThrow(RemotingCommandException)
  })

  it.each(FORMATS)('security-X6 a broker stores a %s body as it came, whatever is in it, and looks into none', async (format) => {
    const broker = await LoopbackBroker.start({ topics: { T: { queues: 1 } }, network: new MemoryNetwork() })
    const bodies = [bombs[format], Buffer.from('not compressed at all')]
    const codec = { compress: () => bodies.shift() as Buffer, decompress: (bytes: Uint8Array) => bytes }
    const sent = [...bodies]
    const producer = new DefaultMQProducer({
      producerGroup: 'bombs',
      compressMsgBodyOverHowmuch: 0,
      compressType: 'LZ4',
      compressors: { lz4: codec },
      ...broker.clientOptions()
    })
    await producer.start()
    try {
      for (const _ of [...sent]) {
        const { sendStatus } = await producer.send(new Message({ topic: 'T', body: 'x' }))
        expect(sendStatus).toBe('SEND_OK')
      }
      // A loopback broker's own view has no codec for it either.
      const stored = broker.messages('T')
      expect(stored.map(({ body }) => body.equals(sent.shift() as Buffer))).toEqual([true, true])
      expect(stored.map(({ sysFlag }) => sysFlag & SysFlag.COMPRESSED)).toEqual([1, 1])
    } finally {
      await producer.shutdown()
      await broker.close()
    }
  })
})
