import { describe, expect, it } from 'vitest'
import type { Logger } from '../../src/internal/logger.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('events of a producer', () => {
  it('tell when a connection was opened and when it is gone; a listener that throws harms nothing', async () => {
    const cluster = await startCluster()
    const errors: string[] = []
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: (text) => void errors.push(text) }
    const producer = await startProducer(cluster, { logger })
    const brokerAddr = cluster.broker.addr
    const connected = new Promise<void>((resolve) => {
      producer.events.on('connected', (addr) => addr === brokerAddr && resolve())
    })
    producer.events.on('connected', () => {
      throw new Error('a listener of the application')
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
