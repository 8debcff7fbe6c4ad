import { decodeMessage, storedMessageLength, writeStoredMessage } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import { encodePopExtraInfo, retryMark } from '../../protocol/pop-extra-info.ts'
import { encodeProperties } from '../../protocol/properties.ts'
import { queueOffsetOf } from '../../store/record-format.ts'
import type { GetMessageResult } from '../../store/types.ts'
import type { BrokerServices } from '../broker-services.ts'
import type { MessageFilter } from '../filter/message-filter.ts'
import type { PoppedQueue } from './in-flight-messages.ts'
import { nextPopOffset } from './pop-queues.ts'

/** What one pop asks for. */
export interface PopWish {
  readonly group: string
  /** As the consumer names it; messages of its retry topic are handed over under this name. */
  readonly topic: string
  readonly maxMsgNums: number
  readonly invisibleTime: number
  /** 0: a group that has no offset begins with the first message, 1: with the last. */
  readonly initMode: number
  readonly filter: MessageFilter
  /** Wall clock ms. */
  readonly popTime: number
  readonly reviveQid: number
  /** A queue of which the group holds messages is left alone. */
  readonly order: boolean
  readonly attemptId: string | undefined
}

/** `initMode` of a group that wants what comes. */
const INIT_MAX = 1

/** Gathers the messages of one pop from one queue after another; Java's `popMsgFromQueue`. */
export class PopCollector {
  readonly #broker: BrokerServices
  readonly #wish: PopWish
  readonly messages: Buffer[] = []
  /** Messages that were left in the queues. */
  restNum = 0
  readonly #startOffsetInfo: string[] = []
  readonly #msgOffsetInfo: string[] = []
  readonly #orderCountInfo: string[] = []

  constructor(broker: BrokerServices, wish: PopWish) {
    this.#broker = broker
    this.#wish = wish
  }

  get full(): boolean {
    return this.messages.length >= this.#wish.maxMsgNums
  }

  get startOffsetInfo(): string {
    return this.#startOffsetInfo.join(';')
  }

  get msgOffsetInfo(): string {
    return this.#msgOffsetInfo.join(';')
  }

  get orderCountInfo(): string {
    return this.#orderCountInfo.join(';')
  }

  /** Every queue of a topic, from `first` on. */
  popTopic(topic: string, queueNums: number, first: number): void {
    for (let i = 0; i < queueNums; i++) this.popQueue(topic, (first + i) % queueNums)
  }

  popQueue(topic: string, queueId: number): void {
    const { store, consumerOffsetManager, brokerStatsManager } = this.#broker
    const { orderedMessages } = this.#broker.pop
    const { group, order, attemptId } = this.#wish
    const queue: PoppedQueue = { topic, group, queueId }
    let offset = this.#popOffset(queue)
    if (order && orderedMessages.isBlocked(queue, attemptId)) return
    if (this.full) {
      this.restNum += Math.max(0, store.getMaxOffsetInQueue(topic, queueId) - offset)
      return
    }
    let result = this.#read(queue, offset)
    if (result !== undefined && isAstray(result)) {
      this.#forget(queue)
      offset = result.nextBeginOffset
      consumerOffsetManager.commitOffset(group, topic, queueId, offset)
      result = this.#read(queue, offset)
    }
    if (result === undefined) return
    this.restNum += Math.max(0, result.maxOffset - result.nextBeginOffset)
    if (result.messages.length === 0) {
      if (result.nextBeginOffset > offset && isPassed(result)) this.#passed(queue, result.nextBeginOffset)
      return
    }
    consumerOffsetManager.commitPullOffset(group, topic, queueId, result.nextBeginOffset)
    const offsets = result.messages.map(queueOffsetOf)
    this.#hold(queue, offset, offsets, result.nextBeginOffset)
    const mark = retryMark(topic)
    this.#startOffsetInfo.push(`${mark} ${queueId} ${offset}`)
    this.#msgOffsetInfo.push(`${mark} ${queueId} ${offsets.join(',')}`)
    const bytes = result.messages.reduce((sum, { length }) => sum + length, 0)
    brokerStatsManager.incGroupGet(group, topic, offsets.length, bytes)
    if (topic === this.#wish.topic) this.messages.push(...result.messages)
    else this.messages.push(...result.messages.map((record) => this.#renamed(record, offset)))
  }

  #hold(queue: PoppedQueue, offset: number, offsets: readonly number[], next: number): void {
    const { consumerOffsetManager } = this.#broker
    const { inFlightMessages, orderedMessages } = this.#broker.pop
    const { order, attemptId, popTime, invisibleTime } = this.#wish
    if (!order) {
      inFlightMessages.popped(queue, offsets, next, popTime, invisibleTime)
      return
    }
    const pop = { attemptId, popTime, invisibleMillis: invisibleTime }
    this.#orderCountInfo.push(orderedMessages.popped(queue, offsets, pop))
    consumerOffsetManager.commitOffset(queue.group, queue.topic, queue.queueId, offset)
  }

  /** Nobody wants what is before `next`. */
  #passed(queue: PoppedQueue, next: number): void {
    const { consumerOffsetManager } = this.#broker
    const { inFlightMessages } = this.#broker.pop
    const { order, popTime, invisibleTime } = this.#wish
    if (order) consumerOffsetManager.commitOffset(queue.group, queue.topic, queue.queueId, next)
    else inFlightMessages.popped(queue, [], next, popTime, invisibleTime)
  }

  #forget({ topic, group, queueId }: PoppedQueue): void {
    const isMeant = (other: PoppedQueue): boolean => other.topic === topic && other.group === group && other.queueId === queueId
    this.#broker.pop.forget(isMeant)
  }

  #popOffset(queue: PoppedQueue): number {
    const { store, consumerOffsetManager } = this.#broker
    const { topic, group, queueId } = queue
    const reset = consumerOffsetManager.queryThenEraseResetOffset(group, topic, queueId)
    if (reset !== undefined) {
      this.#forget(queue)
      consumerOffsetManager.commitOffset(group, topic, queueId, reset)
      return reset
    }
    const next = nextPopOffset(this.#broker, queue)
    if (next !== undefined) return next
    const min = Math.max(0, store.getMinOffsetInQueue(topic, queueId))
    // As for pulls: a queue that still holds its first message is read from there, whatever the group wants.
    const wantsLast = this.#wish.initMode === INIT_MAX && topic === this.#wish.topic && min > 0
    const first = wantsLast ? Math.max(0, store.getMaxOffsetInQueue(topic, queueId) - 1) : min
    consumerOffsetManager.commitOffset(group, topic, queueId, first)
    return first
  }

  #read({ topic, group, queueId }: PoppedQueue, offset: number): GetMessageResult | undefined {
    const { filter, maxMsgNums } = this.#wish
    const wanted = maxMsgNums - this.messages.length
    return this.#broker.store.getMessage(group, topic, queueId, offset, wanted, filter.byTags, undefined, filter.byRecord)
  }

  /** A record of the retry topic as one of the topic itself, with the proof that its consumer holds it. */
  #renamed(record: Buffer, startOffset: number): Buffer {
    const { topic, popTime, invisibleTime, reviveQid } = this.#wish
    const message = decodeMessage(record, 0, { decompressBody: false })
    const { queueId, queueOffset } = message
    const { brokerName } = this.#broker.config
    const retry = retryMark(message.topic)
    const extraInfo = { startOffset, popTime, invisibleTime, reviveQid, retry, brokerName, queueId, queueOffset }
    message.properties.set(MessageConst.POP_CK, encodePopExtraInfo(extraInfo))
    const fields = {
      ...message,
      topic,
      physicalOffset: message.commitLogOffset,
      propertiesString: encodeProperties(message.properties)
    }
    const bytes = Buffer.allocUnsafe(storedMessageLength(fields))
    writeStoredMessage(bytes, 0, fields)
    return bytes
  }
}

/** The offset is none of this queue. */
function isAstray({ status }: GetMessageResult): boolean {
  return status === 'OFFSET_TOO_SMALL' || status === 'OFFSET_OVERFLOW_BADLY' || status === 'OFFSET_FOUND_NULL'
}

/** Nobody wants what is there. */
function isPassed({ status }: GetMessageResult): boolean {
  return status === 'NO_MATCHED_MESSAGE' || status === 'MESSAGE_WAS_REMOVING' || status === 'OFFSET_FOUND_NULL'
}
