import type { SendResult } from '../../client/send-result.ts'
import type { Timer } from '../../internal/clock.ts'
import type { RocketMQError } from '../../internal/errors.ts'
import { nextMicrotask } from '../../internal/turns.ts'
import { batchItemBytes, encodeBatch, propertiesBytes } from '../../protocol/batch-codec.ts'
import type { Message } from '../../protocol/message.ts'
import { MAX_PROPERTIES_LENGTH } from '../../protocol/message-codec.ts'
import { MessageConst } from '../../protocol/message-const.ts'
import type { MessageQueue } from '../../protocol/message-queue.ts'
import { RETRY_PREFIX } from '../../protocol/topics.ts'
import { admitSend } from '../admit-send.ts'
import type { CommunicationMode } from '../communication-mode.ts'
import { copyOf, createOwnCall, targetQueue } from '../create-send-call.ts'
import { isTimed, MessageBatch } from '../message-batch.ts'
import type { ProducerContext } from '../producer-context.ts'
import type { PublishTopic, PublishTopics } from '../publish-topic.ts'
import { runCallback, type SendOutcome } from '../send-call.ts'
import { enrichError, toRocketMQError } from '../send-error.ts'
import type { ObservedSend } from '../send-operation.ts'
import type { SendOptions } from '../send-options.ts'
import { selectQueue } from '../send-select-impl.ts'
import { addedBytes } from '../split-batch.ts'
import { checkBody, checkMessage, mostBatchMessages } from '../validators.ts'
import type { AccumulatorLimits } from './accumulator-limits.ts'

/** One message that waits, with where its outcome goes. */
interface Entry {
  /** The producer's own copy, with its id. */
  readonly message: Message
  readonly outcome: SendOutcome
}

/** Messages that will leave as one batch. */
interface Accumulation {
  readonly topic: PublishTopic
  readonly queue: MessageQueue | undefined
  readonly wait: boolean
  readonly mode: CommunicationMode
  readonly entries: Entry[]
  bytes: number
  timer: Timer | undefined
}

/** Messages with these are one of a kind for their broker. */
const ALONE = [
  MessageConst.PGROUP,
  MessageConst.TRAN_MSG,
  MessageConst.MSG_TYPE,
  MessageConst.CORRELATION_ID,
  MessageConst.INNER_MULTI_DISPATCH
] as const

/** Broker code of a message that it does not take. */
const MESSAGE_ILLEGAL = 13

/**
 * Gathers single sends into batches (`autoBatch`); Java's `ProduceAccumulator`. Messages of one topic, or of one chosen queue, that agree
 * in mode and `waitStoreMsgOK` leave together, in call order: when there are enough bytes, when the first has waited long enough, or at
 * the shutdown. Each send gets its own result, or an error of its own.
 *
 * Unlike Java's it counts a message only once it holds it, keeps keys and tags of every message (they travel with it, so tags need not
 * agree), and loses nothing at the shutdown.
 */
export class ProduceAccumulator {
  readonly #context: ProducerContext
  readonly #topics: PublishTopics
  readonly #limits: AccumulatorLimits
  readonly #accumulations = new Map<string, Accumulation>()
  #closed = false

  constructor(context: ProducerContext, topics: PublishTopics, limits: AccumulatorLimits) {
    this.#context = context
    this.#topics = topics
    this.#limits = limits
  }

  /**
   * Takes a message into a batch. False when it goes alone: oneway, with a time or signal of its own, a list, or of a kind that no batch
   * takes; what waits of its topic leaves first, so that nothing is overtaken.
   * @throws RocketMQError for wrong use.
   */
  take(
    input: Message | readonly Message[],
    options: SendOptions,
    mode: CommunicationMode,
    outcome: SendOutcome,
    observed?: ObservedSend | undefined
  ): boolean {
    const message = input as Message
    // Refused on the way that follows.
    if (typeof options !== 'object') return false
    if (
      mode === 'ONEWAY' ||
      this.#closed ||
      Array.isArray(input) ||
      options.timeout !== undefined ||
      options.signal !== undefined
    ) {
      this.#flushTopic((Array.isArray(input) ? (input[0] as Message | undefined) : message)?.topic)
      return false
    }
    const { config, clock, instance } = this.#context
    checkMessage(message)
    const topic = this.#topics.get(message.topic)
    checkBody(message.body, config.maxMessageSize)
    const bytes = batchItemBytes(message) + addedBytes(message, config.namespace)
    const routeMissing = options.selector !== undefined && instance.publishInfo(topic.name) === undefined
    if (routeMissing || !this.#hasRoomFor(bytes) || !batches(message)) {
      this.#flushTopic(message.topic)
      return false
    }
    let queue = targetQueue(this.#context, options, topic, mode)
    if (options.selector !== undefined) {
      queue = selectQueue(this.#context, topic.name, message, options.selector, options.arg)
    }
    const copy = copyOf(this.#context, topic, message, false, clock.now())
    observed?.start([copy])
    // An observer may have added properties.
    this.#add(topic, queue, { message: copy, outcome }, mode, observed === undefined ? bytes : batchItemBytes(copy))
    return true
  }

  /** Sends what waits; from now on nothing is taken. */
  close(): void {
    this.#closed = true
    this.flush()
  }

  /** Sends what waits. */
  flush(): void {
    for (const [key, accumulation] of [...this.#accumulations]) this.#send(key, accumulation)
  }

  /** Alone it would not be a batch, and what is held has its limit. */
  #hasRoomFor(bytes: number): boolean {
    const { batchMaxBytes, totalBatchMaxBytes, heldBytes } = this.#limits
    return bytes < batchMaxBytes && bytes <= this.#context.config.maxMessageSize && heldBytes + bytes <= totalBatchMaxBytes
  }

  #add(topic: PublishTopic, queue: MessageQueue | undefined, entry: Entry, mode: CommunicationMode, bytes: number): void {
    const { config, clock } = this.#context
    const wait = entry.message.waitStoreMsgOK
    const key = queue === undefined ? topic.name : `${topic.name}\n${queue.brokerName}\n${queue.queueId}`
    let accumulation = this.#accumulations.get(key)
    if (
      accumulation !== undefined &&
      (accumulation.wait !== wait ||
        accumulation.mode !== mode ||
        accumulation.bytes + bytes > config.maxMessageSize ||
        accumulation.entries.length >= mostBatchMessages(config.maxResponseHeaderLength))
    ) {
      this.#send(key, accumulation)
      accumulation = undefined
    }
    if (accumulation === undefined) {
      const begun: Accumulation = { topic, queue, wait, mode, entries: [], bytes: 0, timer: undefined }
      begun.timer = clock.setTimeout(() => this.#send(key, begun), this.#limits.batchMaxDelayMs)
      this.#accumulations.set(key, begun)
      accumulation = begun
    }
    accumulation.entries.push(entry)
    accumulation.bytes += bytes
    this.#limits.heldBytes += bytes
    if (accumulation.bytes >= this.#limits.batchMaxBytes) this.#send(key, accumulation)
  }

  #flushTopic(name: string | undefined): void {
    if (this.#accumulations.size === 0 || name === undefined) return
    for (const [key, accumulation] of [...this.#accumulations]) {
      if (accumulation.topic === this.#topics.known(name)) this.#send(key, accumulation)
    }
  }

  #send(key: string, accumulation: Accumulation): void {
    const { entries, bytes, topic, queue, mode } = accumulation
    this.#accumulations.delete(key)
    accumulation.timer?.cancel()
    this.#sendTogether(topic, queue, mode, entries, (error, result) => {
      this.#limits.heldBytes -= bytes
      if (error === undefined) {
        const results = resultsOf(result as SendResult, entries)
        for (const [i, entry] of entries.entries()) this.#settle(entry, undefined, results[i])
      } else if (entries.length > 1 && error.responseCode === MESSAGE_ILLEGAL && !error.maybeStored && !this.#closed) {
        // One of them spoils it for all: alone, each gets the answer it deserves.
        for (const entry of entries) {
          this.#sendTogether(topic, queue, mode, [entry], (e, r) => this.#settle(entry, e, r))
        }
      } else {
        for (const entry of entries) this.#settle(entry, ownError(error, entry), undefined)
      }
    })
  }

  /** One message goes as it is, several as a batch. `done` is called once, never before this returns. */
  #sendTogether(
    topic: PublishTopic,
    queue: MessageQueue | undefined,
    mode: CommunicationMode,
    entries: readonly Entry[],
    done: (error: RocketMQError | undefined, result: SendResult | undefined) => void
  ): void {
    try {
      const messages = entries.map(({ message }) => message)
      const together = messages.length === 1 ? messages[0] : MessageBatch.ofOwn(topic.name, encodeBatch(messages), messages)
      const call = createOwnCall(this.#context, topic, together, queue, mode, { callback: done })
      admitSend(call, this.#topics)
      call.returned = true
    } catch (error) {
      nextMicrotask(() => runCallback(done, toRocketMQError(error), undefined, this.#context))
    }
  }

  #settle({ outcome }: Entry, error: RocketMQError | undefined, result: SendResult | undefined): void {
    const { callback, resolve, reject } = outcome
    if (callback !== undefined) runCallback(callback, error, result, this.#context)
    else if (error === undefined) resolve?.(result)
    else reject?.(error)
  }
}

function batches({ topic, properties }: Message): boolean {
  return (
    !topic.startsWith(RETRY_PREFIX) &&
    !(Number(properties.get(MessageConst.DELAY) ?? 0) > 0) &&
    !isTimed(properties) &&
    !ALONE.some((name) => properties.has(name)) &&
    propertiesBytes(properties) < MAX_PROPERTIES_LENGTH / 2
  )
}

/** Every message's own share of the batch's result. A broker that keeps the batch as one message has one id and offset for all. */
function resultsOf(result: SendResult, entries: readonly Entry[]): SendResult[] {
  if (entries.length === 1) return [result]
  const ids = result.offsetMsgId.split(',')
  const apart = ids.length === entries.length
  return entries.map(({ message }, i) => ({
    ...result,
    msgId: message.uniqKey ?? '',
    offsetMsgId: apart ? ids[i] : result.offsetMsgId,
    queueOffset: apart ? result.queueOffset + i : result.queueOffset
  }))
}

/** Callers get an error each, with the id of their own message. */
function ownError(error: RocketMQError, { message }: Entry): RocketMQError {
  const { uniqKey } = message
  return enrichError(error, uniqKey === undefined ? {} : { uniqKey })
}
