import path from 'node:path'
import { type Clock, type Timer, tracked } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { ConsumeQueueStore } from '../consume-queue-store.ts'
import type { MessageStoreConfig } from '../message-store-config.ts'
import { StoreCheckpoint } from './checkpoint.ts'
import type { FileLayer } from './file-layer.ts'
import { FileIndexService } from './index-files.ts'

/** During recovery units and entries are written whenever so many are in memory only; about 40 MiB. */
const MAX_UNWRITTEN = 1_000_000
/** How often a failed last flush is tried again; Java's number. */
const LAST_TRIES = 3

/** Up to where records have been dispatched. */
export interface DispatchPosition {
  /** Behind the last record that was dispatched. */
  physicalOffset: number
  /** Its store timestamp. */
  storeTimestamp: number
}

export interface DispatchFilesOptions {
  /** Folder of the store. */
  root: string
  config: MessageStoreConfig
  clock: Clock
  logger: Logger
  /** Where dispatch is now. */
  position: () => DispatchPosition
  /** @default the file system of this machine */
  files?: FileLayer | undefined
}

/**
 * What dispatch writes: consume queues, key index and the checkpoint that says how far they are durable. Everything in them can be made
 * anew from the commit log, so that nobody waits for them. Every second new units and entries go to the operating system, and queues with
 * two pages of them are synced; every minute everything is, and the checkpoint is written after it. Java's `FlushConsumeQueueService`.
 */
export class DispatchFiles {
  readonly queues: ConsumeQueueStore
  readonly index: FileIndexService
  readonly checkpoint: StoreCheckpoint
  readonly #options: DispatchFilesOptions
  #durable = 0
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #lastThorough = 0
  #failed = false

  constructor(options: DispatchFilesOptions) {
    const { root, config, clock, logger, files } = options
    this.#options = options
    this.queues = new ConsumeQueueStore({
      folder: path.join(root, 'consumequeue'),
      fileSize: Math.ceil(config.mappedFileSizeConsumeQueue / 20) * 20,
      logger,
      files
    })
    this.index = new FileIndexService({
      folder: path.join(root, 'index'),
      hashSlotNum: config.maxHashSlotNum,
      indexNum: config.maxIndexNum,
      clock,
      logger,
      files
    })
    this.checkpoint = new StoreCheckpoint(path.join(root, 'checkpoint'), files)
  }

  /** Records below have their units and entries durably in the files. */
  get durablePosition(): number {
    return this.#durable
  }

  /**
   * Takes over the files.
   * @param clean whether the store was closed in order
   * @param dispatched the {@link durablePosition} on record; undefined when there is none
   * @param minOffset where the commit log begins
   * @returns where dispatch has to go on: every record before is in the files
   * @throws MQClientException (`STORE_DIRECTORY`) naming a file that does not belong there, and what to do.
   */
  async load(clean: boolean, dispatched: number | undefined, minOffset: number): Promise<number> {
    this.checkpoint.load()
    await this.queues.load(clean)
    await this.index.load(clean)
    const queued = this.queues.maxPhysicalOffset
    let from = dispatched ?? (clean ? queued : minOffset)
    // An empty folder is that of topics which were all deleted.
    if (this.queues.isMissing || this.#indexIsLost(dispatched === undefined)) from = minOffset
    if (this.index.wasCut) from = Math.min(from, this.index.maxPhysicalOffset)
    this.#durable = Math.max(from, minOffset)
    // What is behind was not synced as a whole: a unit may be there in part. It is made anew.
    if (!clean) this.queues.truncateDirty(this.#durable)
    return this.#durable
  }

  /** The commit log ends here: forgets, durably, what is about records behind it. */
  truncateDirty(end: number): void {
    this.queues.truncateDirty(end)
    this.index.truncateDirty(end)
    this.#durable = Math.min(this.#durable, end)
  }

  /** During recovery: writes when much is in memory only. Cheap when not. */
  async relieve(): Promise<void> {
    if (this.queues.unwrittenUnits + this.index.unwrittenEntries < MAX_UNWRITTEN) return
    await this.queues.write()
    await this.index.write()
  }

  start(): void {
    this.#lastThorough = this.#options.clock.monotonic()
    this.#schedule()
  }

  /**
   * Makes everything durable, and writes the checkpoint.
   * @throws what the disk says
   */
  async flush(): Promise<void> {
    const { physicalOffset, storeTimestamp } = this.#options.position()
    await this.queues.flush()
    await this.index.flush()
    await this.#noteDurable(physicalOffset, storeTimestamp)
  }

  /**
   * The last flush; nothing may be dispatched any more.
   * @returns whether everything is durable, so that the next start can rely on the files as they are
   */
  async close(): Promise<boolean> {
    this.#timer?.cancel()
    await this.#running
    const { physicalOffset, storeTimestamp } = this.#options.position()
    for (let tries = 1; ; tries++) {
      try {
        await this.queues.close()
        await this.index.close()
        await this.#noteDurable(physicalOffset, storeTimestamp)
        return true
      } catch (error) {
        if (tries < LAST_TRIES) continue
        this.#options.logger.error(
          `consume queues and index could not be written: ${logText(error)}; the next start makes them anew`
        )
        return false
      }
    }
  }

  /** The checkpoint knows of an index that is not there; Java's says nothing of one that was never full. */
  #indexIsLost(writtenByJava: boolean): boolean {
    if (!this.#options.config.messageIndexEnable || this.index.size > 0) return false
    return this.checkpoint.indexMsgTimestamp > 0 || writtenByJava
  }

  async #noteDurable(physicalOffset: number, storeTimestamp: number): Promise<void> {
    const { checkpoint, index } = this
    checkpoint.logicsMsgTimestamp = Math.max(checkpoint.logicsMsgTimestamp, storeTimestamp)
    checkpoint.indexMsgTimestamp = index.flushedTimestamp
    await checkpoint.flush()
    this.#durable = physicalOffset
  }

  #schedule(): void {
    const { clock, config, root } = this.#options
    this.#timer = clock.setTimeout(
      () => {
        const flush = tracked(clock, this.#flushRegularly(), `flush of consume queues and index in ${root}`)
        this.#running = flush.finally(() => this.#schedule())
      },
      config.flushIntervalConsumeQueue,
      { ref: false }
    )
  }

  async #flushRegularly(): Promise<void> {
    const { clock, config, logger } = this.#options
    try {
      const now = clock.monotonic()
      if (now - this.#lastThorough >= config.flushConsumeQueueThoroughInterval) {
        this.#lastThorough = now
        await this.flush()
      } else {
        await this.queues.flush(config.flushConsumeQueueLeastPages)
        await this.index.write()
      }
      this.#failed = false
    } catch (error) {
      // Said once: it is tried again every second.
      if (!this.#failed) logger.error(`consume queues and index could not be written: ${logText(error)}`)
      this.#failed = true
    }
  }
}
