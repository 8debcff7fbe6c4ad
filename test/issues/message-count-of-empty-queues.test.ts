import { describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

describe('a topic with queues that hold nothing', () => {
  it('counts its messages only, and is waited for', async () => {
    const broker = await LoopbackBroker.start({ topics: { T: { queues: 4 } }, network: new MemoryNetwork() })
    const producer = new DefaultMQProducer({ producerGroup: 'g', ...broker.clientOptions() })
    try {
      expect(broker.messageCount('T')).toBe(0)
      await producer.start()
      let waited = false
      const two = broker.waitForMessages('T', 2).then(() => {
        waited = true
      })
      await producer.send(new Message({ topic: 'T', body: 'x' }))
      expect(broker.messageCount('T')).toBe(1)
      expect(waited).toBe(false)
      await producer.send(new Message({ topic: 'T', body: 'x' }))
      await two
      expect(broker.messageCount('T')).toBe(2)
    } finally {
      await producer.shutdown()
      await broker.close()
    }
  })
})
