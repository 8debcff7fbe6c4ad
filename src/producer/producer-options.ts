import {
  ascendingMillis,
  badOption,
  checkOptions,
  integers,
  LONGEST_TIMEOUT,
  millisList,
  object,
  oneOf,
  type Rule,
  text,
  texts,
  truth,
  wholeNumber
} from '../client/check-options.ts'
import { CLIENT_OPTION_RULES, type ClientOptions } from '../client/client-options.ts'
import { refuseForeignNames } from '../client/foreign-options.ts'
import { namespaceOfEndpoint } from '../client/name-server-addresses.ts'
import { MQClientException } from '../internal/errors.ts'
import type { Compressors } from '../protocol/compression.ts'
import { TBW102, TRACE_TOPIC } from '../protocol/topics.ts'
import {
  type AccumulatorSettings,
  BATCH_MAX_BYTES,
  BATCH_MAX_DELAY_MS,
  TOTAL_BATCH_MAX_BYTES
} from './accumulator/accumulator-limits.ts'
import { LATENCY_MAX, NOT_AVAILABLE_DURATION } from './latency/mq-fault-strategy.ts'
import type { CallbackExecutor } from './send-options.ts'

/** Options of a producer, with Java's names where Java has one. */
export interface DefaultMQProducerOptions extends ClientOptions {
  /** Letters, digits, `%|_-`; at most 255. Two producers of one client instance need two groups. */
  producerGroup: string
  /** Topics whose routes are fetched when the producer starts. @default none */
  topics?: readonly string[] | undefined
  /** Topic whose settings a broker copies when it creates a topic on the first send. @default TBW102 */
  createTopicKey?: string | undefined
  /** Queues of a topic that is created on the first send. @default 4 */
  defaultTopicQueueNums?: number | undefined
  /** Ms for a whole send: waiting, connecting, every attempt. @default 3000 */
  sendMsgTimeout?: number | undefined
  /** Most ms one attempt may take while more attempts remain; -1: a fair share of the time that is left. @default -1 */
  sendMsgMaxTimeoutPerRequest?: number | undefined
  /** Bodies of at least this many bytes are compressed. @default 4096 */
  compressMsgBodyOverHowmuch?: number | undefined
  /** 0 to 9. @default 5 */
  compressLevel?: number | undefined
  /** `LZ4` and `ZSTD` need a codec in `compressors`, and brokers and consumers from 4.9.4 on. @default ZLIB */
  compressType?: 'ZLIB' | 'LZ4' | 'ZSTD' | undefined
  /** Codecs for `LZ4` and `ZSTD`; see `lz4NapiCompressor`, `wasmZstdCompressor`, `nodeZstdCompressor`. @default none */
  compressors?: Compressors | undefined
  /** Further attempts of an awaited send, on another broker where there is one. @default 2 */
  retryTimesWhenSendFailed?: number | undefined
  /** Further attempts of a send with a callback. @default 2 */
  retryTimesWhenSendAsyncFailed?: number | undefined
  /** Send again, to another broker, when the message was stored but not flushed or replicated in time: stores it twice. @default false */
  retryAnotherBrokerWhenNotStoreOK?: boolean | undefined
  /** Broker codes after which another broker is tried. @default 17, 14, 1, 16, 204, 205, 2, 1500 */
  retryResponseCodes?: readonly number[] | undefined
  /** Most bytes of a body, before compression; of a batch, of all of it. @default 4194304 */
  maxMessageSize?: number | undefined
  /**
   * Limit the sends under way to `backPressureForAsyncSendNum` and `backPressureForAsyncSendSize`. Java limits only sends with a callback, and only when asked to.
   * @default true
   */
  enableBackpressureForAsyncMode?: boolean | undefined
  /** Most messages under way, at least 10. @default 10000 */
  backPressureForAsyncSendNum?: number | undefined
  /** Most body bytes under way, at least 1 MiB. @default 104857600 */
  backPressureForAsyncSendSize?: number | undefined
  /** At the limit: wait in line within the send's time, or fail at once with RemotingTooMuchRequestException. @default wait */
  whenFull?: 'wait' | 'reject' | undefined
  /** Most messages that wait in that line; further ones fail at once. @default 10000 */
  maxWaitingSends?: number | undefined
  /** Most body bytes that wait in that line; one larger body may wait alone. @default 33554432 */
  maxWaitingBytes?: number | undefined
  /**
   * Gather single sends into batches: awaited ones and those with a callback, to a topic, a chosen queue or through a selector. Sends with
   * a `timeout` or `signal` of their own, delayed ones and replies go alone. Time counts from when the batch leaves.
   * @default false
   */
  autoBatch?: boolean | undefined
  /** Ms the first message of such a batch waits for others, 1 to 30000. @default 10 */
  batchMaxDelayMs?: number | undefined
  /** A batch of this many bytes leaves at once, 1 to 2097152. @default 32768 */
  batchMaxBytes?: number | undefined
  /** Most bytes that such batches hold, waiting and under way; further messages go alone. @default 33554432 */
  totalBatchMaxBytes?: number | undefined
  /** Runs the callbacks of sends; Java's `callbackExecutor`. @default as soon as the outcome is there */
  callbackExecutor?: CallbackExecutor | undefined
  /** How long `shutdown()` waits for sends under way, ms. @default 3000 */
  drainTimeout?: number | undefined
  /** Avoid brokers that were slow or failed of late. @default false */
  sendLatencyFaultEnable?: boolean | undefined
  /** Ms, ascending: a send that took at least the n-th sets its broker aside. @default 50, 100, 550, 1800, 3000, 5000, 15000 */
  latencyMax?: readonly number[] | undefined
  /** Ms, as many as `latencyMax`: how long the broker is set aside then. @default 0, 0, 2000, 5000, 6000, 10000, 30000 */
  notAvailableDuration?: readonly number[] | undefined
  /**
   * With `sendLatencyFaultEnable`: brokers that cannot be reached stay set aside until a probe finds them back; without it only the time
   * in `notAvailableDuration` counts. @default false
   */
  startDetectorEnable?: boolean | undefined
  /** Ms a probe may take. @default 200 */
  detectTimeout?: number | undefined
  /** Ms between two probes of one broker; looked at every 3 s. @default 2000 */
  detectInterval?: number | undefined
  /**
   * Message trace: each message that a broker has taken is told to the trace topic, behind the sends and without slowing them.
   * @default false
   */
  enableTrace?: boolean | undefined
  /** Topic of message trace; Java's `customizedTraceTopic`. @default RMQ_SYS_TRACE_TOPIC */
  traceTopic?: string | undefined
  /** So many trace records leave at once, 1 to 20; fewer leave after 5 s. @default 10 */
  traceMsgBatchNum?: number | undefined
  /** With `CLOUD` trace goes to `rmq_sys_TRACE_DATA_<region>` instead. @default LOCAL */
  accessChannel?: 'LOCAL' | 'CLOUD' | undefined
}

/** Codes after which a send is tried again: Java 5.3.3's eight. */
export const DEFAULT_RETRY_RESPONSE_CODES: readonly number[] = [17, 14, 1, 16, 204, 205, 2, 1500]

/** The options with their defaults filled in and their ranges checked. */
export interface ProducerConfig {
  readonly topics: readonly string[]
  readonly createTopicKey: string
  readonly defaultTopicQueueNums: number
  readonly sendMsgTimeout: number
  readonly sendMsgMaxTimeoutPerRequest: number
  readonly compressMsgBodyOverHowmuch: number
  readonly compressLevel: number
  readonly compressType: 'ZLIB' | 'LZ4' | 'ZSTD'
  readonly compressors: Compressors | undefined
  readonly retryTimesWhenSendFailed: number
  readonly retryTimesWhenSendAsyncFailed: number
  readonly retryAnotherBrokerWhenNotStoreOK: boolean
  readonly retryResponseCodes: ReadonlySet<number>
  readonly maxMessageSize: number
  readonly backPressure: boolean
  readonly backPressureForAsyncSendNum: number
  readonly backPressureForAsyncSendSize: number
  readonly whenFull: 'wait' | 'reject'
  readonly maxWaitingSends: number
  readonly maxWaitingBytes: number
  readonly drainTimeout: number
  readonly callbackExecutor: CallbackExecutor | undefined
  readonly autoBatch: boolean
  readonly accumulator: AccumulatorSettings
  readonly latencyMax: readonly number[]
  readonly notAvailableDuration: readonly number[]
  readonly startDetectorEnable: boolean
  readonly detectTimeout: number
  readonly detectInterval: number
  readonly namespace: string | undefined
  readonly unitMode: boolean
  readonly vipChannelEnabled: boolean
  readonly namesrvAddr: string
  readonly maxResponseHeaderLength: number
  readonly enableTrace: boolean
  readonly traceTopic: string
  readonly traceMsgBatchNum: number
  readonly accessChannel: 'LOCAL' | 'CLOUD'
}

const count = wholeNumber(0)
/** The limits may change while the producer runs. */
export const BACK_PRESSURE_NUM: Rule = wholeNumber(10)
export const BACK_PRESSURE_SIZE: Rule = wholeNumber(1024 * 1024)

/** What each option may be. */
const RULES: { readonly [Name in keyof DefaultMQProducerOptions]?: Rule } = {
  ...CLIENT_OPTION_RULES,
  topics: texts,
  createTopicKey: text,
  defaultTopicQueueNums: wholeNumber(1),
  sendMsgTimeout: wholeNumber(1, LONGEST_TIMEOUT),
  sendMsgMaxTimeoutPerRequest: wholeNumber(-1, LONGEST_TIMEOUT),
  compressMsgBodyOverHowmuch: count,
  compressLevel: wholeNumber(0, 9),
  compressType: oneOf('ZLIB', 'LZ4', 'ZSTD'),
  compressors: object,
  retryTimesWhenSendFailed: count,
  retryTimesWhenSendAsyncFailed: count,
  retryAnotherBrokerWhenNotStoreOK: truth,
  retryResponseCodes: integers,
  maxMessageSize: wholeNumber(1),
  enableBackpressureForAsyncMode: truth,
  backPressureForAsyncSendNum: BACK_PRESSURE_NUM,
  backPressureForAsyncSendSize: BACK_PRESSURE_SIZE,
  whenFull: oneOf('wait', 'reject'),
  maxWaitingSends: count,
  maxWaitingBytes: count,
  drainTimeout: wholeNumber(0, LONGEST_TIMEOUT),
  callbackExecutor: { allowed: 'a function', fits: (value) => typeof value === 'function' },
  autoBatch: truth,
  batchMaxDelayMs: BATCH_MAX_DELAY_MS,
  batchMaxBytes: BATCH_MAX_BYTES,
  totalBatchMaxBytes: TOTAL_BATCH_MAX_BYTES,
  sendLatencyFaultEnable: truth,
  latencyMax: ascendingMillis,
  notAvailableDuration: millisList,
  startDetectorEnable: truth,
  detectTimeout: wholeNumber(1, LONGEST_TIMEOUT),
  detectInterval: wholeNumber(1, LONGEST_TIMEOUT),
  enableTrace: truth,
  traceTopic: text,
  traceMsgBatchNum: wholeNumber(1, 20),
  accessChannel: oneOf('LOCAL', 'CLOUD')
}

const OPTION_NAMES = ['producerGroup', ...Object.keys(RULES)]

function notOptions(group: string): MQClientException {
  return new MQClientException('the options are a text: allowed is an object', {
    code: 'BAD_OPTION',
    hint: `new DefaultMQProducer({ producerGroup: ${JSON.stringify(group.slice(0, 64))}, namesrvAddr: 'host:port' })`
  })
}

/** @throws MQClientException naming the option, its value and what is allowed; of a foreign name the right one. */
export function producerConfig(options: DefaultMQProducerOptions): ProducerConfig {
  if (typeof options === 'string') throw notOptions(options)
  checkOptions(options, RULES)
  refuseForeignNames(options, OPTION_NAMES)
  if (!text.fits(options.producerGroup)) {
    throw badOption('producerGroup', options.producerGroup, 'the name of a group, for example of the application')
  }
  const { namesrvAddr, latencyMax = LATENCY_MAX, notAvailableDuration = NOT_AVAILABLE_DURATION } = options
  if (latencyMax.length !== notAvailableDuration.length) {
    throw badOption('notAvailableDuration', notAvailableDuration, `as many numbers as latencyMax has, ${latencyMax.length}`)
  }
  return {
    topics: [...(options.topics ?? [])],
    createTopicKey: options.createTopicKey ?? TBW102,
    defaultTopicQueueNums: options.defaultTopicQueueNums ?? 4,
    sendMsgTimeout: options.sendMsgTimeout ?? 3000,
    sendMsgMaxTimeoutPerRequest: options.sendMsgMaxTimeoutPerRequest ?? -1,
    compressMsgBodyOverHowmuch: options.compressMsgBodyOverHowmuch ?? 4096,
    compressLevel: options.compressLevel ?? 5,
    compressType: options.compressType ?? 'ZLIB',
    compressors: options.compressors,
    retryTimesWhenSendFailed: options.retryTimesWhenSendFailed ?? 2,
    retryTimesWhenSendAsyncFailed: options.retryTimesWhenSendAsyncFailed ?? 2,
    retryAnotherBrokerWhenNotStoreOK: options.retryAnotherBrokerWhenNotStoreOK ?? false,
    retryResponseCodes: new Set(options.retryResponseCodes ?? DEFAULT_RETRY_RESPONSE_CODES),
    maxMessageSize: options.maxMessageSize ?? 4 * 1024 * 1024,
    backPressure: options.enableBackpressureForAsyncMode ?? true,
    backPressureForAsyncSendNum: options.backPressureForAsyncSendNum ?? 10_000,
    backPressureForAsyncSendSize: options.backPressureForAsyncSendSize ?? 100 * 1024 * 1024,
    whenFull: options.whenFull ?? 'wait',
    maxWaitingSends: options.maxWaitingSends ?? 10_000,
    maxWaitingBytes: options.maxWaitingBytes ?? 32 * 1024 * 1024,
    drainTimeout: options.drainTimeout ?? 3000,
    callbackExecutor: options.callbackExecutor,
    autoBatch: options.autoBatch ?? false,
    accumulator: {
      batchMaxDelayMs: options.batchMaxDelayMs,
      batchMaxBytes: options.batchMaxBytes,
      totalBatchMaxBytes: options.totalBatchMaxBytes
    },
    latencyMax: [...latencyMax],
    notAvailableDuration: [...notAvailableDuration],
    startDetectorEnable: options.startDetectorEnable ?? false,
    detectTimeout: options.detectTimeout ?? 200,
    detectInterval: options.detectInterval ?? 2000,
    namespace: options.namespace || endpointNamespace(namesrvAddr ?? process.env['NAMESRV_ADDR']),
    unitMode: options.unitMode ?? false,
    vipChannelEnabled: options.vipChannelEnabled ?? false,
    namesrvAddr: typeof namesrvAddr === 'string' ? namesrvAddr : (namesrvAddr ?? []).join(';'),
    maxResponseHeaderLength: options.maxResponseHeaderLength ?? 4 * 1024 * 1024,
    enableTrace: options.enableTrace ?? false,
    traceTopic: options.traceTopic || TRACE_TOPIC,
    traceMsgBatchNum: options.traceMsgBatchNum ?? 10,
    accessChannel: options.accessChannel ?? 'LOCAL'
  }
}

function endpointNamespace(namesrvAddr: string | readonly string[] | undefined): string | undefined {
  const first = typeof namesrvAddr === 'string' ? namesrvAddr : namesrvAddr?.[0]
  return first === undefined ? undefined : namespaceOfEndpoint(first)
}
