// Transactions: an order and its message stand or fall together. What the producer did not tell, the broker asks about.
import { LocalTransactionState, Message, TransactionMQProducer } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const broker = await LoopbackBroker.start({
  topics: { Orders: { queues: 2 } },
  brokerConfig: { transactionCheckInterval: 200, transactionTimeOut: 100 } // ms; a real broker asks after 6 s, every 30 s
})

/** What the application's database would hold: transaction id -> order. */
const database = new Map()

const producer = new TransactionMQProducer({
  producerGroup: 'shop', // every producer of the group can answer for the others
  ...broker.clientOptions(),
  transactionListener: {
    // The half message is stored: do the work, and say what became of it.
    async executeLocalTransaction(message, order) {
      if (order.amount > 1000) return LocalTransactionState.ROLLBACK_MESSAGE
      database.set(message.transactionId, order)
      if (order.slow) throw new Error('the connection to the database broke while it committed')
      return LocalTransactionState.COMMIT_MESSAGE
    },
    // The broker was not told, or did not hear it: look the outcome up, here or in another process.
    async checkLocalTransaction(message) {
      console.log(`asked about ${message.keys}`)
      return database.has(message.transactionId) ? LocalTransactionState.COMMIT_MESSAGE : LocalTransactionState.UNKNOW
    }
  }
})
await producer.start()
try {
  const orders = [
    { id: 'o-1', amount: 20 },
    { id: 'o-2', amount: 5000 },
    { id: 'o-3', amount: 30, slow: true }
  ]
  for (const order of orders) {
    const message = new Message({ topic: 'Orders', keys: order.id, body: JSON.stringify(order) })
    const { localTransactionState } = await producer.sendMessageInTransaction(message, order)
    console.log(`${order.id}: ${localTransactionState}`)
  }
  await broker.waitForMessages('Orders', 2, { signal: AbortSignal.timeout(10_000) })
  const seen = broker.messages('Orders').map((message) => message.keys)
  console.log(`consumers see ${seen.sort().join(', ')}`)
  if (seen.join() !== 'o-1,o-3') throw new Error('o-1 and o-3 were committed, and nothing else')
} finally {
  await producer.shutdown()
  await broker.close()
}
