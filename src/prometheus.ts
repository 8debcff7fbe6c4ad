/**
 * Metrics of a producer's sends. `prom-client` is given, never imported.
 *
 * @module
 */
export type { InstrumentedProducer } from './extras/observe-sends.ts'
export type {
  HistogramConfiguration,
  MetricClass,
  MetricConfiguration,
  MetricLabels,
  PrometheusClient,
  PrometheusCounter,
  PrometheusGauge,
  PrometheusHistogram,
  PrometheusOptions,
  PrometheusRegistry
} from './extras/prometheus.ts'
export { instrumentWithPrometheus } from './extras/prometheus.ts'
