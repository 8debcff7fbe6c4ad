import {
  badOption,
  checkOptions,
  integers,
  LONGEST_TIMEOUT,
  object,
  oneOf,
  type Rule,
  text,
  texts,
  truth,
  wholeNumber
} from '../client/check-options.ts'
import { CLIENT_OPTION_RULES, type ClientOptions } from '../client/client-options.ts'
import { namespaceOfEndpoint } from '../client/name-server-addresses.ts'
import type { Compressors } from '../protocol/compression.ts'
import { TBW102 } from '../protocol/topics.ts'

/** Options of a producer, with Java's names where Java has one. */
export interface DefaultMQProducerOptions extends ClientOptions {
  /** Letters, digits, `%|_-`; at most 255. Two producers of one client instance need two groups. */
  producerGroup: string
  /** Topics whose routes are fetched when the producer starts. */
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
  /** Codecs for `LZ4` and `ZSTD`; see `lz4NapiCompressor`, `wasmZstdCompressor`, `nodeZstdCompressor`. */
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
   * Limit the sends under way to the two numbers below. Java limits only sends with a callback, and only when asked to.
   * @default true
   */
  enableBackpressureForAsyncMode?: boolean | undefined
  /** Most messages under way, at least 10. @default 10000 */
  backPressureForAsyncSendNum?: number | undefined
  /** Most body bytes under way, at least 1 MiB. @default 104857600 */
  backPressureForAsyncSendSize?: number | undefined
  /** At the limit: wait in line within the send's time, or fail at once with RemotingTooMuchRequestException. @default wait */
  whenFull?: 'wait' | 'reject' | undefined
  /** How long `shutdown()` waits for sends under way, ms. @default 3000 */
  drainTimeout?: number | undefined
  /** Avoid brokers that are slow or fail. Kept, without effect in this version. @default false */
  sendLatencyFaultEnable?: boolean | undefined
  /** Message trace. Kept, without effect in this version. @default false */
  enableTrace?: boolean | undefined
  /** @default RMQ_SYS_TRACE_TOPIC */
  traceTopic?: string | undefined
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
  readonly drainTimeout: number
  readonly namespace: string | undefined
  readonly unitMode: boolean
  readonly vipChannelEnabled: boolean
  readonly namesrvAddr: string
  readonly maxResponseHeaderLength: number
}

const count = wholeNumber(0)

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
  backPressureForAsyncSendNum: wholeNumber(10),
  backPressureForAsyncSendSize: wholeNumber(1024 * 1024),
  whenFull: oneOf('wait', 'reject'),
  drainTimeout: wholeNumber(0, LONGEST_TIMEOUT),
  sendLatencyFaultEnable: truth,
  enableTrace: truth,
  traceTopic: text
}

/** @throws MQClientException naming the option, its value and what is allowed. */
export function producerConfig(options: DefaultMQProducerOptions): ProducerConfig {
  checkOptions(options, RULES)
  if (!text.fits(options.producerGroup)) {
    throw badOption('producerGroup', options.producerGroup, 'the name of a group, for example of the application')
  }
  const { namesrvAddr } = options
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
    drainTimeout: options.drainTimeout ?? 3000,
    namespace: options.namespace || endpointNamespace(namesrvAddr ?? process.env['NAMESRV_ADDR']),
    unitMode: options.unitMode ?? false,
    vipChannelEnabled: options.vipChannelEnabled ?? false,
    namesrvAddr: typeof namesrvAddr === 'string' ? namesrvAddr : (namesrvAddr ?? []).join(';'),
    maxResponseHeaderLength: options.maxResponseHeaderLength ?? 4 * 1024 * 1024
  }
}

function endpointNamespace(namesrvAddr: string | readonly string[] | undefined): string | undefined {
  const first = typeof namesrvAddr === 'string' ? namesrvAddr : namesrvAddr?.[0]
  return first === undefined ? undefined : namespaceOfEndpoint(first)
}
