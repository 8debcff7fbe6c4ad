import { expect, test } from 'vitest'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { echo, echoServer, remotingClient } from '../../support/remoting.ts'
import { ScriptedServer, scriptedClient } from '../../support/scripted-server.ts'

const MiB16 = 16 * 1024 * 1024

/** Whole length words that break the bounds, as they stand on the wire. */
const lengths = [0, 1, 2, 3, -1, -(2 ** 31), 2 ** 31 - 1, MiB16 - 3, MiB16, MiB16 + 1]

function word(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(length, 0)
  return bytes
}

const broken: Array<[string, Buffer]> = [
  ...lengths.map((length): [string, Buffer] => [`length ${length}`, word(length)]),
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a TLS hello', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01])],
  ['an unknown serialization', Buffer.from([0, 0, 0, 5, 9, 0, 0, 1, 0])],
  ['a header longer than its frame', Buffer.from([0, 0, 0, 5, 0, 0xff, 0xff, 0xff, 0])],
  ['a header that is no JSON', Buffer.from([0, 0, 0, 6, 0, 0, 0, 2, 0x7b, 0x7b])]
]

test('wire-W2 security-X16 a server closes the connection whose frame breaks the bounds, at once, and no other', async () => {
  const { server, addr, logger } = await echoServer()
  const { client } = remotingClient()
  await client.invoke(addr, echo(), 5000)
  const before = process.memoryUsage().arrayBuffers
  for (const [name, bytes] of broken) {
    const raw = await scriptedClient(server.port)
    // A good frame before it is answered, one behind it is not.
    raw.write(Buffer.concat([frameToBuffer(echo('good')), bytes, frameToBuffer(echo('never'))]))
    await raw.closed
    expect(raw.frames.length, name).toBeLessThanOrEqual(1)
    expect((await client.invoke(addr, echo('alive'), 5000)).extFields.n, name).toBe('alive')
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MiB16 / 2)
  expect(server.stats.protocolErrors).toBe(broken.length)
  expect(logger.lines.filter((line) => line.includes('warn closing 127.0.0.1:'))).toHaveLength(broken.length)
  expect(client.stats.connects).toBe(1)
  await client.close()
  await server.close()
})

test('wire-W2 a client closes such a connection too: pending calls fail with the typed error as cause, other brokers do not notice', async () => {
  const { server: good, addr } = await echoServer()
  const { client } = remotingClient()
  await client.invoke(addr, echo(), 5000)
  for (const [name, bytes] of broken) {
    const bad = await ScriptedServer.start((peer) => peer.write(bytes))
    await expect(client.invoke(bad.addr, echo(), 5000), name).rejects.toMatchObject({
      name: 'RemotingSendRequestException',
      maybeStored: true,
      cause: { name: 'RemotingCommandException' }
    })
    await (await bad.accept()).closed
    await bad.close()
    expect((await client.invoke(addr, echo('alive'), 5000)).extFields.n, name).toBe('alive')
  }
  expect(client.stats.protocolErrors).toBe(broken.length)
  await client.close()
  await good.close()
})

test('an answer whose binary fields do not decode fails its request with the cause and closes the connection', async () => {
  const server = await ScriptedServer.start((peer, request) => {
    const answer = RemotingCommand.response(request, 0, undefined, { key: 'value' })
    answer.serializeType = 1
    const bytes = frameToBuffer(answer)
    // The key length, behind the frame prefix, 21 fixed bytes.
    bytes.writeInt16BE(1000, 8 + 21)
    peer.write(bytes)
  })
  const { client } = remotingClient()
  await expect(client.invoke(server.addr, echo(), 5000)).rejects.toMatchObject({
    name: 'RemotingSendRequestException',
    cause: { name: 'RemotingCommandException' }
  })
  expect(client.connection(server.addr)).toBeUndefined()
  await client.close()
  await server.close()
})

test('a request above the frame limit is refused before anything is sent, and the connection stays', async () => {
  const { server, addr } = await echoServer()
  const { client } = remotingClient()
  await client.connect(addr, 1000)
  await expect(client.invoke(addr, echo(0, Buffer.alloc(MiB16)), 5000)).rejects.toMatchObject({
    code: 'FRAME_TOO_LARGE',
    maybeStored: false
  })
  expect((await client.invoke(addr, echo('alive'), 5000)).extFields.n).toBe('alive')
  expect([client.stats.connects, client.connection(addr)?.inFlight]).toEqual([1, 0])
  await client.close()
  await server.close()
})
