import path from 'node:path'
import { type Logger, logText } from '../internal/logger.ts'
import { nextTurn } from '../internal/turns.ts'
import { javaHashCode } from '../protocol/java-hash.ts'
import { ConsumeQueue } from './consume-queue.ts'
import { ConsumeQueueFiles } from './files/consume-queue-files.ts'
import { UnitCache } from './files/consume-queue-unit-cache.ts'
import { FailedSync, type FileEntry, type FileLayer, nodeFiles } from './files/file-layer.ts'
import { badStore, isTopicFolder } from './files/file-ops.ts'

export interface ConsumeQueueStoreOptions {
  /** `<root>/consumequeue`; made when it is needed. */
  folder: string
  /** Bytes of a file, a multiple of 20. Java: `mappedFileSizeConsumeQueue`. @default 6000000 */
  fileSize?: number
  logger: Logger
  /** @default the file system of this machine */
  files?: FileLayer | undefined
}

/** 300,000 units. */
const DEFAULT_FILE_SIZE = 6_000_000
/** How many queues of a store that was closed in order are looked at before other work gets its turn; one takes three or four reads. */
const QUEUES_A_TURN = 32
/** Java flushes a queue when this much of it is new; counted in pages. */
const PAGE_BYTES = 4096

/** What the store keeps of a topic, so that a put computes it once and not per message. */
export class TopicQueues {
  readonly topic: string
  readonly queues = new Map<number, ConsumeQueue>()
  /** Java's hash of `topic#`: where the hash of each of the topic's keys begins. */
  readonly keyHash: number
  /** Messages and bytes that were put. */
  putTimes = 0
  putBytes = 0
  readonly #files: ((topic: string, queueId: number) => ConsumeQueueFiles | undefined) | undefined

  constructor(topic: string, files?: (topic: string, queueId: number) => ConsumeQueueFiles | undefined) {
    this.topic = topic
    this.keyHash = javaHashCode(`${topic}#`)
    this.#files = files
  }

  queue(queueId: number): ConsumeQueue {
    let queue = this.queues.get(queueId)
    if (queue === undefined) {
      queue = new ConsumeQueue(this.topic, queueId, this.#files?.(this.topic, queueId))
      this.queues.set(queueId, queue)
    }
    return queue
  }
}

/**
 * All consume queues by topic and queue id; Java's `ConsumeQueueStore`. With `options` they are kept in files as well, in Java's layout:
 * `<folder>/<topic>/<queueId>/<20 digits>`.
 */
export class ConsumeQueueStore {
  readonly #topics = new Map<string, TopicQueues>()
  #isMissing = false
  /** The topic of the last put; puts come in runs. */
  #recent: TopicQueues | undefined
  readonly #options: ConsumeQueueStoreOptions | undefined
  readonly #cache = new UnitCache()
  readonly #files: ((topic: string, queueId: number) => ConsumeQueueFiles | undefined) | undefined
  /** What works on the files does so one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  /** Set for good when a sync fails: what a later sync of the same file says cannot be relied on. */
  #syncError: unknown

  constructor(options?: ConsumeQueueStoreOptions) {
    this.#options = options
    if (options !== undefined) this.#files = (topic, queueId) => this.#filesOf(topic, queueId)
  }

  /** The topic's queues, made when they are not there. */
  topic(name: string): TopicQueues {
    const recent = this.#recent
    if (recent !== undefined && recent.topic === name) return recent
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      // Recovery takes a record with such a topic for a torn one.
      if (name === '' || name.includes('\0')) throw new Error(`topic ${JSON.stringify(name)} cannot be stored`)
      topic = new TopicQueues(name, this.#files)
      this.#topics.set(name, topic)
    }
    this.#recent = topic
    return topic
  }

  lookup(topic: string): TopicQueues | undefined {
    return this.#topics.get(topic)
  }

  find(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.#topics.get(topic)?.queues.get(queueId)
  }

  topics(): IterableIterator<TopicQueues> {
    return this.#topics.values()
  }

  /** Behind the last record that has a unit; 0 when there is none. */
  get maxPhysicalOffset(): number {
    let max = 0
    for (const queue of this.#queues()) max = Math.max(max, queue.maxPhysicalOffset)
    return max
  }

  /** Whether {@link load} found no folder: somebody has deleted it, to have it made anew, or there was never a message. */
  get isMissing(): boolean {
    return this.#isMissing
  }

  /** Units that are in memory only; {@link flush} from time to time during a long recovery keeps them few. */
  get unwrittenUnits(): number {
    let units = 0
    for (const queue of this.#queues()) units += queue.unwrittenUnits
    return units
  }

  correctMinOffset(minPhysicalOffset: number): void {
    for (const queue of this.#queues()) queue.correctMinOffset(minPhysicalOffset)
  }

  /** Forgets a topic's queues, and deletes their files soon after; false when there are none. */
  delete(topic: string): boolean {
    if (this.#recent?.topic === topic) this.#recent = undefined
    const deleted = this.#topics.get(topic)
    if (deleted === undefined) return false
    this.#topics.delete(topic)
    if (this.#options !== undefined) {
      this.#enqueue(async () => {
        for (const queue of deleted.queues.values()) queue.destroy()
      }).catch((error: unknown) => {
        this.#options?.logger.warn(`the consume queues of topic ${logText(topic)} could not be deleted: ${logText(error)}`)
      })
    }
    return true
  }

  /**
   * Takes over the queues that are in the files. Call {@link truncateDirty} with the end of the commit log next.
   * @param clean whether the store was closed in order. When not, holes are looked for, and what is behind one is dropped. @default false
   * @throws MQClientException (`STORE_DIRECTORY`) naming the file that does not belong there, and what to do.
   */
  async load(clean = false): Promise<void> {
    const { folder } = this.#options!
    this.#isMissing = (await this.#layer.lstat(folder)) === undefined
    let queues = 0
    for (const { name: topic, kind } of this.#foldersIn(folder)) {
      if (kind === 'link' || !isTopicFolder(topic))
        throw badStore(`${path.join(folder, topic)} is no folder of a topic`, 'move it away')
      for (const { name: queueId, kind } of this.#foldersIn(path.join(folder, topic))) {
        if (kind === 'link' || !/^\d{1,9}$/.test(queueId))
          throw badStore(`${path.join(folder, topic, queueId)} is no folder of a queue`, 'move it away')
        this.topic(topic).queue(Number(queueId)).load(clean)
        if (!clean || ++queues % QUEUES_A_TURN === 0) await new Promise((resolve) => nextTurn(resolve))
      }
    }
  }

  /** Forgets, durably, the units of records that end behind `physicalOffset`, where the commit log ends. */
  truncateDirty(physicalOffset: number): void {
    for (const queue of this.#queues()) queue.truncateDirty(physicalOffset)
  }

  /**
   * Writes what is in memory only. Units that were put before the call are in the operating system's hands when it resolves, and durable
   * where `leastPages` or more of a queue were not.
   * @param leastPages pages of 4 KiB; 0: everything is durable then. @default 0
   * @throws the first error; the other queues have been written all the same. After a failed sync it always fails.
   */
  flush(leastPages = 0): Promise<void> {
    return this.#enqueue(() => this.#flush(leastPages))
  }

  /** Hands everything to the operating system, and syncs nothing. */
  write(): Promise<void> {
    return this.flush(Number.POSITIVE_INFINITY)
  }

  /** Writes and syncs everything. */
  close(): Promise<void> {
    return this.flush()
  }

  /**
   * Deletes files whose records all lie below `minPhysicalOffset`; the last file of a queue stays.
   * @param most how many files at most
   * @returns how many were deleted
   */
  deleteExpired(minPhysicalOffset: number, most: number): Promise<number> {
    return this.#enqueue(async () => {
      let deleted = 0
      for (const queue of [...this.#queues()]) {
        if (deleted >= most) break
        deleted += queue.deleteExpired(minPhysicalOffset, most - deleted)
      }
      return deleted
    })
  }

  async #flush(leastPages: number): Promise<void> {
    let failed: { error: unknown } | undefined
    for (const queue of [...this.#queues()]) {
      try {
        // One that was deleted meanwhile has nothing to write.
        if (this.find(queue.topic, queue.queueId) === queue) await queue.write()
      } catch (error) {
        if (error instanceof FailedSync) this.#syncError = error
        else failed ??= { error }
        continue
      }
      const unsynced = queue.unsyncedBytes
      if (unsynced === 0 || unsynced < leastPages * PAGE_BYTES || this.#syncError !== undefined) continue
      try {
        await queue.sync()
      } catch (error) {
        this.#syncError = error
      }
    }
    if (this.#syncError !== undefined) throw this.#syncError
    if (failed !== undefined) throw failed.error
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work)
    this.#work = result.catch(() => {})
    return result
  }

  *#queues(): IterableIterator<ConsumeQueue> {
    for (const topic of this.#topics.values()) yield* topic.queues.values()
  }

  /** Folders and links in a folder that may be missing; files among them are nobody's business. */
  #foldersIn(folder: string): FileEntry[] {
    return this.#layer.listNow(folder).filter(({ kind }) => kind === 'directory' || kind === 'link')
  }

  get #layer(): FileLayer {
    return this.#options?.files ?? nodeFiles
  }

  #filesOf(topic: string, queueId: number): ConsumeQueueFiles | undefined {
    const { folder, fileSize = DEFAULT_FILE_SIZE, logger } = this.#options!
    if (!isTopicFolder(topic) || queueId < 0) {
      logger.error(`topic ${logText(topic)}, queue ${queueId}: no folder can be named so, the queue is kept in memory only`)
      return undefined
    }
    return new ConsumeQueueFiles(this.#layer, folder, path.join(folder, topic, String(queueId)), fileSize, this.#cache)
  }
}
