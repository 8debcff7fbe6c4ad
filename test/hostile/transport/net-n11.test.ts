import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { leavesNoHandle } from '../../support/active-handles.ts'
import { echo, echoServer, remotingClient } from '../../support/remoting.ts'

const fixture = fileURLToPath(new URL('./fixtures/many-connections.mjs', import.meta.url))
/** 10,000 and 1,000 by `npm run torture`. */
const [MANY, DRIPPING] = process.env.TORTURE === undefined ? [500, 100] : [10_000, 1000]
const KIB = 1024

const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process with so many connections; its descriptors are its own. */
function peers(port: number, count: number, drip = ''): { child: ChildProcess; lines: Interface; next(): Promise<unknown> } {
  const child = spawn(process.execPath, [fixture, String(port), String(count), drip], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })
  const said = lines[Symbol.asyncIterator]()
  return { child, lines, next: async () => JSON.parse((await said.next()).value as string) as unknown }
}

async function settledHeap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    global.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

describe('many connections', { timeout: process.env.TORTURE === undefined ? 20_000 : 120_000 }, () => {
  it(`net-N11 ${MANY} connections are all accepted, cost less than 10 KiB of heap each, and leave nothing behind`, async () => {
    await leavesNoHandle(async () => {
      const { server, addr } = await echoServer()
      const { client } = remotingClient()
      await client.invoke(addr, echo(), 5000)
      const heap = await settledHeap()
      const { rss } = process.memoryUsage()
      const { child, next } = peers(server.port, MANY)
      expect(await next()).toEqual({ connected: MANY })
      await expect.poll(() => server.connections.size, { timeout: 10_000 }).toBe(MANY + 1)
      const each = ((await settledHeap()) - heap) / MANY
      const resident = (process.memoryUsage().rss - rss) / MANY
      console.log(
        `net-N11: ${MANY} connections, ${(each / KIB).toFixed(1)} KiB of heap and ${(resident / KIB).toFixed(1)} KiB resident each`
      )
      expect(each).toBeLessThan(10 * KIB)
      expect((await client.invoke(addr, echo('served'), 5000)).extFields.n).toBe('served')
      child.stdin!.end()
      await expect.poll(() => server.connections.size, { timeout: 10_000 }).toBe(1)
      // What is kept for each of them went with it.
      expect((await settledHeap()) - heap).toBeLessThan(Math.max(MANY * KIB, 1024 * KIB))
      await client.close()
      await server.close()
    })
  })

  it(`net-N9 ${DRIPPING} connections that drip a frame are cut off after 30 s, hold little, and slow nobody`, async () => {
    const clock = new HeldClock()
    const { server, addr } = await echoServer({ clock })
    // On the same clock, which stands while it is served: no time passes for it.
    const { client } = remotingClient({ clock })
    await client.invoke(addr, echo(), 5000)
    const buffers = process.memoryUsage().arrayBuffers
    const heap = await settledHeap()
    // A frame of 15 MiB, of whose header 20 bytes come, one by one.
    const { next } = peers(server.port, DRIPPING, '00f0000000010000'.padEnd(40, '7b'))
    expect(await next()).toEqual({ connected: DRIPPING })
    await expect.poll(() => server.connections.size, { timeout: 10_000 }).toBe(DRIPPING + 1)
    for (let i = 0; i < 100; i++) expect((await client.invoke(addr, echo(i), 5000)).extFields.n).toBe(String(i))
    expect(await next()).toEqual({ dripped: 20 })
    // What was announced was not allocated.
    expect((await settledHeap()) - heap + process.memoryUsage().arrayBuffers - buffers).toBeLessThan(DRIPPING * 80 * KIB)
    await clock.advance(29_000)
    expect(server.connections.size).toBe(DRIPPING + 1)
    await clock.advance(2000)
    await expect.poll(() => server.connections.size, { timeout: 10_000 }).toBe(1)
    expect((await client.invoke(addr, echo('still'), 5000)).extFields.n).toBe('still')
    await client.close()
    await server.close()
  })
})
