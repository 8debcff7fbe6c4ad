import { describe, expect, it } from 'vitest'
import type { Logger } from '../../src/internal/logger.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { SendRetry } from '../../src/producer/producer-events.ts'
import { Message } from '../../src/protocol/message.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('events of a producer', () => {
  it('tell of start and end, and of each retry with the attempt that failed', async () => {
    const cluster = await startCluster({ brokers: ['broker-a', 'broker-b', 'broker-c'] })
    let refusals = 2
    cluster.script((send, broker) => (refusals-- > 0 ? broker.refuse(send, 14, 'full') : broker.ok(send)))
    const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...cluster.clientOptions() })
    const seen: string[] = []
    producer.events.on('started', () => void seen.push('started'))
    producer.events.on('stopped', () => void seen.push('stopped'))
    const retries: SendRetry[] = []
    producer.events.on('retry', (retry) => void retries.push(retry))
    await producer.start()
    const { msgId } = await producer.send(new Message({ topic: 'T', body: 'x' }))
    await producer.shutdown()
    expect(seen).toEqual(['started', 'stopped'])
    expect(retries.map(({ topic, uniqKey, number }) => [topic, uniqKey, number])).toEqual([
      ['T', msgId, 2],
      ['T', msgId, 3]
    ])
    expect(retries[0]?.attempt).toMatchObject({
      reason: expect.stringContaining('full'),
      addr: expect.stringContaining('127.0.0.1:')
    })
  })

  it('tell when a connection was opened and when it is gone; a listener that throws harms nothing', async () => {
    const cluster = await startCluster()
    const errors: string[] = []
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: (text) => void errors.push(text) }
    const producer = await startProducer(cluster, { logger })
    const brokerAddr = cluster.broker.addr
    producer.events.on('connected', () => {
      throw new Error('a listener of the application')
    })
    const connected = new Promise<void>((resolve) => {
      producer.events.on('connected', (addr) => addr === brokerAddr && resolve())
    })
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    await connected
    const gone = new Promise<string>((resolve) => {
      producer.events.on('disconnected', (addr) => addr === brokerAddr && resolve(addr))
    })
    await cluster.broker.server.close()
    expect(await gone).toBe(brokerAddr)
    expect(errors.some((text) => text.includes('a listener of the application'))).toBe(true)
  })
})
