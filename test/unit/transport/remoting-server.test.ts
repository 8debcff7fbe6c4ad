import net from 'node:net'
import { expect, test } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../../src/transport/memory-network.ts'
import { leavesNoHandle } from '../../support/active-handles.ts'
import { echo, echoServer, remotingClient } from '../../support/remoting.ts'
import { scriptedClient } from '../../support/scripted-server.ts'
import { nextTurn, until } from '../../support/turns.ts'

test('it listens on 127.0.0.1 and a free port unless told otherwise, and says where', async () => {
  const { server, addr } = await echoServer()
  expect(server.host).toBe('127.0.0.1')
  expect(server.port).toBeGreaterThan(0)
  const second = await echoServer({ host: '::1' })
  const { client } = remotingClient()
  expect((await client.invoke(addr, echo(1), 5000)).extFields.n).toBe('1')
  expect((await client.invoke(second.addr, echo(2), 5000)).extFields.n).toBe('2')
  const connection = [...second.server.connections][0]
  expect(connection?.remoteHost).toMatchObject({ host: '0:0:0:0:0:0:0:1' })
  expect(connection?.remoteAddr).toBe(client.connection(second.addr)?.localAddr)
  await client.close()
  await Promise.all([server.close(), second.server.close()])
})

test('a clock that waits calls an address by name as long as somebody is there', async () => {
  const clock = new HeldClock()
  const { server, addr } = await echoServer({ clock, network: new MemoryNetwork() })
  expect(clock.activity.named(addr)).toBe(`server (${addr})`)
  await server.close()
  expect(clock.activity.named(addr)).toBe(addr)
})

test('a port in use is an error of start', async () => {
  const { server } = await echoServer()
  await expect(echoServer({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await server.close()
})

test('an idle connection is closed after 120 s without a byte either way', async () => {
  const clock = new HeldClock()
  const network = new MemoryNetwork()
  const { server } = await echoServer({ clock, network })
  const socket = await network.connect('127.0.0.1', server.port, {})
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  await clock.advance(100_000)
  socket.write(frameToBuffer(echo()))
  await until(() => received > 0)
  await clock.advance(119_999)
  expect(server.connections.size).toBe(1)
  await clock.advance(1)
  expect(server.connections.size).toBe(0)
})

test('net-N9 a frame that was begun and dripped but never finished closes its connection after 30 s', async () => {
  const clock = new HeldClock()
  const network = new MemoryNetwork()
  const { server, logger } = await echoServer({ clock, network })
  const slow = await network.connect('127.0.0.1', server.port, {})
  const steady = await network.connect('127.0.0.1', server.port, {})
  for (const socket of [slow, steady]) {
    socket.resume()
    socket.on('error', () => {})
  }
  const frame = frameToBuffer(echo())
  for (let second = 0; second < 30; second++) {
    slow.write(frame.subarray(second, second + 1))
    // Always in the middle of a frame too, but each one is finished in time.
    steady.write(second === 0 ? frame.subarray(0, 9) : Buffer.concat([frame.subarray(9), frame.subarray(0, 9)]))
    expect(server.connections.size, `second ${second}`).toBe(2)
    await clock.advance(1000)
  }
  expect(server.connections.size).toBe(1)
  expect(slow.destroyed).toBe(true)
  expect(steady.destroyed).toBe(false)
  expect(logger.lines.join()).toContain('a frame was begun and not finished in time')
})

test('net-N10 a peer that does not read its answers is not read from beyond 1 MiB of them; others are served', async () => {
  const { server, dispatcher, addr } = await echoServer()
  let handled = 0
  dispatcher.register(8, (request) => {
    handled++
    return RemotingCommand.response(request, 0, undefined, undefined, Buffer.alloc(60_000))
  })
  const raw = await scriptedClient(server.port)
  raw.socket.pause()
  const request = frameToBuffer(RemotingCommand.request(8))
  const total = 1000
  for (let n = 0; n < total; n++) raw.write(request)
  // The peer may know of the connection before the server does.
  await until(() => server.connections.size > 0)
  const connection = [...server.connections][0]
  let before = -1
  // Until nothing moves any more: what the kernel buffers take is not ours to choose.
  await until(() => (connection?.bytesQueued ?? 0) > 1024 * 1024)
  while (before !== handled) {
    before = handled
    await nextTurn(200)
  }
  expect(handled).toBeLessThan(total)
  // One read of 64 KiB of requests may be answered on top of the mark.
  expect(connection?.bytesQueued).toBeLessThan(1024 * 1024 + Math.ceil(65_536 / request.length) * 61_000)
  const { client } = remotingClient()
  await client.invoke(addr, echo(), 5000)
  raw.socket.resume()
  await until(() => handled === total)
  await raw.frames.take(total)
  expect(connection?.bytesQueued).toBe(0)
  raw.destroy()
  await client.close()
  await server.close()
})

test('close ends every connection, tells the listeners, and leaves no handle and no timer', async () => {
  await leavesNoHandle(async () => {
    const { server } = await echoServer()
    const closed: string[] = []
    server.onConnectionClosed(() => {
      throw new Error('boom')
    })
    server.onConnectionClosed((connection) => closed.push(connection.remoteAddr))
    const peers = await Promise.all([scriptedClient(server.port), scriptedClient(server.port)])
    const ports = peers.map((peer) => peer.socket.localPort)
    peers[0].send(echo())
    await peers[0].next()
    await until(() => server.connections.size === 2)
    await server.close()
    await Promise.all(peers.map((peer) => peer.closed))
    expect(closed.sort()).toEqual(ports.map((port) => `127.0.0.1:${port}`).sort())
    expect(server.connections.size).toBe(0)
    const refused = net.connect(server.port, '127.0.0.1')
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => refused.once('error', resolve))
    expect(error.code).toBe('ECONNREFUSED')
  })
})

test('what is queued for a peer when the server closes still reaches it', async () => {
  const { server } = await echoServer()
  const raw = await scriptedClient(server.port)
  raw.send(echo('first'))
  await raw.next()
  const connection = [...server.connections][0]
  connection?.send(RemotingCommand.response(echo(), 0, 'farewell'))
  const closing = server.close()
  expect((await raw.next()).remark).toBe('farewell')
  await raw.closed
  await closing
})
