import { stat, statfs } from 'node:fs/promises'
import { type Clock, type Timer, tracked } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import type { MessageStoreConfig } from '../message-store-config.ts'
import type { DispatchFiles } from './consume-queue-flush.ts'
import type { FileStorage } from './file-storage.ts'

/** After the start, ms. */
const FIRST_RUN = 60_000
/** Rounds that a request to clean up by hand stands for. */
const MANUAL_ROUNDS = 20
const HOUR_MILLIS = 3_600_000
/** Queue and index files deleted before the next pause. */
const FILES_A_TURN = 10

export interface CleanServiceDeps {
  /** Folder of the store. */
  root: string
  log: Pick<FileStorage, 'segments' | 'dropFirst' | 'minOffset'>
  dispatchFiles: Pick<DispatchFiles, 'queues' | 'index'>
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
  /** The disk is too full to write to (a text that says so), or it is not any more. */
  onDiskFull: (reason: string | undefined) => void
  /** Share of the disk that is used, 0 to 1. @default what the file system says */
  diskUsed?: ((folder: string) => Promise<number>) | undefined
}

/**
 * Deletes what is old: files of the commit log by age once a day, or when the disk fills up, then the queue and index files that only lead
 * to them. Java's `CleanCommitLogService` and `CleanConsumeQueueService`. The last file of each stays.
 *
 * | disk used above | what happens |
 * | --- | --- |
 * | `diskMaxUsedSpaceRatio` 75 % | files older than `fileReservedTime` are deleted at any hour |
 * | `diskSpaceCleanForciblyRatio` 85 % | files of any age are deleted, unless `cleanFileForciblyEnable` is false |
 * | `diskSpaceWarningLevelRatio` 90 % | and puts are refused until it is less |
 */
export class CleanService {
  readonly #deps: CleanServiceDeps
  #timer: Timer | undefined
  #running: Promise<unknown> | undefined
  #manualRounds = 0
  #stopped = false
  #pause: { timer: Timer; end: () => void } | undefined
  /** Up to where queue and index files were cleaned up. */
  #cleanedOffset = 0
  #full = false
  #used = 0

  constructor(deps: CleanServiceDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#schedule(FIRST_RUN)
  }

  /** Resolves when nothing is being deleted any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#pause?.timer.cancel()
    this.#pause?.end()
    await this.#running
  }

  /** The share of the disk that was in use at the last round, 0 to 1. */
  get used(): number {
    return this.#used
  }

  /** Deletes files that are old enough in the next rounds whatever hour it is; Java's `executeDeleteFilesManually`. */
  executeDeleteFilesManually(): void {
    this.#manualRounds = MANUAL_ROUNDS
  }

  /** One round. Never rejects. @returns how many files of the commit log were deleted */
  async run(): Promise<number> {
    try {
      const deleted = await this.#deleteExpiredFiles()
      await this.#cleanDispatchFiles()
      return deleted
    } catch (error) {
      this.#deps.logger.error(`old files could not be deleted: ${logText(error)}`)
      return 0
    }
  }

  async #deleteExpiredFiles(): Promise<number> {
    const { config, clock, logger, root } = this.#deps
    const used = await this.#diskUsed()
    const percent = used * 100
    const forced = percent > config.diskSpaceCleanForciblyRatio && config.cleanFileForciblyEnable
    const spaceFull = percent > config.diskMaxUsedSpaceRatio
    const manual = this.#manualRounds > 0
    if (manual) this.#manualRounds--
    if (!manual && !spaceFull && !isHour(config.deleteWhen, new Date(clock.now()))) return 0
    const deleted = await this.#deleteByTime(config.fileReservedTime * HOUR_MILLIS, forced)
    if (deleted > 0) {
      logger.info(
        `${deleted} files of the commit log in ${root} were deleted${forced ? `: ${percent.toFixed(0)} % of the disk are used` : ''}`
      )
    } else if (spaceFull) {
      logger.warn(
        `${percent.toFixed(0)} % of the disk of ${root} are used, and no file of the commit log may be deleted (fileReservedTime)`
      )
    }
    return deleted
  }

  /** From the oldest file on, until one is young enough. */
  async #deleteByTime(reservedMillis: number, forced: boolean): Promise<number> {
    const { log, clock, config } = this.#deps
    let deleted = 0
    while (deleted < config.deleteFileBatchMax && !this.#stopped) {
      const [first, second] = log.segments
      if (first === undefined || second === undefined) break
      const { mtimeMs } = await tracked(clock, stat(first.path), `stat of ${first.path}`)
      if (!forced && clock.now() < mtimeMs + reservedMillis) break
      if (deleted > 0) await this.#wait(config.deleteCommitLogFilesInterval)
      if (this.#stopped || !(await log.dropFirst())) break
      deleted++
    }
    return deleted
  }

  /** Queue and index files whose records are all gone. */
  async #cleanDispatchFiles(): Promise<void> {
    const { log, dispatchFiles, config, clock, root } = this.#deps
    const { minOffset } = log
    if (minOffset <= this.#cleanedOffset) return
    for (const files of [dispatchFiles.queues, dispatchFiles.index]) {
      const some = (): Promise<number> =>
        tracked(clock, files.deleteExpired(minOffset, FILES_A_TURN), `deleting old queue and index files in ${root}`)
      while (!this.#stopped && (await some()) === FILES_A_TURN) {
        await this.#wait(config.deleteConsumeQueueFilesInterval)
      }
    }
    if (!this.#stopped) this.#cleanedOffset = minOffset
  }

  async #diskUsed(): Promise<number> {
    const { config, root, logger, clock, onDiskFull, diskUsed = usedShare } = this.#deps
    const used = await tracked(clock, diskUsed(root), `statfs of ${root}`)
    this.#used = used
    const full = used * 100 > config.diskSpaceWarningLevelRatio
    if (full === this.#full) return used
    this.#full = full
    if (full) {
      const reason = `${(used * 100).toFixed(0)} % of the disk of ${root} are used, more than ${config.diskSpaceWarningLevelRatio} (diskSpaceWarningLevelRatio)`
      logger.error(`${reason}: messages are refused until there is room`)
      onDiskFull(reason)
    } else {
      logger.info(`the disk of ${root} has room again`)
      onDiskFull(undefined)
    }
    return used
  }

  #schedule(millis: number): void {
    if (this.#stopped) return
    const { clock, config } = this.#deps
    this.#timer = clock.setTimeout(
      () => {
        this.#running = this.run().finally(() => this.#schedule(config.cleanResourceInterval))
      },
      millis,
      { ref: false }
    )
  }

  /** Ends early when the service stops. */
  #wait(millis: number): Promise<void> {
    if (this.#stopped || millis === 0) return Promise.resolve()
    return new Promise((end) => {
      this.#pause = { timer: this.#deps.clock.setTimeout(end, millis, { ref: false }), end }
    })
  }
}

/** Whether it is one of the hours of a list such as `04` or `04;16`, local time. */
function isHour(list: string, now: Date): boolean {
  return list.split(';').some((hour) => Number(hour) === now.getHours())
}

/** As `df` counts it: what only root may use does not count as free. */
async function usedShare(folder: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(folder)
  const used = blocks - bfree
  return used + bavail === 0 ? 0 : used / (used + bavail)
}
