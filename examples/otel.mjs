// A span for each send, whose context travels with the message. Run it with `node examples/otel.mjs`.
// An application sets up OpenTelemetry's SDK; the few lines of this one only print spans.
import * as api from '@opentelemetry/api'
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'
import { instrumentWithOpenTelemetry } from 'rocketmq-producer/otel'

api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: printingSpan }) })
api.propagation.setGlobalPropagator({
  inject(context, carrier, setter) {
    const { traceId, spanId } = api.trace.getSpanContext(context)
    setter.set(carrier, 'traceparent', `00-${traceId}-${spanId}-01`)
  },
  extract: (context) => context,
  fields: () => ['traceparent']
})

function printingSpan(name, { attributes = {} }) {
  const seen = { ...attributes }
  return {
    spanContext: () => ({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }),
    setAttribute: (key, value) => void Object.assign(seen, { [key]: value }),
    addEvent() {},
    recordException() {},
    setStatus() {},
    end: () =>
      console.log(`span "${name}", ${seen['messaging.rocketmq.send_status']}, tag ${seen['messaging.rocketmq.message.tag']}`)
  }
}

const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 4 } } })
const producer = new DefaultMQProducer({ producerGroup: 'shop', ...broker.clientOptions() })
instrumentWithOpenTelemetry(producer, api)
try {
  await producer.start()
  await producer.send(new Message({ topic: 'Orders', tags: 'paid', body: 'hello' }))
  console.log(`the message carries ${broker.messages('Orders')[0].properties.get('traceparent')}`)
} finally {
  await producer.shutdown()
  await broker.close()
}
