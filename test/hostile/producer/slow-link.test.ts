import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'
import { Message } from '../../../src/protocol/message.ts'
import { seededRandom } from '../../support/faulty-lanes.ts'

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const LATENCY = 40
/** 1 Mbit/s. */
const BYTES_PER_MILLI = 125

/** A link that passes bytes on late, in slices of a few bytes, no faster than it may, and now and then stands still. */
async function slowLink(port: number): Promise<string> {
  const random = seededRandom(16)
  const pass = (from: net.Socket, to: net.Socket): void => {
    let free = 0
    from.on('data', (chunk: Buffer) => {
      // A lost packet is sent again after a while; what is behind it waits.
      if (random() < 0.05) free = Math.max(free, performance.now()) + 30
      free = Math.max(free, performance.now()) + chunk.length / BYTES_PER_MILLI
      setTimeout(
        () => {
          for (let at = 0; at < chunk.length && !to.destroyed; ) {
            const size = 1 + Math.floor(random() ** 4 * 2000)
            to.write(chunk.subarray(at, at + size))
            at += size
          }
        },
        free - performance.now() + LATENCY
      )
    })
    from.on('error', () => {})
    from.on('close', () => to.destroy())
  }
  const server = net.createServer({ noDelay: true }, (client) => {
    const broker = net.connect({ port, host: '127.0.0.1', noDelay: true })
    pass(client, broker)
    pass(broker, client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => new Promise((resolve) => server.close(resolve)))
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

describe('a slow, lossy link', () => {
  it('net-N16 loses nothing, and sends do not wait for each other', async () => {
    const broker = await LoopbackBroker.start({ topics: { T: { queues: 4 } } })
    open.push(() => broker.close())
    const port = Number(broker.brokers[0]?.addr.split(':')[1])
    const link = await slowLink(port)
    const producer = new DefaultMQProducer({
      producerGroup: 'slow',
      namesrvAddr: broker.namesrvAddr,
      mapBrokerAddress: () => link,
      sendMsgTimeout: 20_000,
      topics: ['T']
    })
    await producer.start()
    open.push(() => producer.shutdown())
    const bodies = Array.from({ length: 200 }, (_, i) => `${i} `.padEnd(1 + ((i * 37) % 500), '.'))
    const begin = performance.now()
    const results = await Promise.all(bodies.map((body) => producer.send(new Message({ topic: 'T', body }))))
    const took = performance.now() - begin
    expect(results.every(({ sendStatus }) => sendStatus === 'SEND_OK')).toBe(true)
    const stored = broker.messages('T').map(({ body }) => body.toString())
    expect(stored.sort()).toEqual([...bodies].sort())
    expect(producer.stats.retries).toBe(0)
    // One after the other they would take 16 s for the latency alone.
    expect(took).toBeLessThan(8000)
  })
})
