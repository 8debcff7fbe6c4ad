import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { TimerWheel, WheelEntry } from '../../internal/timer-wheel.ts'
import { retryMark } from '../../protocol/pop-extra-info.ts'
import type { PoppedQueue } from './in-flight-messages.ts'

/** What one pop in order asks for. */
export interface OrderedPop {
  /** Names the try: a consumer whose answer was lost pops the same messages once more with it. */
  readonly attemptId: string | undefined
  /** Wall clock ms: the consumer's proof that it holds them. */
  readonly popTime: number
  readonly invisibleMillis: number
}

/** What a group holds of a queue: nobody pops it before all of that is acknowledged or its time has ended. */
class OrderedQueue extends WheelEntry implements PoppedQueue {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  readonly onFree: (queue: OrderedQueue) => void
  attemptId: string | undefined
  popTime = 0
  /** Of the last pop, rising. */
  offsets: readonly number[] = []
  /** Those that are not acknowledged, rising, and until when they are invisible, monotonic ms. */
  readonly held = new Map<number, number>()
  /** How often a message was popped before, where it was. */
  consumedTimes = new Map<number, number>()

  constructor({ topic, group, queueId }: PoppedQueue, onFree: (queue: OrderedQueue) => void) {
    super()
    this.topic = topic
    this.group = group
    this.queueId = queueId
    this.onFree = onFree
  }

  /** Monotonic ms from which it can be popped again. */
  get freeAt(): number {
    let latest = 0
    for (const visibleAt of this.held.values()) latest = Math.max(latest, visibleAt)
    return latest
  }

  override get keepsAlive(): boolean {
    return false
  }

  override expire(): void {
    this.onFree(this)
  }
}

export interface OrderedMessagesDeps {
  clock: Clock
  logger: Logger
  /** Somebody who waits for the queue may pop it. */
  free(queue: PoppedQueue): void
}

/**
 * Messages that were popped in order (`order=true`) and not acknowledged; Java's `ConsumerOrderInfoManager`. They never go to a retry topic:
 * the queue stays where its first one is, and is popped again from there once nobody holds any of them. The table is in memory alone: when it
 * is lost, what was not acknowledged is popped again at once.
 */
export class OrderedMessages {
  readonly #deps: OrderedMessagesDeps
  readonly #queues = new Map<string, OrderedQueue>()
  readonly #wheel: TimerWheel
  #size = 0

  constructor(deps: OrderedMessagesDeps) {
    this.#deps = deps
    const failed = (error: unknown): void => deps.logger.error(`a queue could not be popped in order again: ${logText(error)}`)
    this.#wheel = new TimerWheel(deps.clock, failed, { tickMillis: 100 })
  }

  /** Messages that are not acknowledged, of all groups. */
  get size(): number {
    return this.#size
  }

  /** Whether somebody else than this try holds a message of the queue. */
  isBlocked(queue: PoppedQueue, attemptId: string | undefined): boolean {
    const entry = this.#queues.get(keyOf(queue))
    if (entry === undefined || (attemptId !== undefined && attemptId === entry.attemptId)) return false
    return entry.freeAt > this.#deps.clock.monotonic()
  }

  /**
   * A pop brought `offsets`, which rise.
   * @returns its part of `orderCountInfo`: how often each message was popped before, and the least of these for clients that know queues only
   */
  popped(queue: PoppedQueue, offsets: readonly number[], { attemptId, popTime, invisibleMillis }: OrderedPop): string {
    let entry = this.#queues.get(keyOf(queue))
    if (entry === undefined) {
      entry = new OrderedQueue(queue, (freed) => this.#freed(freed))
      this.#queues.set(keyOf(queue), entry)
    }
    const sameTry = attemptId !== undefined && attemptId === entry.attemptId
    if (!sameTry) entry.consumedTimes = consumedTimes(entry, offsets)
    entry.attemptId = attemptId
    entry.popTime = popTime
    entry.offsets = offsets
    this.#size += offsets.length - entry.held.size
    entry.held.clear()
    const visibleAt = this.#deps.clock.monotonic() + invisibleMillis
    for (const offset of offsets) entry.held.set(offset, visibleAt)
    this.#schedule(entry)
    return orderCountInfo(entry)
  }

  /** Those of the queue that are not acknowledged. */
  heldOffsets(queue: PoppedQueue): number[] {
    return [...(this.#queues.get(keyOf(queue))?.held.keys() ?? [])]
  }

  /** @returns where the group goes on; undefined when another pop holds the message; `'illegal'` when it was not of this pop. */
  ack(queue: PoppedQueue, queueOffset: number, popTime: number): number | 'illegal' | undefined {
    const entry = this.#queues.get(keyOf(queue))
    if (entry?.popTime !== popTime) return undefined
    if (!entry.offsets.includes(queueOffset)) return 'illegal'
    if (entry.held.delete(queueOffset)) this.#size--
    for (const offset of entry.held.keys()) {
      this.#schedule(entry)
      return offset
    }
    this.#remove(entry)
    return (entry.offsets.at(-1) as number) + 1
  }

  /** The message is the consumer's for `invisibleMillis` from now, with the same proof. */
  changeInvisibleTime(queue: PoppedQueue, queueOffset: number, popTime: number, invisibleMillis: number): void {
    const entry = this.#queues.get(keyOf(queue))
    if (entry?.popTime !== popTime || !entry.held.has(queueOffset)) return
    entry.held.set(queueOffset, this.#deps.clock.monotonic() + invisibleMillis)
    this.#schedule(entry)
  }

  /** Forgets the queues that are `meant`; their offsets stay as they are. */
  forget(meant: (queue: PoppedQueue) => boolean): void {
    for (const entry of [...this.#queues.values()]) if (meant(entry)) this.#remove(entry)
  }

  /** No time ends any more. */
  stop(): void {
    this.#wheel.clear()
  }

  /** It stays in the table: who popped its messages may still acknowledge them, until somebody else pops them. */
  #freed(entry: OrderedQueue): void {
    if (entry.freeAt > this.#deps.clock.monotonic()) this.#schedule(entry)
    else this.#deps.free(entry)
  }

  #schedule(entry: OrderedQueue): void {
    this.#wheel.add(entry, Math.max(0, entry.freeAt - this.#deps.clock.monotonic()))
  }

  #remove(entry: OrderedQueue): void {
    this.#wheel.remove(entry)
    this.#size -= entry.held.size
    entry.held.clear()
    this.#queues.delete(keyOf(entry))
  }
}

/** Of the messages that the pop before brought, too. */
function consumedTimes(entry: OrderedQueue, offsets: readonly number[]): Map<number, number> {
  const before = new Set(entry.offsets)
  return new Map(
    offsets.filter((offset) => before.has(offset)).map((offset) => [offset, (entry.consumedTimes.get(offset) ?? 0) + 1])
  )
}

/** `retry ' ' 'qo' queueId '%' queueOffset ' ' times ';' ... retry ' ' queueId ' ' least` */
function orderCountInfo({ topic, queueId, offsets, consumedTimes: times }: OrderedQueue): string {
  const mark = retryMark(topic)
  const each = [...times].map(([offset, count]) => `${mark} qo${queueId}%${offset} ${count}`)
  const least = times.size === offsets.length ? Math.min(...times.values()) : 0
  return [...each, `${mark} ${queueId} ${least}`].join(';')
}

function keyOf({ topic, group, queueId }: PoppedQueue): string {
  return `${topic}@${group}@${queueId}`
}
