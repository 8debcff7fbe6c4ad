import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import * as api from '@opentelemetry/api'

/** A span that keeps what it is told. */
export class TestSpan implements api.Span {
  readonly attributes: api.Attributes
  readonly events: Array<{ name: string; attributes: unknown }> = []
  readonly exceptions: api.Exception[] = []
  readonly kind: api.SpanKind | undefined
  readonly parentSpanId: string | undefined
  readonly #context: api.SpanContext
  readonly #onEnd: (span: TestSpan) => void
  name: string
  status: api.SpanStatus | undefined

  constructor(name: string, options: api.SpanOptions, parent: api.SpanContext | undefined, onEnd: (span: TestSpan) => void) {
    this.name = name
    this.kind = options.kind
    this.attributes = { ...options.attributes }
    this.parentSpanId = parent?.spanId
    const traceId = parent?.traceId ?? randomBytes(16).toString('hex')
    this.#context = { traceId, spanId: randomBytes(8).toString('hex'), traceFlags: api.TraceFlags.SAMPLED }
    this.#onEnd = onEnd
  }

  /** Of W3C's trace context. */
  get traceparent(): string {
    return `00-${this.#context.traceId}-${this.#context.spanId}-01`
  }

  spanContext(): api.SpanContext {
    return this.#context
  }

  setAttribute(name: string, value: api.AttributeValue): this {
    this.attributes[name] = value
    return this
  }

  setAttributes(attributes: api.Attributes): this {
    Object.assign(this.attributes, attributes)
    return this
  }

  addEvent(name: string, attributes?: unknown): this {
    this.events.push({ name, attributes })
    return this
  }

  addLink(): this {
    return this
  }

  addLinks(): this {
    return this
  }

  setStatus(status: api.SpanStatus): this {
    this.status = status
    return this
  }

  updateName(name: string): this {
    this.name = name
    return this
  }

  end(): void {
    this.#onEnd(this)
  }

  isRecording(): boolean {
    return true
  }

  recordException(exception: api.Exception): void {
    this.exceptions.push(exception)
  }
}

/** A minimal implementation behind the real `@opentelemetry/api`, for the whole process until it is uninstalled. */
export class TestTelemetry {
  readonly ended: TestSpan[] = []
  readonly tracer: api.Tracer

  constructor() {
    const startSpan = (name: string, options: api.SpanOptions = {}, context = api.context.active()): TestSpan =>
      new TestSpan(name, options, api.trace.getSpanContext(context), (span) => this.ended.push(span))
    this.tracer = { startSpan, startActiveSpan: () => undefined as never }
    api.trace.setGlobalTracerProvider({ getTracer: () => this.tracer })
    const storage = new AsyncLocalStorage<api.Context>()
    api.context.setGlobalContextManager({
      active: () => storage.getStore() ?? api.ROOT_CONTEXT,
      with: (context, fn, thisArg, ...args) => storage.run(context, () => fn.call(thisArg as never, ...args)),
      bind: (_context, target) => target,
      enable() {
        return this
      },
      disable() {
        return this
      }
    })
    api.propagation.setGlobalPropagator({
      inject(context, carrier, setter) {
        const span = api.trace.getSpan(context) as TestSpan
        setter.set(carrier, 'traceparent', span.traceparent)
        setter.set(carrier, 'tracestate', '')
      },
      extract: (context) => context,
      fields: () => ['traceparent', 'tracestate']
    })
  }

  uninstall(): void {
    api.trace.disable()
    api.context.disable()
    api.propagation.disable()
  }
}
