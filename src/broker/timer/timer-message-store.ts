import { isPromise, type MaybePromise } from '../../internal/async.ts'
import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { MessageExt } from '../../protocol/message.ts'
import { MAX_PROPERTIES_LENGTH } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { encodeProperties, type Properties } from '../../protocol/properties.ts'
import { TIMER_TOPIC } from '../../protocol/topics.ts'
import { utf8Length } from '../../protocol/utf8.ts'
import type { DefaultMessageStore } from '../../store/default-message-store.ts'
import {
  LONGEST_WAIT,
  movedMessage,
  type Outcome,
  putDue,
  readStored,
  realDestination,
  retryPause
} from '../schedule/due-message.ts'
import type { BrokerStatsManager } from '../stats/broker-stats-manager.ts'
import { type TimerEntry, TimerSlots } from './timer-slots.ts'

const nextTurn = globalThis.setImmediate

/** Messages that are read, or delivered, in one turn of the event loop. */
const BATCH = 64
/** Steps a wheel of Java has, and those it leaves free: the longest a message may wait before it is stored anew. */
const WHEEL_STEPS = 7 * 24 * 3600
const BLANK_STEPS = 60
/** What TIMER_ENQUEUE_MS says of a message whose time had passed before it was looked at: Java's `Long.MAX_VALUE`. */
const NEVER_ENQUEUED = '9223372036854775807'

export interface TimerMessageStoreDeps {
  store: DefaultMessageStore
  stats: BrokerStatsManager
  clock: Clock
  logger: Logger
}

/** How far the work has come; enough to go on after a restart. */
export interface TimerCheckpoint {
  /** Wall clock ms: everything that waited for this step of time, or an earlier one, has been delivered ... */
  lastReadTimeMs: number
  /** ... of the messages below this queue offset of {@link TIMER_TOPIC}. */
  lastTimerQueueOffset: number
  /** A Java broker has delivered them: when it has stored a long wait anew is not known. @default false */
  writtenByJava?: boolean
}

/** What a message takes out of the wheel: Java's `TimerMessageStore.buildDeleteKey`. */
export function timerDeleteKey(topic: string, uniqKey: string): string {
  return `${topic}+${uniqKey}`
}

/** What is being delivered: one step of time, in the order in which its messages came. */
interface Delivery {
  time: number
  entries: readonly TimerEntry[]
  /** Position of the first that is not delivered. */
  at: number
  /** Messages that were called back. */
  deleted: ReadonlySet<string>
}

/**
 * Keeps messages for a point in time and delivers them when it has come; Java's `TimerMessageStore`. They wait as records of
 * {@link TIMER_TOPIC}; this holds only where the records are, by the step of time they wait for, and one timer for the earliest step.
 * What Java gives up after three failed puts is tried until it is stored.
 */
export class TimerMessageStore {
  readonly #deps: TimerMessageStoreDeps
  #slots = new TimerSlots()
  /** The first queue offset that has not been looked at. */
  #queueOffset = 0
  #lastReadTime = 0
  /** Of the run before this one. */
  #restored: TimerCheckpoint | undefined
  #delivery: Delivery | undefined
  #timer: Timer | undefined
  #busy = false
  /** Something came while it was busy, a message that it stored anew for one. */
  #arrived = false
  #failures = 0
  #started = false

  constructor(deps: TimerMessageStoreDeps) {
    this.#deps = deps
  }

  /** Messages that wait, those that call one back included. */
  get size(): number {
    return this.#slots.size + (this.#delivery === undefined ? 0 : this.#delivery.entries.length - this.#delivery.at)
  }

  get checkpoint(): TimerCheckpoint {
    // What waits is known when all of it has been looked at again.
    const restored = this.#restored
    if (restored !== undefined && this.#queueOffset < restored.lastTimerQueueOffset) return restored
    const waiting = Math.min(this.#slots.first ?? Number.POSITIVE_INFINITY, this.#delivery?.time ?? Number.POSITIVE_INFINITY)
    const read = Math.min(this.#lastReadTime, waiting - this.#precision)
    return { lastReadTimeMs: Math.max(read, 0), lastTimerQueueOffset: this.#queueOffset }
  }

  /** Says, before the start, what an earlier run of this store has done. */
  load(checkpoint: TimerCheckpoint): void {
    this.#restored = checkpoint
    this.#lastReadTime = checkpoint.lastReadTimeMs
  }

  /** Begins with the first message that the store holds, or goes on after a stop; harmless when it runs. */
  start(): void {
    if (this.#started) return
    this.#started = true
    if (this.#restored !== undefined && this.#queueOffset === 0) {
      // A queue that a crash has cut takes new messages where there were others.
      const held = this.#deps.store.getMaxOffsetInQueue(TIMER_TOPIC, 0)
      this.#restored = { ...this.#restored, lastTimerQueueOffset: Math.min(this.#restored.lastTimerQueueOffset, held) }
    }
    if (!this.#busy) this.#run()
  }

  /** Stops; what is being delivered at this moment may still end. Can be started again. */
  stop(): void {
    this.#started = false
    this.#cancelTimer()
  }

  /** Settles when nothing is being delivered; call {@link stop} before. */
  async idle(): Promise<void> {
    while (this.#busy) await new Promise<void>((resolve) => nextTurn(resolve))
  }

  /** Forgets what waits, for a store whose {@link TIMER_TOPIC} begins anew; only while it is stopped and {@link idle}. */
  clear(): void {
    this.#slots = new TimerSlots()
    this.#queueOffset = 0
    this.#lastReadTime = 0
    this.#restored = undefined
    this.#delivery = undefined
    this.#arrived = false
    this.#failures = 0
  }

  /** A message of {@link TIMER_TOPIC} became visible. */
  notifyMessageArriving(): void {
    if (this.#busy) this.#arrived = true
    // After a failed put the pause ends first.
    else if (this.#started && this.#failures === 0) this.#run()
  }

  /**
   * Whether a further message for `time` is too much: from `timerCongestNumEachSlot` on at random, the likelier the more there are,
   * from twice as many on always.
   */
  isReject(time: number): boolean {
    const limit = this.#deps.store.config.timerCongestNumEachSlot
    const num = this.#slots.num(time)
    return num > limit && Math.random() * limit < num - limit
  }

  get #precision(): number {
    return this.#deps.store.config.timerPrecisionMs
  }

  /** Takes in what is new, delivers what is due, and sees to it that it is called again. */
  #run(): void {
    this.#cancelTimer()
    if (!this.#started) return
    this.#busy = true
    this.#arrived = false
    try {
      const more = this.#enqueue()
      // What calls a message back may still be among those to take in.
      const outcomes = more ? [] : this.#deliverDue()
      if (!outcomes.some(isPromise)) this.#delivered(outcomes as Outcome[], more)
      else {
        Promise.all(outcomes)
          .then((ended) => this.#delivered(ended, more))
          .catch((error: unknown) => this.#failed(error))
      }
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    this.#busy = false
    this.#deps.logger.error(`messages for a point in time could not be read: ${logText(error)}`)
    this.#arm(retryPause(++this.#failures))
  }

  /** @param more whether there is more to take in. */
  #delivered(outcomes: readonly Outcome[], more: boolean): void {
    this.#busy = false
    const delivery = this.#delivery
    const failed = outcomes.indexOf('retry')
    if (delivery !== undefined) {
      delivery.at += failed < 0 ? outcomes.length : failed
      if (delivery.at === delivery.entries.length) {
        this.#lastReadTime = Math.max(this.#lastReadTime, delivery.time)
        this.#delivery = undefined
      }
    }
    if (failed >= 0) {
      const pause = retryPause(++this.#failures)
      this.#deps.logger.warn(`messages whose time has come could not be stored under their own topic: tried again in ${pause} ms`)
      this.#arm(pause)
      return
    }
    this.#failures = 0
    if (more || this.#arrived || this.#delivery !== undefined) this.#arm(0)
    else if (this.#slots.first !== undefined) this.#arm(this.#slots.first + this.#precision - this.#deps.clock.now())
  }

  /** @returns whether there is more to take in. */
  #enqueue(): boolean {
    const { store } = this.#deps
    this.#queueOffset = Math.max(this.#queueOffset, store.getMinOffsetInQueue(TIMER_TOPIC, 0))
    for (let count = 0; count < BATCH; count++) {
      const unit = store.getConsumeQueueUnit(TIMER_TOPIC, 0, this.#queueOffset)
      if (unit === undefined) return false
      this.#enqueueOne(unit.physicalOffset)
      this.#queueOffset++
    }
    return true
  }

  #enqueueOne(physicalOffset: number): void {
    const { store, clock, logger } = this.#deps
    const message = readStored(store, physicalOffset, logger)
    if (message === undefined) return
    const outMs = timeOf(message)
    if (outMs === undefined) {
      logger.error(`a message of ${TIMER_TOPIC} has no time (TIMER_OUT_MS): it is left out, commit log offset ${physicalOffset}`)
      return
    }
    const precision = this.#precision
    const step = (millis: number): number => Math.floor(millis / precision) * precision
    // Of the record, not of now: after a restart it has to come out the same.
    const writeTime = step(message.storeTimestamp)
    const window = this.#rollWindow * precision
    const roll = outMs - writeTime >= window
    const time = roll ? rolledTime(outMs, writeTime, this.#rollWindow, precision) : outMs
    if (this.#isDone(time, roll)) return
    const late = time < step(clock.now())
    const deletes = message.properties.has(MessageConst.TIMER_DEL_UNIQKEY)
    this.#slots.add(time, { physicalOffset, enqueuedAt: late ? undefined : writeTime, roll, deletes })
  }

  /** Whether an earlier run has delivered what waited for `time`; of Java's that only counts where its step of time is known to be the same. */
  #isDone(time: number, roll: boolean): boolean {
    const restored = this.#restored
    if (restored === undefined || this.#queueOffset >= restored.lastTimerQueueOffset || time > restored.lastReadTimeMs)
      return false
    return !(roll && restored.writtenByJava === true)
  }

  get #rollWindow(): number {
    const steps = this.#deps.store.config.timerRollWindowSlot
    const most = WHEEL_STEPS - BLANK_STEPS
    return steps > most || steps < 2 ? most : steps
  }

  /** The next messages that are due, at most {@link BATCH}. */
  #deliverDue(): MaybePromise<Outcome>[] {
    this.#delivery ??= this.#nextDelivery()
    const delivery = this.#delivery
    if (delivery === undefined) return []
    const outcomes: MaybePromise<Outcome>[] = []
    for (const entry of delivery.entries.slice(delivery.at, delivery.at + BATCH)) {
      const outcome = this.#deliverOne(entry, delivery.deleted)
      outcomes.push(outcome)
      if (outcome === 'retry') break
    }
    return outcomes
  }

  #nextDelivery(): Delivery | undefined {
    const { first } = this.#slots
    if (first === undefined || first + this.#precision > this.#deps.clock.now()) return undefined
    const entries = this.#slots.shift()?.entries ?? []
    return { time: first, entries, at: 0, deleted: this.#deleteKeys(entries) }
  }

  /** What the messages of a step call back: they are known before the first of the others is delivered. */
  #deleteKeys(entries: readonly TimerEntry[]): ReadonlySet<string> {
    const { store, logger } = this.#deps
    const keys = new Set<string>()
    for (const { deletes, roll, physicalOffset } of entries) {
      if (!deletes || roll) continue
      const key = readStored(store, physicalOffset, logger)?.properties.get(MessageConst.TIMER_DEL_UNIQKEY)
      if (key !== undefined) keys.add(key)
    }
    return keys
  }

  #deliverOne(entry: TimerEntry, deleted: ReadonlySet<string>): MaybePromise<Outcome> {
    const { store, stats, clock, logger } = this.#deps
    if (entry.deletes && !entry.roll) return 'stored'
    const message = readStored(store, entry.physicalOffset, logger)
    if (message === undefined) return 'gone'
    if (isDeleted(message, deleted)) return 'stored'
    const destination = entry.roll ? { topic: TIMER_TOPIC, queueId: 0 } : realDestination(message)
    if (destination === undefined) {
      logger.error(
        `a message for a point in time names no topic and queue to deliver it to: it is left out, commit log offset ${entry.physicalOffset}`
      )
      return 'gone'
    }
    const properties = deliveredProperties(message, entry, clock.now())
    return putDue(store, stats, logger, movedMessage(message, destination, properties))
  }

  #arm(wait: number): void {
    if (!this.#started) return
    const millis = Math.max(0, Math.min(wait, LONGEST_WAIT))
    this.#timer = this.#deps.clock.setTimeout(() => this.#run(), millis, { ref: false })
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

/** TIMER_OUT_MS; undefined when it is not there or no time. */
function timeOf({ properties }: MessageExt): number | undefined {
  const text = properties.get(MessageConst.TIMER_OUT_MS)
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** A message far ahead waits as long as the window allows; what would be left after that is made long enough to be worth it. */
function rolledTime(outMs: number, writeTime: number, windowSteps: number, precision: number): number {
  const rest = outMs - writeTime - windowSteps * precision
  const steps = rest < Math.floor(windowSteps / 3) * precision ? Math.floor(windowSteps / 2) : windowSteps
  return writeTime + steps * precision
}

function isDeleted({ properties }: MessageExt, deleted: ReadonlySet<string>): boolean {
  if (deleted.size === 0) return false
  const topic = properties.get(MessageConst.REAL_TOPIC)
  const uniqKey = properties.get(MessageConst.UNIQ_KEY)
  return topic !== undefined && uniqKey !== undefined && deleted.has(timerDeleteKey(topic, uniqKey))
}

/** The message's own and what Java adds, where there is room for it: a message that was taken is delivered. */
function deliveredProperties(message: MessageExt, { enqueuedAt, roll }: TimerEntry, now: number): Properties {
  const properties = new Map(message.properties)
  properties.set(MessageConst.TIMER_ENQUEUE_MS, enqueuedAt === undefined ? NEVER_ENQUEUED : String(enqueuedAt))
  if (roll) properties.set(MessageConst.TIMER_ROLL_TIMES, String(Number(properties.get(MessageConst.TIMER_ROLL_TIMES) ?? 0) + 1))
  properties.set(MessageConst.TIMER_DEQUEUE_MS, String(now))
  return utf8Length(encodeProperties(properties)) <= MAX_PROPERTIES_LENGTH ? properties : message.properties
}
