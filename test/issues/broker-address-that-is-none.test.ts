import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('a route with a broker address that is none', () => {
  it('fails the send also over the VIP channel, and gives its room back', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { vipChannelEnabled: true, drainTimeout: 3000 })
    cluster.announced.set('broker-a', 'nonsense')
    for (let i = 0; i < 2; i++) {
      const error = await rejection<RocketMQError>(producer.send(new Message({ topic: 'T', body: 'x' })))
      expect(error).toMatchObject({ code: 'NO_WRITABLE_MASTER', maybeStored: false })
      expect(error.message).toContain('is not an address')
      expect(error.message).toContain('nonsense')
    }
    const begin = performance.now()
    await producer.shutdown()
    expect(performance.now() - begin).toBeLessThan(1000)
  })
})
