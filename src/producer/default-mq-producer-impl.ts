import { MQClientInstance } from '../client/mq-client-instance.ts'
import { wrapNamespace } from '../client/namespace-util.ts'
import type { ProducerHandle } from '../client/producer-handle.ts'
import type { SendResult } from '../client/send-result.ts'
import { realClock } from '../internal/clock.ts'
import { sendChannel, shutdownChannel, startChannel } from '../internal/diagnostics.ts'
import { MQClientException, type RocketMQError } from '../internal/errors.ts'
import { GuardedEmitter } from '../internal/guarded-emitter.ts'
import { guardedLogger } from '../internal/guarded-logger.ts'
import { type Logger, logText, silentLogger } from '../internal/logger.ts'
import { nextMicrotask } from '../internal/turns.ts'
import type { Message } from '../protocol/message.ts'
import {
  type AccumulatorLimits,
  type AccumulatorSettings,
  accumulatorLimits,
  checkSettings
} from './accumulator/accumulator-limits.ts'
import { ProduceAccumulator } from './accumulator/produce-accumulator.ts'
import { admitSend } from './admit-send.ts'
import { BackPressure, type BackPressureLimits } from './back-pressure.ts'
import { BodySlab } from './body-slab.ts'
import { CallRegistry } from './call-registry.ts'
import { runBy } from './callback-executor.ts'
import type { CommunicationMode } from './communication-mode.ts'
import { createSendCall } from './create-send-call.ts'
import { type Drain, Drainers, type DrainPhase, within } from './drainers.ts'
import { findFirstRoutes } from './first-routes.ts'
import { ProducerHooks } from './hooks.ts'
import { MQFaultStrategy } from './latency/mq-fault-strategy.ts'
import { serviceDetection } from './latency/service-detector.ts'
import type { MQProducer } from './mq-producer.ts'
import type { ProducerContext } from './producer-context.ts'
import type { ProducerEvents } from './producer-events.ts'
import { type DefaultMQProducerOptions, type ProducerConfig, producerConfig } from './producer-options.ts'
import { producerStats } from './producer-stats.ts'
import { PublishTopics } from './publish-topic.ts'
import { RequestFutures } from './request-futures.ts'
import type { RequestOptions, RequestOutcome } from './request-options.ts'
import { runCallback, type SendOutcome } from './send-call.ts'
import { toRocketMQError } from './send-error.ts'
import { ObservedSend } from './send-operation.ts'
import type { SendMessageCallback, SendOptions } from './send-options.ts'
import type { ServiceState } from './service-state.ts'
import { tellConnections } from './tell-connections.ts'
import { MessageTrace, traceProducerOptions } from './trace/message-trace.ts'
import type { TransactionChecks } from './transaction-checks.ts'
import { checkGroup } from './validators.ts'

const DEFAULT_PRODUCER_GROUP = 'DEFAULT_PRODUCER'
/** Ms that brokers have at least to hear of a shutdown, when sends have used up `drainTimeout`. */
const LEAST_GOODBYE = 500
const NO_OPTIONS: SendOptions = {}

/** Life of a producer and the entry of its sends; Java's `DefaultMQProducerImpl`. */
export class DefaultMQProducerImpl {
  readonly producerGroup: string
  readonly config: ProducerConfig
  readonly retryResponseCodes: Set<number>
  readonly hooks: ProducerHooks
  readonly backPressure: BackPressure | undefined
  readonly topics: PublishTopics
  readonly logger: Logger
  readonly stats = producerStats()
  /** Of a transaction producer; set before the start. */
  transactionChecks: TransactionChecks | undefined = undefined
  readonly events = new GuardedEmitter<ProducerEvents>((error) =>
    this.logger.error(`a listener of the producer's events failed: ${logText(error)}`)
  )
  readonly #producer: MQProducer
  readonly #options: DefaultMQProducerOptions
  readonly #calls = new CallRegistry()
  readonly #drainers: Drainers
  readonly #requests: RequestFutures
  #state: ServiceState = 'CREATE_JUST'
  /** Present from the start on. */
  #context: ProducerContext | undefined
  /** Present with `autoBatch`. */
  #accumulator: ProduceAccumulator | undefined
  /** Present from the start on. */
  batchLimits: AccumulatorLimits | undefined
  #batchSettings: AccumulatorSettings
  #trace: MessageTrace | undefined
  /** The client of the producer this one sends the trace of. */
  readonly #owner: MQClientInstance | undefined
  /** Ends what {@link events} hears of. */
  #unsubscribe: Array<() => void> = []
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  /** Ends what the start waits for when the producer is shut down meanwhile. */
  readonly #stop = new AbortController()
  /** The shutdown has waited for sends: nothing leaves any more. */
  #drained = false

  /** @param owner client to share instead of one of the options' own: this is a producer that works for another one. */
  constructor(producer: MQProducer, options: DefaultMQProducerOptions, owner?: MQClientInstance) {
    this.#owner = owner
    this.#producer = producer
    this.#options = options
    this.config = producerConfig(options)
    this.#batchSettings = this.config.accumulator
    this.producerGroup = wrapNamespace(this.config.namespace, options.producerGroup)
    this.retryResponseCodes = new Set(this.config.retryResponseCodes)
    this.logger = guardedLogger(options.logger ?? silentLogger, options.clock ?? realClock)
    this.#drainers = new Drainers(this.logger)
    this.hooks = new ProducerHooks(this.logger)
    this.topics = new PublishTopics(this.config.namespace)
    this.#requests = new RequestFutures(this.topics, (...request) => this.#sendRequest(...request))
    if (this.config.backPressure) this.backPressure = new BackPressure(backPressureLimits(this.config))
  }

  get state(): ServiceState {
    return this.#state
  }

  /** @throws MQClientException before the start and after the shutdown. */
  get context(): ProducerContext {
    if (this.#state !== 'RUNNING' || this.#context === undefined) throw stateNotOK(this.#state)
    return this.#context
  }

  /** @throws MQClientException before the start, and once the shutdown has drained. */
  get #drainingContext(): ProducerContext {
    if (this.#context === undefined || this.#drained) throw stateNotOK(this.#state)
    return this.#context
  }

  start(): Promise<void> {
    if (this.#state !== 'CREATE_JUST') return Promise.reject(stateNotOK(this.#state, 'maybe started once, '))
    this.#state = 'START_FAILED'
    this.#starting = this.#observe(startChannel, () => this.#start()).finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    checkGroup(this.producerGroup)
    if (this.producerGroup === DEFAULT_PRODUCER_GROUP) {
      throw new MQClientException(`producerGroup can not equal ${DEFAULT_PRODUCER_GROUP}, please specify another one.`, {
        code: 'ILLEGAL_ARGUMENT'
      })
    }
    const instance = this.#owner?.share() ?? MQClientInstance.acquire(this.#options)
    if (this.#owner === undefined) this.#unsubscribe = tellConnections(instance, this.events)
    try {
      instance.registerProducer(this.#handle())
    } catch (error) {
      for (const unsubscribe of this.#unsubscribe) unsubscribe()
      await instance.release()
      this.#state = 'CREATE_JUST'
      throw error
    }
    try {
      await instance.start()
    } catch (error) {
      await this.#leave(instance, LEAST_GOODBYE)
      throw error
    }
    const faultStrategy = this.#faultStrategy(instance)
    this.#trace = await this.#startTrace(instance)
    this.#context = {
      producer: this.#producer,
      producerGroup: this.producerGroup,
      config: this.config,
      retryResponseCodes: this.retryResponseCodes,
      instance,
      clock: instance.clock,
      logger: this.logger,
      hooks: this.hooks,
      events: this.events,
      slab: new BodySlab(),
      calls: this.#calls,
      backPressure: this.backPressure,
      faultStrategy,
      stats: this.stats,
      trace: this.#trace?.dispatcher
    }
    this.batchLimits = accumulatorLimits(instance)
    this.batchLimits.apply(this.#batchSettings)
    if (this.config.autoBatch) this.#accumulator = new ProduceAccumulator(this.#context, this.topics, this.batchLimits)
    await findFirstRoutes(instance, this.topics, this.config, this.#stop.signal, this.logger)
    faultStrategy?.start(serviceDetection(instance, this.topics, this.config.vipChannelEnabled))
    this.#state = 'RUNNING'
    this.events.emit('started')
    instance
      .sendHeartbeatToAllBrokers()
      .catch((error: unknown) => this.logger.warn(`the first heartbeat failed: ${logText(error)}`))
  }

  #faultStrategy({ clock }: MQClientInstance): MQFaultStrategy | undefined {
    if (this.#options.sendLatencyFaultEnable !== true) return undefined
    return new MQFaultStrategy({ ...this.config, clock, logger: this.logger })
  }

  /** Before the start they are kept for it. @throws MQClientException naming a setting that is out of range. */
  setBatchLimits(settings: AccumulatorSettings): void {
    checkSettings(settings)
    this.#batchSettings = { ...this.#batchSettings, ...settings }
    this.batchLimits?.apply(settings)
  }

  async #startTrace(instance: MQClientInstance): Promise<MessageTrace | undefined> {
    if (!this.config.enableTrace) return undefined
    const options = traceProducerOptions(this.#options, this.producerGroup)
    const inner = new DefaultMQProducerImpl(this.#producer, options, instance)
    const trace = await MessageTrace.start(
      {
        start: () => inner.start(),
        send: (message) => inner.sendForPromise(message, undefined, 'ASYNC'),
        shutdown: () => inner.shutdown()
      },
      this.producerGroup,
      this.config,
      {
        clock: instance.clock,
        logger: this.logger,
        onDiscard: (total) => this.events.emit('traceDiscarded', total)
      }
    )
    if (trace !== undefined) {
      this.onShutdown(async () => trace.dispatcher.flush())
      // The last sends have been traced by then.
      this.onShutdown((remainingMillis) => trace.drain(remainingMillis), 'afterSends')
    }
    return trace
  }

  #handle(): ProducerHandle {
    const { producerGroup, transactionChecks } = this
    const handle: ProducerHandle = {
      producerGroup,
      publishTopics: () => this.topics.names(),
      processReply: (request) => this.#context && this.#requests.processReply(this.#context, request),
      replyDropped: () => void this.stats.lateReplies++
    }
    if (transactionChecks === undefined) return handle
    return { ...handle, checkTransactionState: (connection, request) => transactionChecks.accept(connection, request) }
  }

  shutdown(): Promise<void> {
    if (this.#stopping === undefined) {
      if (this.#state !== 'RUNNING' && this.#starting === undefined) return Promise.resolve()
      this.#stopping = this.#observe(shutdownChannel, () => this.#shutdown())
    }
    return this.#stopping
  }

  async #shutdown(): Promise<void> {
    // Sends made after this call are refused, also those of the same turn: only a start that runs is waited for.
    if (this.#starting !== undefined) {
      this.#stop.abort(new MQClientException('the producer was shut down while it started', { code: 'SHUTDOWN' }))
      await this.#starting.catch(() => {})
    }
    if (this.#state !== 'RUNNING') {
      // The start failed; a later one may not.
      this.#stopping = undefined
      return
    }
    this.#state = 'SHUTDOWN_ALREADY'
    const { instance, faultStrategy } = this.#context as ProducerContext
    faultStrategy?.shutdown()
    this.#accumulator?.close()
    const { clock } = this.#context as ProducerContext
    const deadline = clock.monotonic() + this.config.drainTimeout
    const remaining = (): number => Math.max(0, deadline - clock.monotonic())
    await this.#drain(remaining)
    this.#drained = true
    this.backPressure?.close()
    this.#calls.giveUpAll(() => new MQClientException('the producer was shut down before the send ended', { code: 'SHUTDOWN' }))
    this.#requests.close()
    await Promise.all([this.#trace?.close(), this.#leave(instance, Math.max(LEAST_GOODBYE, Math.ceil(remaining())))])
    this.events.emit('stopped')
  }

  /**
   * Has `drain` run when the producer is shut down, within `drainTimeout` as everything else. What it sends while the state is
   * SHUTDOWN_ALREADY goes through {@link sendAccepted}.
   * @returns how to take it back.
   */
  onShutdown(drain: Drain, phase: DrainPhase = 'beforeSends'): () => void {
    return this.#drainers.add(drain, phase)
  }

  /** Waits for what is held back, then for the sends under way, then for what these leave behind: at most `drainTimeout` in all. */
  async #drain(remaining: () => number): Promise<void> {
    const { clock } = this.#context as ProducerContext
    await this.#drainers.run('beforeSends', clock, remaining())
    await within(clock, remaining(), new Promise<void>((resolve) => this.#calls.onEmpty(resolve)))
    await this.#drainers.run('afterSends', clock, remaining())
  }

  /** @param timeoutMillis that brokers have to hear of it: a silent one does not hold the shutdown up. */
  async #leave(instance: MQClientInstance, timeoutMillis: number): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    try {
      await instance.unregisterProducer(this.producerGroup, timeoutMillis)
    } catch (error) {
      this.logger.warn(`the producer could not be unregistered: ${logText(error)}`)
    }
    await instance.release()
  }

  /** Sends, and settles `outcome` once, whatever happens. */
  send(
    input: Message | readonly Message[],
    options: SendOptions | undefined,
    mode: CommunicationMode,
    outcome: SendOutcome
  ): void {
    this.#send(false, input, options, mode, outcome)
  }

  /** {@link send} for a message that was taken before the shutdown and is held back: also while the producer drains. */
  sendAccepted(
    input: Message | readonly Message[],
    options: SendOptions | undefined,
    mode: CommunicationMode,
    outcome: SendOutcome
  ): void {
    this.#send(true, input, options, mode, outcome)
  }

  #send(
    accepted: boolean,
    input: Message | readonly Message[],
    options: SendOptions | undefined,
    mode: CommunicationMode,
    outcome: SendOutcome
  ): void {
    if (sendChannel.hasSubscribers && this.#owner === undefined) {
      const observed = this.#observed(input, mode)
      this.#sendNow(accepted, input, options, mode, observed.watch(outcome), observed)
      observed.end()
    } else {
      this.#sendNow(accepted, input, options, mode, outcome, undefined)
    }
  }

  #sendNow(
    accepted: boolean,
    input: Message | readonly Message[],
    options: SendOptions | undefined,
    mode: CommunicationMode,
    outcome: SendOutcome,
    observed: ObservedSend | undefined
  ): void {
    try {
      const context = accepted ? this.#drainingContext : this.context
      if (this.#accumulator?.take(input, options ?? NO_OPTIONS, mode, outcome, observed)) return
      const call = createSendCall(context, this.topics, input, options ?? NO_OPTIONS, mode, outcome, observed)
      try {
        admitSend(call, this.topics)
      } finally {
        call.ownBody()
      }
      call.returned = true
    } catch (error) {
      this.#refuse(outcome, toRocketMQError(error))
    }
  }

  sendForPromise(
    input: Message | readonly Message[],
    options: SendOptions | undefined,
    mode: CommunicationMode
  ): Promise<SendResult> {
    return new Promise((resolve, reject) => {
      this.send(input, options, mode, {
        resolve: resolve as (result: SendResult | undefined) => void,
        reject,
        callback: undefined
      })
    })
  }

  sendForCallback(input: Message | readonly Message[], options: SendOptions | undefined, callback: SendMessageCallback): void {
    const { callbackExecutor } = this.config
    const run = callbackExecutor === undefined ? callback : runBy(callbackExecutor, callback, this.logger)
    this.send(input, options, 'ASYNC', { resolve: undefined, reject: undefined, callback: run })
  }

  #sendRequest(message: Message, options: SendOptions, outcome: SendOutcome): void {
    this.sendAccepted(message, options, 'ASYNC', outcome)
  }

  /** Sends a request, and settles `outcome` once: with its reply, or with why there is none. */
  request(message: Message, options: RequestOptions | undefined, outcome: RequestOutcome): void {
    try {
      this.#requests.request(this.context, message, options ?? NO_OPTIONS, outcome)
    } catch (thrown) {
      const error = toRocketMQError(thrown)
      const { callback, reject } = outcome
      if (callback === undefined) reject?.(error)
      else nextMicrotask(() => runCallback<Message>(callback, error, undefined, this))
    }
  }

  #observed(input: Message | readonly Message[], mode: CommunicationMode): ObservedSend {
    if (this.#context !== undefined) return ObservedSend.of(this.#context, input, mode)
    const { clock = realClock } = this.#options
    const origin = {
      producer: this.#producer,
      producerGroup: this.producerGroup,
      clientId: undefined,
      namespace: this.config.namespace
    }
    return new ObservedSend(origin, input, mode, clock)
  }

  /** Runs `work` as what a tracing channel sees. */
  #observe(channel: typeof startChannel, work: () => Promise<void>): Promise<void> {
    if (!channel.hasSubscribers || this.#owner !== undefined) return work()
    const { namesrvAddr, network } = this.#options
    return channel.tracePromise(work, { producer: this.#producer, namesrvAddr, network })
  }

  /** A callback never runs before the call that was given it has returned. */
  #refuse(outcome: SendOutcome, error: RocketMQError): void {
    const { callback, reject } = outcome
    if (callback === undefined) reject?.(error)
    else nextMicrotask(() => runCallback(callback, error, undefined, this))
  }
}

function backPressureLimits(config: ProducerConfig): BackPressureLimits {
  return {
    maxMessages: config.backPressureForAsyncSendNum,
    maxBytes: config.backPressureForAsyncSendSize,
    maxWaiting: config.maxWaitingSends,
    maxWaitingBytes: config.maxWaitingBytes
  }
}

function stateNotOK(state: ServiceState, guess = ''): MQClientException {
  return new MQClientException(`The producer service state not OK, ${guess}${state}`, {
    code: 'BAD_STATE',
    hint:
      state === 'SHUTDOWN_ALREADY'
        ? 'A producer that was shut down cannot be used again: create another one.'
        : 'Await start() before the first send, and call it once.'
  })
}
