import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import type { FakeCluster } from '../support/fake-cluster.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (): Message => new Message({ topic: 'T', body: 'x' })

/** Two brokers, of which `a` was killed, so that the name server has forgotten it, and the producer too. */
async function withoutBrokerA() {
  const clock = new HeldClock()
  const cluster = await startCluster({ brokers: ['a', 'b'], clock })
  const [a, b] = cluster.brokers
  const producer = await startProducer(cluster, { topics: ['T'] })
  await clock.advance(20)
  await a.kill()
  cluster.registered = ['b']
  for (let i = 0; i < 8; i++) expect((await producer.send(message())).messageQueue.brokerName).toBe('b')
  return { clock, cluster, a, b, producer }
}
const lookups = (cluster: FakeCluster): number => cluster.lookups.filter((topic) => topic === 'T').length

describe('the route after a send that did not reach its broker', () => {
  it('net-N1 is looked up before the retry when every broker of it was tried: a send follows a cluster that has moved', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], clock })
    const [a, b] = cluster.brokers
    cluster.registered = ['a']
    const producer = await startProducer(cluster, { topics: ['T'] })
    await producer.send(message())
    cluster.registered = ['b']
    await a.kill()
    const { messageQueue } = await producer.send(message())
    expect(messageQueue.brokerName).toBe('b')
    expect(b.sends).toHaveLength(1)
    expect(clock.monotonic()).toBe(0)
  })

  it('net-N1 is looked up again in the seconds that follow, so that a broker that comes back is used long before the next poll', async () => {
    const { clock, cluster, a, b, producer } = await withoutBrokerA()
    await a.restart()
    cluster.registered = undefined
    const before = a.sends.length
    await clock.advance(1000)
    for (let i = 0; i < 8; i++) await producer.send(message())
    expect(a.sends.length - before).toBeGreaterThan(0)
    const after = lookups(cluster)
    await clock.advance(14_000)
    expect(lookups(cluster) - after).toBe(6)
    await clock.advance(10_000)
    expect(lookups(cluster) - after).toBe(6)
    expect(b.sends.length).toBeGreaterThan(0)
  })

  it('net-N1 a broker that is back before its name server lists it again takes what no other broker can', async () => {
    const { clock, a, b, producer } = await withoutBrokerA()
    await a.restart()
    await b.kill()
    const { messageQueue } = await producer.send(message())
    expect(messageQueue.brokerName).toBe('a')
    // As long as its address is kept: until the second clean-up, every 30 s, finds it in no route.
    await clock.advance(90_000)
    expect(await rejection<{ attempts: { brokerName: string }[] }>(producer.send(message()))).toMatchObject({
      attempts: [{ brokerName: 'b' }, { brokerName: 'b' }, { brokerName: 'b' }]
    })
  })

  it('net-N1 is looked up once for many sends that fail together, and not ten times a second more often', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a'], clock })
    const producer = await startProducer(cluster, { topics: ['T'] })
    // Behind the first poll.
    await clock.advance(20)
    await cluster.broker.kill()
    const before = lookups(cluster)
    await Promise.all(Array.from({ length: 100 }, () => rejection(producer.send(message()))))
    expect(lookups(cluster) - before).toBe(1)
    await rejection(producer.send(message()))
    expect(lookups(cluster) - before).toBe(1)
    await clock.advance(100)
    await rejection(producer.send(message()))
    expect(lookups(cluster) - before).toBe(2)
  })

  it('net-N1 is looked up when the broker has fewer queues than it says, and the send goes to one that is there', async () => {
    await using broker = await LoopbackBroker.start({ topics: { T: { queues: 4 } } })
    await using producer = new DefaultMQProducer({ producerGroup: 'p', ...broker.clientOptions() })
    await using admin = new DefaultMQProducer({ producerGroup: 'admin', ...broker.clientOptions() })
    await producer.start()
    await admin.start()
    await producer.send(message())
    await admin.createTopic('TBW102', 'T', 1)
    for (let i = 0; i < 8; i++) expect((await producer.send(message())).messageQueue.queueId).toBe(0)
    expect(producer.stats.retries).toBe(1)
    // Where the caller chose the queue there is no other.
    const queue = new MessageQueue('T', 'broker-a', 3)
    expect(await rejection(producer.send(message(), { queue }))).toMatchObject({ responseCode: 29, maybeStored: false })
  })

  it('net-N1 a silent name server takes at most half a second of a retry', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a'], clock })
    const producer = await startProducer(cluster, { topics: ['T'], sendMsgTimeout: 3000 })
    await producer.send(message())
    await cluster.broker.kill()
    cluster.routeGate = new Promise(() => {})
    const failed = rejection<Error & { attempts: unknown[] }>(producer.send(message()))
    await clock.advance(1000)
    expect((await failed).attempts).toHaveLength(3)
  })
})
