import type { SendAttempt } from '../internal/errors.ts'
import type { SendOperation } from '../producer/send-operation.ts'
import type { Message } from '../protocol/message.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR } from '../protocol/properties.ts'
import { type InstrumentedProducer, observeSends } from './observe-sends.ts'

/** What a span can be told. */
export type AttributeValue = string | number | boolean | string[]

/** What is used of a span of `@opentelemetry/api`. */
export interface TelemetrySpan {
  /** Adds or replaces an attribute. */
  setAttribute(name: string, value: AttributeValue): unknown
  /** Adds an event of now. */
  addEvent(name: string, attributes?: Record<string, AttributeValue>): unknown
  /** Adds an exception as an event. */
  recordException(exception: { name: string; message: string; code: string }): void
  /** Says how it went. */
  setStatus(status: { code: number; message?: string }): unknown
  /** Ends the span now. */
  end(): void
}

/** What is used of a tracer of `@opentelemetry/api`. */
export interface TelemetryTracer {
  /** Begins a span, a child of the one in the context. */
  startSpan(
    name: string,
    options: { kind?: number; attributes?: Record<string, AttributeValue> },
    context?: object
  ): TelemetrySpan
}

/** Puts one entry of a context into a message. */
export interface TelemetrySetter {
  /** Called for each entry. */
  set(carrier: Message, key: string, value: string): void
}

/** What is used of `trace` of `@opentelemetry/api`. */
export interface TelemetryTrace {
  /** The tracer of an instrument. */
  getTracer(name: string): TelemetryTracer
  /** The context with this span. */
  setSpan(context: object, span: TelemetrySpan): object
}

/** What is used of `context` of `@opentelemetry/api`. */
export interface TelemetryContext {
  /** The active context. */
  active(): object
}

/** What is used of `propagation` of `@opentelemetry/api`. */
export interface TelemetryPropagation {
  /** Puts a context into a message. */
  inject(context: object, carrier: Message, setter: TelemetrySetter): void
}

/** What is used of the module `@opentelemetry/api`, 1.x. */
export interface OpenTelemetryApi {
  /** Tracers and spans. */
  trace: TelemetryTrace
  /** What is active. */
  context: TelemetryContext
  /** How context travels. */
  propagation: TelemetryPropagation
  /** Kinds of spans. */
  SpanKind: Readonly<Record<'PRODUCER', number>>
  /** Codes of a span's status. */
  SpanStatusCode: Readonly<Record<'ERROR', number>>
}

/** How a producer is instrumented. */
export interface OpenTelemetryOptions {
  /** @default `api.trace.getTracer('rocketmq-producer')` */
  tracer?: TelemetryTracer | undefined
  /**
   * Whether messages carry the context of their span, in user properties such as `traceparent`. A property that a message has already
   * stays as it is.
   * @default true
   */
  propagate?: boolean | undefined
  /** Further attributes of a span, asked for as it begins. @default none */
  attributes?: ((operation: SendOperation) => Record<string, AttributeValue>) | undefined
}

/** Of a message's keys, so many become attributes. */
const MAX_KEYS = 32

/**
 * A span for each send, or each batch, of a producer: kind PRODUCER, a child of the active span, with the `messaging.*` attributes of
 * OpenTelemetry's conventions for RocketMQ; attempts that failed are its events. Ends with the shutdown of the producer, or when the
 * returned function is called.
 *
 * @param api the module `@opentelemetry/api`.
 *
 * @example
 * import * as api from '@opentelemetry/api'
 * import { instrumentWithOpenTelemetry } from 'rocketmq-producer/otel'
 * instrumentWithOpenTelemetry(producer, api)
 */
export function instrumentWithOpenTelemetry(
  producer: InstrumentedProducer,
  api: OpenTelemetryApi,
  options: OpenTelemetryOptions = {}
): () => void {
  const tracer = options.tracer ?? api.trace.getTracer('rocketmq-producer')
  const propagate = options.propagate ?? true
  const spans = new WeakMap<SendOperation, TelemetrySpan>()
  return observeSends(
    producer,
    (operation) => {
      const parent = api.context.active()
      const attributes = { ...startAttributes(operation), ...options.attributes?.(operation) }
      const span = tracer.startSpan(`send ${operation.topic ?? ''}`.trim(), { kind: api.SpanKind.PRODUCER, attributes }, parent)
      spans.set(operation, span)
      if (!propagate) return
      const context = api.trace.setSpan(parent, span)
      for (const message of operation.messages) api.propagation.inject(context, message, PROPERTY_SETTER)
    },
    (operation) => {
      const span = spans.get(operation)
      if (span === undefined) return
      spans.delete(operation)
      describeOutcome(span, operation, api.SpanStatusCode.ERROR)
      span.end()
    }
  )
}

/** Context travels in user properties; what the application put there itself counts. */
const PROPERTY_SETTER = {
  set({ properties }: Message, key: string, value: string): void {
    if (value === '' || properties.has(key)) return
    for (const text of [key, value]) {
      if (text.includes(NAME_VALUE_SEPARATOR) || text.includes(PROPERTY_SEPARATOR)) return
    }
    properties.set(key, value)
  }
}

function startAttributes(operation: SendOperation): Record<string, AttributeValue> {
  const { messages, batch, topic, namespace, clientId, communicationMode } = operation
  const attributes: Record<string, AttributeValue> = {
    'messaging.system': 'rocketmq',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.rocketmq.producer_group': operation.producerGroup,
    'messaging.rocketmq.communication_mode': communicationMode
  }
  if (topic !== undefined) attributes['messaging.destination.name'] = topic
  if (clientId !== undefined) attributes['messaging.client.id'] = clientId
  if (namespace !== undefined) attributes['messaging.rocketmq.namespace'] = namespace
  const [first] = messages
  if (batch) attributes['messaging.batch.message_count'] = messages.length
  else if (first !== undefined) Object.assign(attributes, messageAttributes(first))
  return attributes
}

function messageAttributes(message: Message): Record<string, AttributeValue> {
  const { properties, tags, keys, uniqKey } = message
  const attributes: Record<string, AttributeValue> = { 'messaging.rocketmq.message.type': kindOf(message) }
  attributes['messaging.message.body.size'] = message.body.length
  if (uniqKey !== undefined) attributes['messaging.message.id'] = uniqKey
  if (tags !== undefined) attributes['messaging.rocketmq.message.tag'] = tags
  if (keys !== undefined) attributes['messaging.rocketmq.message.keys'] = keys.split(' ').slice(0, MAX_KEYS)
  const group = properties.get(MessageConst.SHARDING_KEY)
  if (group !== undefined) attributes['messaging.rocketmq.message.group'] = group
  if (message.delayTimeLevel > 0) attributes['messaging.rocketmq.message.delay_time_level'] = message.delayTimeLevel
  const deliver = Number(properties.get(MessageConst.TIMER_DELIVER_MS))
  if (deliver > 0) attributes['messaging.rocketmq.message.delivery_timestamp'] = deliver
  return attributes
}

const DELAYED = [MessageConst.DELAY, MessageConst.TIMER_DELAY_SEC, MessageConst.TIMER_DELAY_MS, MessageConst.TIMER_DELIVER_MS]

function kindOf({ properties }: Message): 'normal' | 'fifo' | 'delay' | 'transaction' {
  if (properties.get(MessageConst.TRAN_MSG) === 'true') return 'transaction'
  if (DELAYED.some((name) => properties.has(name))) return 'delay'
  return properties.has(MessageConst.SHARDING_KEY) ? 'fifo' : 'normal'
}

function describeOutcome(span: TelemetrySpan, operation: SendOperation, errorCode: number): void {
  const { result, error, attempts, brokerAddr, messageQueue } = operation
  if (brokerAddr) {
    const colon = brokerAddr.lastIndexOf(':')
    span.setAttribute('server.address', brokerAddr.slice(0, colon).replace(/^\[|\]$/g, ''))
    span.setAttribute('server.port', Number(brokerAddr.slice(colon + 1)))
  }
  if (messageQueue !== undefined && messageQueue.queueId >= 0) {
    span.setAttribute('messaging.destination.partition.id', `${messageQueue.brokerName}/${messageQueue.queueId}`)
  }
  if (result !== undefined) span.setAttribute('messaging.rocketmq.send_status', result.sendStatus)
  for (const attempt of attempts) span.addEvent('attempt failed', attemptAttributes(attempt))
  if (error === undefined) return
  span.setAttribute('error.type', error.code)
  if (error.maybeStored) span.setAttribute('messaging.rocketmq.maybe_stored', true)
  span.recordException({ name: error.name, message: error.message, code: error.code })
  span.setStatus({ code: errorCode, message: error.message })
}

function attemptAttributes({ brokerName, addr, queueId, millis, reason }: SendAttempt): Record<string, AttributeValue> {
  return { 'messaging.destination.partition.id': `${brokerName}/${queueId}`, 'server.address': addr, millis, reason }
}
