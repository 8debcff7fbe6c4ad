import client from 'prom-client'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/internal/async.ts'
import { instrumentWithPrometheus } from '../../src/prometheus.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (body = 'hello'): Message => new Message({ topic: 'Orders', body })

/** The values of a metric, by its labels. */
async function valuesOf(registry: client.Registry, name: string): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(name)?.get()
  const values = (metric?.values ?? []) as Array<{ metricName?: string; labels: Record<string, string>; value: number }>
  const counted = values.filter(({ metricName = name }) => metricName === name || metricName === `${name}_count`)
  const key = ({ topic, status }: Record<string, string>): string => [topic, status].filter(Boolean).join(' ')
  return Object.fromEntries(counted.map(({ labels, value }) => [key(labels), value]))
}

describe('Prometheus', () => {
  it('counts messages, bytes and failed attempts, and times calls, by topic and status', async () => {
    const cluster = await startCluster({ brokers: ['broker-a', 'broker-b'] })
    const producer = await startProducer(cluster)
    const registry = new client.Registry()
    instrumentWithPrometheus(producer, { client, registry })
    let refusals = 1
    cluster.script((send, broker) => (refusals-- > 0 ? broker.refuse(send, 14) : broker.ok(send)))
    await producer.send(message())
    await producer.send([message('a'), message('bc')])
    await producer.sendOneway(message())
    cluster.script((send, broker) => broker.refuse(send, 13))
    await rejection(producer.send(message()))
    expect(await valuesOf(registry, 'rocketmq_producer_messages_total')).toEqual({
      'Orders SEND_OK': 3,
      'Orders ONEWAY': 1,
      'Orders BROKER_REFUSED': 1
    })
    expect(await valuesOf(registry, 'rocketmq_producer_send_duration_seconds')).toEqual({
      'Orders SEND_OK': 2,
      'Orders ONEWAY': 1,
      'Orders BROKER_REFUSED': 1
    })
    expect(await valuesOf(registry, 'rocketmq_producer_body_bytes_total')).toEqual({ Orders: 18 })
    expect(await valuesOf(registry, 'rocketmq_producer_failed_attempts_total')).toEqual({ Orders: 2 })
    expect(await valuesOf(registry, 'rocketmq_producer_sends_in_flight')).toEqual({ '': 0 })
    expect(await registry.metrics()).toContain(`producer_group="${producer.producerGroup}"`)
  })

  it('shows the sends under way, and forgets them when it is stopped', async () => {
    const cluster = await startCluster()
    const answer = deferred<void>()
    cluster.broker.script = (send) => answer.promise.then(() => cluster.broker.ok(send))
    const producer = await startProducer(cluster)
    const registry = new client.Registry()
    const stop = instrumentWithPrometheus(producer, { client, registry, prefix: 'shop' })
    const sends = [producer.send(message()), producer.send(message())]
    const inFlight = (): Promise<Record<string, number>> => valuesOf(registry, 'shop_sends_in_flight')
    expect(await inFlight()).toEqual({ '': 2 })
    stop()
    expect(await inFlight()).toEqual({ '': 0 })
    answer.resolve()
    await Promise.all(sends)
    expect(await inFlight()).toEqual({ '': 0 })
  })

  it('lets producers share a registry', async () => {
    const cluster = await startCluster()
    const registry = new client.Registry()
    const producers = [await startProducer(cluster), await startProducer(cluster)]
    for (const producer of producers) {
      instrumentWithPrometheus(producer, { client, registry })
      await producer.send(message())
    }
    const text = await registry.metrics()
    for (const { producerGroup } of producers) {
      expect(text).toContain(`messages_total{producer_group="${producerGroup}",topic="Orders",status="SEND_OK"} 1`)
    }
  })
})
