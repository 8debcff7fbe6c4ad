import { describe, expect, it } from 'vitest'
import { RemotingConnectException, type RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { Network } from '../../src/transport/network.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('a network of the application that fails with an error of its own', () => {
  it('counts as no connection: the send is tried again, and nothing was stored', async () => {
    const memory = new MemoryNetwork()
    let failures = 2
    let brokerPort = 0
    const network: Network = {
      listen: (host, port, onConnection, options) => memory.listen(host, port, onConnection, options),
      connect: (host, port, options) => {
        if (port !== brokerPort || failures-- <= 0) return memory.connect(host, port, options)
        throw new Error('the proxy is down')
      }
    }
    const cluster = await startCluster({ network })
    brokerPort = Number(cluster.broker.addr.split(':')[1])
    const producer = await startProducer(cluster)
    expect((await producer.send(new Message({ topic: 'T', body: 'x' }))).sendStatus).toBe('SEND_OK')
    failures = Number.POSITIVE_INFINITY
    const other = await startProducer(cluster)
    const error = await rejection<RocketMQError>(other.send(new Message({ topic: 'T', body: 'x' })))
    expect(error).toMatchObject({ code: 'SEND_FAILED', maybeStored: false })
    expect(error.attempts).toHaveLength(3)
    expect(error.cause).toBeInstanceOf(RemotingConnectException)
  })
})
