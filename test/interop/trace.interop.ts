import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { DefaultMQProducer, Message } from '../../dist/index.js'
import { CLIENT_VERSIONS, type PullReader, startPullReader } from './harness/java.js'
import { topicOf } from './support.ts'

// This package's message trace, the real broker's trace topic, and the real decoders.
const real = inject('real')
const TRACE_TOPIC = 'RMQ_SYS_TRACE_TOPIC'

let readers: Array<[version: string, reader: PullReader]>

beforeAll(async () => {
  readers = await Promise.all(CLIENT_VERSIONS.map(async (version) => [version, await startPullReader({ ...real, version })]))
})
afterAll(async () => {
  await Promise.all((readers ?? []).map(([, reader]) => reader.stop()))
})

describe('our message trace → RocketMQ', () => {
  test('each Java decoder reads what we traced, and the broker finds it by its keys', async () => {
    const producer = new DefaultMQProducer({
      producerGroup: 'interop-traced',
      namesrvAddr: real.namesrvAddr,
      sendMsgTimeout: 20_000,
      drainTimeout: 20_000,
      enableTrace: true
    })
    await producer.start()
    const topic = topicOf('await')
    const single = await producer.send(new Message({ topic, tags: 'tag ü', keys: ['键', 'k2'], body: 'hello' }))
    const delayed = await producer.send(new Message({ topic, body: 'x', delayTimeLevel: 1 }))
    const batch = await producer.send([new Message({ topic, body: 'a' }), new Message({ topic, body: 'b' })])
    await producer.shutdown()
    for (const [version, reader] of readers) {
      const { messages, records } = await reader.readTrace(TRACE_TOPIC, 1)
      expect(messages[0]?.keys?.split(' '), version).toEqual([single.msgId, '键', 'k2', delayed.msgId, ...batch.msgId.split(',')])
      const common = {
        trace: 'Pub',
        regionId: 'DefaultRegion',
        groupName: 'interop-traced',
        success: true,
        topic,
        storeHost: real.brokerAddr
      }
      expect(records, version).toMatchObject([
        {
          ...common,
          msgId: single.msgId,
          offsetMsgId: single.offsetMsgId,
          tags: 'tag ü',
          keys: '键 k2',
          bodyLength: 5,
          msgType: 'Normal_Msg'
        },
        { ...common, msgId: delayed.msgId, tags: 'null', keys: 'null', bodyLength: 1, msgType: 'Delay_Msg' },
        { ...common, msgId: batch.msgId, offsetMsgId: batch.offsetMsgId, msgType: 'Normal_Msg' }
      ])
    }
  })
})
