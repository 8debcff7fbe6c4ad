import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

const open: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 2 }, Other: {} }, ...options })
  open.push(() => broker.close())
  return broker
}

async function produce(broker: LoopbackBroker, options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'inspected', ...broker.clientOptions(), ...options })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

describe.each([
  ['TCP', () => ({})],
  ['memory', () => ({ network: new MemoryNetwork() })]
])('inspection over %s', (_name, network) => {
  it('loopback-5 requests() has each request with its answer, of clients and of brokers, decoded', async () => {
    const broker = await start(network())
    const producer = await produce(broker)
    const result = await producer.send(new Message({ topic: 'Orders', body: 'hello', tags: 'paid' }))
    const [send] = broker.requests({ code: 'SEND_MESSAGE_V2', topic: 'Orders' })
    expect(send).toMatchObject({
      server: 'broker-a',
      direction: 'in',
      code: 310,
      codeName: 'SEND_MESSAGE_V2',
      topic: 'Orders',
      group: 'inspected',
      queueId: result.messageQueue.queueId,
      oneway: false,
      response: { code: 0, codeName: 'SUCCESS', extFields: { msgId: result.offsetMsgId } }
    })
    expect(send.body?.toString()).toBe('hello')
    expect(send.raw.readInt32BE(0)).toBe(send.raw.length - 4)
    expect(send.response?.raw.readInt32BE(0)).toBe((send.response?.raw.length ?? 0) - 4)
    expect(send.millis).toBeGreaterThanOrEqual(0)
    expect(broker.requests({ code: 105, server: 'namesrv', topic: 'Orders', responseCode: 'SUCCESS' }).length).toBeGreaterThan(0)
    expect(broker.requests({ code: 'REGISTER_BROKER' }).length).toBeGreaterThan(0)
    expect(broker.requests({ queueId: 1 - result.messageQueue.queueId, code: 310 })).toEqual([])
    expect(broker.requests({ direction: 'out' })).toEqual([])
  })

  it('loopback-6 messages() takes filters, and waitForMessages() resolves with the messages', async () => {
    const broker = await start(network())
    const producer = await produce(broker)
    const two = broker.waitForMessages('Orders', 2)
    await producer.send(new Message({ topic: 'Orders', body: 'one', tags: 'a', keys: ['k1', 'k2'], properties: { shop: 'x' } }))
    const second = await producer.send(new Message({ topic: 'Orders', body: 'two', tags: 'b' }))
    expect((await two).map(({ body }) => body.toString()).sort()).toEqual(['one', 'two'])
    const bodies = (filter: Parameters<LoopbackBroker['messages']>[1]): string[] =>
      broker.messages('Orders', filter).map(({ body }) => body.toString())
    expect(bodies({ tags: 'a' })).toEqual(['one'])
    expect(bodies({ keys: 'k2' })).toEqual(['one'])
    expect(bodies({ keys: second.msgId })).toEqual(['two'])
    expect(bodies({ properties: { shop: 'x' } })).toEqual(['one'])
    expect(bodies({ body: /^tw/ })).toEqual(['two'])
    expect(bodies({ queueId: second.messageQueue.queueId })).toContain('two')
    expect(bodies((message) => message.tags === 'b')).toEqual(['two'])
    expect(bodies({ brokerName: 'broker-a', tags: 'c' })).toEqual([])
  })
})

describe('inspection', () => {
  it('loopback-7 producers() and statistics() say who is connected and what was put', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    const producer = await produce(broker)
    await producer.send(new Message({ topic: 'Orders', body: 'x' }))
    await expect.poll(() => broker.producers().length).toBe(1)
    expect(broker.producers()).toMatchObject([{ group: 'inspected', brokerName: 'broker-a', version: 479 }])
    expect(broker.consumers()).toEqual([])
    expect(broker.statistics()).toMatchObject([
      { brokerName: 'broker-a', brokerId: 0, addr: broker.brokers[0].addr, put: { messages: 1 }, connections: 1 }
    ])
    expect(broker.statistics()[0].store['putMessageTimesTotal']).toBe('1')
  })

  it('loopback-8 the journal keeps the last requests and no more bytes than it may', async () => {
    const broker = await start({ network: new MemoryNetwork(), journal: { requests: 5, bytes: 12_000 } })
    const producer = await produce(broker)
    for (let i = 0; i < 9; i++) await producer.send(new Message({ topic: 'Orders', body: `${i}` }))
    const kept = broker.requests()
    expect(kept).toHaveLength(5)
    expect(kept.at(-1)?.body?.toString()).toBe('8')
    for (let i = 0; i < 4; i++) await producer.send(new Message({ topic: 'Orders', body: Buffer.alloc(4000, i) }))
    expect(broker.requests({ code: 310 }).length).toBeLessThanOrEqual(2)
  })

  it('loopback-8 with journal: false nothing is kept, and requests() says so', async () => {
    const broker = await start({ network: new MemoryNetwork(), journal: false })
    expect(() => broker.requests()).toThrow('requests() needs the journal')
  })

  it('security-X9 loopback-9 secrets of accounts are in no request that is shown', async () => {
    const accessKey = 'loopback-access'
    const secretKey = 'loopback-very-secret'
    const account = { accessKey, secretKey, admin: true }
    for (const serializeType of ['JSON', 'ROCKETMQ'] as const) {
      const broker = await start({ network: new MemoryNetwork(), acl: { accounts: [account] } })
      const producer = await produce(broker, { credentials: { accessKey, secretKey }, serializeType })
      await producer.send(new Message({ topic: 'Orders', body: 'x' }))
      const [send] = broker.requests({ code: 310 })
      expect(send.extFields['Signature']).toMatch(/^\*+$/)
      expect(send.extFields['AccessKey']).toMatch(/^\*+$/)
      expect(send.response?.code).toBe(0)
      const shown = broker
        .requests()
        .map((request) => `${inspect(request)} ${request.raw.toString('latin1')}`)
        .join()
      expect(shown).not.toContain(accessKey)
      expect(shown).not.toContain(secretKey)
      expect(inspect(broker, { depth: 8 })).not.toContain(secretKey)
    }
  })

  it('loopback-4 refuses filters that can match nothing', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    const requests = (filter: object) => () => broker.requests(filter)
    expect(requests({ cod: 310 })).toThrow('filter.cod is 310: allowed is no such field, but code, responseCode')
    expect(requests({ code: 'SEND' })).toThrow(
      "filter.code is 'SEND': allowed is a whole number or one of RocketMQ's names, for example SEND_MESSAGE"
    )
    expect(requests({ topic: 'Odrers' })).toThrow("filter.topic is 'Odrers': allowed is a topic that exists")
    expect(requests({ server: 'broker-z' })).toThrow("filter.server is 'broker-z': allowed is namesrv, broker-a")
    expect(requests({ direction: 'up' })).toThrow("filter.direction is 'up': allowed is in, out")
    expect(() => broker.messages('Orders', { tag: 'x' } as never)).toThrow("filter.tag is 'x': allowed is no such field")
    expect(() => broker.messages('Orders', { queueId: 1.5 })).toThrow('filter.queueId is 1.5: allowed is a whole number from 0')
    await expect(broker.waitForMessages('Orders', -1)).rejects.toThrow('count is -1: allowed is a whole number from 0')
    await expect(LoopbackBroker.start({ journal: { requests: 0 } })).rejects.toThrow('journal.requests is 0')
  })
})
