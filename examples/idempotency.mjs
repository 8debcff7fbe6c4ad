// At least once means: sometimes twice. A consumer that remembers UNIQ_KEY, the msgId of the result, acts once all the same.
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({ brokers: 2, topics: { Payments: { queues: 1 } } })
const producer = new DefaultMQProducer({ producerGroup: 'payments', ...broker.clientOptions(), sendMsgTimeout: 3000 })
await producer.start()
try {
  // The first broker stores the message, and its answer is lost; the producer asks the other one.
  broker.faults.add({ when: { code: 'SEND_MESSAGE_V2' }, then: { kind: 'close', when: 'insteadOfReply' }, times: 1 })
  const { msgId } = await producer.send(new Message({ topic: 'Payments', body: '100' }))
  await producer.send(new Message({ topic: 'Payments', body: '50' }))

  const stored = broker.messages('Payments')
  const done = new Set()
  let paid = 0
  for (const { msgId: id, body } of stored) {
    if (done.has(id)) continue // a table with a unique index, in an application
    done.add(id)
    paid += Number(body)
  }
  const copies = stored.filter((message) => message.msgId === msgId).length
  console.log(`${stored.length} messages stored, ${copies} copies of ${msgId}, ${paid} paid`)
  if (copies !== 2 || paid !== 150) throw new Error('expected two copies and one payment of each')
} finally {
  await producer.shutdown()
  await broker.close()
}
