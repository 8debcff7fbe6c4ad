import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'
import { Message } from '../../../src/protocol/message.ts'
import { openSlowLink } from '../../support/slow-link.ts'

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

describe('a slow, lossy link', () => {
  it('net-N16 loses nothing, and sends do not wait for each other', async () => {
    const broker = await LoopbackBroker.start({ topics: { T: { queues: 4 } } })
    open.push(() => broker.close())
    const port = Number(broker.brokers[0]?.addr.split(':')[1])
    const link = await openSlowLink({ port, latencyMillis: 40, bytesPerMilli: 125, seed: 16 })
    open.push(() => link.close())
    const producer = new DefaultMQProducer({
      producerGroup: 'slow',
      namesrvAddr: broker.namesrvAddr,
      mapBrokerAddress: () => link.addr,
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
