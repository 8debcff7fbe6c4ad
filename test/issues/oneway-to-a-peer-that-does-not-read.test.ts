import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

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
    const producer = await startProducer(cluster, { compressMsgBodyOverHowmuch: 1e9, mqClientApiTimeout: 100 })
    const body = Buffer.alloc(4_000_000)
    const begin = performance.now()
    const sends = Array.from({ length: 4 }, () =>
      rejection<RocketMQError>(producer.sendOneway(new Message({ topic: 'T', body }), { timeout: 200 }))
    )
    const errors = await Promise.all(sends)
    expect(performance.now() - begin).toBeLessThan(1000)
    for (const { attempts } of errors) expect(attempts[0].reason).toContain('could not be handed to the socket in')
    // The first has left in part. How much the system takes before the others, and so whether one of them left at all, differs.
    expect(errors[0].maybeStored).toBe(true)
  })
})
