import dns from 'node:dns'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { Network } from '../../src/transport/network.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()
afterEach(() => {
  vi.restoreAllMocks()
})

describe('a host name whose address changes', () => {
  it('net-N14 a broker announced by name is asked for anew with every connection', async () => {
    const memory = new MemoryNetwork()
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: { a: 4, b: 0 }, network: memory })
    const [a, b] = cluster.brokers
    /** What the name stands for now. */
    let address = a.addr
    const asked: string[] = []
    const named: Network = {
      connect(host, port, options) {
        if (host !== 'broker.test') return memory.connect(host, port, options)
        asked.push(`${host}:${port}`)
        return memory.connect('127.0.0.1', Number(address.slice(address.lastIndexOf(':') + 1)), options)
      },
      listen: (...args) => memory.listen(...args)
    }
    cluster.announced.set('a', 'broker.test:10911')
    const producer = await startProducer(cluster, { network: named })
    const send = (body: string) => producer.send(new Message({ topic: 'T', body }))
    await send('before')
    address = b.addr
    await send('same connection')
    await a.kill()
    await send('after')
    expect([a.bodies, b.bodies]).toEqual([['before', 'same connection'], ['after']])
    expect(asked).toEqual(['broker.test:10911', 'broker.test:10911'])
  })

  it('net-N14 TCP resolves a name for every connection, and takes the next of several addresses', async () => {
    const hosts: string[] = []
    const listener = await tcpNetwork.listen('127.0.0.1', 0, (socket) => {
      hosts.push('127.0.0.1')
      socket.destroy()
    })
    const other = await tcpNetwork.listen('127.0.0.2', listener.port, (socket) => {
      hosts.push('127.0.0.2')
      socket.destroy()
    })
    let addresses = [{ address: '127.0.0.1', family: 4 }]
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((_name: string, options: { all?: boolean }, done: unknown) => {
      const answer = done as (error: null, address: unknown, family?: number) => void
      if (options.all === true) process.nextTick(answer, null, addresses)
      else process.nextTick(answer, null, addresses[0]?.address, 4)
    }) as never)
    try {
      for (const next of ['127.0.0.1', '127.0.0.2']) {
        addresses = [{ address: next, family: 4 }]
        const socket = await tcpNetwork.connect('broker.test', listener.port, {})
        expect(socket.remoteAddress).toBe(next)
        socket.destroy()
      }
      expect(lookup.mock.calls.map(([name]) => name)).toEqual(['broker.test', 'broker.test'])
      // Nobody listens at the first of them.
      await listener.close()
      addresses = [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 }
      ]
      const socket = await tcpNetwork.connect('broker.test', other.port, {})
      expect(socket.remoteAddress).toBe('127.0.0.2')
      socket.destroy()
    } finally {
      await listener.close()
      await other.close()
    }
  })
})
