import { describe, expect, it } from 'vitest'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('a selector that writes into the body it is given', () => {
  it('changes neither what is sent nor the message of the caller', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const message = new Message({ topic: 'T', body: Buffer.from('original') })
    for (let i = 0; i < 2; i++) {
      await producer.send(message, {
        selector: (queues, copy) => {
          copy.body.fill('-')
          return queues[0]
        }
      })
    }
    expect(message.body.toString()).toBe('original')
    expect(cluster.broker.bodies).toEqual(['original', 'original'])
  })
})
