// Retries and fault strategy: of two brokers one is busy. Sends arrive all the same, and soon nobody asks the busy one any more.
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({ brokers: 2, topics: { Orders: { queues: 2 } } })
broker.faults.add({
  when: { code: 'SEND_MESSAGE_V2', brokerName: 'broker-a' },
  then: { kind: 'respond', code: 'SYSTEM_BUSY', remark: 'busy' }
})
const producer = new DefaultMQProducer({
  producerGroup: 'orders',
  sendMsgTimeout: 3000, // for a whole send, all attempts
  retryTimesWhenSendFailed: 2,
  sendLatencyFaultEnable: true, // avoid brokers that were slow or failed
  ...broker.clientOptions()
})
producer.addRetryResponseCode(215) // flow control: ask another broker
const asked = { 'broker-a': 0, 'broker-b': 0 }
producer.registerSendMessageHook({
  hookName: 'count',
  sendMessageBefore({ mq }) {
    asked[mq.brokerName]++
  },
  sendMessageAfter() {}
})
await producer.start()
try {
  for (let i = 0; i < 20; i++) {
    const { sendStatus, messageQueue } = await producer.send(new Message({ topic: 'Orders', body: `order ${i}` }))
    if (sendStatus !== 'SEND_OK') throw new Error(`${sendStatus} at ${messageQueue}`)
  }
  console.log('asked', asked, 'counted', producer.stats)
  if (asked['broker-a'] > 5) throw new Error('broker-a was asked again and again')
} finally {
  await producer.shutdown()
  await broker.close()
}
