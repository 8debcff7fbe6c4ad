import type { SendOperation } from '../producer/send-operation.ts'
import { type InstrumentedProducer, observeSends } from './observe-sends.ts'

/** Values of a metric's labels, by name. */
export type MetricLabels = Record<string, string>

/** How a metric is made. */
export interface MetricConfiguration<Registry> {
  /** Of the metric. */
  name: string
  /** One line for people. */
  help: string
  /** Names of its labels. */
  labelNames: string[]
  /** Where it is registered. */
  registers: Registry[]
}

/** How a histogram is made. */
export interface HistogramConfiguration<Registry> extends MetricConfiguration<Registry> {
  /** Upper bounds. */
  buckets: number[]
}

/** What is used of a counter. */
export interface PrometheusCounter {
  /** Adds `value`, or 1. */
  inc(labels: MetricLabels, value?: number): void
}

/** What is used of a gauge. */
export interface PrometheusGauge extends PrometheusCounter {
  /** Takes off `value`, or 1. */
  dec(labels: MetricLabels, value?: number): void
}

/** What is used of a histogram. */
export interface PrometheusHistogram {
  /** Counts a value. */
  observe(labels: MetricLabels, value: number): void
}

/** A class of metrics. */
export type MetricClass<Configuration, Metric> = new (configuration: Configuration) => Metric

/** What is used of a registry of `prom-client`. */
export interface PrometheusRegistry {
  /** The metric of this name, when there is one. */
  getSingleMetric(name: string): unknown
}

/** What is used of the module `prom-client`, 15.x. */
export interface PrometheusClient<Registry> {
  /** Only rises. */
  Counter: MetricClass<MetricConfiguration<Registry>, PrometheusCounter>
  /** Rises and falls. */
  Gauge: MetricClass<MetricConfiguration<Registry>, PrometheusGauge>
  /** Counts values by size. */
  Histogram: MetricClass<HistogramConfiguration<Registry>, PrometheusHistogram>
}

/** Where the metrics of a producer go. */
export interface PrometheusOptions<Registry extends PrometheusRegistry> {
  /** The module `prom-client`. */
  client: PrometheusClient<Registry>
  /** Producers may share one: they differ by the label `producer_group`. */
  registry: Registry
  /** What the names begin with. @default rocketmq_producer */
  prefix?: string | undefined
  /** Bounds of the histogram's buckets, seconds. @default 0.001 to 10 */
  buckets?: number[] | undefined
}

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Metrics of a producer, in a registry of `prom-client`. Ends with the shutdown of the producer, or when the returned function is called.
 *
 * | metric | kind | labels |
 * | --- | --- | --- |
 * | `rocketmq_producer_send_duration_seconds` | histogram, calls of send | `producer_group`, `topic`, `status` |
 * | `rocketmq_producer_messages_total` | counter, messages of calls that have ended | `producer_group`, `topic`, `status` |
 * | `rocketmq_producer_body_bytes_total` | counter, bytes of bodies of accepted messages | `producer_group`, `topic` |
 * | `rocketmq_producer_failed_attempts_total` | counter, attempts that failed, retried or not | `producer_group`, `topic` |
 * | `rocketmq_producer_sends_in_flight` | gauge, calls under way | `producer_group` |
 *
 * `status` is the send status, `ONEWAY`, or the `code` of the error.
 *
 * @example
 * import client from 'prom-client'
 * import { instrumentWithPrometheus } from 'rocketmq-producer/prometheus'
 * instrumentWithPrometheus(producer, { client, registry: client.register })
 */
export function instrumentWithPrometheus<Registry extends PrometheusRegistry>(
  producer: InstrumentedProducer,
  options: PrometheusOptions<Registry>
): () => void {
  const { client, registry, prefix = 'rocketmq_producer', buckets = BUCKETS } = options
  /** The metric of this name; another producer may have brought it. */
  const metric = <M>(
    name: string,
    help: string,
    labels: string[],
    make: (configuration: MetricConfiguration<Registry>) => M
  ): M => {
    const full = `${prefix}_${name}`
    const known = registry.getSingleMetric(full) as M | undefined
    return known ?? make({ name: full, help, labelNames: ['producer_group', ...labels], registers: [registry] })
  }
  const duration = metric('send_duration_seconds', 'Duration of calls of send', ['topic', 'status'], (configuration) => {
    return new client.Histogram({ ...configuration, buckets })
  })
  const messages = metric('messages_total', 'Messages of sends that have ended', ['topic', 'status'], (configuration) => {
    return new client.Counter(configuration)
  })
  const bytes = metric('body_bytes_total', 'Bytes of the bodies of accepted messages', ['topic'], (configuration) => {
    return new client.Counter(configuration)
  })
  const failed = metric('failed_attempts_total', 'Attempts that failed', ['topic'], (configuration) => {
    return new client.Counter(configuration)
  })
  const inFlight = metric('sends_in_flight', 'Calls of send under way', [], (configuration) => new client.Gauge(configuration))

  const underWay = new Set<SendOperation>()
  const stop = observeSends(
    producer,
    (operation) => {
      underWay.add(operation)
      const { producerGroup: producer_group, topic = '' } = operation
      inFlight.inc({ producer_group })
      const size = operation.messages.reduce((sum, { body }) => sum + body.length, 0)
      if (size > 0) bytes.inc({ producer_group, topic }, size)
    },
    (operation) => {
      // A send that began before its producer was instrumented.
      if (!underWay.delete(operation)) return
      const { producerGroup: producer_group, topic = '', attempts } = operation
      const status = operation.error?.code ?? operation.result?.sendStatus ?? 'ONEWAY'
      inFlight.dec({ producer_group })
      duration.observe({ producer_group, topic, status }, (operation.duration ?? 0) / 1000)
      messages.inc({ producer_group, topic, status }, Math.max(1, operation.messages.length))
      if (attempts.length > 0) failed.inc({ producer_group, topic }, attempts.length)
    }
  )
  return () => {
    stop()
    for (const { producerGroup: producer_group } of underWay) inFlight.dec({ producer_group })
    underWay.clear()
  }
}
