// Message trace: every message that a broker has taken is told to the trace topic. Run it with `node examples/trace.mjs`.
import { DefaultMQProducer, decodeTraceData, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } }, brokerConfig: { traceTopicEnable: true } })
const producer = new DefaultMQProducer({ producerGroup: 'shop', ...broker.clientOptions(), enableTrace: true })
try {
  await producer.start()
  const result = await producer.send(new Message({ topic: 'Orders', tags: 'paid', keys: 'o-1', body: 'hello' }))
  // The shutdown sends the records that wait for others to travel with.
  await producer.shutdown()
  for (const message of broker.messages('RMQ_SYS_TRACE_TOPIC')) {
    console.log(`found by the keys ${message.keys}`)
    for (const record of decodeTraceData(message.body)) {
      console.log(`${record.traceType} of ${record.topic}, tag ${record.tags}, stored: ${record.success}`)
      if (record.msgId !== result.msgId) throw new Error('the record is of another message')
    }
  }
} finally {
  await producer.shutdown()
  await broker.close()
}
