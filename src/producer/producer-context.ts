import type { MQClientInstance } from '../client/mq-client-instance.ts'
import type { Clock } from '../internal/clock.ts'
import type { GuardedEmitter } from '../internal/guarded-emitter.ts'
import type { Logger } from '../internal/logger.ts'
import type { BackPressure } from './back-pressure.ts'
import type { BodySlab } from './body-slab.ts'
import type { CallRegistry } from './call-registry.ts'
import type { ProducerHooks } from './hooks.ts'
import type { MQFaultStrategy } from './latency/mq-fault-strategy.ts'
import type { MQProducer } from './mq-producer.ts'
import type { ProducerEvents } from './producer-events.ts'
import type { ProducerConfig } from './producer-options.ts'
import type { ProducerStats } from './producer-stats.ts'
import type { AsyncTraceDispatcher } from './trace/async-trace-dispatcher.ts'

/** What a running producer hands to the functions on the send path. */
export interface ProducerContext {
  readonly producer: MQProducer
  /** With its namespace. */
  readonly producerGroup: string
  readonly config: ProducerConfig
  /** May grow while the producer runs. */
  readonly retryResponseCodes: ReadonlySet<number>
  readonly instance: MQClientInstance
  readonly clock: Clock
  readonly logger: Logger
  readonly hooks: ProducerHooks
  readonly events: GuardedEmitter<ProducerEvents>
  readonly slab: BodySlab
  readonly calls: CallRegistry
  /** Undefined when the limits are switched off. */
  readonly backPressure: BackPressure | undefined
  /** Undefined without `sendLatencyFaultEnable`. */
  readonly faultStrategy: MQFaultStrategy | undefined
  /** Counts what the application may want to know of its sends. */
  readonly stats: ProducerStats
  /** Undefined without message trace. */
  readonly trace: AsyncTraceDispatcher | undefined
}
