import { describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { SysFlag } from '../../src/protocol/sys-flag.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

const lz4 = { compress: (bytes: Uint8Array) => bytes, decompress: (bytes: Uint8Array) => bytes }

describe('a stored body that the broker has no codec for', () => {
  it('is shown as it is, and hides no other message', async () => {
    const broker = await LoopbackBroker.start({ topics: { T: { queues: 1 } }, network: new MemoryNetwork() })
    const options = { producerGroup: 'g', compressType: 'LZ4' as const, compressors: { lz4 }, compressMsgBodyOverHowmuch: 4 }
    const producer = new DefaultMQProducer({ ...options, ...broker.clientOptions() })
    await producer.start()
    try {
      await producer.send(new Message({ topic: 'T', body: 'packed' }))
      await producer.send(new Message({ topic: 'T', body: 'x' }))
      const [packed, plain] = broker.messages('T')
      expect(packed.body.toString()).toBe('packed')
      expect(packed.sysFlag & SysFlag.COMPRESSED).toBe(SysFlag.COMPRESSED)
      expect(plain.body.toString()).toBe('x')
    } finally {
      await producer.shutdown()
      await broker.close()
    }
  })
})
