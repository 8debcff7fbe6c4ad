import { withoutNamespace } from '../../client/namespace-util.ts'
import type { SendResult } from '../../client/send-result.ts'
import type { Clock, Timer } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { RingQueue } from '../../internal/ring-queue.ts'
import { nextMicrotask } from '../../internal/turns.ts'
import { Message } from '../../protocol/message.ts'
import { KEY_SEPARATOR, MessageConst } from '../../protocol/message-const.ts'
import { messageTypeOf } from '../message-type.ts'
import type { TraceContext } from './trace-context.ts'
import { encodeTraceContext, traceKeys } from './trace-data-encoder.ts'

/** Records that wait; one more is dropped. Java 5.3.3's bound. */
const MAX_QUEUED = 2048
/** A record that waits for others to travel with waits this long at most, ms. */
const FLUSH_INTERVAL = 5000
/** Records taken from the queue at once. */
const MAX_TAKEN = 256
/** Trace messages on their way; while there are so many, records gather. */
const MAX_IN_FLIGHT = 4
/** Body bytes of a trace message, unless one record has more. */
const MAX_BODY = 128_000
/** Bytes of all keys of a trace message; the properties of a stored message may have 32,767. */
const MAX_KEYS = 16_384
/** The same trouble is logged once in this time, ms. */
const LOG_INTERVAL = 30_000

const CLOUD_TOPIC_PREFIX = 'rmq_sys_TRACE_DATA_'
const DEFAULT_REGION = 'DefaultRegion'

export interface TraceSettings {
  /** Of the producer, without namespace. */
  readonly groupName: string
  /** Namespace of the first kind. */
  readonly namespace: string | undefined
  readonly traceTopic: string
  /** With CLOUD each region has a topic of its own. */
  readonly accessChannel: 'LOCAL' | 'CLOUD'
  /** So many records leave at once. */
  readonly traceMsgBatchNum: number
}

/** The end of a transaction, as it is traced. */
export interface EndedTransaction {
  /** `host:port` the END_TRANSACTION goes to. */
  readonly brokerAddr: string
  readonly message: Pick<Message, 'topic' | 'tags' | 'keys' | 'properties'>
  readonly msgId: string
  readonly transactionId: string | undefined
  /** COMMIT_MESSAGE, ROLLBACK_MESSAGE or UNKNOW. */
  readonly transactionState: string
  /** Whether the broker had asked. */
  readonly fromTransactionCheck: boolean
}

/** What the dispatcher works with. */
export interface TracePorts {
  readonly clock: Clock
  readonly logger: Logger
  /** Sends a trace message; has a deadline of its own. */
  send(message: Message): Promise<unknown>
  /** Told how many records have been dropped so far. */
  onDiscard(total: number): void
}

/**
 * Gathers trace records and sends them to the trace topic; Java's `AsyncTraceDispatcher`. Appending costs a push: records travel in
 * groups, behind the sends they tell of, and are dropped when more gather than can be sent.
 */
export class AsyncTraceDispatcher {
  readonly #settings: TraceSettings
  readonly #ports: TracePorts
  readonly #queue = new RingQueue<TraceContext>()
  #sending = 0
  #discarded = 0
  #timer: Timer | undefined
  /** A flush comes at the end of this turn. */
  #flushComes = false
  /** What is queued has waited long enough: it leaves as soon as there is room. */
  #due = false
  #closed = false
  #whenIdle: (() => void) | undefined
  #lastLogged = Number.NEGATIVE_INFINITY

  constructor(settings: TraceSettings, ports: TracePorts) {
    this.#settings = settings
    this.#ports = ports
  }

  /** Records dropped because too many were waiting, or because they could not be sent. */
  get discarded(): number {
    return this.#discarded
  }

  /** A broker has taken a message. @param cost of the attempt, ms. */
  sent(message: Message, brokerAddr: string, cost: number, result: SendResult): void {
    const { topic } = result.messageQueue
    if (!result.traceOn || topic === this.#settings.traceTopic) return
    const costTime = Math.max(0, Math.round(cost))
    this.append({
      traceType: 'Pub',
      timeStamp: this.#ports.clock.now() - costTime,
      regionId: result.regionId,
      groupName: this.#settings.groupName,
      topic,
      msgId: result.msgId,
      tags: message.tags,
      keys: message.keys,
      storeHost: brokerAddr,
      bodyLength: message.body.length,
      costTime,
      msgType: messageTypeOf(message.properties),
      offsetMsgId: result.offsetMsgId,
      success: result.sendStatus === 'SEND_OK'
    })
  }

  /** A transaction is ended: called as its END_TRANSACTION leaves; Java's `EndTransactionTraceHookImpl`. */
  endTransaction(ended: EndedTransaction): void {
    const { message } = ended
    this.append({
      traceType: 'EndTransaction',
      timeStamp: this.#ports.clock.now(),
      regionId: message.properties.get(MessageConst.MSG_REGION) || DEFAULT_REGION,
      groupName: this.#settings.groupName,
      topic: withoutNamespace(message.topic, this.#settings.namespace),
      msgId: ended.msgId,
      tags: message.tags,
      keys: message.keys,
      storeHost: ended.brokerAddr,
      msgType: 'Trans_msg_Commit',
      transactionId: ended.transactionId,
      transactionState: ended.transactionState,
      fromTransactionCheck: ended.fromTransactionCheck
    })
  }

  /** A timer message was recalled, or could not be. @param msgId when it is known. */
  recalled(topic: string, msgId: string | undefined, success: boolean): void {
    const { groupName, namespace } = this.#settings
    this.append({
      traceType: 'Recall',
      timeStamp: this.#ports.clock.now(),
      regionId: DEFAULT_REGION,
      groupName,
      topic: withoutNamespace(topic, namespace),
      msgId,
      success
    })
  }

  /** False when the record is dropped. */
  append(context: TraceContext): boolean {
    if (this.#closed || this.#queue.length >= MAX_QUEUED) {
      this.#discard(1, this.#closed ? 'the producer is shut down' : `${MAX_QUEUED} wait already`)
      return false
    }
    this.#queue.push(context)
    if (this.#queue.length < this.#settings.traceMsgBatchNum) {
      this.#timer ??= this.#ports.clock.setTimeout(this.#onTimer, FLUSH_INTERVAL, { ref: false })
    } else if (!this.#flushComes) {
      // The other answers of this turn may travel along.
      this.#flushComes = true
      nextMicrotask(this.#onEndOfTurn)
    }
    return true
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    while (this.#queue.length > 0 && this.#sending < MAX_IN_FLIGHT) {
      try {
        this.#sendSome()
      } catch (error) {
        // What a hook put into a message may not fit into another one.
        this.#discard(1, logText(error))
      }
    }
    this.#due = this.#queue.length > 0
  }

  /** Sends what waits and takes nothing more. Settles when all of it is sent, or after `millis`. */
  async close(millis: number): Promise<void> {
    this.#closed = true
    this.flush()
    if (this.#queue.length > 0 || this.#sending > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#ports.clock.setTimeout(resolve, Math.max(0, millis))
        this.#whenIdle = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    if (this.#queue.length > 0) this.#discard(this.#queue.length, 'the time to drain is over')
    this.#queue.clear()
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    this.#due = true
    this.flush()
  }

  readonly #onEndOfTurn = (): void => {
    this.#flushComes = false
    this.flush()
  }

  #sendSome(): void {
    const groups = new Map<string, TraceMessageBuilder>()
    for (let taken = 0; taken < MAX_TAKEN; taken++) {
      const context = this.#queue.shift()
      if (context === undefined) break
      const traceTopic = this.#topicOf(context)
      // As in Java, records of different topics do not share a message.
      const group = `${'topic' in context ? context.topic : ''}\n${traceTopic}`
      let builder = groups.get(group)
      if (builder === undefined) {
        builder = new TraceMessageBuilder(traceTopic, (message, records) => this.#send(message, records))
        groups.set(group, builder)
      }
      builder.add(context)
    }
    for (const builder of groups.values()) builder.finish()
  }

  #topicOf(context: TraceContext): string {
    const { accessChannel, traceTopic } = this.#settings
    return accessChannel === 'CLOUD' && 'regionId' in context ? CLOUD_TOPIC_PREFIX + context.regionId : traceTopic
  }

  #send(message: Message, records: number): void {
    this.#sending++
    this.#ports
      .send(message)
      .catch((error: unknown) => this.#discard(records, logText(error)))
      .finally(() => {
        this.#sending--
        if (this.#due || this.#queue.length >= this.#settings.traceMsgBatchNum) this.flush()
        if (this.#sending === 0 && this.#queue.length === 0) this.#whenIdle?.()
      })
      .catch((error: unknown) => this.#ports.logger.error(`message trace failed: ${logText(error)}`))
  }

  #discard(records: number, why: string): void {
    const { clock, logger } = this.#ports
    this.#discarded += records
    this.#ports.onDiscard(this.#discarded)
    const now = clock.monotonic()
    if (now - this.#lastLogged < LOG_INTERVAL) return
    this.#lastLogged = now
    logger.warn(`${this.#discarded} trace records were dropped so far: ${why}`)
  }
}

/** Puts records into messages that keep the limits. */
class TraceMessageBuilder {
  readonly #topic: string
  readonly #done: (message: Message, records: number) => void
  readonly #parts: Buffer[] = []
  readonly #keys = new Set<string>()
  #bytes = 0
  #keyBytes = 0

  constructor(topic: string, done: (message: Message, records: number) => void) {
    this.#topic = topic
    this.#done = done
  }

  add(context: TraceContext): void {
    const part = Buffer.from(encodeTraceContext(context), 'utf8')
    const keys = traceKeys(context)
    const keyBytes = keys.reduce((sum, key) => sum + Buffer.byteLength(key) + KEY_SEPARATOR.length, 0)
    if (this.#parts.length > 0 && (this.#bytes + part.length > MAX_BODY || this.#keyBytes + keyBytes > MAX_KEYS)) this.finish()
    this.#parts.push(part)
    this.#bytes += part.length
    for (const key of keys) {
      const size = Buffer.byteLength(key) + KEY_SEPARATOR.length
      // A large batch has more ids than a message can have keys: it is found by the first ones.
      if (this.#keyBytes + size > MAX_KEYS) break
      this.#keys.add(key)
      this.#keyBytes += size
    }
  }

  finish(): void {
    if (this.#parts.length === 0) return
    const message = new Message({ topic: this.#topic, body: Buffer.concat(this.#parts), keys: [...this.#keys] })
    const records = this.#parts.length
    this.#parts.length = 0
    this.#keys.clear()
    this.#bytes = 0
    this.#keyBytes = 0
    this.#done(message, records)
  }
}
