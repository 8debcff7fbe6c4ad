import { describe, expect, it } from 'vitest'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('sends to a chosen queue of a topic whose route was never asked for', () => {
  it('leave in call order, although some are compressed and all wait for room', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { backPressureForAsyncSendNum: 10 })
    await producer.send(new Message({ topic: 'Other', body: 'x' }))
    const queue = new MessageQueue('T', 'broker-a', 1)
    const sends: Array<Promise<unknown>> = []
    for (let i = 0; i < 300; i++) {
      const body = i % 15 === 0 ? Buffer.alloc(80_000, 'b') : 'x'
      sends.push(producer.send(new Message({ topic: 'T', body, properties: { n: String(i) } }), { queue }))
      if (i % 50 === 0) await sends[i - 20]
    }
    await Promise.all(sends)
    const order = cluster.broker.sends.slice(1).map((seen) => Number(seen.properties.get('n')))
    expect(order).toEqual(Array.from({ length: 300 }, (_, i) => i))
  })
})
