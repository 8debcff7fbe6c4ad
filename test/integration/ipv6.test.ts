import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { hostAddress } from '../../src/protocol/host-address.ts'
import { Message } from '../../src/protocol/message.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { decodeOffsetMsgId, decodeUniqId, UniqIdSource } from '../../src/protocol/message-id.ts'
import { newGroup } from '../support/fake-cluster.ts'

const LOOPBACK = '0:0:0:0:0:0:0:1'
let broker: LoopbackBroker
const producers: DefaultMQProducer[] = []
afterEach(async () => {
  for (const producer of producers.splice(0)) await producer.shutdown()
  await broker?.close()
})

async function start(namesrvAddr: string | string[], more: object = {}): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: newGroup(), namesrvAddr, ...more })
  producers.push(producer)
  await producer.start()
  return producer
}

describe('IPv6 from end to end', () => {
  it('net-N21 name server, broker, client and stored message on ::1', async () => {
    broker = await LoopbackBroker.start({ host: '::1', topics: { T: { queues: 1 } } })
    expect(broker.namesrvAddr).toMatch(/^\[::1\]:\d+$/)
    expect(broker.brokers[0]?.addr).toMatch(/^\[::1\]:\d+$/)
    const bare = broker.namesrvAddr.replace(/[[\]]/g, '')
    for (const namesrvAddr of [broker.namesrvAddr, `[::1]:1;${broker.namesrvAddr}`, [bare], `http://${broker.namesrvAddr}`]) {
      const producer = await start(namesrvAddr, { clientIP: '[::1]' })
      const result = await producer.send(new Message({ topic: 'T', body: 'x' }))
      expect(result.sendStatus).toBe('SEND_OK')
      expect(result.offsetMsgId).toHaveLength(56)
      expect(decodeOffsetMsgId(result.offsetMsgId).host).toMatchObject({ host: LOOPBACK, port: broker.brokers[0]?.port })
    }
    const batch = await (producers[0] as DefaultMQProducer).send([1, 2].map((n) => new Message({ topic: 'T', body: `b${n}` })))
    expect(batch.offsetMsgId).toHaveLength(56 * 2 + 1)
    const [stored] = broker.messages('T')
    const [decoded] = decodeMessages(stored?.raw as Buffer)
    expect([decoded?.bornHost.host, decoded?.storeHost.host]).toEqual([LOOPBACK, LOOPBACK])
    // Both hosts are marked as 16 bytes long.
    expect((decoded?.sysFlag as number) & 0x30).toBe(0x30)
  })

  it('net-N21 brokerIP1 with and without brackets is announced as an address of the same form', async () => {
    for (const brokerIP1 of ['::1', '[::1]']) {
      broker = await LoopbackBroker.start({ host: '::1', brokerConfig: { brokerIP1 }, topics: { T: {} } })
      expect(broker.brokers[0]?.addr).toBe(`[::1]:${broker.brokers[0]?.port}`)
      const producer = await start(broker.namesrvAddr)
      expect((await producer.send(new Message({ topic: 'T', body: 'x' }))).sendStatus).toBe('SEND_OK')
      await producer.shutdown()
      await broker.close()
    }
  })

  it('net-N21 a unique id of a host that has IPv6 only is 28 bytes long, and gives everything back', () => {
    const source = new UniqIdSource(hostAddress('fd00::7', 0).bytes)
    const now = Date.now()
    const [first, second] = [source.next(now), source.next(now)]
    expect(first).toMatch(/^[0-9A-F]{56}$/)
    expect(decodeUniqId(first, now)).toMatchObject({ ip: 'fd00:0:0:0:0:0:0:7', pid: process.pid & 0xffff, counter: 0 })
    expect(decodeUniqId(second, now).counter).toBe(1)
    expect(Math.abs(decodeUniqId(first, now).timestamp - now)).toBeLessThanOrEqual(20)
  })
})
