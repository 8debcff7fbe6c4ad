// Batches: many single sends that the producer gathers itself, and a long list that is split by size.
import { DefaultMQProducer, Message, MessageQueue, splitBatch } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({ topics: { Clicks: { queues: 4 }, Import: { queues: 1 } } })
const producer = new DefaultMQProducer({
  producerGroup: 'web',
  autoBatch: true, // single sends leave together
  batchMaxDelayMs: 5, // the first of them waits for at most so long
  batchMaxBytes: 32 * 1024, // or until there are so many bytes
  ...broker.clientOptions()
})
let requests = 0
producer.registerSendMessageHook({
  hookName: 'count',
  sendMessageBefore() {
    requests++
  },
  sendMessageAfter() {}
})
await producer.start()
try {
  // Each send has its own promise, id and result, as without batches.
  const clicks = Array.from({ length: 1000 }, (_, i) =>
    producer.send(new Message({ topic: 'Clicks', keys: `c-${i}`, body: `click ${i}` }), {
      queue: new MessageQueue('Clicks', 'broker-a', i % 4)
    })
  )
  const results = await Promise.all(clicks)
  const ids = new Set(results.map((result) => result.msgId))
  console.log(`${results.length} clicks with ${ids.size} ids left in ${requests} requests`)

  // A list may be larger than a batch may be: cut it by the bytes that travel, not by its length.
  const rows = Array.from(
    { length: 3000 },
    (_, i) => new Message({ topic: 'Import', keys: `row-${i}`, body: 'ä'.repeat(1 + (i % 500)) })
  )
  const parts = splitBatch(rows, 256 * 1024)
  for (const part of parts) await producer.send(part)
  await broker.waitForMessages('Import', rows.length)
  console.log(`${rows.length} rows left in ${parts.length} batches`)

  if (ids.size !== 1000 || requests > 100 + parts.length) throw new Error('that was not batched')
} finally {
  await producer.shutdown()
  await broker.close()
}
