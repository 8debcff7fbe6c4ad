// Metrics of a producer in a registry of prom-client. Run it with `node examples/prometheus.mjs`.
import client from 'prom-client'
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'
import { instrumentWithPrometheus } from 'rocketmq-producer/prometheus'

const registry = new client.Registry()
const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } } })
const producer = new DefaultMQProducer({ producerGroup: 'shop', ...broker.clientOptions() })
instrumentWithPrometheus(producer, { client, registry })
try {
  await producer.start()
  await producer.send(new Message({ topic: 'Orders', body: 'hello' }))
  await producer.send([new Message({ topic: 'Orders', body: 'a' }), new Message({ topic: 'Orders', body: 'b' })])
  await producer.send(new Message({ topic: 'Orders', body: '' })).catch(() => {})
  const text = await registry.metrics()
  for (const line of text.split('\n')) if (/^rocketmq_producer_(messages|body)/.test(line)) console.log(line)
} finally {
  await producer.shutdown()
  await broker.close()
}
