// An application's outbox: an order and the message about it are written in one step, and the message is sent later, again and again
// until a broker has it. The id is chosen when the row is written, so whatever is sent twice carries one id.
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const ORDERS = 50

// A database table, in memory here.
const outbox = []
const placeOrder = (id) => outbox.push({ id, uniqKey: uniqKey(id), sent: false })
const uniqKey = (id) => Buffer.from(`order-${id}`.padEnd(16)).toString('hex').toUpperCase()

async function relay(producer) {
  for (const row of outbox.filter(({ sent }) => !sent)) {
    try {
      await producer.send(new Message({ topic: 'Orders', keys: row.id, body: row.id, uniqKey: row.uniqKey }), { timeout: 300 })
      row.sent = true // after the acknowledgement, never before
    } catch (error) {
      console.log(`${row.id}: ${error.code}, ${error.maybeStored ? 'maybe stored' : 'certainly not stored'}; stays in the outbox`)
    }
  }
}

const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 2 } } })
const producer = new DefaultMQProducer({ producerGroup: 'outbox', ...broker.clientOptions(), retryTimesWhenSendFailed: 0 })
await producer.start()
try {
  for (let i = 1; i <= ORDERS; i++) placeOrder(`o-${i}`)
  // Some are refused, and of some the answer is lost: those are in the store, and the relay does not know.
  broker.faults.add({ when: { code: 'SEND_MESSAGE_V2', nth: 7 }, then: { kind: 'respond', code: 'SYSTEM_BUSY' } })
  broker.faults.add({ when: { code: 'SEND_MESSAGE_V2', nth: 20 }, then: { kind: 'drop', when: 'after' } })
  while (outbox.some(({ sent }) => !sent)) await relay(producer)

  const stored = broker.messages('Orders').map(({ msgId }) => msgId)
  const missing = outbox.filter((row) => !stored.includes(row.uniqKey))
  console.log(`${outbox.length} orders, ${stored.length} messages, ${new Set(stored).size} ids, ${missing.length} missing`)
  if (missing.length > 0 || new Set(stored).size !== ORDERS) throw new Error('the outbox lost or made up a message')
} finally {
  await producer.shutdown()
  await broker.close()
}
