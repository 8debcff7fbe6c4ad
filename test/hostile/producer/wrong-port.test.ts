import http from 'node:http'
import http2 from 'node:http2'
import type net from 'node:net'
import tls from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'
import { Message } from '../../../src/protocol/message.ts'
import { certificates } from '../../support/certificates.ts'
import { rejection } from '../../support/producers.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** The error of a send whose name server is this. */
async function sendTo(server: net.Server): Promise<{ code: string; hint: string; message: string }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const producer = new DefaultMQProducer({ producerGroup: 'wrong-port', namesrvAddr: `127.0.0.1:${port}` })
  await producer.start()
  ends.push(() => producer.shutdown())
  return await rejection(producer.send(new Message({ topic: 'T', body: 'x' }), { timeout: 3000 }))
}

describe('an address where something else than RocketMQ answers is named in the error', () => {
  it('HTTP/1', async () => {
    const error = await sendTo(http.createServer())
    expect(error).toMatchObject({ code: 'NAME_SERVER_UNREACHABLE' })
    expect(error.hint).toMatch(
      /127\.0\.0\.1:\d+ does not speak RocketMQ's remoting protocol .*\(the text "HTTP"\).*check the port/
    )
  })

  it('HTTP/2, as the gRPC port of a 5.x proxy', async () => {
    const error = await sendTo(http2.createServer() as unknown as net.Server)
    expect(error).toMatchObject({ code: 'NAME_SERVER_UNREACHABLE' })
    expect(error.hint).toMatch(/127\.0\.0\.1:\d+ does not speak RocketMQ's remoting protocol/)
  })

  it('TLS', async () => {
    const error = await sendTo(tls.createServer(certificates().server))
    expect(error).toMatchObject({ code: 'NAME_SERVER_UNREACHABLE' })
    expect(error.hint).toMatch(/\(a TLS record\).*whether TLS is expected|hung up without a word.*whether it expects TLS/)
  })
})
