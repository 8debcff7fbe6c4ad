import { afterEach, describe, expect, it } from 'vitest'
import { MQClientException } from '../../src/internal/errors.ts'
import { FaultTable } from '../../src/internal/fault-table.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'

const open: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function startBroker(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start(options)
  open.push(() => broker.close())
  return broker
}

async function startProducer(broker: LoopbackBroker): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'loopback', ...broker.clientOptions() })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

describe.each([
  ['TCP', () => ({})],
  ['memory', () => ({ network: new MemoryNetwork() })]
])('LoopbackBroker over %s', (_name, network) => {
  it('holds what a producer sent: decoded, with headers, properties, body and the raw record', async () => {
    const broker = await startBroker({ ...network(), topics: { Orders: { queues: 2 } } })
    const producer = await startProducer(broker)
    const message = new Message({ topic: 'Orders', tags: 'paid', keys: ['o-1'], body: 'für dich', properties: { shop: 'a' } })
    const result = await producer.send(message)
    const [held] = broker.messages('Orders')
    expect(broker.messages('Orders')).toHaveLength(1)
    expect(held).toMatchObject({
      topic: 'Orders',
      brokerName: 'broker-a',
      queueId: result.messageQueue.queueId,
      queueOffset: result.queueOffset,
      msgId: result.msgId,
      offsetMsgId: result.offsetMsgId,
      tags: 'paid',
      keys: 'o-1'
    })
    expect(held.body.toString()).toBe('für dich')
    expect(held.properties.get('shop')).toBe('a')
    expect(held.raw.readInt32BE(0)).toBe(held.raw.length)
  })

  it('counts without decoding, and empty queues count nothing', async () => {
    const broker = await startBroker({ ...network(), topics: { Orders: { queues: 8 } } })
    expect(broker.messageCount('Orders')).toBe(0)
    expect(broker.messageCount('Unknown')).toBe(0)
    const producer = await startProducer(broker)
    await Promise.all(Array.from({ length: 5 }, (_, i) => producer.send(new Message({ topic: 'Orders', body: `${i}` }))))
    expect(broker.messageCount('Orders')).toBe(5)
  })

  it('spreads a topic over several brokers', async () => {
    const broker = await startBroker({ ...network(), brokers: 3, topics: { Orders: { queues: 1 } } })
    const producer = await startProducer(broker)
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, i) => producer.send(new Message({ topic: 'Orders', body: `${i}` })))
    )
    expect(new Set(results.map((r) => r.messageQueue.brokerName))).toEqual(new Set(['broker-a', 'broker-b', 'broker-c']))
    expect(new Set(broker.messages('Orders').map((m) => m.brokerName)).size).toBe(3)
  })

  it('waits for messages, and tells who waits when it is closed or aborted', async () => {
    const broker = await startBroker({ ...network(), topics: { Orders: {} } })
    const producer = await startProducer(broker)
    const two = broker.waitForMessages('Orders', 2)
    await producer.send(new Message({ topic: 'Orders', body: '1' }))
    await producer.send(new Message({ topic: 'Orders', body: '2' }))
    await two
    await broker.waitForMessages('Orders', 1)
    const abort = new AbortController()
    const aborted = broker.waitForMessages('Orders', 9, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toMatchObject({
      code: 'ABORTED',
      message: 'waited for 9 messages of Orders, found 2: enough',
      cause: new Error('enough')
    })
    const waiting = broker.waitForMessages('Orders', 9)
    const closed = expect(waiting).rejects.toThrow('the broker was closed while waiting for 9 messages of Orders')
    await broker.close()
    await closed
  })

  it('process-R7 close leaves nothing open, may be called twice, and later calls name the state', async () => {
    await leavesNoHandle(async () => {
      const broker = await LoopbackBroker.start({ ...network() })
      await Promise.all([broker.close(), broker.close()])
      expect(() => broker.messages('Orders')).toThrow('messages() needs a running broker; this one is CLOSED')
    })
  })
})

describe('LoopbackBroker', () => {
  it('instances never meet', async () => {
    const [a, b] = await Promise.all([startBroker({ topics: { T: {} } }), startBroker({ topics: { T: {} } })])
    const producer = await startProducer(a)
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    expect([a.messageCount('T'), b.messageCount('T')]).toEqual([1, 0])
  })

  it.each<[object, string]>([
    [{ topic: 'Orders' }, "options.topic is 'Orders': allowed is no such field, but topics, brokers,"],
    [{ topics: { Orders: { queue: 4 } } }, 'topics["Orders"].queue is 4: allowed is no such field, but queues, perm'],
    [{ brokers: [{ slave: 1 }] }, 'brokers[0].slave is 1: allowed is no such field, but brokerName, slaves'],
    [{ brokerConfig: { flushDiskType: 'SYNC_FLUSH' } }, 'allowed is no such setting: it is one of storeConfig'],
    [{ storeConfig: { autoCreateTopicEnable: false } }, 'allowed is no such setting: it is one of brokerConfig'],
    [{ dataDir: '' }, "dataDir is '': allowed is a text that is not empty"],
    [{ port: 99_999 }, 'port is 99999: allowed is a whole number from 0 to 65535'],
    [{ faults: {} }, 'faults is an object: allowed is a FaultTable'],
    [{ network: {} }, 'network is an object: allowed is a network such as new MemoryNetwork()']
  ])('%j is refused, and where it belongs is said', async (options, text) => {
    await expect(LoopbackBroker.start(options)).rejects.toThrow(text)
  })

  it('refuses a number of brokers that makes no sense, and a port that is taken, without leaving anything open', async () => {
    await expect(LoopbackBroker.start({ brokers: 0 })).rejects.toThrow('allowed is a whole number from 1 to 26')
    const broker = await startBroker()
    const namesrvPort = Number(broker.namesrvAddr.split(':')[1])
    await leavesNoHandle(async () => {
      await expect(LoopbackBroker.start({ namesrvPort })).rejects.toThrow(/EADDRINUSE/)
    })
  })

  it('faults strike where they are told to: the producer sees the code, and sends again', async () => {
    const faults = new FaultTable()
    const broker = await startBroker({ brokers: 2, faults, topics: { T: { queues: 1 } } })
    const producer = await startProducer(broker)
    const busy = faults.add({
      when: { point: 'request', code: 310 },
      then: { kind: 'respond', code: 2, remark: 'busy' },
      times: 1
    })
    const result = await producer.send(new Message({ topic: 'T', body: 'x' }))
    await busy.fired()
    expect(result.sendStatus).toBe('SEND_OK')
    expect(broker.messageCount('T')).toBe(1)
    faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'respond', code: 13, remark: 'no' } })
    await expect(producer.send(new Message({ topic: 'T', body: 'x' }))).rejects.toMatchObject({ responseCode: 13 })
    await expect(producer.send(new Message({ topic: 'T', body: 'x' }))).rejects.not.toBeInstanceOf(MQClientException)
  })
})
