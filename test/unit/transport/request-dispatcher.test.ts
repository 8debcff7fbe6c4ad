import { expect, test } from 'vitest'
import { deferred } from '../../../src/internal/async.ts'
import { RemotingCommandException } from '../../../src/internal/errors.ts'
import type { FaultAction, FaultPoint } from '../../../src/internal/fault-table.ts'
import { FaultTable } from '../../../src/internal/fault-table.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { frameToBuffer } from '../../../src/protocol/outgoing-frame.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { RequestDispatcher } from '../../../src/transport/request-dispatcher.ts'
import { ECHO, echo, echoServer, LinesLogger } from '../../support/remoting.ts'
import { scriptedClient } from '../../support/scripted-server.ts'
import { nextTurn, until } from '../../support/turns.ts'

test('a request that waits does not hold up the next one on the same connection', async () => {
  const { server, dispatcher } = await echoServer()
  const gate = deferred<RemotingCommand>()
  dispatcher.register(8, () => gate.promise)
  const raw = await scriptedClient(server.port)
  const slow = RemotingCommand.request(8)
  slow.opaque = 1
  const quick = echo()
  quick.opaque = 2
  raw.write(Buffer.concat([frameToBuffer(slow), frameToBuffer(quick)]))
  expect((await raw.next()).opaque).toBe(2)
  gate.resolve(RemotingCommand.response(slow, 0))
  expect((await raw.next()).opaque).toBe(1)
  raw.destroy()
  await server.close()
})

test('wire-W9 codes without a handler get code 3 and the connection lives', async () => {
  const { server } = await echoServer()
  const raw = await scriptedClient(server.port)
  const codes = Array.from({ length: 200 }, (_, i) => 10_000 + i * 31).concat(-1, 32_767)
  for (const code of codes) raw.send(RemotingCommand.request(code))
  const answers = await raw.frames.take(codes.length)
  expect(answers.map((answer) => [answer.code, answer.remark])).toEqual(
    codes.map((code) => [3, ` request type ${code} not supported`])
  )
  raw.send(echo('alive'))
  expect((await raw.next()).extFields.n).toBe('alive')
  raw.destroy()
  await server.close()
})

test('an exception, thrown or rejected, is answered with code 1 and its text, and harms no other request', async () => {
  const { server, dispatcher } = await echoServer()
  dispatcher.register(8, () => {
    throw new TypeError('thrown here')
  })
  dispatcher.register(9, () => Promise.reject(new Error('rejected here')))
  const raw = await scriptedClient(server.port)
  for (const code of [8, 9, ECHO]) raw.send(RemotingCommand.request(code))
  const answers = await raw.frames.take(3)
  expect(answers.map((answer) => [answer.code, answer.remark])).toEqual(
    expect.arrayContaining([
      [1, 'TypeError: thrown here'],
      [1, 'Error: rejected here'],
      [0, undefined]
    ])
  )
  raw.destroy()
  await server.close()
})

test('a oneway request is handled but never answered, not even when it fails or is unknown', async () => {
  const { server, dispatcher } = await echoServer()
  let handled = 0
  dispatcher.register(8, (request) => {
    handled++
    return RemotingCommand.response(request, 0)
  })
  dispatcher.register(9, () => {
    handled++
    throw new Error('boom')
  })
  const raw = await scriptedClient(server.port)
  for (const code of [8, 9, 9999]) {
    const oneway = RemotingCommand.request(code)
    oneway.flag = 2
    raw.send(oneway)
  }
  raw.send(echo('end'))
  expect((await raw.next()).extFields.n).toBe('end')
  expect(handled).toBe(2)
  raw.destroy()
  await server.close()
})

test('a handler that answers undefined answers nothing; it may answer on the connection later', async () => {
  const { server, dispatcher } = await echoServer()
  dispatcher.register(8, (request, connection) => {
    setImmediate(() => connection.send(RemotingCommand.response(request, 0, 'later')))
    return undefined
  })
  const raw = await scriptedClient(server.port)
  raw.send(RemotingCommand.request(8))
  expect((await raw.next()).remark).toBe('later')
  raw.destroy()
  await server.close()
})

test('an answer above the frame limit becomes code 1, and one that cannot be decoded closes the connection', async () => {
  const { server, dispatcher } = await echoServer()
  dispatcher.register(8, (request) => RemotingCommand.response(request, 0, undefined, undefined, Buffer.alloc(17 * 1024 * 1024)))
  dispatcher.register(9, () => {
    throw new RemotingCommandException('broken fields', { code: 'BAD_HEADER' })
  })
  const raw = await scriptedClient(server.port)
  raw.send(RemotingCommand.request(8))
  expect(await raw.next()).toMatchObject({ code: 1, remark: expect.stringContaining('above the limit') })
  raw.send(RemotingCommand.request(9))
  await raw.closed
  await server.close()
})

async function faulty(
  point: FaultPoint,
  action: FaultAction
): Promise<{
  raw: Awaited<ReturnType<typeof scriptedClient>>
  row: ReturnType<FaultTable['add']>
  clock: HeldClock
  handled: () => number
  close(): Promise<void>
}> {
  const faults = new FaultTable()
  const clock = new HeldClock()
  const logger = new LinesLogger()
  const dispatcher = new RequestDispatcher({ logger, faults, describe: (request) => ({ topic: request.extFields.topic ?? '' }) })
  let handled = 0
  dispatcher.register(8, (request) => {
    handled++
    return RemotingCommand.response(request, 0, 'ordinary')
  })
  const { server } = await echoServer({ dispatcher, clock })
  const row = faults.add({ when: { point, code: 8, topic: 'T' }, then: action, times: 1 })
  const raw = await scriptedClient(server.port)
  raw.send(RemotingCommand.request(8, { topic: 'T' }))
  await row.fired()
  return {
    raw,
    row,
    clock,
    handled: () => handled,
    async close() {
      raw.destroy()
      await server.close()
    }
  }
}

for (const point of ['request', 'response'] as const) {
  const reached = point === 'request' ? 0 : 1

  test(`a fault at the ${point} can answer with a code instead`, async () => {
    const { raw, handled, close } = await faulty(point, { kind: 'respond', code: 2, remark: 'busy' })
    expect(await raw.next()).toMatchObject({ code: 2, remark: 'busy' })
    expect(handled()).toBe(reached)
    await close()
  })

  test(`a fault at the ${point} can delay, hold or drop it`, async () => {
    const delayed = await faulty(point, { kind: 'delay', millis: 500 })
    await delayed.clock.advance(499)
    expect(delayed.raw.frames.length).toBe(0)
    await delayed.clock.advance(1)
    expect((await delayed.raw.next()).remark).toBe('ordinary')
    await delayed.close()

    const held = await faulty(point, { kind: 'hold' })
    await nextTurn(20)
    expect([held.raw.frames.length, held.handled()]).toEqual([0, reached])
    held.row.release()
    expect((await held.raw.next()).remark).toBe('ordinary')
    await held.close()

    const dropped = await faulty(point, { kind: 'drop' })
    dropped.raw.send(RemotingCommand.request(8, { topic: 'other' }))
    await dropped.raw.next()
    expect([dropped.raw.frames.length, dropped.handled()]).toEqual([0, reached + 1])
    await dropped.close()
  })

  test(`a fault at the ${point} can close the connection, before or after, or cut the answer short`, async () => {
    const before = await faulty(point, { kind: 'close' })
    await before.raw.closed
    expect(before.raw.bytesRead).toBe(0)
    await before.close()

    const after = await faulty(point, { kind: 'close', when: 'after' })
    expect((await after.raw.next()).remark).toBe('ordinary')
    await after.raw.closed
    await after.close()

    const truncated = await faulty(point, { kind: 'truncate', bytes: 11 })
    await truncated.raw.closed
    expect(truncated.raw.bytesRead).toBe(11)
    await truncated.close()
  })
}

test('a delayed fault leaves no timer when its connection closes first', async () => {
  const { raw, clock, close } = await faulty('response', { kind: 'delay', millis: 60_000 })
  raw.destroy()
  await until(() => clock.timers <= 1)
  await close()
  expect(clock.timers).toBe(0)
})
