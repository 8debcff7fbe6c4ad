import { createPrivateKey } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import {
  DefaultMQProducer,
  type DefaultMQProducerOptions,
  Message,
  type RocketMQError,
  type SendResult
} from '../../dist/index.js'
import { certificates } from '../support/certificates.ts'
import { pullTopic } from './harness/remoting.js'
import { type RealServers, startServers } from './harness/servers.js'

// How connections are made: TLS and IPv6 with a real name server and broker.

const topics = { Orders: 2 }
let servers: RealServers | undefined
afterEach(() => servers?.stop())
let group = 0

async function send(options: Partial<DefaultMQProducerOptions>): Promise<SendResult> {
  const producer = new DefaultMQProducer({
    producerGroup: `transport-${++group}`,
    namesrvAddr: servers?.namesrvAddr,
    sendMsgTimeout: 20_000,
    retryTimesWhenSendFailed: 0,
    ...options
  })
  await producer.start()
  try {
    return await producer.send(new Message({ topic: 'Orders', body: 'hello' }))
  } finally {
    await producer.shutdown()
  }
}

async function failure(options: Partial<DefaultMQProducerOptions>): Promise<RocketMQError> {
  try {
    await send(options)
  } catch (error) {
    return error as RocketMQError
  }
  throw new Error('it was sent')
}

/**
 * The route exists a moment after the broker has booted. A broker that registers between the lookup of a topic and that of the topic which new
 * ones are modelled on is sent to with the queues of the latter.
 */
async function sendOnceRouted(options: Partial<DefaultMQProducerOptions>): Promise<SendResult> {
  const end = performance.now() + 30_000
  for (;;) {
    try {
      return await send(options)
    } catch (error) {
      const { code, responseCode } = error as RocketMQError
      if ((code !== 'NO_ROUTE' && responseCode !== 29) || performance.now() > end) throw error
    }
  }
}

describe('a real 5.3.3 that takes TLS only', () => {
  const { ca, server, client } = certificates()
  const pkcs8 = (key: string): string => createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' }).toString()

  test('is reached with its certificate verified, by address and by name, and with a client certificate; nothing else is', async () => {
    const files = {
      'tls/ca.pem': ca,
      'tls/server.pem': server.cert,
      'tls/server.key': pkcs8(server.key),
      'tls/client.pem': client.cert,
      'tls/client.key': pkcs8(client.key)
    }
    servers = await startServers({
      topics,
      files,
      plain: false,
      flags: [
        '-Dtls.enable=true',
        '-Dtls.test.mode.enable=false',
        '-Dtls.server.mode=enforcing',
        '-Dtls.server.need.client.auth=require',
        '-Dtls.server.authClient=true',
        '-Dtls.client.authServer=true',
        // Below the home directory, which every server runs in.
        '-Dtls.server.keyPath=tls/server.key',
        '-Dtls.server.certPath=tls/server.pem',
        '-Dtls.server.trustCertPath=tls/ca.pem',
        '-Dtls.client.keyPath=tls/client.key',
        '-Dtls.client.certPath=tls/client.pem',
        '-Dtls.client.trustCertPath=tls/ca.pem'
      ]
    })
    expect((await sendOnceRouted({ tls: { ca, ...client } })).sendStatus).toBe('SEND_OK')
    expect((await send({ tls: { ca, ...client, servername: 'broker.test' } })).sendStatus).toBe('SEND_OK')
    expect((await send({ tls: { ca, ...client }, serializeType: 'JSON' })).sendStatus).toBe('SEND_OK')
    const wrongName = await failure({ tls: { ca, ...client, servername: 'elsewhere.test' } })
    expect(inspect(wrongName, { depth: 9 })).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
    // Without a client certificate, with an authority that nobody knows, in plain text.
    for (const options of [{ tls: { ca } }, { tls: client }, {}]) {
      const error = await failure({ mqClientApiTimeout: 2000, ...options })
      expect([error.code, error.maybeStored]).toEqual(['NAME_SERVER_UNREACHABLE', false])
    }
  })
})

describe('a real 5.3.3 on ::1', () => {
  test('announces itself by IPv6, takes our messages and gives ids of 28 bytes', async () => {
    servers = await startServers({
      topics,
      host: '::1',
      flags: ['-Djava.net.preferIPv6Addresses=true', '-Djava.net.preferIPv4Stack=false']
    })
    const results = [await send({}), await send({ serializeType: 'JSON', clientIP: '[::1]' })]
    for (const { sendStatus, offsetMsgId } of results) expect([sendStatus, offsetMsgId.length]).toEqual(['SEND_OK', 56])
    const [broker] = servers.brokers
    expect(broker?.addr).toMatch(/^\[::1\]:/)
    const stored = await pullTopic(broker?.addr as string, 'Orders', 2)
    expect(stored.map(({ body }) => Buffer.from(body, 'base64').toString())).toEqual(['hello', 'hello'])
  })
})
