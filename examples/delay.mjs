// Messages that are delivered later: by level, after a time, at a time; and one that is called back. A held clock makes hours pass at once.
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { HeldClock, LoopbackBroker, MemoryNetwork } from 'rocketmq-producer/broker'

const clock = new HeldClock()
const broker = await LoopbackBroker.start({
  network: new MemoryNetwork(),
  clock,
  topics: { Reminders: { queues: 1 } },
  brokerConfig: { recallMessageEnable: true } // off by default, here and in RocketMQ
})
const producer = new DefaultMQProducer({ producerGroup: 'calendar', ...broker.clientOptions() })
await producer.start()
const delivered = () => broker.messages('Reminders').map(({ body }) => body.toString())
try {
  const remind = (body, when) => producer.send(new Message({ topic: 'Reminders', body, ...when }))
  await remind('now', {})
  await remind('in ten seconds', { delayTimeLevel: 3 }) // 1 to 18 for 1s to 2h, with every broker
  await remind('in a quarter of an hour', { delayTimeSec: 900 }) // with brokers from 5.0 on, at most 3 days
  await remind('at a time', { deliverTimeMs: clock.now() + 3_600_000 })
  const { recallHandle, msgId } = await remind('never', { delayTimeSec: 600 })

  console.log('called back:', (await producer.recallMessage('Reminders', recallHandle)) === msgId)
  const seen = [delivered().length]
  for (const millis of [10_000, 890_000, 2_700_000]) {
    await clock.advance(millis)
    seen.push(delivered().length)
  }
  console.log(seen.join(', '), delivered())
  if (seen.join() !== '1,2,3,4' || delivered().includes('never')) throw new Error('that was not delivered as it should be')
} finally {
  await producer.shutdown()
  await broker.close()
}
