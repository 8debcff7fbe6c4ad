import { channel } from 'node:diagnostics_channel'
import type { LoopbackBroker } from '../loopback/loopback-broker.ts'
import type { DefaultMQProducer } from '../producer/default-mq-producer.ts'

/** A producer that was started against the watched broker and has not been shut down. */
export interface WatchedProducer {
  producer: DefaultMQProducer
  /** The test that was running when it was started; undefined outside tests. */
  testName: string | undefined
  /** File and line of the call of `start`, as the stack shows it; undefined when the stack does not reach that far. */
  startedAt: string | undefined
}

/** What the start channel carries. */
interface StartEvent {
  producer: DefaultMQProducer
  namesrvAddr: string | string[] | undefined
  network: unknown
}

const START = 'tracing:rocketmq:producer:start:start'
const START_FAILED = 'tracing:rocketmq:producer:start:error'
const SHUTDOWN = 'tracing:rocketmq:producer:shutdown:start'

/** Deep enough to see past the frames of this package. */
const STACK_DEPTH = 40

/**
 * Knows every producer of this process that was started against one broker, whichever copy of the package it comes from: the channels of
 * `node:diagnostics_channel` are common to the ES module and the CommonJS copy, and to the sandboxes of a test runner.
 */
export class ProducerWatch {
  readonly #broker: LoopbackBroker
  readonly #testName: () => string | undefined
  readonly #running = new Map<DefaultMQProducer, WatchedProducer>()

  constructor(broker: LoopbackBroker, testName: () => string | undefined) {
    this.#broker = broker
    this.#testName = testName
    channel(START).subscribe(this.#started)
    channel(START_FAILED).subscribe(this.#gone)
    channel(SHUTDOWN).subscribe(this.#gone)
  }

  /** Those that run now, in the order they were started. */
  get running(): readonly WatchedProducer[] {
    return [...this.#running.values()]
  }

  stop(): void {
    channel(START).unsubscribe(this.#started)
    channel(START_FAILED).unsubscribe(this.#gone)
    channel(SHUTDOWN).unsubscribe(this.#gone)
    this.#running.clear()
  }

  readonly #started = (message: unknown): void => {
    const { producer, namesrvAddr, network } = message as StartEvent
    const own = this.#broker.clientOptions()
    const addresses = Array.isArray(namesrvAddr) ? namesrvAddr : (namesrvAddr?.split(';') ?? [])
    if (network !== own.network || !addresses.includes(own.namesrvAddr)) return
    this.#running.set(producer, { producer, testName: this.#testName(), startedAt: callOfStart() })
  }

  readonly #gone = (message: unknown): void => {
    this.#running.delete((message as StartEvent).producer)
  }
}

/** The frame behind the last `start` of a producer: a subscriber runs inside the call. */
function callOfStart(): string | undefined {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = STACK_DEPTH
  const frames = new Error('start').stack?.split('\n') ?? []
  Error.stackTraceLimit = stackTraceLimit
  const last = frames.findLastIndex((frame) => /\bMQProducer\w*\.start\b|MQProducer\.start\b/.test(frame))
  return frames[last + 1]?.trim().replace(/^at /, '')
}
