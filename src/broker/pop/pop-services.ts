import type { DispatchRequest } from '../../store/types.ts'
import type { Connection } from '../../transport/connection.ts'
import { PopLongPollingService } from '../longpolling/pop-long-polling-service.ts'
import type { ConsumerOffsetManager } from '../offset/consumer-offset-manager.ts'
import { type InFlightMessage, InFlightMessages, type PoppedQueue } from './in-flight-messages.ts'
import { OrderedMessages } from './ordered-messages.ts'
import { PopReviveService, type PopReviveServiceDeps } from './pop-revive-service.ts'

/** Pause before a popped message of the time before is given back, while the broker starts, ms. */
const UNTIL_STARTED_MILLIS = 100

export interface PopServicesDeps extends Omit<PopReviveServiceDeps, 'inFlight'> {
  consumerOffsetManager: ConsumerOffsetManager
  /** While the broker starts, the address that records hold is not known. */
  isStarting(): boolean
}

/** All that a broker knows of its pops: what is held, what waits, what comes back. */
export class PopServices {
  /** What was popped and not acknowledged. */
  readonly inFlightMessages: InFlightMessages
  /** The same of what was popped in order. */
  readonly orderedMessages: OrderedMessages
  readonly longPolling: PopLongPollingService
  /** Of those who want to know of messages, and pop them later. */
  readonly notifications: PopLongPollingService
  readonly #deps: PopServicesDeps
  readonly #reviveService: PopReviveService

  constructor(deps: PopServicesDeps) {
    const { clock, logger } = deps
    this.#deps = deps
    this.inFlightMessages = new InFlightMessages({
      clock,
      logger,
      commit: (queue, offset) => this.#consumed(queue, offset),
      timeEnded: (message) => this.#timeEnded(message)
    })
    this.orderedMessages = new OrderedMessages({ clock, logger, free: (queue) => this.wake(queue) })
    this.longPolling = new PopLongPollingService(clock)
    this.notifications = new PopLongPollingService(clock)
    this.#reviveService = new PopReviveService({ ...deps, inFlight: () => this.inFlightMessages })
  }

  /** Messages that are held, of all groups. */
  get held(): number {
    return this.inFlightMessages.size + this.orderedMessages.size
  }

  /** Messages of a queue that are not new can be popped. */
  wake({ topic, group, queueId }: PoppedQueue): void {
    for (const waiting of [this.longPolling, this.notifications]) waiting.wakeQueue(topic, group, queueId)
  }

  /** A record became visible. */
  notifyMessageArriving(arrived: DispatchRequest): void {
    for (const waiting of [this.longPolling, this.notifications]) waiting.notifyMessageArriving(arrived)
  }

  onConnectionClosed(connection: Connection): void {
    for (const waiting of [this.longPolling, this.notifications]) waiting.onConnectionClosed(connection)
  }

  /** What is held of such queues is nobody's any more. */
  forget(isMeant: (queue: PoppedQueue) => boolean): void {
    this.inFlightMessages.forget(isMeant)
    this.orderedMessages.forget(isMeant)
  }

  /** Answers everything that waits, and gives nothing back any more. */
  answerAll(): void {
    for (const waiting of [this.longPolling, this.notifications]) waiting.shutdown()
    this.#reviveService.stop()
  }

  /** Until here the tables know when each message's time ends. */
  stop(): void {
    this.inFlightMessages.stop()
    this.orderedMessages.stop()
  }

  /** A group's offset never goes back by itself. */
  #consumed({ topic, group, queueId }: PoppedQueue, offset: number): void {
    const { consumerOffsetManager } = this.#deps
    if (offset > consumerOffsetManager.queryOffset(group, topic, queueId)) {
      consumerOffsetManager.commitOffset(group, topic, queueId, offset)
    }
  }

  #timeEnded(message: InFlightMessage): void {
    if (this.#deps.isStarting()) this.inFlightMessages.postpone(message, UNTIL_STARTED_MILLIS)
    else this.#reviveService.revive(message)
  }
}
