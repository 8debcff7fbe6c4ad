import { afterEach, describe, expect, test } from 'vitest'
import { LoopbackBroker } from '../../dist/broker.js'
import { DefaultMQProducer, Message, MessageQueue } from '../../dist/index.js'
import { Consumers } from './harness/consumers.ts'
import { CLIENT_VERSIONS, temporaryDirectory } from './harness/java.js'

// Java gives a lock of a queue (code 41) a second, and closes the connection of a call that takes longer: the broker has locked the queue, and
// forgets the consumer until its next heartbeat. A loaded machine alone brings that about. Left to itself the client tries again after up to
// 20 s, each time.
const TOPIC = 'Ordered'
const QUEUES = 4
const LOCK = 41

const stops: Array<() => unknown> = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

describe.each(CLIENT_VERSIONS)('Java %s consumes in order', (version) => {
  test('locks that are answered too late cost time, no order and no message', async () => {
    const home = temporaryDirectory('rocketmq-orderly')
    stops.push(() => home.remove())
    const broker = await LoopbackBroker.start({ topics: { [TOPIC]: { queues: QUEUES } } })
    stops.push(() => broker.close())
    const late = broker.faults.add({ when: { code: LOCK, server: 'broker' }, then: { kind: 'late', millis: 1500 }, times: 4 })
    const producer = new DefaultMQProducer({ producerGroup: 'orderly', ...broker.clientOptions() })
    stops.push(() => producer.shutdown())
    await producer.start()
    const bodies = Array.from({ length: 12 }, (_, index) => `m-${index}`)
    for (const [index, body] of bodies.entries()) {
      const queue = new MessageQueue(TOPIC, 'broker-a', index % QUEUES)
      await producer.send(new Message({ topic: TOPIC, body }), { queue })
    }
    const consumers = await Consumers.start({ client: version, namesrvAddr: broker.namesrvAddr, home: home.path })
    stops.push(() => consumers.close())
    await consumers.push('one', { group: 'CG', topic: TOPIC, orderly: true, fail: 1 })
    const messages = await consumers.received(['one'], 24, (all) => new Set(all.map(({ body }) => body)).size === 12)
    const orders = Array.from({ length: QUEUES }, (_, queueId) =>
      messages.filter((message) => message.queueId === queueId).map(({ body }) => body)
    )
    expect(late.hits).toBe(4)
    expect(orders.map((all) => all.filter((body, index) => body !== all[index - 1]))).toEqual(
      Array.from({ length: QUEUES }, (_, queueId) => [queueId, queueId + 4, queueId + 8].map((index) => `m-${index}`))
    )
  })
})
