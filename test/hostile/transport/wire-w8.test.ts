import { expect, test } from 'vitest'
import { RemotingTimeoutException } from '../../../src/internal/errors.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { Connection } from '../../../src/transport/connection.ts'
import { OpaqueSequence } from '../../../src/transport/in-flight-table.ts'
import { memoryPair } from '../../../src/transport/memory-socket.ts'
import { connectionOwner } from '../../support/connection-owner.ts'
import { EventQueue } from '../../support/event-queue.ts'
import { ECHO, echo, echoServer, remotingClient } from '../../support/remoting.ts'
import { ScriptedServer, scriptedClient } from '../../support/scripted-server.ts'
import { nextTurn, until } from '../../support/turns.ts'

/** Random numbers that a seed repeats. */
function chance(): (below: number) => number {
  let state = Number(process.env.TEST_SEED) % 2147483647 || 1
  return (below) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
}

test('wire-W8 answers in any order, twice, or with unknown opaques: each of 100,000 requests settles exactly once with its own answer', async () => {
  const random = chance()
  const server = await ScriptedServer.start((peer, request) => {
    waiting.push([peer, request])
    if (waiting.length >= 32) flush()
  })
  const waiting: Array<[(typeof server.all)[number], RemotingCommand]> = []
  const flush = (): void => {
    server.all[0]?.socket.cork()
    while (waiting.length > 0) {
      const [[peer, request]] = waiting.splice(random(waiting.length), 1) as [[(typeof server.all)[number], RemotingCommand]]
      peer.answer(request, 0, undefined, { n: request.extFields.n ?? '' })
      if (random(10) === 0) peer.answer(request, 0, undefined, { n: 'twice' })
      if (random(10) === 0) {
        const unknown = RemotingCommand.response(request, 0)
        unknown.opaque = 1_000_000_000 + random(1000)
        peer.send(unknown)
      }
    }
    server.all[0]?.socket.uncork()
  }
  const { client } = remotingClient()
  await client.connect(server.addr, 1000)
  const total = 100_000
  const settled = new Uint8Array(total)
  let wrong = 0
  let done = 0
  let sent = 0
  await new Promise<void>((resolve) => {
    const send = (): void => {
      const n = sent++
      client.invokeCallback(server.addr, echo(n), 30_000, (error, response) => {
        if (error !== undefined || response?.extFields.n !== String(n) || settled[n] !== 0) wrong++
        settled[n] = 1
        if (++done === total) resolve()
        else if (sent < total) send()
        else if (done + waiting.length >= total) flush()
      })
    }
    for (let i = 0; i < 256; i++) send()
  })
  expect(wrong, `seed ${process.env.TEST_SEED}`).toBe(0)
  expect(client.connection(server.addr)?.inFlight).toBe(0)
  expect(client.stats.lateAnswers).toBeGreaterThan(10_000)
  await client.close()
  await server.close()
})

test('wire-W8 an answer after the timeout is counted and dropped, and settles nothing twice', async () => {
  const clock = new HeldClock()
  const { client, server } = pair(clock)
  const outcomes: unknown[] = []
  client.invoke(echo(1), 100, (error, response) => outcomes.push(error ?? response))
  const request = await server.frames.next()
  await clock.advance(100)
  expect(outcomes).toHaveLength(1)
  expect(outcomes[0]).toBeInstanceOf(RemotingTimeoutException)
  expect(outcomes[0]).toMatchObject({
    message: 'wait response on the channel <127.0.0.1:2> timeout, 100(ms)',
    maybeStored: true,
    retryable: true
  })
  server.connection.send(RemotingCommand.response(request, 0))
  await until(() => client.stats.lateAnswers === 1)
  expect(outcomes).toHaveLength(1)
  expect([client.connection.inFlight, client.connection.closed]).toEqual([0, false])
})

test('wire-W8 an answer on another connection settles nothing', async () => {
  const server = await ScriptedServer.start()
  const other = await ScriptedServer.start()
  const { client } = remotingClient()
  await client.connect(server.addr, 1000)
  await client.connect(other.addr, 1000)
  let settled = false
  const call = client.invoke(server.addr, echo(1), 5000).then((response) => {
    settled = true
    return response
  })
  const peer = await server.accept()
  const request = await peer.next()
  ;(await other.accept()).answer(request)
  await until(() => client.stats.lateAnswers === 1)
  expect(settled).toBe(false)
  peer.answer(request, 0, 'mine')
  expect((await call).remark).toBe('mine')
  await client.close()
  await Promise.all([server.close(), other.close()])
})

test('wire-W8 a request that carries the response flag is no answer to anything and is not dispatched', async () => {
  const { server, addr } = await echoServer()
  const raw = await scriptedClient(server.port)
  const lying = echo(1)
  lying.flag = 1
  raw.send(lying)
  raw.send(echo('after'))
  expect((await raw.next()).extFields.n).toBe('after')
  expect(raw.frames.length).toBe(0)
  expect([server.stats.lateAnswers, addr.startsWith('127.0.0.1:')]).toEqual([1, true])
  raw.destroy()
  await server.close()
})

test('wire-W8 a frame of the peer without the response flag is a request, not the answer to ours', async () => {
  const clock = new HeldClock()
  const { client, server } = pair(clock)
  const outcomes: unknown[] = []
  client.invoke(echo(1), 1000, (error, response) => outcomes.push(error ?? response))
  const request = await server.frames.next()
  const fake = RemotingCommand.request(ECHO)
  fake.opaque = request.opaque
  server.connection.send(fake)
  expect((await client.requests.next()).opaque).toBe(request.opaque)
  expect(outcomes).toHaveLength(0)
  server.connection.send(RemotingCommand.response(request, 0))
  await until(() => outcomes.length === 1)
})

test('wire-W8 the opaque wraps past 2^31-1 while one is pending: no two requests share it', async () => {
  const clock = new HeldClock()
  const { client, server } = pair(clock, new OpaqueSequence(0x7ffffffd))
  const got: Array<[number, string | undefined]> = []
  const invoke = (n: number): unknown => client.invoke(echo(n), 1000, (_, response) => got.push([n, response?.extFields.n]))
  for (let n = 0; n < 6; n++) invoke(n)
  const requests = await server.frames.take(6)
  expect(requests.map((request) => request.opaque)).toEqual([0x7ffffffd, 0x7ffffffe, 0x7fffffff, 0, 1, 2])
  for (const request of requests.reverse())
    server.connection.send(RemotingCommand.response(request, 0, undefined, request.extFields))
  await until(() => got.length === 6)
  expect(got).toEqual([5, 4, 3, 2, 1, 0].map((n) => [n, String(n)]))
  expect(client.connection.inFlight).toBe(0)
})

test('wire-W8 closing fails what is pending exactly once, in order, and later answers settle nothing', async () => {
  const clock = new HeldClock()
  const { client, server } = pair(clock)
  const order: number[] = []
  const errors: Array<{ maybeStored: boolean } | undefined> = []
  for (let n = 0; n < 5; n++) {
    client.invoke(echo(n), 1000, (error) => {
      order.push(n)
      errors.push(error)
    })
  }
  await server.frames.take(5)
  // Still in the outgoing buffer when the connection goes.
  client.invoke(echo(5), 1000, (error) => {
    order.push(5)
    errors.push(error)
  })
  client.connection.close(new RemotingTimeoutException('test'))
  await nextTurn(3)
  expect(order).toEqual([0, 1, 2, 3, 4, 5])
  expect(errors.map((error) => error?.maybeStored)).toEqual([true, true, true, true, true, false])
  expect(errors[0]).toMatchObject({ name: 'RemotingSendRequestException', message: 'send request to <127.0.0.1:2> failed' })
  await clock.advance(5000)
  expect(order).toHaveLength(6)
  expect(clock.timers).toBe(0)
})

test('wire-W8 a callback that throws harms no other request', async () => {
  const clock = new HeldClock()
  const { client, server } = pair(clock)
  const got: number[] = []
  for (let n = 0; n < 3; n++) {
    client.invoke(echo(n), 1000, () => {
      got.push(n)
      if (n === 1) throw new Error('boom')
    })
  }
  for (const request of await server.frames.take(3)) server.connection.send(RemotingCommand.response(request, 0))
  await until(() => got.length === 3)
  client.invoke(echo(3), 50, () => {
    got.push(3)
    throw new Error('boom')
  })
  client.invoke(echo(4), 50, () => got.push(4))
  await clock.advance(50)
  expect(got).toEqual([0, 1, 2, 3, 4])
  expect(client.connection.closed).toBe(false)
})

test('wire-W8 two requests with the same opaque are both answered by the server', async () => {
  const { server } = await echoServer()
  const raw = await scriptedClient(server.port)
  for (const n of ['first', 'second']) {
    const request = echo(n)
    request.opaque = 77
    raw.send(request)
  }
  const answers = await raw.frames.take(2)
  expect(answers.map((answer) => [answer.opaque, answer.extFields.n])).toEqual([
    [77, 'first'],
    [77, 'second']
  ])
  raw.destroy()
  await server.close()
})

test('wire-W8 a request that times out before it left never leaves, and its error says so', async () => {
  const clock = new HeldClock()
  const [near, far] = memoryPair({ host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: 2 })
  const owner = connectionOwner({ clock })
  const connection = new Connection(near, owner, '127.0.0.1:2')
  // The peer does not read: one write fills the way there.
  far.pause()
  const outcomes = new EventQueue<{ n: number; maybeStored: boolean | undefined }>()
  for (const n of [0, 1, 2]) {
    connection.invoke(echo(n, Buffer.alloc(700_000)), 100 + n, (error) => outcomes.push({ n, maybeStored: error?.maybeStored }))
    await nextTurn(3)
  }
  await clock.advance(500)
  expect(await outcomes.take(3)).toEqual([
    { n: 0, maybeStored: true },
    { n: 1, maybeStored: false },
    { n: 2, maybeStored: false }
  ])
  const first = echo(0, Buffer.alloc(700_000))
  let received = 0
  far.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  far.resume()
  connection.invoke(echo(3), 1000, () => {})
  const small = frameToBuffer(echo(3)).length
  await until(() => received >= frameToBuffer(first).length + small)
  await nextTurn(5)
  expect(received).toBe(frameToBuffer(first).length + small)
  connection.close()
})

function pair(
  clock: HeldClock,
  opaques = new OpaqueSequence()
): {
  client: {
    connection: Connection
    invoke: Connection['invoke']
    requests: EventQueue<RemotingCommand>
    stats: { lateAnswers: number }
  }
  server: { connection: Connection; frames: EventQueue<RemotingCommand> }
} {
  const [near, far] = memoryPair({ host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: 2 })
  const requests = new EventQueue<RemotingCommand>()
  const frames = new EventQueue<RemotingCommand>()
  const clientOwner = connectionOwner({ clock, opaques, onRequest: (_, request) => requests.push(request) })
  const serverOwner = connectionOwner({ clock, onRequest: (_, request) => frames.push(request) })
  const connection = new Connection(near, clientOwner, '127.0.0.1:2')
  return {
    client: { connection, invoke: connection.invoke.bind(connection), requests, stats: clientOwner.stats },
    server: { connection: new Connection(far, serverOwner), frames }
  }
}
