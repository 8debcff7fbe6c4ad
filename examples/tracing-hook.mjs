// A hook that adds a tracing header to every message: retries carry the same trace and a span of their own.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const currentTrace = new AsyncLocalStorage()
const spans = []

const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 1 } } })
const producer = new DefaultMQProducer({ producerGroup: 'traced', ...broker.clientOptions() })
producer.registerSendMessageHook({
  hookName: 'tracing',
  sendMessageBefore(context) {
    const span = { traceId: currentTrace.getStore() ?? randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') }
    context.props.set('span', span.spanId) // for sendMessageAfter
    context.message.putUserProperty('traceparent', `00-${span.traceId}-${span.spanId}-01`)
    spans.push(span)
  },
  sendMessageAfter(context) {
    const span = spans.find(({ spanId }) => spanId === context.props.get('span'))
    span.outcome = context.sendResult?.sendStatus ?? context.exception?.code
  }
})
await producer.start()
try {
  const traceId = randomBytes(16).toString('hex')
  const message = new Message({ topic: 'Orders', body: 'traced' })
  await currentTrace.run(traceId, () => producer.send(message))
  const [stored] = broker.messages('Orders')
  console.log(stored.properties.get('traceparent'), spans)
  if (stored.properties.get('traceparent') !== `00-${traceId}-${spans[0].spanId}-01`) throw new Error('the header is missing')
  if (spans[0].outcome !== 'SEND_OK') throw new Error('the span has no outcome')
  // The caller's own message is as it was.
  if (message.properties.has('traceparent')) throw new Error("the caller's message was changed")
} finally {
  await producer.shutdown()
  await broker.close()
}
