import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (body: string): Message => new Message({ topic: 'T', body })

/** Compresses nothing; never answers for a body that begins with h. */
const zstd = {
  compress: (bytes: Uint8Array): Uint8Array | Promise<Uint8Array> => (bytes[0] === 104 ? new Promise(() => {}) : bytes),
  decompress: (bytes: Uint8Array): Uint8Array => bytes
}

describe('a codec whose promise never settles', () => {
  it('costs the send its time and no more; who came behind it is sent', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, { compressType: 'ZSTD', compressors: { zstd }, compressMsgBodyOverHowmuch: 4 })
    await producer.send(message('x'))
    const hung = rejection<RocketMQError>(producer.send(message('hung'), { timeout: 500 }))
    const behind = producer.send(message('a'), { timeout: 2000 })
    await clock.advance(550)
    expect(await hung).toMatchObject({ code: 'SEND_TIMEOUT', maybeStored: false })
    expect((await behind).sendStatus).toBe('SEND_OK')
    expect((await producer.send(message('b'))).sendStatus).toBe('SEND_OK')
  })

  it('lets who came behind go when the send is aborted', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { compressType: 'ZSTD', compressors: { zstd }, compressMsgBodyOverHowmuch: 4 })
    await producer.send(message('x'))
    const controller = new AbortController()
    const hung = rejection<RocketMQError>(producer.send(message('hung'), { signal: controller.signal }))
    const behind = producer.send(message('a'))
    controller.abort()
    expect(await hung).toMatchObject({ code: 'ABORTED', maybeStored: false })
    expect((await behind).sendStatus).toBe('SEND_OK')
  })
})
