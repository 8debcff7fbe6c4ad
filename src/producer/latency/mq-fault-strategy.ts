import type { TopicPublishInfo } from '../../client/topic-publish-info.ts'
import { MQBrokerException, RemotingCommandException, RemotingException, type RocketMQError } from '../../internal/errors.ts'
import type { MessageQueue } from '../../protocol/message-queue.ts'
import { type QueueIndex, selectOneMessageQueue } from '../select-one-message-queue.ts'
import { type FaultDetection, LatencyFaultTolerance, type LatencyFaultToleranceOptions } from './latency-fault-tolerance.ts'

/** Java 5.3.3's tables, ms: a send that took at least `latencyMax[i]` sets its broker aside for `notAvailableDuration[i]`. */
export const LATENCY_MAX: readonly number[] = [50, 100, 550, 1800, 3000, 5000, 15_000]
export const NOT_AVAILABLE_DURATION: readonly number[] = [0, 0, 2000, 5000, 6000, 10_000, 30_000]

/** A broker that failed counts as one that took this long, ms. */
const ISOLATION_LATENCY = 10_000

export interface FaultStrategyOptions extends LatencyFaultToleranceOptions {
  readonly latencyMax: readonly number[]
  readonly notAvailableDuration: readonly number[]
  /** Whether a detector finds out when an unreachable broker is back; without it nobody counts as unreachable. */
  readonly startDetectorEnable: boolean
}

/**
 * Chooses queues on brokers that were neither slow nor failing of late; Java's `MQFaultStrategy` with `sendLatencyFaultEnable`. A
 * producer without that option has none, and pays nothing.
 */
export class MQFaultStrategy {
  readonly tolerance: LatencyFaultTolerance
  readonly #options: FaultStrategyOptions

  constructor(options: FaultStrategyOptions) {
    this.#options = options
    this.tolerance = new LatencyFaultTolerance(options)
  }

  start(detection: FaultDetection): void {
    if (this.#options.startDetectorEnable) this.tolerance.startDetector(detection)
  }

  shutdown(): void {
    this.tolerance.shutdown()
  }

  /**
   * The next queue in turn whose broker is available and was not tried by this send; else one whose broker can be reached; else what is
   * chosen without a strategy. A retry starts somewhere else, as in Java.
   */
  selectOneMessageQueue(info: TopicPublishInfo, index: QueueIndex, brokersSent: readonly string[]): MessageQueue | undefined {
    const queues = info.messageQueues
    if (queues.length === 0) return undefined
    if (brokersSent.length > 0) index.reset()
    const start = index.next(queues.length)
    let reachable: MessageQueue | undefined
    let judged = ''
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[(start + i) % queues.length]
      const { brokerName } = queue
      // The queues of a broker stand side by side.
      if (brokerName === judged) continue
      judged = brokerName
      if (brokersSent.includes(brokerName)) continue
      if (this.tolerance.isAvailable(brokerName)) return queue
      if (reachable === undefined && this.tolerance.isReachable(brokerName)) reachable = queue
    }
    return reachable ?? selectOneMessageQueue(info, index, brokersSent)
  }

  /**
   * Notes how an attempt went. Brokers that answer are reachable, whatever they answer; only answers that another broker may take better
   * (`retryResponseCodes`) count against them: a message that is illegal says nothing about its broker.
   *
   * @param latency ms.
   */
  noteAttempt(
    brokerName: string,
    latency: number,
    error: RocketMQError | undefined,
    retryResponseCodes: ReadonlySet<number>
  ): void {
    if (error === undefined) this.#update(brokerName, latency, true)
    else if (error instanceof MQBrokerException) {
      this.#update(brokerName, retryResponseCodes.has(error.responseCode) ? ISOLATION_LATENCY : latency, true)
    } else if (error instanceof RemotingException && !saysNothing(error)) {
      this.#update(brokerName, ISOLATION_LATENCY, !this.#options.startDetectorEnable)
    }
  }

  #update(brokerName: string, latency: number, reachable: boolean): void {
    this.tolerance.updateFaultItem(brokerName, latency, this.computeNotAvailableDuration(latency), reachable)
  }

  /** @param latency ms. @returns ms. */
  computeNotAvailableDuration(latency: number): number {
    const { latencyMax, notAvailableDuration } = this.#options
    for (let i = latencyMax.length - 1; i >= 0; i--) {
      if (latency >= latencyMax[i]) return notAvailableDuration[i]
    }
    return 0
  }
}

/** Codes of what happened on this side only. */
const OWN_FAILURES = new Set(['ABORTED', 'CLIENT_CLOSED', 'RPC_HOOK_FAILED', 'INTERNAL', 'SEND_TIMEOUT'])

/** No time was left for sending, the message could not be encoded, a hook failed: nothing the broker could help. */
function saysNothing(error: RemotingException): boolean {
  return error instanceof RemotingCommandException || OWN_FAILURES.has(error.code)
}
