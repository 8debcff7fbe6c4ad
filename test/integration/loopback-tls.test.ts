import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { Message } from '../../src/protocol/message.ts'
import type { TlsServerOptions } from '../../src/transport/network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'
import { certificates } from '../support/certificates.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { rejection } from '../support/producers.ts'

const { ca, server, client } = certificates()
let broker: LoopbackBroker
afterEach(() => broker?.close())

async function start(tls: Partial<TlsServerOptions> = {}): Promise<void> {
  broker = await LoopbackBroker.start({ topics: { T: {} }, tls: { ...server, ...tls } })
}

async function send(options: Partial<DefaultMQProducerOptions>): Promise<string> {
  const producer = new DefaultMQProducer({
    producerGroup: newGroup(),
    ...broker.clientOptions(),
    retryTimesWhenSendFailed: 0,
    sendMsgTimeout: 2000,
    ...options
  })
  await producer.start()
  try {
    return (await producer.send(new Message({ topic: 'T', body: 'x' }))).sendStatus
  } finally {
    await producer.shutdown()
  }
}

const failure = async (options: Partial<DefaultMQProducerOptions>): Promise<string> =>
  (await rejection<RocketMQError>(send(options))).message

describe('TLS at the loopback broker', () => {
  it('takes TLS and nothing else; the certificate is verified', async () => {
    await start()
    expect(broker.clientOptions().useTLS).toBe(true)
    expect(await send({ tls: { ca } })).toBe('SEND_OK')
    expect(await send({ tls: { ca, servername: 'broker.test' } })).toBe('SEND_OK')
    expect(await failure({ useTLS: false })).toMatch(/no name server could be reached|connect/)
    expect(await failure({})).toMatch(/no name server could be reached|connect/)
    expect(broker.messageCount('T')).toBe(2)
  })

  it('asks for client certificates where it is told to', async () => {
    await start({ ca, requestCert: true })
    expect(await send({ tls: { ca, ...client } })).toBe('SEND_OK')
    expect(await failure({ tls: { ca } })).toMatch(/no name server could be reached|connect|closed|failed/)
  })

  it('permissive takes plain text on the same port too', async () => {
    await start({ mode: 'permissive' })
    expect(broker.clientOptions().useTLS).toBeUndefined()
    expect([await send({}), await send({ tls: { ca } })]).toEqual(['SEND_OK', 'SEND_OK'])
  })

  it('security-X11 plain text gets not one byte from a TLS-only port, and 1,000 stalled handshakes hold up nobody', async () => {
    await leavesNoHandle(async () => {
      await start()
      const { port } = broker.brokers[0] as { port: number }
      const answered = await new Promise<number>((resolve) => {
        let bytes = 0
        const socket = net.connect(port, '127.0.0.1', () => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0])))
        socket.on('data', (chunk) => {
          bytes += chunk.length
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(bytes))
      })
      expect(answered).toBe(0)
      const stalled: net.Socket[] = []
      await Promise.all(
        Array.from({ length: 1000 }, (_, i) => {
          const socket = net.connect(port, '127.0.0.1')
          socket.on('error', () => {})
          stalled.push(socket)
          // Half of them begin a handshake.
          return new Promise<void>((resolve) =>
            socket.once('connect', () => socket.write(i % 2 ? '\u0016' : '', () => resolve()))
          )
        })
      )
      const begin = performance.now()
      expect(await send({ tls: { ca } })).toBe('SEND_OK')
      expect(performance.now() - begin).toBeLessThan(2000)
      await broker.close()
      for (const socket of stalled) socket.destroy()
    })
  })
})
