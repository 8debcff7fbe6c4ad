import { isPromise } from '../../internal/async.ts'
import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { HostAddress } from '../../protocol/host-address.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { Perm } from '../../protocol/perm.ts'
import { buildPopRetryTopic } from '../../protocol/pop-extra-info.ts'
import { RETRY_PREFIX } from '../../protocol/topics.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import type { MessageExtBrokerInner } from '../../store/types.ts'
import { movedMessage, type Outcome, putDue, readStored, retryPause } from '../schedule/due-message.ts'
import type { BrokerStatsManager } from '../stats/broker-stats-manager.ts'
import type { TopicConfigManager } from '../topic/topic-config-manager.ts'
import type { InFlightMessage, InFlightMessages } from './in-flight-messages.ts'

export interface PopReviveServiceDeps {
  store: DefaultMessageStore
  stats: BrokerStatsManager
  clock: Clock
  logger: Logger
  topicConfigManager: TopicConfigManager
  inFlight: () => InFlightMessages
  storeHost: () => HostAddress
}

/** A pop retry topic has one queue. */
const RETRY_QUEUES = 1

/**
 * Gives back what was popped and not acknowledged in time: a copy goes to the retry topic of topic and group, consumed once more; Java's
 * `PopReviveService`. The original counts as consumed when the copy is as durable as the store makes it.
 */
export class PopReviveService {
  readonly #deps: PopReviveServiceDeps
  /** Messages whose copies were stored, and where the log ended then. */
  #copied: Array<{ message: InFlightMessage; end: number }> = []
  #timer: Timer | undefined
  #stopped = false

  constructor(deps: PopReviveServiceDeps) {
    this.#deps = deps
  }

  /** Its invisible time has ended. */
  revive(message: InFlightMessage): void {
    if (this.#stopped) return
    const { store, stats, logger } = this.#deps
    const original = this.#read(message)
    if (original === undefined) {
      this.#deps.inFlight().remove(message)
      return
    }
    const put = putDue(store, stats, logger, this.#copyOf(message, original))
    if (!isPromise(put)) {
      this.#done(message, put)
      return
    }
    put
      .then((outcome) => this.#done(message, outcome))
      .catch((error: unknown) => {
        logger.error(`a popped message could not be given back: ${logText(error)}`)
        this.#done(message, 'retry')
      })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Undefined when the message has been cleaned up: nobody can consume it any more. */
  #read({ queue, queueOffset }: InFlightMessage): MessageExt | undefined {
    const { store, logger } = this.#deps
    const physicalOffset = store.getCommitLogOffsetInQueue(queue.topic, queue.queueId, queueOffset)
    return physicalOffset === undefined ? undefined : readStored(store, physicalOffset, logger)
  }

  #copyOf({ queue, popTime }: InFlightMessage, original: MessageExt): MessageExtBrokerInner {
    const { topicConfigManager, storeHost } = this.#deps
    const { topic, group } = queue
    const retryTopic = topic.startsWith(RETRY_PREFIX) ? topic : buildPopRetryTopic(topic, group)
    topicConfigManager.createTopicInSendMessageBackMethod(retryTopic, RETRY_QUEUES, Perm.READ | Perm.WRITE, 0)
    const properties = new Map(original.properties)
    properties.delete(MessageConst.POP_CK)
    if (original.reconsumeTimes === 0 || !properties.has(MessageConst.FIRST_POP_TIME)) {
      properties.set(MessageConst.FIRST_POP_TIME, String(popTime))
    }
    return {
      ...movedMessage(original, { topic: retryTopic, queueId: 0 }, properties),
      bornHost: storeHost(),
      storeHost: storeHost(),
      reconsumeTimes: original.reconsumeTimes + 1
    }
  }

  #done(message: InFlightMessage, outcome: Outcome): void {
    const { store, logger } = this.#deps
    const inFlight = this.#deps.inFlight()
    if (outcome === 'gone') {
      inFlight.remove(message)
      return
    }
    if (outcome === 'retry') {
      const pause = retryPause(++message.failures)
      logger.warn(`a popped message of ${logText(message.queue.topic)} could not be given back: tried again in ${pause} ms`)
      inFlight.postpone(message, pause)
      return
    }
    this.#copied.push({ message, end: store.getMaxPhyOffset() })
    this.#settleCopied()
  }

  /** A group's offset must not be written down before the copy is: the machine may go down between the two. */
  #settleCopied(): void {
    const { store, clock } = this.#deps
    const durable = store.getMaxPhyOffset() - store.remainHowManyDataToFlush()
    const inFlight = this.#deps.inFlight()
    for (const { message, end } of this.#copied) if (end <= durable) inFlight.remove(message)
    this.#copied = this.#copied.filter(({ end }) => end > durable)
    if (this.#copied.length === 0 || this.#timer !== undefined || this.#stopped) return
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#settleCopied()
      },
      store.config.flushIntervalCommitLog,
      { ref: false }
    )
  }
}
