import path from 'node:path'
import type { Clock } from '../../internal/clock.ts'
import { MQClientException } from '../../internal/errors.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { type ProcessLock, takeProcessLock } from '../../internal/process-lock.ts'
import type { MessageStoreConfig } from '../message-store-config.ts'
import { errorCode, type FileLayer } from './file-layer.ts'
import { FileStorage } from './file-storage.ts'
import { LogChecksums } from './log-checksums.ts'
import { COMMIT_LOG_DIR, NEXT_SEGMENT } from './log-segment.ts'
import { type LogPosition, PositionFile } from './position-file.ts'
import { recoverLog } from './recovery.ts'
import {
  type FoundSegment,
  inspectFolder,
  inspectLog,
  lockedByJava,
  openDirectory,
  refused,
  removeAbort,
  wasAborted
} from './store-directory.ts'
import { filesOn } from './watched-files.ts'

/** How often the durable position is written down, ms, at most. */
const POSITION_MILLIS = 1000

/** So much of the log is looked through after an orderly end as well. */
const QUICK_LOOK_BYTES = 8 * 1024 * 1024

/** Where a store keeps its files, and how it opens them. */
export interface StoreFilesOptions {
  /** The store's folder; made when it is not there. */
  root: string
  /**
   * What to do about a damaged record below the last durable position: `stop` refuses to start, `truncate` ends the log there, as Java does,
   * and keeps what is behind it in `cut/`. @default 'stop'
   */
  repair?: 'stop' | 'truncate' | undefined
  /** @default the file system of this machine */
  files?: FileLayer | undefined
  /** Share of the disk of a folder that is used, 0 to 1. @default what the file system says */
  diskUsed?: ((folder: string) => Promise<number>) | undefined
}

export interface StoreFilesDeps {
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
}

/** What the store above does while its log is recovered. */
export interface RecoveryListener {
  /**
   * Takes over queues and index. Returns where their files want the log from: everything before is in them.
   * @param clean the store was closed orderly
   * @param dispatched the position on record; undefined when there is none
   */
  load(clean: boolean, dispatched: number | undefined, minOffset: number): Promise<number>
  /** Store timestamp up to which records had been durable, by Java's checkpoint; asked after {@link load}. */
  durableTimestamp(): number
  /** Each record from there on. */
  onRecord(bytes: Buffer, physicalOffset: number): void
  /** Between two slices of work. */
  onSlice(): Promise<void>
  /** The log ends here. */
  onEnd(end: number): void
}

/** The folder of a store that is open: its lock, its mark, its log and what is known of it. */
export class StoreFiles {
  readonly storage: FileStorage
  readonly root: string
  readonly #deps: StoreFilesDeps
  readonly #files: FileLayer
  readonly #repair: boolean
  readonly #position: PositionFile
  readonly #checksums: LogChecksums
  #lock: ProcessLock | undefined
  #open = false
  #lastWritten = Number.NEGATIVE_INFINITY
  #writing: Promise<void> | undefined

  constructor({ root, repair = 'stop', files: given }: StoreFilesOptions, deps: StoreFilesDeps) {
    const files = given ?? filesOn(deps.clock)
    this.root = path.resolve(root)
    this.#deps = deps
    this.#files = files
    this.#repair = repair === 'truncate'
    this.#position = new PositionFile(files, this.root)
    this.#checksums = new LogChecksums(files, this.root, deps.config.mappedFileSizeCommitLog, deps.logger)
    this.storage = new FileStorage({ root: this.root, files, ...deps })
  }

  /**
   * Locks the folder, finds the end of the log, and leaves it ready to be appended to.
   * @throws MQClientException: `STORE_DIRECTORY` the folder or a file in it is not what it has to be; `STORE_LOCKED` somebody has it open;
   * `STORE_FORMAT` it is of a newer version; `STORE_CORRUPT` the log is damaged. Nothing was changed then, and nothing is left open.
   */
  async open(listener: RecoveryListener): Promise<void> {
    const { config } = this.#deps
    try {
      const size = config.mappedFileSizeCommitLog
      if (await inspectFolder(this.#files, this.root)) await this.#takeLock()
      const position = await this.#position.read()
      if (position !== undefined && position.segmentSize !== size) {
        throw refused(
          `${path.join(this.root, COMMIT_LOG_DIR)} was written with mappedFileSizeCommitLog ${position.segmentSize}, not ${size}: open the store with that`
        )
      }
      const found = await inspectLog(this.#files, this.root, size, position !== undefined)
      const clean = !(await wasAborted(this.#files, this.root))
      await openDirectory(this.#files, this.root)
      await this.#takeLock()
      this.#open = true
      for (const name of found.empty) await this.#files.unlink(name)
      await this.#removeNext()
      await this.#position.open()
      await this.#recover(found.segments, position, clean, listener)
    } catch (error) {
      await this.#release()
      throw unusable(this.root, error)
    }
  }

  async #recover(
    segments: readonly FoundSegment[],
    position: LogPosition | undefined,
    clean: boolean,
    listener: RecoveryListener
  ): Promise<void> {
    const { config, logger } = this.#deps
    const minOffset = segments[0]?.start ?? 0
    const size = config.mappedFileSizeCommitLog
    let from = await listener.load(clean, position?.dispatched, minOffset)
    // What queues say who were written by somebody else is no proof that the log goes so far: it begins with the file it ends in.
    if (position === undefined) from = Math.max(Math.min(Math.floor(from / size) * size, segments.at(-1)?.start ?? 0), minOffset)
    const durable = position?.durable ?? 0
    let end = 0
    if (segments.length > 0 || durable > 0) {
      end = await recoverLog({
        files: this.#files,
        root: this.root,
        segmentSize: size,
        segments,
        from: this.#lookFrom(segments, from, clean ? durable : undefined),
        durable,
        repair: this.#repair,
        clean: clean && position !== undefined,
        logger,
        checksums: this.#checksums,
        durableTimestamp: clean ? Number.POSITIVE_INFINITY : listener.durableTimestamp(),
        onRecord: (bytes, offset) => {
          // What is before was dispatched long ago; it is only looked at.
          if (offset >= from) listener.onRecord(bytes, offset)
        },
        onSlice: () => listener.onSlice(),
        hasPosition: position !== undefined,
        lowerPosition: (lower) => this.#writeSynced(lower, Math.min(position?.dispatched ?? 0, lower))
      })
    } else if (position === undefined) await this.#writeSynced(0, 0)
    listener.onEnd(end)
    const starts = segments.map(({ start }) => start).filter((start) => start < end || start === minOffset)
    await this.#checksums.open(starts, end)
    this.storage.attach(starts, end)
  }

  /**
   * Where damage is looked for: after a crash in the last three files, as Java does; after an orderly end at `end` in what is little.
   * @param from where dispatch goes on
   */
  #lookFrom(segments: readonly FoundSegment[], from: number, end: number | undefined): number {
    if (end === undefined) return Math.min(from, segments.at(-3)?.start ?? segments[0]?.start ?? 0)
    const last = segments.findLast(({ start }) => start < end)?.start ?? end
    return end - last <= QUICK_LOOK_BYTES ? Math.min(from, last) : from
  }

  /** Writes down how far the log is durable; at most once a second, and never while the last time is not over. */
  notePosition(dispatched: number): void {
    const now = this.#deps.clock.monotonic()
    if (!this.#open || this.#writing !== undefined || now - this.#lastWritten < POSITION_MILLIS) return
    this.#lastWritten = now
    const durable = this.storage.flushedWhere
    this.#writing = this.#write({ durable, dispatched })
      .catch((error: unknown) => this.#deps.logger.warn(`the durable position could not be written: ${logText(error)}`))
      .then(() => this.#checksums.cover({ begin: this.storage.minOffset, durable }))
      .finally(() => {
        this.#writing = undefined
      })
  }

  /**
   * @param orderly everything is durable and dispatched: the next start need not look for anything. Otherwise `abort` stays.
   */
  async close(orderly: boolean, dispatched: number): Promise<void> {
    if (!this.#open) return
    this.#open = false
    const { minOffset, flushedWhere } = this.storage
    try {
      await this.#writing
      await this.storage.close()
      if (!orderly) return
      await this.#checksums.cover({ begin: minOffset, durable: flushedWhere }, true)
      await this.#writeSynced(flushedWhere, dispatched)
      await removeAbort(this.#files, this.root)
    } finally {
      await this.#release()
    }
  }

  #write({ durable, dispatched }: { durable: number; dispatched: number }): Promise<void> {
    const segmentSize = this.#deps.config.mappedFileSizeCommitLog
    return this.#position.write({ durable, dispatched: Math.min(dispatched, durable), segmentSize })
  }

  async #writeSynced(durable: number, dispatched: number): Promise<void> {
    await this.#write({ durable, dispatched })
    await this.#position.sync()
  }

  /** A segment that was being made when the process ended. */
  async #removeNext(): Promise<void> {
    const name = path.join(this.root, NEXT_SEGMENT)
    if ((await this.#files.lstat(name))?.kind === 'file') await this.#files.unlink(name)
  }

  async #takeLock(): Promise<void> {
    if (this.#lock !== undefined) return
    const facts = await this.#files.lstat(this.root)
    if (facts === undefined) return
    // By what the folder is, not by what it is called: it may have several names.
    this.#lock = await takeProcessLock(`${facts.device}:${facts.inode}`)
    if (this.#lock === undefined) {
      throw locked(`${this.root} is open in another store: close that one, or use another folder`)
    }
    const pid = await lockedByJava(this.#files, this.root)
    if (pid !== undefined)
      throw locked(`${this.root} is locked by process ${pid}, most likely a Java broker: stop it, or use another folder`)
  }

  async #release(): Promise<void> {
    this.#open = false
    await this.#position.close()
    await this.#lock?.release()
    this.#lock = undefined
  }
}

/** What to do about what the file system says of a folder. */
const REMEDIES: ReadonlyMap<string | undefined, string> = new Map([
  ['EACCES', "its files need read and write permission for this process's user (chown, chmod), or use another folder"],
  ['EPERM', "its files need read and write permission for this process's user (chown, chmod), or use another folder"],
  ['EROFS', 'its file system is mounted read-only: mount it for writing, or use another folder'],
  ['ENOENT', 'what the error names is not there and cannot be made: use another folder'],
  ['ENOTDIR', 'something above it is no folder: use another folder'],
  ['ENOSPC', 'its disk is full: make room, or use another folder'],
  ['EDQUOT', 'its quota is used up: make room, or use another folder']
])

/** Errors that say what to do stay as they are; those of the file system are told what. */
function unusable(root: string, error: unknown): unknown {
  const remedy = REMEDIES.get(errorCode(error))
  if (remedy === undefined) return error
  return new MQClientException(`${root} cannot be opened: ${logText(error)}: ${remedy}`, {
    code: 'STORE_DIRECTORY',
    cause: error,
    hint: remedy
  })
}

function locked(message: string): MQClientException {
  return new MQClientException(message, { code: 'STORE_LOCKED' })
}
