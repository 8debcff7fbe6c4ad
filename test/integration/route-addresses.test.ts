import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { LinesLogger } from '../support/remoting.ts'

closeAfterEach()

const send = (producer: Awaited<ReturnType<typeof startProducer>>) => producer.send(new Message({ topic: 'T', body: 'x' }))

describe('a route with invalid addresses', () => {
  it('security-X12 the good ones serve, the bad ones are named in the log once', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    cluster.announced.set('a', '127.0.0.1:99999')
    const logger = new LinesLogger()
    const producer = await startProducer(cluster, { logger, retryTimesWhenSendFailed: 0 })
    for (let i = 0; i < 10; i++) expect((await send(producer)).messageQueue.brokerName).toBe('b')
    const lines = logger.lines.filter((line) => line.includes('99999'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/address of broker a refused: .*is not an address/)
  })

  it('security-X12 with none left the error names each, and what to correct', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    cluster.announced.set('a', 'nowhere')
    cluster.announced.set('b', '127.0.0.1:0')
    const producer = await startProducer(cluster)
    const error = await rejection<RocketMQError>(send(producer))
    expect(error).toMatchObject({ code: 'NO_WRITABLE_MASTER', responseCode: 10005, maybeStored: false })
    expect(error.message).toMatch(/a 0: .*nowhere.* is not an address: .*; b 0: .*127\.0\.0\.1:0.* is not an address/)
    expect(error.hint).toContain('brokerIP1')
    cluster.announced.clear()
    expect((await send(producer)).sendStatus).toBe('SEND_OK')
  })
})
