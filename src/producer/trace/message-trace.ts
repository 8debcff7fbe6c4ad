import { withoutNamespace } from '../../client/namespace-util.ts'
import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { Message } from '../../protocol/message.ts'
import type { DefaultMQProducerOptions, ProducerConfig } from '../producer-options.ts'
import { AsyncTraceDispatcher } from './async-trace-dispatcher.ts'

/** A trace message has this long to be stored, ms; Java's value. */
const SEND_TIMEOUT = 5000
/** Groups may have 255 characters. */
const MAX_OWN_GROUP = 200

/** What sends the trace messages: a producer of its own, without hooks, that shares the connections of the one it serves. */
export interface TraceProducer {
  start(): Promise<void>
  send(message: Message): Promise<unknown>
  shutdown(): Promise<void>
}

let count = 0

/**
 * Options of the producer that sends the trace of the one with these options. Nothing of what the application tuned for its own messages
 * holds for trace: it is sent as Java's trace producer does, in zlib, without namespace, and waits for nobody at the shutdown.
 */
export function traceProducerOptions(options: DefaultMQProducerOptions, producerGroup: string): DefaultMQProducerOptions {
  return {
    ...options,
    producerGroup: `_INNER_TRACE_PRODUCER-${producerGroup.slice(0, MAX_OWN_GROUP)}-PRODUCE-${++count}`,
    namespace: undefined,
    topics: [],
    enableTrace: false,
    vipChannelEnabled: false,
    sendMsgTimeout: SEND_TIMEOUT,
    sendMsgMaxTimeoutPerRequest: undefined,
    compressMsgBodyOverHowmuch: undefined,
    compressType: undefined,
    compressLevel: undefined,
    maxMessageSize: undefined,
    retryTimesWhenSendFailed: undefined,
    retryResponseCodes: undefined,
    retryAnotherBrokerWhenNotStoreOK: false,
    sendLatencyFaultEnable: false,
    autoBatch: false,
    enableBackpressureForAsyncMode: false,
    drainTimeout: 0
  }
}

/** Message trace of one producer: its dispatcher, and the producer behind it. */
export class MessageTrace {
  readonly dispatcher: AsyncTraceDispatcher
  readonly #producer: TraceProducer

  private constructor(dispatcher: AsyncTraceDispatcher, producer: TraceProducer) {
    this.dispatcher = dispatcher
    this.#producer = producer
  }

  /** As in Java, a producer whose trace cannot start works without it. */
  static async start(
    producer: TraceProducer,
    producerGroup: string,
    config: ProducerConfig,
    ports: { clock: Clock; logger: Logger; onDiscard: (total: number) => void }
  ): Promise<MessageTrace | undefined> {
    try {
      await producer.start()
    } catch (error) {
      ports.logger.warn(`message trace could not be started: ${logText(error)}`)
      return undefined
    }
    const { namespace, traceTopic, traceMsgBatchNum, accessChannel } = config
    const groupName = withoutNamespace(producerGroup, namespace)
    const settings = { groupName, namespace, traceTopic, traceMsgBatchNum, accessChannel }
    return new MessageTrace(new AsyncTraceDispatcher(settings, { ...ports, send: (message) => producer.send(message) }), producer)
  }

  /** Sends what waits, within `millis`. */
  drain(millis: number): Promise<void> {
    return this.dispatcher.close(millis)
  }

  /** What is on its way is given up. */
  close(): Promise<void> {
    return this.#producer.shutdown()
  }
}
