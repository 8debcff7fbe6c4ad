import { type Deferred, deferred, type MaybePromise } from '../internal/async.ts'
import type { Clock } from '../internal/clock.ts'
import type { StruckFault } from '../internal/fault-table.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { crc32 } from '../protocol/crc32.ts'
import {
  MAX_PROPERTIES_LENGTH,
  type StoredMessageFields,
  storedMessageLength,
  writeStoredMessage
} from '../protocol/message-codec.ts'
import { MessageConst } from '../protocol/message-const.ts'
import { AppendMessageResult } from './append-result.ts'
import { batchRecords } from './batch-records.ts'
import type { ConsumeQueueStore } from './consume-queue-store.ts'
import type { FlushService } from './flush-service.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import { entersQueue, type ReputService } from './reput-service.ts'
import { faultStatus, type StoreFaults } from './store-faults.ts'
import type { StoreStatsService } from './store-stats-service.ts'
import type {
  CommitLogStorage,
  MessageExtBrokerInner,
  PutMessageResult,
  PutMessageStatus,
  PutRefusal,
  ReplicaService
} from './types.ts'

/** A record may be this much longer than the longest body. */
const RECORD_EXTRA = 64 * 1024

export interface CommitLogDeps {
  storage: CommitLogStorage
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
  faults: StoreFaults
  queues: ConsumeQueueStore
  stats: StoreStatsService
  flush: FlushService
  reput: ReputService
  replica: ReplicaService | undefined
}

/**
 * The append path, as in Java's `CommitLog`: encode and append, which happens within the call, then two futures, one for the flush and
 * one for the replica, whose outcomes make the status. Neither holds up the next put.
 */
export class CommitLog {
  readonly #deps: CommitLogDeps
  /** Reused for each record: a put makes no object that it does not give away. */
  readonly #fields: StoredMessageFields & { bodyCRC: number }
  #storeTimestamp = 0
  /** Monotonic clock, ms: when an append that a fault holds up took the log. */
  #beginTimeInLock: number | undefined
  /** Where records begin whose flush a fault holds up. */
  readonly #unflushed = new Set<number>()
  readonly #closing: Deferred<void> = deferred<void>()

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

  /** Records below may be shown to consumers: under SYNC_FLUSH the durable ones. */
  get confirmOffset(): number {
    const { storage, config } = this.#deps
    if (config.flushDiskType !== 'SYNC_FLUSH') return storage.maxOffset
    let confirmed = storage.flushedWhere
    for (const offset of this.#unflushed) confirmed = Math.min(confirmed, offset)
    return confirmed
  }

  asyncPutMessage(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const { faults } = this.#deps
    if (!faults.empty) {
      const struck = faults.strike('append', message)
      if (struck !== undefined) return this.#putUnderFault(struck, message)
    }
    return this.#put(message)
  }

  /** What still waits for a fault gets the status it would get at its timeout. */
  shutdown(): void {
    this.#closing.resolve()
  }

  #put(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    return message.isBatch === true ? this.#putBatch(message) : this.#putSingle(message)
  }

  #putSingle(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const { storage, queues, stats, reput } = this.#deps
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
    const { queueOffset } = fields
    writeStoredMessage(storage.tail, storage.tailPosition, fields)
    storage.commit(size)
    if (counted) queue.nextOffset++
    topic.putTimes++
    topic.putBytes += size
    stats.appended(1, size)
    const result = new AppendMessageResult(wroteOffset, size, storeTimestamp, queueOffset, message.storeHost)
    const flush = this.submitFlushRequest(message, result)
    const replica = this.submitReplicaRequest(message, result)
    reput.appended(topic, message, wroteOffset, size, queueOffset, storeTimestamp)
    return answer(result, flush, replica)
  }

  /** All inner messages or none. */
  #putBatch(message: MessageExtBrokerInner): MaybePromise<PutMessageResult> {
    const { storage, queues, stats, reput, config } = this.#deps
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
    const flush = this.submitFlushRequest(message, result)
    const replica = this.submitReplicaRequest(message, result)
    reput.run()
    return answer(result, flush, replica)
  }

  /** Settles when the record is as durable as `flushDiskType` and the message's WAIT ask. */
  submitFlushRequest(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageStatus> {
    const { faults } = this.#deps
    if (!faults.empty && isWaitStoreMsgOK(message)) {
      const struck = faults.strike('flush', message)
      if (struck !== undefined) return this.#flushUnderFault(struck, message, appended)
    }
    return this.#flush(message, appended)
  }

  /** Settles when the slave has the record, where the role and the message's WAIT ask for one. */
  submitReplicaRequest(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageStatus> {
    const { faults } = this.#deps
    if (!faults.empty && isWaitStoreMsgOK(message)) {
      const struck = faults.strike('replicate', message)
      if (struck !== undefined) return this.#replicateUnderFault(struck, message, appended)
    }
    return this.#replicate(message, appended)
  }

  #flush(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageStatus> {
    const { config, flush } = this.#deps
    const nextOffset = appended.wroteOffset + appended.wroteBytes
    if (config.flushDiskType === 'SYNC_FLUSH') {
      if (isWaitStoreMsgOK(message)) return flush.groupCommit(nextOffset)
      flush.wake(nextOffset)
    } else flush.wakeLater()
    return 'PUT_OK'
  }

  #replicate(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageStatus> {
    const { config, replica, logger } = this.#deps
    if (config.brokerRole !== 'SYNC_MASTER' || !isWaitStoreMsgOK(message)) return 'PUT_OK'
    if (replica === undefined) return 'SLAVE_NOT_AVAILABLE'
    const failed = (error: unknown): PutMessageStatus => {
      logger.error(`replication failed: ${logText(error)}`)
      return 'FLUSH_SLAVE_TIMEOUT'
    }
    try {
      const status = replica.submitReplicaRequest(appended.wroteOffset + appended.wroteBytes, true)
      return typeof status === 'string' ? status : status.catch(failed)
    } catch (error) {
      return failed(error)
    }
  }

  async #putUnderFault(struck: StruckFault, message: MessageExtBrokerInner): Promise<PutMessageResult> {
    const { faults, clock } = this.#deps
    const { action } = struck
    if (action.kind === 'fail') {
      return { status: faultStatus(struck, 'UNKNOWN_ERROR'), remark: action.message ?? 'the append failed (fault)' }
    }
    this.#beginTimeInLock ??= clock.monotonic()
    await Promise.race([faults.over(struck), this.#closing.promise])
    this.#beginTimeInLock = undefined
    return this.#put(message)
  }

  async #flushUnderFault(
    struck: StruckFault,
    message: MessageExtBrokerInner,
    appended: AppendMessageResult
  ): Promise<PutMessageStatus> {
    const { faults, config, flush, reput } = this.#deps
    const { action } = struck
    if (action.kind === 'fail') {
      if (action.status === undefined) flush.fail(new Error(action.message ?? 'the flush failed (fault)'))
      return faultStatus(struck, 'UNKNOWN_ERROR')
    }
    const { wroteOffset } = appended
    this.#unflushed.add(wroteOffset)
    // The answer may time out long before the bytes are let go; until then nobody sees them.
    void faults.over(struck).then(() => {
      this.#unflushed.delete(wroteOffset)
      reput.run()
    })
    if (!(await faults.overWithin(struck, config.syncFlushTimeout, this.#closing.promise))) return 'FLUSH_DISK_TIMEOUT'
    return this.#flush(message, appended)
  }

  async #replicateUnderFault(
    struck: StruckFault,
    message: MessageExtBrokerInner,
    appended: AppendMessageResult
  ): Promise<PutMessageStatus> {
    const { faults, config } = this.#deps
    if (struck.action.kind === 'fail') return faultStatus(struck, 'FLUSH_SLAVE_TIMEOUT')
    if (!(await faults.overWithin(struck, config.slaveTimeout, this.#closing.promise))) return 'FLUSH_SLAVE_TIMEOUT'
    return this.#replicate(message, appended)
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

/** Whether the sender wants to wait; anything but `true` in the property says no. Java's `Message.isWaitStoreMsgOK`. */
export function isWaitStoreMsgOK(message: MessageExtBrokerInner): boolean {
  const wait = message.properties.get(MessageConst.WAIT)
  return wait === undefined || wait === 'true' || wait.toLowerCase() === 'true'
}

function refused(storage: CommitLogStorage): PutMessageResult {
  return { ...(storage.refusal ?? { status: 'UNKNOWN_ERROR' }) }
}

function tooLarge(what: string, length: number, limit: number): PutRefusal {
  return { status: 'MESSAGE_ILLEGAL', remark: `the ${what} has ${length} bytes, at most ${limit} are allowed (maxMessageSize)` }
}

function answer(
  appendResult: AppendMessageResult,
  flush: MaybePromise<PutMessageStatus>,
  replica: MaybePromise<PutMessageStatus>
): MaybePromise<PutMessageResult> {
  if (typeof flush === 'string' && typeof replica === 'string') return { status: combined(flush, replica), appendResult }
  return Promise.all([flush, replica]).then(([flushed, replicated]) => ({ status: combined(flushed, replicated), appendResult }))
}

/** The replica's outcome goes before a late flush, but nothing hides that a flush failed. */
function combined(flush: PutMessageStatus, replica: PutMessageStatus): PutMessageStatus {
  if (flush !== 'PUT_OK' && flush !== 'FLUSH_DISK_TIMEOUT') return flush
  return replica === 'PUT_OK' ? flush : replica
}
