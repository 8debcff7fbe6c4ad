// What a producer may ask of a cluster: create a topic, its queues and their offsets, messages by id and by key.
import { DefaultMQProducer, Message, RocketMQError } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({ brokers: 2 })
const producer = new DefaultMQProducer({ producerGroup: 'back-office', ...broker.clientOptions() })
await producer.start()
try {
  await producer.createTopic('TBW102', 'Invoices', 2) // on every broker that has TBW102
  let queues = []
  // Brokers tell the name server about a new topic a moment after they have made it.
  while (queues.length < 4) queues = await producer.fetchPublishMessageQueues('Invoices').catch(() => [])
  console.log(queues.map(({ brokerName, queueId }) => `${brokerName} ${queueId}`).join(', '))

  const [queue] = queues
  const result = await producer.send(new Message({ topic: 'Invoices', keys: ['i-1', 'c-7'], body: '12.50' }), { queue })
  console.log('offsets', await producer.minOffset(queue), await producer.maxOffset(queue))
  const storedAt = await producer.earliestMsgStoreTime(queue)
  console.log('offset of its time', await producer.searchOffset(queue, storedAt))

  const byId = await producer.viewMessage('Invoices', result.offsetMsgId)
  const byUniqKey = await producer.queryMessageByUniqKey('Invoices', result.msgId)
  const { messageList } = await producer.queryMessage('Invoices', 'c-7', 10, storedAt, Date.now() + 1000)
  const bodies = [byId, byUniqKey, ...messageList].map(({ body }) => body.toString())
  console.log(bodies)
  if (bodies.join() !== '12.50,12.50,12.50') throw new Error('that is not the invoice')

  try {
    await producer.queryMessage('Invoices', 'c-8', 10, 0, Date.now())
  } catch (error) {
    if (!(error instanceof RocketMQError) || error.responseCode !== 208) throw error
    console.log('c-8:', error.message)
  }
} finally {
  await producer.shutdown()
  await broker.close()
}
