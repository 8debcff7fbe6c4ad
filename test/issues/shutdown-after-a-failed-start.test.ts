import { describe, expect, it } from 'vitest'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

describe('a shutdown during a start that fails', () => {
  it('does not stand for the shutdown after a later start', async () => {
    const cluster = await startCluster()
    const first = await startProducer(cluster, { producerGroup: 'taken', instanceName: 'shared' })
    const options = { producerGroup: 'taken', instanceName: 'shared', ...cluster.clientOptions() }
    const producer = new DefaultMQProducer(options)
    const starting = rejection<Error>(producer.start())
    await producer.shutdown()
    expect((await starting).message).toContain('has been created before')
    await first.shutdown()
    await producer.start()
    await producer.shutdown()
    expect(producer.serviceState).toBe('SHUTDOWN_ALREADY')
  })
})
