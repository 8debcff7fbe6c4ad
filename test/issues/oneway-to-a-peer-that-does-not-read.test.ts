import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/internal/clock.ts'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const sockets: net.Socket[] = []
const servers: net.Server[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

describe('sendOneway to a broker that accepts and never reads', () => {
  it('ends within its time', async () => {
    const server = net.createServer({ pauseOnConnect: true }, (socket) => void sockets.push(socket))
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const cluster = await startCluster({ network: tcpNetwork })
    cluster.announced.set('broker-a', `127.0.0.1:${(server.address() as net.AddressInfo).port}`)
    // Held, and without an eye for what goes on: bytes that nobody reads would keep it from moving.
    const held = new HeldClock()
    const clock: Clock = {
      now: () => held.now(),
      monotonic: () => held.monotonic(),
      setTimeout: (callback, millis) => held.setTimeout(callback, millis)
    }
    const producer = await startProducer(cluster, { compressMsgBodyOverHowmuch: 1e9, clock })
    // The route is known, and the connection open, from here on.
    await producer.sendOneway(new Message({ topic: 'T', body: 'first' }))
    const body = Buffer.alloc(4_000_000)
    // Together more than the system takes for a peer that does not read; how many of them it takes whole differs.
    const sent = Promise.allSettled(
      Array.from({ length: 12 }, () => producer.sendOneway(new Message({ topic: 'T', body }), { timeout: 200 }))
    )
    await held.advance(200)
    const outcomes = await sent
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as RocketMQError] : []))
    expect(errors.length).toBeGreaterThan(1)
    for (const { attempts } of errors) expect(attempts[0].reason).toContain('could not be handed to the socket in')
    // It has left in part.
    expect(errors[0].maybeStored).toBe(true)
  })
})
