import { expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { ConnectBudget } from '../../../src/transport/connect-budget.ts'
import { MemoryNetwork } from '../../../src/transport/memory-network.ts'
import type { Network } from '../../../src/transport/network.ts'
import type { RemotingClient } from '../../../src/transport/remoting-client.ts'
import { seededRandom } from '../../support/random.ts'
import { echo, echoServer, remotingClient } from '../../support/remoting.ts'

/** A network that counts attempts, and refuses them all while it is `down`. */
class CountedNetwork implements Network {
  readonly inner = new MemoryNetwork()
  readonly attempts: number[] = []
  readonly clock: HeldClock
  constructor(clock: HeldClock) {
    this.clock = clock
  }
  connect: Network['connect'] = (...args) => {
    this.attempts.push(this.clock.monotonic())
    return this.inner.connect(...args)
  }
  listen: Network['listen'] = (...args) => this.inner.listen(...args)
}

it('net-N15 a burst of attempts is free, then there are at most two a second, at intervals that chance draws', () => {
  const budget = new ConnectBudget(seededRandom(Number(process.env.TEST_SEED)))
  const taken: number[] = []
  for (let now = 0; now < 60_000; now += 10) while (budget.take(now) === 0) taken.push(now)
  expect(taken.filter((at) => at === 0)).toHaveLength(16)
  const gaps = taken.slice(16).map((at, i) => at - (i === 0 ? 0 : taken[15 + i]))
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(490)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(770)
  expect(new Set(gaps).size).toBeGreaterThan(5)
  // A quiet time earns no more than the burst.
  for (let i = 0; i < 16; i++) expect(budget.take(1e9)).toBe(0)
  expect(budget.take(1e9)).toBeGreaterThan(0)
})

it('net-N15 who waits for an answer is tried with the next attempt, and served as soon as the server is back', async () => {
  const clock = new HeldClock()
  const network = new CountedNetwork(clock)
  const { server, addr } = await echoServer({ network, clock })
  const { client } = remotingClient({ network, clock })
  await client.invoke(addr, echo(), 3000)
  await server.suspend()
  await clock.advance(0)
  for (let i = 0; i < 15; i++)
    await expect(client.invoke(addr, echo(), 3000)).rejects.toMatchObject({ name: 'RemotingConnectException' })
  expect(network.attempts).toHaveLength(16)
  // The budget is used up: a call waits, though not longer than its time, and says why it was not served.
  const first = client.invoke(addr, echo(), 400)
  const failed = expect(first).rejects.toMatchObject({ name: 'RemotingConnectException', maybeStored: false })
  await clock.advance(400)
  await failed
  expect(network.attempts).toHaveLength(16)
  await server.resume()
  const second = client.invoke(addr, echo('back'), 3000)
  await clock.advance(350)
  expect((await second).extFields.n).toBe('back')
  expect(network.attempts).toHaveLength(17)
  // Who can go elsewhere does not wait.
  await server.suspend()
  await clock.advance(0)
  const lost = new Promise((resolve) => {
    client.invokeCallback(addr, echo(), 3000, (error) => resolve(error), true)
  })
  expect(await lost).toMatchObject({ name: 'RemotingConnectException' })
  expect(network.attempts).toHaveLength(17)
  await client.close()
  await server.close()
})

const CLIENTS = process.env.TORTURE === undefined ? 100 : 500

it(`net-N15 ${CLIENTS} clients whose server restarts do not overrun it, and are all back within a second`, async () => {
  const clock = new HeldClock()
  const network = new CountedNetwork(clock)
  const { server, addr } = await echoServer({ network, clock })
  const clients = Array.from({ length: CLIENTS }, () => remotingClient({ network, clock }).client)
  const ask = (client: RemotingClient): Promise<unknown> => client.invoke(addr, echo(), 3000).catch(() => undefined)
  await Promise.all(clients.map(ask))
  await server.suspend()
  network.attempts.length = 0
  // Each of them asks again as soon as it was refused, for 5 s.
  let asking = true
  const loops = clients.map(async (client) => {
    while (asking) await ask(client)
  })
  // The clock stands while they use up what is free.
  for (let i = 0; i < 40; i++) await clock.advance(0)
  expect(network.attempts).toHaveLength(CLIENTS * 15)
  await clock.advance(5000)
  const perClient = network.attempts.length / clients.length - 15
  expect(perClient).toBeGreaterThan(6)
  expect(perClient).toBeLessThanOrEqual(10)
  // Spread over time: no hundredth of the last second has more than a tenth of them.
  const late = network.attempts.filter((at) => at > 4000)
  for (let from = 4000; from < 5000; from += 10) {
    expect(late.filter((at) => at >= from && at < from + 10).length).toBeLessThanOrEqual(CLIENTS / 10)
  }
  asking = false
  await server.resume()
  const back = Promise.all(clients.map((client) => client.invoke(addr, echo(), 3000)))
  await clock.advance(1000)
  await back
  await Promise.all(loops)
  expect(server.connections.size).toBe(CLIENTS)
  for (const client of clients) await client.close()
  await server.close()
})
