/**
 * Spans for a producer's sends. `@opentelemetry/api` is given, never imported.
 *
 * @module
 */

export type { InstrumentedProducer } from './extras/observe-sends.ts'
export type {
  AttributeValue,
  OpenTelemetryApi,
  OpenTelemetryOptions,
  TelemetryContext,
  TelemetryPropagation,
  TelemetrySetter,
  TelemetrySpan,
  TelemetryTrace,
  TelemetryTracer
} from './extras/open-telemetry.ts'
export { instrumentWithOpenTelemetry } from './extras/open-telemetry.ts'
