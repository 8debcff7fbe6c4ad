/**
 * Metrics of a producer's sends. `prom-client` is given, never imported.
 *
 * @module
 */
export type { InstrumentedProducer } from './extras/observe-sends.ts'
export type { PrometheusClient, PrometheusOptions, PrometheusRegistry } from './extras/prometheus.ts'
export { instrumentWithPrometheus } from './extras/prometheus.ts'
