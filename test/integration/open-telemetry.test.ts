import * as api from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { instrumentWithOpenTelemetry } from '../../src/otel.ts'
import { decodeBatch } from '../../src/protocol/batch-codec.ts'
import { Message } from '../../src/protocol/message.ts'
import { decodeProperties } from '../../src/protocol/properties.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { TestTelemetry } from '../support/telemetry.ts'

closeAfterEach()

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = new TestTelemetry()
})
afterEach(() => telemetry.uninstall())

const message = (body = 'hello'): Message => new Message({ topic: 'Orders', body, tags: 'paid', keys: ['k1', 'k2'] })

describe('OpenTelemetry', () => {
  it('producer-58 makes a span for a send: kind, parent, and what the conventions ask of RocketMQ', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    instrumentWithOpenTelemetry(producer, api, { attributes: () => ({ tenant: 'berlin' }) })
    const parent = telemetry.tracer.startSpan('parent', {}, api.ROOT_CONTEXT)
    const result = await api.context.with(api.trace.setSpan(api.ROOT_CONTEXT, parent), () => producer.send(message()))
    const [span] = telemetry.ended
    expect(span).toMatchObject({ name: 'send Orders', kind: api.SpanKind.PRODUCER, events: [], status: undefined })
    expect(span?.parentSpanId).toBe(parent.spanContext().spanId)
    const [host, port] = cluster.broker.addr.split(':')
    expect(span?.attributes).toEqual({
      'messaging.system': 'rocketmq',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'Orders',
      'messaging.destination.partition.id': `broker-a/${result.messageQueue.queueId}`,
      'messaging.client.id': expect.stringContaining('@'),
      'messaging.message.id': result.msgId,
      'messaging.message.body.size': 5,
      'messaging.rocketmq.message.tag': 'paid',
      'messaging.rocketmq.message.keys': ['k1', 'k2'],
      'messaging.rocketmq.message.type': 'normal',
      'messaging.rocketmq.producer_group': producer.producerGroup,
      'messaging.rocketmq.communication_mode': 'SYNC',
      'messaging.rocketmq.send_status': 'SEND_OK',
      'server.address': host,
      'server.port': Number(port),
      tenant: 'berlin'
    })
  })

  it('lets messages carry the context of their span, each of a batch too, and leaves what the application put there', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    instrumentWithOpenTelemetry(producer, api)
    await producer.send(message())
    await producer.send([message('a'), message('b')])
    const own = message()
    own.putUserProperty('traceparent', 'mine')
    await producer.send(own)
    const [single, batch, kept] = cluster.sends
    const [first, second] = telemetry.ended
    expect(single?.properties.get('traceparent')).toBe(first?.traceparent)
    const members = decodeBatch(batch?.body ?? Buffer.alloc(0))
    expect(members.map(({ propertiesString }) => decodeProperties(propertiesString).get('traceparent'))).toEqual([
      second?.traceparent,
      second?.traceparent
    ])
    expect(second?.attributes['messaging.batch.message_count']).toBe(2)
    expect(kept?.properties.get('traceparent')).toBe('mine')
  })

  it('can leave messages alone', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    instrumentWithOpenTelemetry(producer, api, { propagate: false, tracer: telemetry.tracer })
    await producer.send(message())
    expect([cluster.sends[0]?.properties.has('traceparent'), telemetry.ended.length]).toEqual([false, 1])
  })

  it('shows failed attempts as events, and a failed send as an error', async () => {
    const cluster = await startCluster({ brokers: ['broker-a', 'broker-b'] })
    let refusals = 1
    cluster.script((send, broker) => (refusals-- > 0 ? broker.refuse(send, 14, 'full') : broker.ok(send)))
    const producer = await startProducer(cluster)
    instrumentWithOpenTelemetry(producer, api)
    await producer.send(message())
    expect(telemetry.ended[0]).toMatchObject({ status: undefined, events: [{ name: 'attempt failed' }] })
    cluster.script((send, broker) => broker.refuse(send, 13, 'illegal'))
    const error = await rejection<Error & { code: string }>(producer.send(message()))
    expect(telemetry.ended[1]).toMatchObject({
      status: { code: api.SpanStatusCode.ERROR, message: error.message },
      attributes: { 'error.type': error.code },
      exceptions: [{ message: error.message }]
    })
    await rejection(producer.send(new Message({ topic: 'Orders', body: '' })))
    expect(telemetry.ended[2]?.status?.code).toBe(api.SpanStatusCode.ERROR)
  })

  it('sees one producer only, until it is stopped or shut down', async () => {
    const cluster = await startCluster()
    const [first, second] = [await startProducer(cluster), await startProducer(cluster)]
    const stop = instrumentWithOpenTelemetry(first, api)
    await second.send(message())
    await first.send(message())
    expect(telemetry.ended).toHaveLength(1)
    stop()
    await first.send(message())
    expect(telemetry.ended).toHaveLength(1)
    instrumentWithOpenTelemetry(second, api)
    await second.shutdown()
    expect(second.events.listenerCount('stopped')).toBe(0)
  })

  it('that fails harms no send', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const tracer = {
      startSpan() {
        throw new Error('no exporter')
      }
    }
    instrumentWithOpenTelemetry(producer, api, { tracer })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    expect(await warned).toMatchObject({ name: 'RocketMQInstrumentationWarning', message: 'no exporter' })
  })
})
