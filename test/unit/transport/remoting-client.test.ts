import { expect, test } from 'vitest'
import {
  RemotingConnectException,
  RemotingException,
  RemotingSendRequestException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException
} from '../../../src/internal/errors.ts'
import { FaultTable } from '../../../src/internal/fault-table.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../../src/transport/memory-network.ts'
import type { Network } from '../../../src/transport/network.ts'
import type { RPCHook } from '../../../src/transport/rpc-hook.ts'
import { leavesNoHandle } from '../../support/active-handles.ts'
import { ECHO, echo, echoServer, remotingClient } from '../../support/remoting.ts'
import { ScriptedServer } from '../../support/scripted-server.ts'
import { nextTurn, until } from '../../support/turns.ts'

const never = new Promise<never>(() => {})

/** A network where nothing comes back from the ports that are named, and connects can be counted. */
class PartlyDeadNetwork extends MemoryNetwork {
  connects: number[] = []
  readonly dead = new Set<number>()
  override connect(host: string, port: number, options: Parameters<Network['connect']>[2]): ReturnType<Network['connect']> {
    this.connects.push(port)
    if (!this.dead.has(port)) return super.connect(host, port, options)
    return new Promise((_, reject) => {
      options.signal?.addEventListener('abort', () =>
        reject(new RemotingConnectException('aborted', { cause: options.signal?.reason }))
      )
    })
  }
}

async function memory(): Promise<{
  clock: HeldClock
  network: PartlyDeadNetwork
  addr: string
  client: ReturnType<typeof remotingClient>['client']
  logger: ReturnType<typeof remotingClient>['logger']
  dispatcher: Awaited<ReturnType<typeof echoServer>>['dispatcher']
  server: Awaited<ReturnType<typeof echoServer>>['server']
}> {
  const clock = new HeldClock()
  const network = new PartlyDeadNetwork()
  const { addr, server, dispatcher } = await echoServer({ network, clock })
  return { clock, network, addr, server, dispatcher, ...remotingClient({ network, clock }) }
}

test('callers of one address share one attempt to connect, and their requests leave in call order', async () => {
  const { network, addr, client, dispatcher } = await memory()
  const arrived: string[] = []
  dispatcher.register(ECHO, (request) => {
    arrived.push(request.extFields.n as string)
    return RemotingCommand.response(request, 0)
  })
  const calls: Array<Promise<unknown>> = []
  for (let n = 0; n < 5; n++) {
    calls.push(client.invoke(addr, echo(`p${n}`), 1000))
    client.invokeCallback(addr, echo(`c${n}`), 1000, () => {})
    void client.invokeOneway(addr, echo(`o${n}`), 1000)
  }
  await Promise.all(calls)
  expect(network.connects).toHaveLength(1)
  expect(arrived).toEqual([0, 1, 2, 3, 4].flatMap((n) => [`p${n}`, `c${n}`, `o${n}`]).slice(0, arrived.length))
  await until(() => arrived.length === 15)
  expect(client.connection(addr)).toBe(await client.connect(addr, 1000))
})

test('an address that swallows everything delays no other, and its callers fail at their own time', async () => {
  const { network, addr, client, clock } = await memory()
  network.dead.add(1)
  const patient = expect(client.invoke('127.0.0.1:1', echo(), 10_000)).rejects.toBeInstanceOf(RemotingConnectException)
  const hurried = expect(client.invoke('127.0.0.1:1', echo(), 500)).rejects.toMatchObject({
    name: 'RemotingTimeoutException',
    message: 'invokeSync call the addr[127.0.0.1:1] timeout',
    maybeStored: false
  })
  const outcomes: unknown[] = []
  client.invokeCallback('127.0.0.1:1', echo(), 400, (error) => outcomes.push(error))
  expect((await client.invoke(addr, echo(1), 1000)).extFields.n).toBe('1')
  await clock.advance(500)
  await hurried
  expect(outcomes).toHaveLength(1)
  expect(outcomes[0]).toBeInstanceOf(RemotingTooMuchRequestException)
  await clock.advance(2499)
  const before = client.stats.connectFailures
  await clock.advance(1)
  await patient
  expect([before, client.stats.connectFailures]).toEqual([0, 1])
})

test('a refused connect says which address and why, and the next call tries again', async () => {
  const { network, client, clock } = await memory()
  const refused = client.invoke('127.0.0.1:9', echo(), 1000)
  await expect(refused).rejects.toMatchObject({
    name: 'RemotingConnectException',
    message: 'connect to 127.0.0.1:9 failed',
    retryable: true,
    maybeStored: false,
    cause: { code: 'ECONNREFUSED' }
  })
  await expect(client.connect('127.0.0.1:9', 1000)).rejects.toBeInstanceOf(RemotingConnectException)
  await expect(client.connect('no address', 1000)).rejects.toBeInstanceOf(RemotingConnectException)
  expect(network.connects).toEqual([9, 9])
  // The one timer of the wheel may still be armed; it finds nothing.
  await clock.advance(3000)
  expect(clock.timers).toBe(0)
})

test('bodies of answers and fields of requests stay as they came, whatever is read later', async () => {
  const server = await ScriptedServer.start()
  const { client } = remotingClient()
  const requests: RemotingCommand[] = []
  client.registerProcessor(39, (request) => void requests.push(request))
  const calls = Array.from({ length: 50 }, (_, n) => client.invoke(server.addr, echo(n), 5000))
  const peer = await server.accept()
  for (const request of await peer.frames.take(50)) {
    const ask = RemotingCommand.request(
      39,
      { n: `${request.extFields.n} `.repeat(40) },
      Buffer.alloc(500, Number(request.extFields.n))
    )
    ask.serializeType = 1
    peer.send(ask)
    peer.answer(request, 0, undefined, undefined, Buffer.alloc(500, Number(request.extFields.n)))
    // Each in a read of its own.
    await nextTurn(2)
  }
  for (const [n, answer] of (await Promise.all(calls)).entries()) expect(answer.body?.equals(Buffer.alloc(500, n))).toBe(true)
  await until(() => requests.length === 50)
  for (const [n, request] of requests.entries()) {
    expect(request.extFields.n).toBe(`${n} `.repeat(40))
    expect(request.body?.equals(Buffer.alloc(500, n))).toBe(true)
  }
  await client.close()
  await server.close()
})

test('a peer that speaks first is heard', async () => {
  const server = await ScriptedServer.start((peer) => peer.destroy())
  server.peers.onEach((peer) => peer.write(Buffer.alloc(8)))
  const { client } = remotingClient()
  const connection = await client.connect(server.addr, 1000)
  await new Promise<void>((resolve) => connection.onClose(() => resolve()))
  expect(connection.closeError).toMatchObject({ name: 'RemotingCommandException' })
  await client.close()
  await server.close()
})

test('GO_AWAY: the request is sent once more on a new connection with a fresh opaque; the old one finishes what is in flight', async () => {
  const server = await ScriptedServer.start()
  const { client } = remotingClient()
  const slow = client.invoke(server.addr, echo('slow'), 5000)
  const old = await server.accept()
  const slowRequest = await old.next()
  const call = client.invoke(server.addr, echo('moved'), 5000)
  const first = await old.next()
  old.answer(first, 1500, 'please go away')
  const fresh = await server.accept()
  const second = await fresh.next()
  expect(second.extFields.n).toBe('moved')
  expect(second.opaque).not.toBe(first.opaque)
  fresh.answer(second, 0, 'welcome')
  expect((await call).remark).toBe('welcome')
  // Work goes to the new connection now, and the old one is still good for its answer.
  const next = client.invoke(server.addr, echo('next'), 5000)
  fresh.answer(await fresh.next())
  await next
  expect(old.socket.destroyed).toBe(false)
  old.answer(slowRequest, 0, 'late but fine')
  expect((await slow).remark).toBe('late but fine')
  await old.closed
  expect(client.stats.goAways).toBe(1)
  await client.close()
  await server.close()
})

test('GO_AWAY a second time fails the call', async () => {
  const server = await ScriptedServer.start((peer, request) => peer.answer(request, 1500, 'please go away'))
  const { client } = remotingClient()
  await expect(client.invoke(server.addr, echo(), 5000)).rejects.toBeInstanceOf(RemotingSendRequestException)
  expect(server.all).toHaveLength(2)
  await client.close()
  await server.close()
})

test('RPC hooks run in order for every kind of call, may add fields, and a hook that throws fails only its call', async () => {
  const { addr, client, dispatcher } = await memory()
  const arrived: RemotingCommand[] = []
  dispatcher.register(8, (request) => {
    arrived.push(request)
    return RemotingCommand.response(request, 0, 'done')
  })
  const seen: string[] = []
  const hook = (name: string): RPCHook => ({
    doBeforeRequest(to, request) {
      seen.push(`${name} before ${to === addr}`)
      request.extFields[name] = 'was here'
    },
    doAfterResponse(to, _request, response) {
      seen.push(`${name} after ${to === addr} ${response.remark}`)
    }
  })
  client.rpcHooks.push(hook('a'), hook('b'))
  await client.invoke(addr, RemotingCommand.request(8), 1000)
  await new Promise((resolve) => client.invokeCallback(addr, RemotingCommand.request(8), 1000, resolve))
  await client.invokeOneway(addr, RemotingCommand.request(8), 1000)
  await until(() => arrived.length === 3)
  const before = ['a before true', 'b before true']
  const after = ['a after true done', 'b after true done']
  expect(seen).toEqual([...before, ...after, ...before, ...after, ...before])
  expect(arrived.map((request) => [request.extFields.a, request.extFields.b, request.isOneway])).toEqual([
    ['was here', 'was here', false],
    ['was here', 'was here', false],
    ['was here', 'was here', true]
  ])
  client.rpcHooks.push({
    doBeforeRequest() {
      throw new Error('no')
    },
    doAfterResponse() {}
  })
  await expect(client.invoke(addr, RemotingCommand.request(8), 1000)).rejects.toMatchObject({ code: 'RPC_HOOK_FAILED' })
  client.rpcHooks.pop()
  await client.invoke(addr, RemotingCommand.request(8), 1000)
})

test('the hot path hands a request to the hooks as a command', async () => {
  const { addr, client } = await memory()
  client.rpcHooks.push({
    doBeforeRequest(_, request) {
      request.extFields.extra = '1'
    },
    doAfterResponse() {}
  })
  const request = echo('x')
  const outgoing = Object.assign(Object.create(request), { toCommand: () => request })
  const answer = await new Promise<RemotingCommand | undefined>((resolve) =>
    client.invokeCallback(addr, outgoing, 1000, (_, response) => resolve(response))
  )
  expect(answer?.extFields).toEqual({ n: 'x', extra: '1' })
})

test('requests of the broker go to the processor of their code; others are answered with code 3, oneway ones not at all', async () => {
  const server = await ScriptedServer.start()
  const { client } = remotingClient()
  client.registerProcessor(39, (request) => RemotingCommand.response(request, 0, `hello ${request.extFields.n}`))
  await client.connect(server.addr, 1000)
  const peer = await server.accept()
  const ask = (code: number, opaque: number, flag = 0): void => {
    const request = RemotingCommand.request(code, { n: 'you' })
    request.opaque = opaque
    request.flag = flag
    peer.send(request)
  }
  ask(9999, 1, 2)
  ask(9999, 2)
  ask(39, 3)
  const [unsupported, known] = await peer.frames.take(2)
  expect([unsupported?.opaque, unsupported?.code, unsupported?.remark]).toEqual([2, 3, ' request type 9999 not supported'])
  expect([known?.opaque, known?.code, known?.remark, known?.isResponse]).toEqual([3, 0, 'hello you', true])
  await client.close()
  await server.close()
})

test('net-N4 two timeouts in a row without a byte: the connection is replaced, what waits on the old one keeps its own deadline', async () => {
  const { addr, client, clock, dispatcher, network } = await memory()
  let silent = true
  dispatcher.register(ECHO, (request) => (silent ? never : RemotingCommand.response(request, 0)))
  const timedOut = (millis: number): Promise<void> =>
    expect(client.invoke(addr, echo(), millis)).rejects.toBeInstanceOf(RemotingTimeoutException)
  await client.connect(addr, 1000)
  const old = client.connection(addr)
  const first = timedOut(100)
  const second = timedOut(200)
  const third = timedOut(5000)
  await clock.advance(100)
  await first
  expect(client.connection(addr)).toBe(old)
  await clock.advance(100)
  await second
  expect(client.connection(addr)).toBeUndefined()
  expect(old?.closed).toBe(false)
  silent = false
  await client.invoke(addr, echo(), 1000)
  expect(network.connects).toHaveLength(2)
  await clock.advance(4800)
  await third
  expect([old?.closed, client.stats.deadConnections]).toEqual([true, 1])
})

test('net-N4 bytes between two timeouts keep the connection', async () => {
  const { addr, client, clock, dispatcher } = await memory()
  dispatcher.register(8, () => never)
  for (let round = 0; round < 4; round++) {
    const timeout = expect(client.invoke(addr, RemotingCommand.request(8), 100)).rejects.toBeInstanceOf(RemotingTimeoutException)
    await clock.advance(100)
    await timeout
    await client.invoke(addr, echo(), 1000)
  }
  expect(client.stats).toMatchObject({ connects: 1, deadConnections: 0, timeouts: 4 })
})

test('net-N4 ten seconds without a byte while a request waits: the connection is replaced', async () => {
  const { addr, client, clock, dispatcher } = await memory()
  dispatcher.register(8, () => never)
  await client.invoke(addr, echo(), 1000)
  // Quiet, but nothing waits: that is no sign of death.
  await clock.advance(60_000)
  const old = client.connection(addr)
  expect(old).toBeDefined()
  const waiting = expect(client.invoke(addr, RemotingCommand.request(8), 30_000)).rejects.toBeInstanceOf(RemotingTimeoutException)
  await clock.advance(9_999)
  expect(client.connection(addr)).toBe(old)
  await clock.advance(1)
  expect(client.connection(addr)).toBeUndefined()
  await clock.advance(20_000)
  await waiting
  expect(old?.closed).toBe(true)
})

test('an idle connection is closed after 120 s, one with a request in flight is not', async () => {
  const { addr, client, clock, network } = await memory()
  await client.invoke(addr, echo(), 1000)
  const connection = client.connection(addr)
  await clock.advance(119_999)
  expect(connection?.closed).toBe(false)
  await clock.advance(1)
  expect([connection?.closed, client.connection(addr)]).toEqual([true, undefined])

  const patient = await echoServer({ network, clock, idleMillis: 1_000_000 })
  patient.dispatcher.register(8, () => never)
  const waiting = remotingClient({ network, clock, idleMillis: 1000, silenceMillis: 1_000_000 }).client
  const call = expect(waiting.invoke(patient.addr, RemotingCommand.request(8), 5000)).rejects.toBeInstanceOf(
    RemotingTimeoutException
  )
  await clock.advance(4999)
  expect(waiting.connection(patient.addr)?.inFlight).toBe(1)
  await clock.advance(1)
  await call
  await clock.advance(1000)
  expect(waiting.connection(patient.addr)).toBeUndefined()
})

test('a oneway call settles when its bytes are with the socket, and fails when there is no connection', async () => {
  const { addr, client } = await memory()
  await client.invokeOneway(addr, echo(), 1000)
  await expect(client.invokeOneway('127.0.0.1:9', echo(), 1000)).rejects.toBeInstanceOf(RemotingConnectException)
  expect(client.connection(addr)?.bytesQueued).toBe(0)
})

test('aborting takes back a request that has not left, and leaves neither listener nor deadline', async () => {
  const { addr, client, clock, network } = await memory()
  const reason = new Error('changed my mind')
  const abort = async (start: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
    const controller = new AbortController()
    const call = start(controller.signal)
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    await expect(start(AbortSignal.abort(reason))).rejects.toBe(reason)
  }
  network.dead.add(1)
  await abort((signal) => client.connect('127.0.0.1:1', 1000, signal))
  await abort((signal) => client.invoke('127.0.0.1:1', echo(), 1000, signal))
  await client.connect(addr, 1000)
  await abort((signal) => client.invoke(addr, echo(), 1000, signal))
  const outcomes: unknown[] = []
  const call = client.invokeCallback(addr, echo(), 1000, (error) => outcomes.push(error))
  expect(call?.cancel()).toBe(false)
  expect(client.connection(addr)?.inFlight).toBe(0)
  await clock.advance(5000)
  const left = client.invokeCallback(addr, echo(), 1000, (error) => outcomes.push(error))
  await client.connection(addr)?.handedOver()
  expect(left?.cancel()).toBe(true)
  await clock.advance(5000)
  expect(outcomes).toHaveLength(0)
})

test('close fails every call, connecting or in flight, refuses later ones, and leaves no handle and no timer', async () => {
  await leavesNoHandle(async () => {
    const server = await ScriptedServer.start()
    const { client } = remotingClient()
    const inFlight = client.invoke(server.addr, echo(), 60_000)
    const peer = await server.accept()
    await peer.next()
    const connecting = client.invoke('127.0.0.1:1', echo(), 60_000)
    const failures = Promise.allSettled([inFlight, connecting])
    await client.close(new RemotingException('shut down', { code: 'SHUT_DOWN' }))
    const [one, two] = await failures
    expect(one).toMatchObject({ status: 'rejected', reason: { maybeStored: true, cause: { code: 'SHUT_DOWN' } } })
    expect(two).toMatchObject({ status: 'rejected', reason: { code: 'SHUT_DOWN', maybeStored: false } })
    await expect(client.invoke(server.addr, echo(), 1000)).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
    await expect(client.invokeOneway(server.addr, echo(), 1000)).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
    await peer.closed
    await server.close()
  })
})

test('closing one address fails what is in flight there; the next call opens another connection', async () => {
  const { addr, client, dispatcher, network } = await memory()
  dispatcher.register(8, () => never)
  const call = expect(client.invoke(addr, RemotingCommand.request(8), 1000)).rejects.toBeInstanceOf(RemotingSendRequestException)
  await client.connect(addr, 1000)
  await nextTurn(5)
  client.closeConnection(addr)
  await call
  await client.invoke(addr, echo(), 1000)
  expect(network.connects).toHaveLength(2)
})

test('a callback that throws harms nothing, wherever its call ends', async () => {
  const { addr, client, logger, dispatcher, clock } = await memory()
  dispatcher.register(8, () => never)
  let called = 0
  const boom = (): void => {
    called++
    throw new Error('boom')
  }
  client.invokeCallback('127.0.0.1:9', echo(), 1000, boom)
  client.invokeCallback('127.0.0.1:9', echo(), 1000, boom)
  client.invokeCallback('127.0.0.1:9', echo(), 0, boom)
  client.invokeCallback(addr, RemotingCommand.request(8), 100, boom)
  client.invokeCallback(addr, echo(0, Buffer.alloc(17 * 1024 * 1024)), 1000, boom)
  const connection = await client.connect(addr, 1000)
  await clock.advance(100)
  client.invokeCallback(addr, RemotingCommand.request(8), 1000, boom)
  connection.close()
  connection.invoke(echo(), 1000, boom)
  await nextTurn(20)
  expect([called, logger.lines.filter((line) => line.includes('callback threw: boom')).length]).toEqual([7, 7])
  await client.invoke(addr, echo(), 1000)
  client.invokeCallback(addr, RemotingCommand.request(8), 1000, boom)
  await client.close()
  client.invokeCallback(addr, echo(), 1000, boom)
  await nextTurn(3)
  expect(called).toBe(9)
})

test('a callback that throws after GO_AWAY does not close the connection it came on', async () => {
  const server = await ScriptedServer.start((peer, request) => peer.answer(request, 1500))
  const { client, logger } = remotingClient()
  await new Promise<void>((resolve) =>
    client.invokeCallback(server.addr, echo(), 5000, () => {
      resolve()
      throw new Error('boom')
    })
  )
  expect([client.stats.protocolErrors, logger.lines.filter((line) => line.includes('boom')).length]).toEqual([0, 1])
  await client.close()
  await server.close()
})

test('connect listeners hear of each connection; one that throws harms no other', async () => {
  const { addr, client } = await memory()
  const heard: string[] = []
  client.on('connected', () => {
    throw new Error('boom')
  })
  client.on('connected', (to) => heard.push(to))
  await client.connect(addr, 1000)
  await until(() => heard.length === 1)
  expect(heard).toEqual([addr])
})

test('faults of the point connect strike before the network is asked', async () => {
  const clock = new HeldClock()
  const network = new PartlyDeadNetwork()
  const { addr } = await echoServer({ network, clock })
  const faults = new FaultTable()
  const { client } = remotingClient({ network, clock, faults })
  faults.add({ when: { point: 'connect' }, then: { kind: 'fail' }, times: 1 })
  await expect(client.invoke(addr, echo(), 1000)).rejects.toBeInstanceOf(RemotingConnectException)
  faults.add({ when: { point: 'connect' }, then: { kind: 'drop' }, times: 1 })
  const dropped = expect(client.invoke(addr, echo(), 60_000)).rejects.toBeInstanceOf(RemotingConnectException)
  await clock.advance(3000)
  await dropped
  expect(network.connects).toEqual([])
  faults.add({ when: { point: 'connect' }, then: { kind: 'delay', millis: 200 }, times: 1 })
  const delayed = client.invoke(addr, echo(), 60_000)
  await clock.advance(200)
  await delayed
  faults.add({ when: { point: 'connect' }, then: { kind: 'drop' } })
  const closing = expect(remotingClientClosing(client, '127.0.0.1:5')).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
  await closing
  await clock.advance(0)
  expect(clock.timers).toBe(1)
})

/** A call that is connecting when the client closes. */
function remotingClientClosing(client: ReturnType<typeof remotingClient>['client'], addr: string): Promise<unknown> {
  const call = client.invoke(addr, echo(), 1000)
  void client.close()
  return call
}
