import { isPromise, type MaybePromise } from '../../internal/async.ts'
import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { SCHEDULE_TOPIC } from '../../protocol/topics.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import { parseDelayLevels } from '../../store/delay-levels.ts'
import { isExtendedAddress } from '../../store/extended-units.ts'
import type { BrokerStatsManager } from '../stats/broker-stats-manager.ts'
import { LONGEST_WAIT, movedMessage, type Outcome, putDue, readStored, realDestination, retryPause } from './due-message.ts'

const nextTurn = globalThis.setImmediate

/** Messages of a level that are delivered in one turn of the event loop. */
const BATCH = 64

export interface ScheduleMessageServiceDeps {
  store: DefaultMessageStore
  stats: BrokerStatsManager
  clock: Clock
  logger: Logger
}

interface DelayLevel {
  /** From 1 on; its messages are in queue `level - 1`. */
  readonly level: number
  timer: Timer | undefined
  /** Messages are being delivered whose puts have not ended. */
  busy: boolean
  /** Puts that failed one after the other. */
  failures: number
}

/**
 * Delivers delayed messages when their time has come; Java's `ScheduleMessageService`. Each level is a queue in which messages become
 * due in order, so one timer a level waits for the first of them, where Java looks every 100 ms.
 */
export class ScheduleMessageService {
  /** Level to the queue offset of its first message that has not been delivered: what `delayOffset.json` holds. */
  readonly offsetTable = new Map<number, number>()
  readonly #deps: ScheduleMessageServiceDeps
  readonly #levels = new Map<number, DelayLevel>()
  #started = false

  constructor(deps: ScheduleMessageServiceDeps) {
    this.#deps = deps
  }

  /** Begins to deliver, from {@link offsetTable} on; harmless when it does already. */
  start(): void {
    if (this.#started) return
    this.#started = true
    const levels = new Set([...this.#delays().keys()].map((index) => index + 1))
    for (const level of [...levels, ...this.offsetTable.keys()]) this.#begin(level)
  }

  /** Stops; what is being delivered at this moment may still end, and counts. Can be started again. */
  stop(): void {
    this.#started = false
    for (const level of this.#levels.values()) {
      level.timer?.cancel()
      level.timer = undefined
    }
  }

  /** Settles when nothing is being delivered; call {@link stop} before. */
  async idle(): Promise<void> {
    while ([...this.#levels.values()].some(({ busy }) => busy)) await new Promise<void>((resolve) => nextTurn(resolve))
  }

  /** A message of {@link SCHEDULE_TOPIC} became visible. */
  notifyMessageArriving(queueId: number): void {
    if (this.#started) this.#begin(queueId + 1)
  }

  /** What waits behind the first message waits for it. */
  #begin(number: number): void {
    let level = this.#levels.get(number)
    if (level === undefined) {
      level = { level: number, timer: undefined, busy: false, failures: 0 }
      this.#levels.set(number, level)
    }
    if (level.timer === undefined && !level.busy) this.#deliver(level)
  }

  #deliver(level: DelayLevel): void {
    level.timer = undefined
    if (!this.#started) return
    level.busy = true
    try {
      this.#deliverDue(level)
    } catch (error) {
      this.#failed(level, error)
    }
  }

  #failed(level: DelayLevel, error: unknown): void {
    level.busy = false
    this.#deps.logger.error(`delayed messages of level ${level.level} could not be read: ${logText(error)}`)
    this.#arm(level, retryPause(++level.failures))
  }

  #deliverDue(level: DelayLevel): void {
    const { store } = this.#deps
    const first = this.#position(level.level)
    const outcomes: MaybePromise<Outcome>[] = []
    let wait: number | undefined
    for (;;) {
      const queueOffset = first + outcomes.length
      const unit = store.getConsumeQueueUnit(SCHEDULE_TOPIC, level.level - 1, queueOffset)
      if (unit === undefined) break
      wait = outcomes.length === BATCH ? 0 : this.#untilDue(level.level, unit.tagsCode, queueOffset)
      if (wait > 0 || outcomes.length === BATCH) break
      const outcome = this.#deliverOne(unit.physicalOffset)
      outcomes.push(outcome)
      wait = undefined
      if (outcome === 'retry') break
    }
    if (!outcomes.some(isPromise)) {
      this.#delivered(level, first, outcomes as Outcome[], wait)
      return
    }
    // More may have become due, or come, meanwhile.
    Promise.all(outcomes)
      .then((ended) => this.#delivered(level, first, ended, wait ?? 0))
      .catch((error: unknown) => this.#failed(level, error))
  }

  /** @param wait ms until the level is looked at again; undefined: until a message arrives. */
  #delivered(level: DelayLevel, first: number, outcomes: readonly Outcome[], wait: number | undefined): void {
    level.busy = false
    const failed = outcomes.indexOf('retry')
    const count = failed < 0 ? outcomes.length : failed
    this.#updateOffset(level.level, first + count)
    if (failed < 0) {
      level.failures = 0
      if (wait !== undefined) this.#arm(level, wait)
      return
    }
    level.failures++
    const pause = retryPause(level.failures)
    this.#deps.logger.warn(
      `delayed messages of level ${level.level} could not be stored under their own topic: tried again in ${pause} ms`
    )
    this.#arm(level, pause)
  }

  #deliverOne(physicalOffset: number): MaybePromise<Outcome> {
    const { store, stats, logger } = this.#deps
    const message = readStored(store, physicalOffset, logger)
    if (message === undefined) return 'gone'
    const destination = realDestination(message)
    if (destination === undefined) {
      logger.error(
        `a delayed message names no topic and queue to deliver it to: it is left out, commit log offset ${physicalOffset}`
      )
      return 'gone'
    }
    return putDue(store, stats, logger, movedMessage(message, destination, message.properties))
  }

  /** Ms; a message is never due later than its delay from now, however the clock was set since it came. */
  #untilDue(level: number, tagsCode: number, queueOffset: number): number {
    const { clock, store } = this.#deps
    const now = clock.now()
    const delay = this.#delays()[level - 1]
    const due = isExtendedAddress(tagsCode)
      ? store.getMessageStoreTimeStamp(SCHEDULE_TOPIC, level - 1, queueOffset) + (delay ?? 0)
      : tagsCode
    if (delay !== undefined && due > now + delay) return 0
    return due - now
  }

  #arm(level: DelayLevel, wait: number): void {
    if (!this.#started) return
    const { clock } = this.#deps
    level.timer = clock.setTimeout(() => this.#deliver(level), Math.min(wait, LONGEST_WAIT), { ref: false })
  }

  /** Where a level goes on, within what its queue holds. */
  #position(level: number): number {
    const { store } = this.#deps
    const known = this.offsetTable.get(level) ?? 0
    const min = Math.max(0, store.getMinOffsetInQueue(SCHEDULE_TOPIC, level - 1))
    return Math.min(Math.max(known, min), Math.max(min, store.getMaxOffsetInQueue(SCHEDULE_TOPIC, level - 1)))
  }

  #updateOffset(level: number, offset: number): void {
    if (this.offsetTable.get(level) === offset) return
    if (offset === 0 && !this.offsetTable.has(level)) return
    this.offsetTable.set(level, offset)
  }

  #delays(): readonly number[] {
    try {
      return parseDelayLevels(this.#deps.store.config.messageDelayLevel)
    } catch (error) {
      this.#deps.logger.error(logText(error))
      return []
    }
  }
}
