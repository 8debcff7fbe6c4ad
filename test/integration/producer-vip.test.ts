import { expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'
import { until } from '../support/turns.ts'

closeAfterEach()

it('over the VIP channel sends go to the port 2 below, heartbeats and the farewell to the port itself', async () => {
  const network = new MemoryNetwork()
  const broker = await LoopbackBroker.start({ network, port: 10911, topics: { T: {} } })
  const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...broker.clientOptions(), vipChannelEnabled: true })
  const connected: string[] = []
  producer.events.on('connected', (addr: string) => void connected.push(addr))
  try {
    await producer.start()
    expect((await producer.send(new Message({ topic: 'T', body: 'x' }))).sendStatus).toBe('SEND_OK')
    expect(connected.filter((addr) => addr !== broker.namesrvAddr)).toEqual(['127.0.0.1:10909'])
    await producer.shutdown()
  } finally {
    await producer.shutdown()
    await broker.close()
  }
})

it('unit mode travels in the header of a send, the unit name in the client id', async () => {
  const cluster = await startCluster()
  const unit = await startProducer(cluster, { unitMode: true, unitName: 'u-7', instanceName: 'orders', clientIP: '10.0.0.9' })
  await unit.send(new Message({ topic: 'T', body: 'x' }))
  expect(cluster.sends[0]?.header.unitMode).toBe(true)
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), topics: { T: {} } })
  const options = { unitName: 'u-7', instanceName: 'orders', clientIP: '10.0.0.9' }
  const producer = new DefaultMQProducer({ producerGroup: 'units', ...broker.clientOptions(), ...options })
  try {
    await producer.start()
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    const ids = (): string[] => [...(broker.brokers[0]?.producerManager.group('units') ?? [])].map(({ clientId }) => clientId)
    await until(() => ids().length > 0)
    expect(ids()).toEqual(['10.0.0.9@orders@u-7'])
  } finally {
    await producer.shutdown()
    await broker.close()
  }
})
