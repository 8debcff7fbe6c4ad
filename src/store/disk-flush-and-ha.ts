import { Ending, isPromise, type MaybePromise } from '../internal/async.ts'
import type { StruckFault } from '../internal/fault-table.ts'
import { type Logger, logText } from '../internal/logger.ts'
import { MessageConst } from '../protocol/message-const.ts'
import type { AppendMessageResult } from './append-result.ts'
import type { FlushService } from './flush-service.ts'
import type { MessageStoreConfig } from './message-store-config.ts'
import type { ReputService } from './reput-service.ts'
import { faultStatus, type StoreFaults } from './store-faults.ts'
import type { CommitLogStorage, MessageExtBrokerInner, PutMessageResult, PutMessageStatus, ReplicaService } from './types.ts'

export interface DiskFlushAndHADeps {
  storage: CommitLogStorage
  config: MessageStoreConfig
  logger: Logger
  faults: StoreFaults
  flush: FlushService
  reput: ReputService
  replica: ReplicaService | undefined
}

/**
 * What a put waits for after its append: Java's `CommitLog.handleDiskFlushAndHA`. Two requests, each with an outcome of its own; neither
 * holds up the next put.
 */
export class DiskFlushAndHA {
  readonly #deps: DiskFlushAndHADeps
  /** Where records begin whose flush a fault holds up. */
  readonly #unflushed = new Set<number>()
  readonly #closing = new Ending()

  constructor(deps: DiskFlushAndHADeps) {
    this.#deps = deps
  }

  /** Records below may be shown to consumers: under SYNC_FLUSH the durable ones, else the written ones. */
  get confirmOffset(): number {
    const { storage, config } = this.#deps
    if (config.flushDiskType !== 'SYNC_FLUSH') return storage.writtenWhere
    let confirmed = storage.flushedWhere
    for (const offset of this.#unflushed) confirmed = Math.min(confirmed, offset)
    return confirmed
  }

  /** The put's answer: at once when neither has to be waited for. */
  handle(message: MessageExtBrokerInner, appendResult: AppendMessageResult): MaybePromise<PutMessageResult> {
    const { faults, config, replica: slaves } = this.#deps
    const flush = this.submitFlushRequest(message, appendResult)
    if (faults.empty && config.brokerRole !== 'SYNC_MASTER') {
      if (slaves?.active === true) slaves.wakeUp()
      return flush
    }
    const replica = this.submitReplicaRequest(message, appendResult)
    if (!isPromise(flush) && typeof replica === 'string') return combined(flush, replica)
    return Promise.all([flush, replica]).then(([flushed, replicated]) => combined(flushed, replicated))
  }

  /** What a fault holds gets the status that it would get at its timeout. */
  shutdown(): void {
    this.#closing.end()
  }

  /** Settles when the record is as durable as `flushDiskType` and the message's WAIT ask. */
  submitFlushRequest(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageResult> {
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

  #flush(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageResult> {
    const { config, flush } = this.#deps
    const nextOffset = appended.wroteOffset + appended.wroteBytes
    if (config.flushDiskType === 'SYNC_FLUSH') {
      if (isWaitStoreMsgOK(message)) return flush.groupCommit(nextOffset, appended)
      flush.wake(nextOffset)
    } else flush.wakeLater()
    return flush.handOver(nextOffset, appended)
  }

  #replicate(message: MessageExtBrokerInner, appended: AppendMessageResult): MaybePromise<PutMessageStatus> {
    const { config, replica, logger, flush } = this.#deps
    if (config.brokerRole !== 'SYNC_MASTER' || !isWaitStoreMsgOK(message)) {
      if (replica?.active === true) replica.wakeUp()
      return 'PUT_OK'
    }
    if (replica === undefined) return 'SLAVE_NOT_AVAILABLE'
    const failed = (error: unknown): PutMessageStatus => {
      logger.error(`replication failed: ${logText(error)}`)
      return 'FLUSH_SLAVE_TIMEOUT'
    }
    const submit = (): MaybePromise<PutMessageStatus> => {
      try {
        const status = replica.submitReplicaRequest(appended.wroteOffset + appended.wroteBytes)
        return typeof status === 'string' ? status : status.catch(failed)
      } catch (error) {
        return failed(error)
      }
    }
    // No slave may have what can still be taken back.
    const written = flush.handOver(appended.wroteOffset + appended.wroteBytes, appended)
    if (!isPromise(written)) return submit()
    return written.then(({ status }) => (status === 'PUT_OK' ? submit() : 'FLUSH_SLAVE_TIMEOUT'))
  }

  async #flushUnderFault(
    struck: StruckFault,
    message: MessageExtBrokerInner,
    appended: AppendMessageResult
  ): Promise<PutMessageResult> {
    const { faults, config, flush, reput, logger } = this.#deps
    const { action } = struck
    if (action.kind === 'fail') {
      if (action.status === undefined) flush.fail(new Error(action.message ?? 'the flush failed (fault)'))
      return { status: faultStatus(struck, 'UNKNOWN_ERROR'), appendResult: appended }
    }
    const { wroteOffset } = appended
    this.#unflushed.add(wroteOffset)
    // The answer may time out long before the bytes are let go; until then nobody sees them.
    faults
      .over(struck)
      .then(() => {
        this.#unflushed.delete(wroteOffset)
        reput.run()
      })
      .catch((error: unknown) => logger.error(`dispatch after a fault: ${logText(error)}`))
    if (!(await faults.overBefore(struck, this.#closing, config.syncFlushTimeout))) {
      return { status: 'FLUSH_DISK_TIMEOUT', appendResult: appended }
    }
    return this.#flush(message, appended)
  }

  async #replicateUnderFault(
    struck: StruckFault,
    message: MessageExtBrokerInner,
    appended: AppendMessageResult
  ): Promise<PutMessageStatus> {
    const { faults, config } = this.#deps
    if (struck.action.kind === 'fail') return faultStatus(struck, 'FLUSH_SLAVE_TIMEOUT')
    if (!(await faults.overBefore(struck, this.#closing, config.slaveTimeout))) return 'FLUSH_SLAVE_TIMEOUT'
    return this.#replicate(message, appended)
  }
}

/** Whether the sender wants to wait; anything but `true` in the property says no. Java's `Message.isWaitStoreMsgOK`. */
export function isWaitStoreMsgOK(message: MessageExtBrokerInner): boolean {
  const wait = message.properties.get(MessageConst.WAIT)
  return wait === undefined || wait === 'true' || wait.toLowerCase() === 'true'
}

/** The replica's outcome goes before a late flush, but nothing hides that a flush failed or that nothing was stored. */
function combined(flush: PutMessageResult, replica: PutMessageStatus): PutMessageResult {
  if (flush.status !== 'PUT_OK' && flush.status !== 'FLUSH_DISK_TIMEOUT') return flush
  return replica === 'PUT_OK' ? flush : { ...flush, status: replica }
}
