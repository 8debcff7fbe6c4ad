import { expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

it('process-R4 a logger that throws breaks neither broker nor name server', async () => {
  const fail = (): never => {
    throw new Error('the disk is full')
  }
  const logger = { debug: fail, info: fail, warn: fail, error: fail }
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), logger })
  const producer = new DefaultMQProducer({ producerGroup: 'g', logger, ...broker.clientOptions() })
  await producer.start()
  const { sendStatus } = await producer.send(new Message({ topic: 'New', body: 'x' }))
  expect([sendStatus, broker.messageCount('New')]).toEqual(['SEND_OK', 1])
  await producer.shutdown()
  await broker.close()
})
