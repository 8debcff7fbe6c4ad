import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { TimerWheel, WheelEntry } from '../../internal/timer-wheel.ts'

/** A queue as one group pops it. */
export interface PoppedQueue {
  readonly topic: string
  readonly group: string
  readonly queueId: number
}

/** A message that a consumer holds: nobody else sees it until its time ends or it is acknowledged. */
export class InFlightMessage extends WheelEntry {
  readonly queue: QueueInFlight
  readonly queueOffset: number
  /** When it was popped, or its time was last changed: wall clock ms, and the consumer's proof that it holds it. */
  popTime: number
  /** Tries to give it back that failed. */
  failures = 0

  constructor(queue: QueueInFlight, queueOffset: number, popTime: number) {
    super()
    this.queue = queue
    this.queueOffset = queueOffset
    this.popTime = popTime
  }

  override get keepsAlive(): boolean {
    return false
  }

  override expire(): void {
    this.queue.onTimeEnded(this)
  }
}

/** What a group holds of one queue. */
class QueueInFlight implements PoppedQueue {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  /** By queue offset, which rises: the first one is the lowest. */
  readonly messages = new Map<number, InFlightMessage>()
  readonly onTimeEnded: (message: InFlightMessage) => void
  /** Where the next pop reads. */
  next = 0

  constructor({ topic, group, queueId }: PoppedQueue, onTimeEnded: (message: InFlightMessage) => void) {
    this.topic = topic
    this.group = group
    this.queueId = queueId
    this.onTimeEnded = onTimeEnded
  }

  /** Everything below has been consumed. */
  get consumed(): number {
    for (const offset of this.messages.keys()) return offset
    return this.next
  }
}

/** A queue's part of the table, as it is written to a file. */
export interface QueueInFlightState extends PoppedQueue {
  readonly consumed: number
  readonly next: number
  /** Queue offset, pop time and the end of the invisible time, both wall clock ms. */
  readonly messages: ReadonlyArray<readonly [queueOffset: number, popTime: number, visibleAt: number]>
}

export interface InFlightMessagesDeps {
  clock: Clock
  logger: Logger
  /** The group has consumed everything of the queue below `offset`. */
  commit(queue: PoppedQueue, offset: number): void
  /** Its invisible time has ended; it stays here until {@link InFlightMessages.remove}. */
  timeEnded(message: InFlightMessage): void
}

/**
 * The messages that were popped and not acknowledged. 5.3.3 writes check points and acknowledgements to a revive topic and merges them;
 * here they are a table, and a group's offset of a queue is the lowest message that is still held. Whatever becomes of the table, what
 * was not acknowledged is therefore delivered again.
 */
export class InFlightMessages {
  readonly #deps: InFlightMessagesDeps
  readonly #queues = new Map<string, QueueInFlight>()
  readonly #wheel: TimerWheel
  #size = 0
  #changes = 0

  constructor(deps: InFlightMessagesDeps) {
    this.#deps = deps
    const { clock, logger } = deps
    const failed = (error: unknown): void => logger.error(`a popped message could not be given back: ${logText(error)}`)
    // Invisible times are seconds to hours: a turn of the wheel is 102 s.
    this.#wheel = new TimerWheel(clock, failed, { tickMillis: 100 })
  }

  /** Messages that are held, of all groups. */
  get size(): number {
    return this.#size
  }

  /** Rises with every change. */
  get changes(): number {
    return this.#changes
  }

  /** Where the next pop of a queue reads; undefined when nothing of it is held: where the group's offset is. */
  nextOffset(queue: PoppedQueue): number | undefined {
    return this.#queues.get(keyOf(queue))?.next
  }

  /**
   * A pop read a queue up to `next` and brought `offsets` of it, which rise; what lies between them nobody wants.
   * @param invisibleMillis how long they are the consumer's
   */
  popped(queue: PoppedQueue, offsets: readonly number[], next: number, popTime: number, invisibleMillis: number): void {
    let entry = this.#queues.get(keyOf(queue))
    if (entry === undefined) {
      entry = new QueueInFlight(queue, this.#deps.timeEnded)
      this.#queues.set(keyOf(queue), entry)
    }
    const now = this.#deps.clock.monotonic()
    for (const offset of offsets) this.#hold(entry, offset, popTime, invisibleMillis, now)
    entry.next = next
    this.#moved(entry)
  }

  /** @returns whether the consumer held it. */
  ack(queue: PoppedQueue, queueOffset: number, popTime: number): boolean {
    const message = this.#held(queue, queueOffset, popTime)
    if (message !== undefined) this.remove(message)
    return message !== undefined
  }

  /** The same for those of one pop whose distance from `startOffset` is `wanted`. @returns how many. */
  ackAll(queue: PoppedQueue, startOffset: number, popTime: number, wanted: (distance: number) => boolean): number {
    let count = 0
    for (const message of [...(this.#queues.get(keyOf(queue))?.messages.values() ?? [])]) {
      const distance = message.queueOffset - startOffset
      if (message.popTime !== popTime || distance < 0 || !wanted(distance)) continue
      this.remove(message)
      count++
    }
    return count
  }

  /** The consumer holds it for `invisibleMillis` from now, and proves that with `newPopTime`. @returns whether it held it. */
  changeInvisibleTime(
    queue: PoppedQueue,
    queueOffset: number,
    popTime: number,
    newPopTime: number,
    invisibleMillis: number
  ): boolean {
    const message = this.#held(queue, queueOffset, popTime)
    if (message === undefined) return false
    message.popTime = newPopTime
    this.#wheel.add(message, invisibleMillis)
    this.#changes++
    return true
  }

  /** Looks at a message whose time has ended once more, in `millis`. */
  postpone(message: InFlightMessage, millis: number): void {
    if (this.isHeld(message)) this.#wheel.add(message, millis)
  }

  isHeld(message: InFlightMessage): boolean {
    return message.queue.messages.get(message.queueOffset) === message
  }

  /** Acknowledged, or stored elsewhere. */
  remove(message: InFlightMessage): void {
    if (!this.isHeld(message)) return
    const { queue } = message
    this.#wheel.remove(message)
    queue.messages.delete(message.queueOffset)
    this.#size--
    this.#moved(queue)
  }

  /** Forgets the queues that are `meant`; their offsets stay as they are. */
  forget(meant: (queue: PoppedQueue) => boolean): void {
    for (const [key, queue] of this.#queues) {
      if (!meant(queue)) continue
      for (const message of queue.messages.values()) this.#wheel.remove(message)
      this.#size -= queue.messages.size
      queue.messages.clear()
      this.#queues.delete(key)
      this.#changes++
    }
  }

  /** No time ends any more; acknowledgements still count. */
  stop(): void {
    this.#wheel.clear()
  }

  /** The table as it is now. */
  state(): QueueInFlightState[] {
    const { clock } = this.#deps
    const wall = clock.now() - clock.monotonic()
    return [...this.#queues.values()].map((queue) => ({
      topic: queue.topic,
      group: queue.group,
      queueId: queue.queueId,
      consumed: queue.consumed,
      next: queue.next,
      messages: [...queue.messages.values()].map(
        ({ queueOffset, popTime, wheelDeadline }) => [queueOffset, popTime, Math.ceil(Math.max(wheelDeadline, 0) + wall)] as const
      )
    }))
  }

  /**
   * Takes over what {@link state} said once. Positions of groups are written more often: what they have passed is not held any more. Where
   * one is behind, somebody has set it back, and the group starts there.
   * @param offsetOf a group's offset in a queue; -1 when there is none
   */
  load(states: Iterable<QueueInFlightState>, offsetOf: (queue: PoppedQueue) => number): void {
    const { clock } = this.#deps
    const [wall, now] = [clock.now(), clock.monotonic()]
    for (const state of states) {
      const offset = offsetOf(state)
      if (offset < state.consumed || this.#queues.has(keyOf(state))) continue
      const messages = state.messages.filter(([queueOffset]) => queueOffset >= offset).toSorted(([a], [b]) => a - b)
      if (messages.length === 0) continue
      const queue = new QueueInFlight(state, this.#deps.timeEnded)
      this.#queues.set(keyOf(state), queue)
      queue.next = Math.max(state.next, offset)
      for (const [queueOffset, popTime, visibleAt] of messages) this.#hold(queue, queueOffset, popTime, visibleAt - wall, now)
    }
  }

  #hold(queue: QueueInFlight, queueOffset: number, popTime: number, invisibleMillis: number, now: number): void {
    const message = new InFlightMessage(queue, queueOffset, popTime)
    queue.messages.set(queueOffset, message)
    this.#size++
    this.#wheel.add(message, invisibleMillis, now)
  }

  #held(queue: PoppedQueue, queueOffset: number, popTime: number): InFlightMessage | undefined {
    const message = this.#queues.get(keyOf(queue))?.messages.get(queueOffset)
    return message?.popTime === popTime ? message : undefined
  }

  #moved(queue: QueueInFlight): void {
    this.#changes++
    this.#deps.commit(queue, queue.consumed)
    if (queue.messages.size === 0) this.#queues.delete(keyOf(queue))
  }
}

function keyOf({ topic, group, queueId }: PoppedQueue): string {
  return `${topic}@${group}@${queueId}`
}
