import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { RemotingCommandException } from '../../src/internal/errors.ts'
import type { Compressor } from '../../src/protocol/compression.ts'
import { Message } from '../../src/protocol/message.ts'
import { SysFlag } from '../../src/protocol/sys-flag.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const text = 'compress me '.repeat(1000)
const message = (body: string | Buffer = text): Message => new Message({ topic: 'T', body })

/** A codec that notes its level in what it makes. */
const levelled: Compressor = { compress: (bytes, level) => Buffer.from(`${level}:${bytes.length}`), decompress: (bytes) => bytes }

describe('compression', () => {
  it.each([
    [0, '7801'],
    [1, '7801'],
    [5, '785e'],
    [9, '78da']
  ])('takes level %i, which the header of the zlib stream shows', async (compressLevel, header) => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { compressLevel })
    await producer.send(message())
    const [send] = cluster.sends
    expect(send?.body.subarray(0, 2).toString('hex')).toBe(header)
    expect(inflateSync(send?.body ?? '').toString()).toBe(text)
  })

  it.each([
    ['LZ4', SysFlag.COMPRESSION_LZ4],
    ['ZSTD', SysFlag.COMPRESSION_ZSTD]
  ] as const)('hands level and body to the codec of %s, and says so in the flags', async (compressType, flag) => {
    const cluster = await startCluster()
    const compressors = { lz4: levelled, zstd: levelled }
    const producer = await startProducer(cluster, { compressType, compressLevel: 7, compressors })
    await producer.send(message())
    expect(cluster.sends[0]?.body.toString()).toBe(`7:${text.length}`)
    expect(cluster.sends[0]?.header.sysFlag).toBe(SysFlag.COMPRESSED | flag)
  })

  it('begins at the threshold, and never happens to batches, chosen or automatic', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { compressMsgBodyOverHowmuch: 10 })
    await producer.send(message('x'.repeat(9)))
    await producer.send(message('x'.repeat(10)))
    await producer.send([message(), message()])
    const gathering = await startProducer(cluster, { compressMsgBodyOverHowmuch: 10, autoBatch: true, batchMaxDelayMs: 1 })
    await Promise.all([gathering.send(message()), gathering.send(message())])
    expect(cluster.sends.map(({ header }) => [header.batch, header.sysFlag & SysFlag.COMPRESSED])).toEqual([
      [false, 0],
      [false, 1],
      [true, 0],
      [true, 0]
    ])
    expect(cluster.sends[3]?.body.toString()).toContain(text)
  })

  it('that fails leaves the body as it is, and is logged', async () => {
    const cluster = await startCluster()
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, warn: (line: string) => void warnings.push(line), error() {} }
    const broken: Compressor = { ...levelled, compress: () => Promise.reject(new Error('out of memory')) }
    const options = { compressType: 'LZ4', compressors: { lz4: broken }, logger } as const
    const producer = await startProducer(cluster, options)
    await producer.send(message())
    expect([cluster.sends[0]?.body.toString(), cluster.sends[0]?.header.sysFlag]).toEqual([text, 0])
    expect(warnings).toContain(`a body of ${text.length} bytes could not be compressed: out of memory`)
  })

  it('comes after the size check, which counts the body as it was given', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { maxMessageSize: 5000 })
    const error = await rejection<Error>(producer.send(message()))
    expect(error.message).toContain('the message body size over max value, MAX: 5000')
    expect(error).not.toBeInstanceOf(RemotingCommandException)
  })

  it('without its codec names the package to install', async () => {
    const producer = await startProducer(await startCluster(), { compressType: 'ZSTD' })
    expect(await rejection(producer.send(message()))).toMatchObject({
      code: 'NO_COMPRESSOR',
      hint: expect.stringContaining('@hpcc-js/wasm-zstd')
    })
  })
})
