import { expect, test } from 'vitest'
import { RemotingConnectException } from '../../../src/internal/errors.ts'
import { MemoryNetwork } from '../../../src/transport/memory-network.ts'
import type { Network, NetworkSocket, TlsClientOptions, TlsServerOptions } from '../../../src/transport/network.ts'
import { tcpNetwork } from '../../../src/transport/tcp-network.ts'
import { leavesNoHandle } from '../../support/active-handles.ts'
import { certificates } from '../../support/certificates.ts'
import { EventQueue } from '../../support/event-queue.ts'
import { nextTurn, until } from '../../support/turns.ts'

interface Pair {
  client: NetworkSocket
  server: NetworkSocket
  close(): Promise<void>
}

const plain = { client: undefined, server: undefined }
const kinds: Array<[string, () => Network, { client: TlsClientOptions | undefined; server: TlsServerOptions | undefined }]> = [
  ['TCP', () => tcpNetwork, plain],
  ['TLS', () => tcpNetwork, { client: { ca: certificates().ca, servername: 'broker.test' }, server: certificates().server }],
  ['memory', () => new MemoryNetwork(), plain]
]

async function pair(network: Network, tls: (typeof kinds)[0][2]): Promise<Pair> {
  const accepted = new EventQueue<NetworkSocket>()
  const listener = await network.listen('127.0.0.1', 0, (socket) => accepted.push(socket), { tls: tls.server })
  const client = await network.connect('127.0.0.1', listener.port, { tls: tls.client })
  const server = await accepted.next()
  for (const socket of [client, server]) socket.on('error', () => {})
  return {
    client,
    server,
    async close() {
      client.destroy()
      server.destroy()
      await listener.close()
    }
  }
}

const ended = (socket: NetworkSocket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

for (const [name, make, tls] of kinds) {
  test(`${name}: both ends know their addresses and bytes arrive in order`, async () => {
    const { client, server, close } = await pair(make(), tls)
    expect(client.remoteAddress).toBe('127.0.0.1')
    expect([client.localPort, client.remotePort]).toEqual([server.remotePort, server.localPort])
    const received: Buffer[] = []
    server.on('data', (chunk: Buffer) => received.push(chunk))
    const sent = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1 + ((i * 7919) % 9000), i))
    for (const bytes of sent) client.write(bytes)
    const length = Buffer.concat(sent).length
    await until(() => received.reduce((sum, chunk) => sum + chunk.length, 0) === length)
    expect(Buffer.concat(received).equals(Buffer.concat(sent))).toBe(true)
    await close()
  })

  test(`${name}: a peer that does not read holds up the writer, and lets go when it reads`, async () => {
    const { client, server, close } = await pair(make(), tls)
    server.pause()
    const piece = Buffer.alloc(1024 * 1024, 1)
    let written = 0
    let total = 0
    while (written === total && total < 64) {
      client.write(piece, () => written++)
      total++
      await nextTurn(20)
    }
    expect(written).toBeLessThan(total)
    let received = 0
    server.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    server.resume()
    await until(() => received === total * piece.length)
    await until(() => written === total)
    await close()
  })

  test(`${name}: a buffer may be used again once its write has called back`, async () => {
    const { client, server, close } = await pair(make(), tls)
    server.pause()
    const bytes = Buffer.alloc(1000, 1)
    await new Promise((resolve) => client.write(bytes, resolve))
    bytes.fill(2)
    const chunk = await new Promise<Buffer>((resolve) => {
      server.once('data', resolve)
      server.resume()
    })
    expect(chunk.equals(Buffer.alloc(1000, 1))).toBe(true)
    await close()
  })

  test(`${name}: an orderly end delivers what was written before it`, async () => {
    const { client, server, close } = await pair(make(), tls)
    const received: Buffer[] = []
    server.on('data', (chunk: Buffer) => received.push(chunk))
    const end = ended(server)
    client.end(Buffer.alloc(300_000, 7))
    await end
    expect(Buffer.concat(received).length).toBe(300_000)
    await close()
  })

  test(`${name}: when one end is destroyed the other closes, and its writes fail`, async () => {
    const { client, server, close } = await pair(make(), tls)
    const end = ended(client)
    client.resume()
    server.destroy()
    await end
    const failed = new Promise<Error | null | undefined>((resolve) => client.write(Buffer.alloc(1), resolve))
    expect(await failed).toBeInstanceOf(Error)
    await close()
  })

  test(`${name}: nothing listens there: the connect is refused with the cause`, async () => {
    const network = make()
    const { close, client } = await pair(network, tls)
    const port = client.remotePort as number
    await close()
    const refused = network.connect('127.0.0.1', port, { tls: tls.client })
    await expect(refused).rejects.toBeInstanceOf(RemotingConnectException)
    await expect(refused).rejects.toMatchObject({ maybeStored: false, cause: { code: 'ECONNREFUSED' } })
  })

  test(`${name}: an aborted connect rejects at once and leaves no handle`, async () => {
    await leavesNoHandle(async () => {
      const network = make()
      const accepted: NetworkSocket[] = []
      const listener = await network.listen('127.0.0.1', 0, (socket) => accepted.push(socket), { tls: tls.server })
      const controller = new AbortController()
      const connecting = network.connect('127.0.0.1', listener.port, { tls: tls.client, signal: controller.signal })
      controller.abort(new Error('too slow'))
      await expect(connecting).rejects.toMatchObject({ cause: { message: 'too slow' } })
      await nextTurn(5)
      for (const socket of accepted) socket.destroy()
      await listener.close()
    })
  })
}

test('TCP: IPv6 addresses work', async () => {
  const accepted = new EventQueue<NetworkSocket>()
  const listener = await tcpNetwork.listen('::1', 0, (socket) => accepted.push(socket))
  const client = await tcpNetwork.connect('::1', listener.port, {})
  const server = await accepted.next()
  expect([server.remoteAddress, listener.host]).toEqual(['::1', '::1'])
  client.destroy()
  server.destroy()
  await listener.close()
})

test('memory: no handle is opened, ports are made up and unused, a reset reaches the peer as one', async () => {
  const network = new MemoryNetwork()
  const first = await network.listen('127.0.0.1', 0, () => {})
  const second = await network.listen('127.0.0.1', 0, () => {})
  expect(first.port).not.toBe(second.port)
  await expect(network.listen('127.0.0.1', first.port, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await first.close()
  const again = await network.listen('127.0.0.1', first.port, () => {})
  expect(again.port).toBe(first.port)
  const { client, server } = await pair(network, plain)
  const error = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve))
  ;(server as NetworkSocket & { resetAndDestroy(): void }).resetAndDestroy()
  expect((await error).code).toBe('ECONNRESET')
  expect(process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP') && name !== 'TCPSocketWrap')).toEqual([])
})

test('memory: a TLS client and a plain listener refuse each other', async () => {
  const network = new MemoryNetwork()
  const listener = await network.listen('127.0.0.1', 0, () => {})
  await expect(network.connect('127.0.0.1', listener.port, { tls: {} })).rejects.toMatchObject({ cause: { code: 'EPROTO' } })
  await expect(new MemoryNetwork().connect('127.0.0.1', listener.port, {})).rejects.toMatchObject({
    cause: { code: 'ECONNREFUSED' }
  })
})
