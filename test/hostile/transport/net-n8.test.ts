import { expect, test } from 'vitest'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { echo, echoServer, remotingClient } from '../../support/remoting.ts'
import type { ScriptedPeer } from '../../support/scripted-server.ts'
import { ScriptedServer, scriptedClient } from '../../support/scripted-server.ts'
import { nextTurn, until } from '../../support/turns.ts'

/** Ways to break a connection while an answer is half sent. */
const endings: Array<[string, (peer: ScriptedPeer, half: Buffer) => void]> = [
  ['an end in the middle of a frame', (peer, half) => peer.socket.end(half)],
  ['a destroyed socket in the middle of a frame', (peer, half) => peer.socket.write(half, () => peer.destroy())],
  ['a reset in the middle of a frame', (peer, half) => peer.socket.write(half, () => peer.reset())],
  ['a half-close without an answer', (peer) => peer.socket.end()],
  ['a reset without an answer', (peer) => peer.reset()]
]

for (const [name, end] of endings) {
  test(`net-N8 ${name}: pending calls fail at once, and the next connection starts clean`, async () => {
    const server = await ScriptedServer.start()
    const { client } = remotingClient()
    // A minute to wait: only the close can settle them within the test.
    const calls = [1, 2, 3].map((n) => client.invoke(server.addr, echo(n), 60_000))
    const failed = Promise.allSettled(calls)
    const peer = await server.accept()
    const requests = await peer.frames.take(3)
    const answer = frameToBuffer(RemotingCommand.response(requests[0] as RemotingCommand, 0, undefined, { n: 'half' }))
    end(peer, answer.subarray(0, answer.length - 3))
    for (const outcome of await failed) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'RemotingSendRequestException', maybeStored: true } })
    }
    expect(client.connection(server.addr)).toBeUndefined()
    // The rest of the old frame, were it kept, would spoil this answer.
    const again = client.invoke(server.addr, echo('again'), 60_000)
    const fresh = await server.accept()
    fresh.answer(await fresh.next(), 0, 'clean')
    expect((await again).remark).toBe('clean')
    await client.close()
    await server.close()
  })
}

test('net-N8 accepted and closed at once: calls fail fast, each with a new connection', async () => {
  const server = await ScriptedServer.start()
  server.peers.onEach((peer) => peer.destroy())
  const { client } = remotingClient()
  for (let n = 0; n < 3; n++) {
    await expect(client.invoke(server.addr, echo(n), 60_000)).rejects.toMatchObject({ name: 'RemotingSendRequestException' })
  }
  expect(server.all).toHaveLength(3)
  await client.close()
  await server.close()
})

test('net-N8 accepted and never read: calls time out at their own time and their unsent bytes are dropped', async () => {
  const server = await ScriptedServer.start()
  server.peers.onEach((peer) => peer.socket.pause())
  const { client } = remotingClient()
  const connection = await client.connect(server.addr, 1000)
  const big = Buffer.alloc(4 * 1024 * 1024)
  const outcomes = await Promise.allSettled([50, 50, 60].map((millis) => client.invoke(server.addr, echo(0, big), millis)))
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'RemotingTimeoutException' } })
  expect(connection.inFlight).toBe(0)
  expect(client.connection(server.addr)).not.toBe(connection)
  await client.close()
  await server.close()
})

test('net-N8 a peer that breaks off in the middle of a request leaves nothing behind on the server', async () => {
  const { server, dispatcher } = await echoServer()
  let handled = 0
  dispatcher.register(8, (request) => {
    handled++
    return RemotingCommand.response(request, 0)
  })
  const frame = frameToBuffer(RemotingCommand.request(8, { topic: 'T' }, Buffer.alloc(1000)))
  for (const how of ['end', 'destroy', 'reset'] as const) {
    const raw = await scriptedClient(server.port)
    raw.write(frame.subarray(0, 700))
    await until(() => server.connections.size === 1)
    await nextTurn(5)
    if (how === 'end') raw.socket.end()
    else raw[how]()
    await until(() => server.connections.size === 0)
  }
  expect(handled).toBe(0)
  const raw = await scriptedClient(server.port)
  raw.write(frame)
  await raw.next()
  expect(handled).toBe(1)
  raw.destroy()
  await server.close()
})
