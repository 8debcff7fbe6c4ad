import { Ending, type MaybePromise } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import type { StruckFault } from '../internal/fault-table.ts'
import { crc32 } from '../protocol/crc32.ts'
import {
  MAX_PROPERTIES_LENGTH,
  type StoredMessageFields,
  storedMessageLength,
  writeStoredMessage
} from '../protocol/message-codec.ts'
import { decodeProperties } from '../protocol/properties.ts'
import { AppendMessageResult } from './append-result.ts'
import { batchRecords } from './batch-records.ts'
import type { ConsumeQueueStore } from './consume-queue-store.ts'
import type { DiskFlushAndHA } from './disk-flush-and-ha.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import { entersQueue, type ReputService } from './reput-service.ts'
import { faultStatus, type StoreFaults } from './store-faults.ts'
import type { StoreStatsService } from './store-stats-service.ts'
import type { CommitLogStorage, MessageExtBrokerInner, PutMessageResult, PutRefusal } from './types.ts'

/** A record may be this much longer than the longest body. */
const RECORD_EXTRA = 64 * 1024

export interface CommitLogDeps {
  storage: CommitLogStorage
  config: MessageStoreConfig
  clock: Clock
  faults: StoreFaults
  queues: ConsumeQueueStore
  stats: StoreStatsService
  reput: ReputService
  durability: DiskFlushAndHA
}

/**
 * The append path, as in Java's `CommitLog`: encode and append, which happens within the call, then two futures, one for the flush and
 * one for the replica (disk-flush-and-ha.ts), whose outcomes make the status.
 */
export class CommitLog {
  readonly #deps: CommitLogDeps
  /** Reused for each record: a put makes no object that it does not give away. */
  readonly #fields: StoredMessageFields & { bodyCRC: number }
  /** Of the last record; a record without one counts as damaged, so that it is never 0, wherever the wall clock stands. */
  #storeTimestamp = 1
  /** Monotonic clock, ms: when an append that a fault holds up took the log. */
  #beginTimeInLock: number | undefined
  readonly #closing = new Ending()
  #closed = false

  constructor(deps: CommitLogDeps) {
    this.#deps = deps
    const host = { host: '127.0.0.1', port: 0, bytes: new Uint8Array(4) }
    this.#fields = {
      topic: '',
      body: new Uint8Array(0),
      propertiesString: '',
      queueId: 0,
      flag: 0,
      queueOffset: 0,
      physicalOffset: 0,
      sysFlag: 0,
      bornTimestamp: 0,
      bornHost: host,
      storeTimestamp: 0,
      storeHost: host,
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      bodyCRC: 0
    }
  }

  /** How long the log has been held by an append, ms; 0 when it is not. */
  get lockTimeMills(): number {
    return this.#beginTimeInLock === undefined ? 0 : this.#deps.clock.monotonic() - this.#beginTimeInLock
  }

  /** A record of an earlier run: store timestamps go on from its. */
  recovered(storeTimestamp: number): void {
    if (storeTimestamp > this.#storeTimestamp) this.#storeTimestamp = storeTimestamp
  }

  asyncPutMessage(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const { faults } = this.#deps
    if (!faults.empty) {
      const struck = faults.strike('append', message)
      if (struck !== undefined) return this.#putUnderFault(struck, message)
    }
    return this.#put(message)
  }

  /** What a fault keeps from being appended is refused. */
  shutdown(): void {
    this.#closed = true
    this.#closing.end()
  }

  #put(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    return message.isBatch === true ? this.#putBatch(message) : this.#putSingle(message)
  }

  #putSingle(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const { storage, queues, stats, reput, durability } = this.#deps
    const fields = this.#fill(message)
    fields.body = message.body
    fields.propertiesString = message.propertiesString
    fields.flag = message.flag
    const size = storedMessageLength(fields)
    const illegal = this.#check(fields, size)
    if (illegal !== undefined) return { status: illegal.status, remark: illegal.remark }
    if (!storage.reserve(size)) return refused(storage)
    const topic = queues.topic(message.topic)
    const queue = topic.queue(message.queueId)
    const counted = entersQueue(message.sysFlag)
    const wroteOffset = storage.maxOffset
    const storeTimestamp = this.#nextStoreTimestamp()
    fields.bodyCRC = message.body.length === 0 ? 0 : crc32(message.body)
    fields.queueOffset = counted ? queue.nextOffset : 0
    fields.physicalOffset = wroteOffset
    fields.storeTimestamp = storeTimestamp
    writeStoredMessage(storage.tail, storage.tailPosition, fields)
    storage.commit(size)
    if (counted) queue.nextOffset++
    topic.putTimes++
    topic.putBytes += size
    stats.appended(1, size)
    const result = new AppendMessageResult(wroteOffset, size, storeTimestamp, fields.queueOffset, message.storeHost)
    const answer = durability.handle(message, result)
    reput.appended(topic, message, message.properties, result)
    return answer
  }

  /** All inner messages or none. */
  #putBatch(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const { storage, queues, stats, reput, durability, config } = this.#deps
    if (message.body.length > config.maxMessageSize) return tooLarge('batch body', message.body.length, config.maxMessageSize)
    const fields = this.#fill(message)
    const records = batchRecords(message)
    if ('status' in records) return records
    let size = 0
    for (const record of records) {
      fields.body = record.body
      fields.propertiesString = record.propertiesString
      record.size = storedMessageLength(fields)
      const illegal = this.#check(fields, record.size)
      if (illegal !== undefined) return { status: illegal.status, remark: illegal.remark }
      size += record.size
    }
    if (!storage.reserve(size)) return refused(storage)
    const topic = queues.topic(message.topic)
    const queue = topic.queue(message.queueId)
    const counted = entersQueue(message.sysFlag)
    const wroteOffset = storage.maxOffset
    const firstQueueOffset = counted ? queue.nextOffset : 0
    const start = storage.tailPosition
    let at = start
    fields.storeTimestamp = this.#nextStoreTimestamp()
    const offsets = records.map((record, i) => {
      fields.body = record.body
      fields.propertiesString = record.propertiesString
      fields.flag = record.flag
      fields.bodyCRC = record.body.length === 0 ? 0 : crc32(record.body)
      fields.queueOffset = counted ? firstQueueOffset + i : 0
      fields.physicalOffset = wroteOffset + at - start
      at = writeStoredMessage(storage.tail, at, fields)
      return fields.physicalOffset
    })
    storage.commit(size)
    if (counted) queue.nextOffset += records.length
    topic.putTimes += records.length
    topic.putBytes += size
    stats.appended(records.length, size)
    const result = new AppendMessageResult(wroteOffset, size, fields.storeTimestamp, firstQueueOffset, message.storeHost, offsets)
    const answer = durability.handle(message, result)
    records.forEach((record, i) => {
      reput.appended(topic, message, decodeProperties(record.propertiesString), {
        wroteOffset: offsets[i]!,
        wroteBytes: record.size,
        logicsOffset: counted ? firstQueueOffset + i : 0,
        storeTimestamp: result.storeTimestamp
      })
    })
    return answer
  }

  async #putUnderFault(struck: StruckFault, message: MessageExtBrokerInner): Promise<PutMessageResult> {
    const { faults, clock } = this.#deps
    const { action } = struck
    if (action.kind === 'fail') {
      return { status: faultStatus(struck, 'UNKNOWN_ERROR'), remark: action.message ?? 'the append failed (fault)' }
    }
    this.#beginTimeInLock ??= clock.monotonic()
    await faults.overBefore(struck, this.#closing)
    this.#beginTimeInLock = undefined
    return this.#closed ? { status: 'SERVICE_NOT_AVAILABLE', remark: 'the message store has been shut down' } : this.#put(message)
  }

  /** What all records of a message share. */
  #fill(message: MessageExtBrokerInner): StoredMessageFields & { bodyCRC: number } {
    const fields = this.#fields
    fields.topic = message.topic
    fields.queueId = message.queueId
    fields.sysFlag = message.sysFlag
    fields.bornTimestamp = message.bornTimestamp
    fields.bornHost = message.bornHost
    fields.storeHost = message.storeHost
    fields.reconsumeTimes = message.reconsumeTimes
    fields.preparedTransactionOffset = message.preparedTransactionOffset
    return fields
  }

  /** Limits are counted in bytes of what is stored. */
  #check(fields: StoredMessageFields, size: number): PutRefusal | undefined {
    const { propertiesString, body } = fields
    // A UTF-16 unit takes three bytes at most.
    if (propertiesString.length * 3 > MAX_PROPERTIES_LENGTH) {
      const length = Buffer.byteLength(propertiesString)
      if (length > MAX_PROPERTIES_LENGTH) {
        return {
          status: 'PROPERTIES_SIZE_EXCEEDED',
          remark: `the properties have ${length} bytes, at most ${MAX_PROPERTIES_LENGTH} can be stored`
        }
      }
    }
    const { maxMessageSize } = this.#deps.config
    if (body.length > maxMessageSize) return tooLarge('body', body.length, maxMessageSize)
    if (size > maxMessageSize + RECORD_EXTRA) return tooLarge('record', size, maxMessageSize + RECORD_EXTRA)
    return undefined
  }

  /** Never goes back along the log, whatever the wall clock does. */
  #nextStoreTimestamp(): number {
    const now = this.#deps.clock.now()
    if (now > this.#storeTimestamp) this.#storeTimestamp = now
    return this.#storeTimestamp
  }
}

function refused(storage: CommitLogStorage): PutMessageResult {
  return { ...(storage.refusal ?? { status: 'UNKNOWN_ERROR' }) }
}

function tooLarge(what: string, length: number, limit: number): PutRefusal {
  return { status: 'MESSAGE_ILLEGAL', remark: `the ${what} has ${length} bytes, at most ${limit} are allowed (maxMessageSize)` }
}
