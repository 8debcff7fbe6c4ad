import path from 'node:path'
import type { Clock } from '../../internal/clock.ts'
import { type Logger, logText } from '../../internal/logger.ts'
import { javaHashCode } from '../../protocol/java-hash.ts'
import { type KeyedRecord, KeyIndexBase } from '../index-service.ts'
import { FailedSync, type FileLayer, nodeFiles, withFileNow } from './file-layer.ts'
import { badStore, isNotFound } from './file-ops.ts'
import { IndexFile, type IndexFileSizes, indexFileSize } from './index-file.ts'

export interface FileIndexServiceOptions {
  /** `<root>/index`; made when it is needed. */
  folder: string
  /** Java: `maxHashSlotNum`. @default 5000000 */
  hashSlotNum?: number
  /** Java: `maxIndexNum`; a file takes one key less. @default 20000000 */
  indexNum?: number
  clock: Clock
  logger: Logger
  /** @default the file system of this machine */
  files?: FileLayer | undefined
}

/**
 * The key index in Java's files, `<folder>/<yyyyMMddHHmmssSSS>`; Java's `IndexService`. Keys go to the last file, whose slots are held in
 * memory; entries are written and let go. What was not flushed when the process ended is built anew from the commit log, from
 * {@link maxPhysicalOffset} on.
 */
export class FileIndexService extends KeyIndexBase {
  readonly #layer: FileLayer
  readonly #folder: string
  readonly #sizes: IndexFileSizes
  readonly #clock: Clock
  readonly #logger: Logger
  /** Oldest first. The last one takes keys, unless it is full. */
  #files: IndexFile[] = []
  /** Whether the record being indexed may be indexed already. */
  #again = false
  /** End of the last file that is whole in the file system. */
  #flushedTimestamp = 0
  /** What works on the files does so one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  #syncError: unknown
  #wasCut = false

  constructor(options: FileIndexServiceOptions) {
    super()
    this.#layer = options.files ?? nodeFiles
    this.#folder = options.folder
    this.#sizes = { hashSlotNum: options.hashSlotNum ?? 5_000_000, indexNum: options.indexNum ?? 20_000_000 }
    this.#clock = options.clock
    this.#logger = options.logger
  }

  /** Keys held. */
  get size(): number {
    return this.#files.reduce((sum, file) => sum + file.indexCount - 1, 0)
  }

  /** Where the last indexed record begins; 0 when there is none. Records from there on have to be dispatched again after a crash. */
  get maxPhysicalOffset(): number {
    return this.lastUpdatePhysicalOffset
  }

  /** Store timestamp up to which the index is whole in the file system: Java's `indexMsgTimestamp`. */
  get flushedTimestamp(): number {
    return this.#flushedTimestamp
  }

  /** Whether {@link load} found entries that a crash had damaged, and dropped them: records from {@link maxPhysicalOffset} on lack theirs. */
  get wasCut(): boolean {
    return this.#wasCut
  }

  /** Keys that are in memory only. */
  get unwrittenEntries(): number {
    return this.#files.reduce((sum, file) => sum + file.unwrittenEntries, 0)
  }

  /**
   * Takes over the files. Call {@link truncateDirty} with the end of the commit log next.
   * @param clean whether the store was closed in order. When not, the last file's slots are made anew from its entries. @default false
   * @throws MQClientException (`STORE_DIRECTORY`) naming a file that does not belong there, and what to do.
   */
  async load(clean = false): Promise<void> {
    const files: IndexFile[] = []
    for (const name of this.#names()) {
      const file = new IndexFile(this.#layer, path.join(this.#folder, name), this.#sizes, true)
      file.readHeader()
      files.push(file)
    }
    // Only the last one may have room: what follows one that was cut by a crash is built anew.
    const open = files.findIndex((file) => !file.isFull)
    if (open >= 0) {
      for (const file of files.splice(open + 1)) {
        this.#layer.unlinkNow(file.path)
        this.#wasCut ||= !file.isEmpty
      }
    }
    this.#files = files
    const last = files.at(-1)
    if (last !== undefined) this.#wasCut ||= (await last.openForPut(clean)).cut
    this.#flushedTimestamp = files.findLast((file) => file.isFull || clean)?.endTimestamp ?? 0
    this.#takeEnd()
  }

  override putMessage(topicHash: number, record: KeyedRecord): void {
    const { physicalOffset } = record
    if (physicalOffset < this.lastUpdatePhysicalOffset) return
    // The record that was indexed last before a crash comes once more.
    this.#again = physicalOffset === this.lastUpdatePhysicalOffset && this.#files.length > 0
    super.putMessage(topicHash, record)
  }

  override *query(topic: string, key: string, begin = 0, end: number = Number.MAX_SAFE_INTEGER): IterableIterator<number> {
    const hash = positiveHash(javaHashCode(`${topic}#${key}`))
    for (let i = this.#files.length - 1; i >= 0; i--) {
      const file = this.#files[i]!
      if (file.isEmpty || file.beginTimestamp > end) continue
      if (file.endTimestamp < begin) return
      yield* file.find(hash)
    }
  }

  /** Files go with {@link deleteExpired}; until then their entries lead to records that are gone. */
  override correctMinOffset(): void {}

  /** Forgets, durably, the entries of records at or behind `physicalOffset`, where the commit log ends. */
  truncateDirty(physicalOffset: number): void {
    let file = this.#files.at(-1)
    while (file !== undefined && (file.isEmpty || file.endPhyOffset >= physicalOffset)) {
      if (!file.isEmpty && file.beginPhyOffset < physicalOffset) {
        file.truncate(physicalOffset)
        break
      }
      this.#delete(this.#files.pop()!)
      file = this.#files.at(-1)
    }
    this.#flushedTimestamp = Math.min(this.#flushedTimestamp, this.#files.at(-1)?.endTimestamp ?? 0)
    this.#takeEnd()
  }

  /** Hands new entries to the operating system, so that they take no memory. */
  write(): Promise<void> {
    return this.#enqueue(async () => {
      for (const file of [...this.#files]) {
        // A full file is made whole.
        if (file.isFull) await this.#flushFile(file, true)
        else await this.#noting(file.write())
      }
    })
  }

  /** Makes durable what was put before the call. After a failed sync it always fails. */
  flush(): Promise<void> {
    return this.#enqueue(async () => {
      for (const file of [...this.#files]) await this.#flushFile(file, file.isFull)
    })
  }

  /** Flush, and the last file is made whole: Java may open it. */
  close(): Promise<void> {
    return this.#enqueue(async () => {
      for (const file of [...this.#files]) await this.#flushFile(file, true)
    })
  }

  /**
   * Deletes files whose records all lie below `minPhysicalOffset`; the last file stays.
   * @param most how many at most
   * @returns how many were deleted
   */
  deleteExpired(minPhysicalOffset: number, most: number): Promise<number> {
    return this.#enqueue(async () => {
      let deleted = 0
      while (deleted < most && this.#files.length > 1 && this.#files[0]!.endPhyOffset < minPhysicalOffset) {
        this.#delete(this.#files[0]!)
        this.#files.shift()
        deleted++
      }
      return deleted
    })
  }

  protected override put(hash: number, physicalOffset: number, storeTimestamp: number): void {
    const positive = positiveHash(hash)
    if (this.#again && this.#has(positive, physicalOffset)) return
    const last = this.#files.at(-1)
    if (last?.put(positive, physicalOffset, storeTimestamp) === true) return
    this.#roll(last).put(positive, physicalOffset, storeTimestamp)
  }

  async #flushFile(file: IndexFile, complete: boolean): Promise<void> {
    if (this.#syncError !== undefined) throw this.#syncError
    const { endTimestamp } = file
    await this.#noting(file.flush(complete))
    if (complete) this.#flushedTimestamp = Math.max(this.#flushedTimestamp, endTimestamp)
  }

  /** A write that failed is tried again; a sync is not. */
  async #noting(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (error instanceof FailedSync) this.#syncError = error
      throw error
    }
  }

  #takeEnd(): void {
    const last = this.#files.findLast((file) => !file.isEmpty)
    this.lastUpdateTimestamp = last?.endTimestamp ?? 0
    this.lastUpdatePhysicalOffset = last?.endPhyOffset ?? 0
  }

  #has(hash: number, physicalOffset: number): boolean {
    for (let i = this.#files.length - 1; i >= 0; i--) {
      for (const offset of this.#files[i]!.find(hash)) {
        if (offset === physicalOffset) return true
        if (offset < physicalOffset) return false
      }
    }
    return false
  }

  #roll(last: IndexFile | undefined): IndexFile {
    const name = this.#nextName(last)
    const file = new IndexFile(this.#layer, path.join(this.#folder, name), this.#sizes)
    if (last !== undefined) file.seed(last)
    this.#files.push(file)
    return file
  }

  /** When it was made, local time; later than the last one whatever the clock says. */
  #nextName(last: IndexFile | undefined): string {
    const name = fileName(new Date(this.#clock.now()))
    if (last === undefined) return name
    const lastName = path.basename(last.path)
    return name > lastName ? name : String(BigInt(lastName) + 1n).padStart(lastName.length, '0')
  }

  #names(): string[] {
    const layer = this.#layer
    const expected = indexFileSize(this.#sizes)
    const entries = layer.listNow(this.#folder)
    for (const [i, { name, kind, size }] of entries.entries()) {
      const file = path.join(this.#folder, name)
      if (!/^\d{17}$/.test(name) || kind !== 'file') throw badStore(`${file} is no file of the key index`, 'move it away')
      // The last one was made and not yet given its size when the process ended.
      if (size === 0 && i === entries.length - 1) withFileNow(layer, file, 'write', (fd) => layer.truncateNow(fd, expected))
      else if (size !== expected) {
        throw badStore(
          `${file} has ${size} bytes, expected are ${expected}`,
          'open the store with the maxHashSlotNum and maxIndexNum it was written with, or delete the index folder: it is built anew from the commit log'
        )
      }
    }
    return entries.map(({ name }) => name)
  }

  #delete(file: IndexFile): void {
    try {
      this.#layer.unlinkNow(file.path)
    } catch (error) {
      if (!isNotFound(error)) this.#logger.warn(`the index file ${file.path} could not be deleted: ${logText(error)}`)
    }
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work)
    this.#work = result.catch(() => {})
    return result
  }
}

/** Java's `indexKeyHashMethod`. */
function positiveHash(hash: number): number {
  return hash === -0x8000_0000 ? 0 : Math.abs(hash)
}

function fileName(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return (
    `${String(date.getFullYear()).padStart(4, '0')}${two(date.getMonth() + 1)}${two(date.getDate())}` +
    `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}${String(date.getMilliseconds()).padStart(3, '0')}`
  )
}
