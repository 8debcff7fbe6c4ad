import { describe, expect, it } from 'vitest'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (): Message => new Message({ topic: 'T', body: 'x' })

describe('the header of a send', () => {
  it('names the broker, and what the producer was told of new topics and units', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { unitMode: true, createTopicKey: 'MODEL', defaultTopicQueueNums: 7 })
    await producer.send(message())
    expect(cluster.sends[0]?.header).toMatchObject({
      producerGroup: producer.producerGroup,
      brokerName: 'broker-a',
      unitMode: true,
      defaultTopic: 'MODEL',
      defaultTopicQueueNums: 7
    })
  })

  it('carries no unit and no count of deliveries unless there is one', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    await producer.send(message())
    const [plain] = cluster.sends
    expect(plain?.header).toMatchObject({ unitMode: false, reconsumeTimes: 0, maxReconsumeTimes: undefined })
  })

  it('goes to the port two below with the VIP channel on', async () => {
    const cluster = await startCluster()
    const [host, port] = cluster.broker.addr.split(':')
    cluster.announced.set('broker-a', `${host}:${Number(port) + 2}`)
    const producer = await startProducer(cluster, { vipChannelEnabled: true })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
  })
})
