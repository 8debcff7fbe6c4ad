import path from 'node:path'
import { CHUNK_UNITS, UNIT_FIELDS, type UnitCache } from './consume-queue-unit-cache.ts'
import { type FileEntry, type FileLayer, openOrCreate, readFullyNow, syncData, withFile, withFileNow } from './file-layer.ts'
import { badStore, isNotFound, offsetFileName, offsetOfFileName, readLong, writeLong } from './file-ops.ts'

/**
 * ```
 * unit  := physicalOffset:i64 size:i32 tagsCode:i64
 * blank := 0:i64 0x7fffffff:i32 0:i64          before the first unit of a queue that does not begin with its first file
 * ```
 */
export const UNIT_SIZE = 20
const BLANK_SIZE = 0x7fffffff
/** Java looks through this many files from the end on; what lies before was synced long ago. */
const SCANNED_FILES = 3
const ZEROS = Buffer.alloc(256 * 1024)

/** What a queue's files hold, in units. */
export interface QueueEnds {
  min: number
  max: number
  /** Behind the record of the last unit; 0 without one. */
  maxPhysicalOffset: number
}

/**
 * The files of one queue: units from `start / 20` on, each file of the same size and named after its first byte. Java's
 * `ConsumeQueue` and `MappedFileQueue`. No file is held open: queues are many, descriptors are few.
 */
export class ConsumeQueueFiles {
  readonly folder: string
  readonly #files: FileLayer
  readonly #root: string
  readonly #fileSize: number
  readonly #cache: UnitCache
  readonly #serial: number
  /** First byte of each file, ascending, without gaps. */
  readonly #starts: number[] = []
  /** Files written to since they were synced, with the bytes written. */
  readonly #unsynced = new Map<number, number>()
  /** Folders with names that are not durable yet. */
  readonly #unsyncedFolders = new Set<string>()

  /**
   * @param root folder of all queues; `folder` lies below it
   * @param fileSize bytes, a multiple of 20
   */
  constructor(files: FileLayer, root: string, folder: string, fileSize: number, cache: UnitCache) {
    this.#files = files
    this.#root = root
    this.folder = folder
    this.#fileSize = fileSize
    this.#cache = cache
    this.#serial = cache.nextSerial()
  }

  /** Bytes written that are not synced. */
  get unsyncedBytes(): number {
    let bytes = 0
    for (const count of this.#unsynced.values()) bytes += count
    return bytes
  }

  get fileCount(): number {
    return this.#starts.length
  }

  /**
   * Finds the files and where their units end.
   * @param clean whether the store was closed in order: then units have no holes, and the end is found without reading them all. Otherwise
   * everything behind the first hole is made empty.
   * @throws MQClientException (`STORE_DIRECTORY`) for a file that does not belong here; nothing is changed then.
   */
  load(clean: boolean): QueueEnds {
    this.#list()
    const first = this.#starts[0]
    if (first === undefined) return { min: 0, max: 0, maxPhysicalOffset: 0 }
    const min = first / UNIT_SIZE
    const max = clean ? this.#findEnd() : this.#scanEnd()
    if (!clean) this.#clear(max)
    const begin = this.#skipBlanks(min, max)
    const last = begin < max ? this.#unit(max - 1) : undefined
    return { min: begin, max, maxPhysicalOffset: last === undefined ? 0 : readLong(last, 0) + last.readInt32BE(8) }
  }

  /** The units of a chunk as doubles, those that are not there as zeros. The array must not be changed. */
  chunk(index: number): Float64Array {
    const cached = this.#cache.get(this.#serial, index)
    if (cached !== undefined) return cached
    const chunk = this.#readUnits(index * CHUNK_UNITS, CHUNK_UNITS)
    this.#cache.set(this.#serial, index, chunk)
    return chunk
  }

  /** A chunk that is no longer kept in memory; reads get it back while it is cached. */
  release(index: number, chunk: Float64Array): void {
    this.#cache.set(this.#serial, index, chunk)
  }

  forget(index: number): void {
    this.#cache.delete(this.#serial, index)
  }

  /**
   * Writes units from queue offset `first` on, into as many files as it takes. They are in the operating system's hands when it resolves.
   * @param units encoded
   */
  async write(first: number, units: Buffer): Promise<void> {
    for (let done = 0; done < units.length; ) {
      const at = first * UNIT_SIZE + done
      const start = at - (at % this.#fileSize)
      const piece = units.subarray(done, done + Math.min(units.length - done, start + this.#fileSize - at))
      const fd = await this.#openForWriting(start, at)
      try {
        await this.#files.write(fd, piece, at - start)
      } finally {
        await this.#files.close(fd)
      }
      this.#unsynced.set(start, (this.#unsynced.get(start) ?? 0) + piece.length)
      done += piece.length
    }
  }

  /** Makes everything durable that was written before the call. */
  async sync(): Promise<void> {
    for (const start of [...this.#unsynced.keys()]) {
      await withFile(this.#files, this.#path(start), 'write', (fd) => syncData(this.#files, fd))
      this.#unsynced.delete(start)
    }
    for (const folder of [...this.#unsyncedFolders]) {
      await this.#files.syncDirectory(folder)
      this.#unsyncedFolders.delete(folder)
    }
  }

  /** Removes the units from queue offset `end` on, durably: what follows may be other units with the same queue offsets. */
  truncate(end: number): void {
    this.#cache.deleteAll(this.#serial)
    this.#clear(end)
  }

  /**
   * Deletes the files before the last one whose records all lie below `minPhysicalOffset`.
   * @returns how many
   */
  deleteExpired(minPhysicalOffset: number, most: number): number {
    let deleted = 0
    while (deleted < most && this.#starts.length > 1) {
      const last = this.#unit(this.#starts[1]! / UNIT_SIZE - 1)
      if (last === undefined || readLong(last, 0) >= minPhysicalOffset) break
      this.#files.unlinkNow(this.#path(this.#starts[0]!))
      this.#unsynced.delete(this.#starts.shift()!)
      deleted++
    }
    return deleted
  }

  /** Deletes all files, and the folder when nothing else is in it. */
  destroy(): void {
    this.#cache.deleteAll(this.#serial)
    for (const start of this.#starts.splice(0)) ignoreMissing(() => this.#files.unlinkNow(this.#path(start)))
    this.#unsynced.clear()
    this.#unsyncedFolders.clear()
    try {
      this.#files.rmdirNow(this.folder)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    }
  }

  #path(start: number): string {
    return path.join(this.folder, offsetFileName(start))
  }

  #list(): void {
    this.#starts.length = 0
    const sizes: number[] = []
    // Sorted by name, and so by offset.
    for (const entry of this.#files.listNow(this.folder)) {
      this.#starts.push(this.#startOf(entry))
      sizes.push(entry.size)
    }
    for (const [i, start] of this.#starts.entries()) {
      const last = i === this.#starts.length - 1
      if (sizes[i] !== this.#fileSize && !(last && sizes[i] === 0)) {
        throw badStore(
          `${this.#path(start)} has ${sizes[i]} bytes, expected are ${this.#fileSize}`,
          'open the store with the mappedFileSizeConsumeQueue it was written with, or delete the consumequeue folder: it is built anew from the commit log'
        )
      }
      if (!last && this.#starts[i + 1] !== start + this.#fileSize) {
        throw badStore(
          `${this.#path(start + this.#fileSize)} is missing`,
          'delete the consumequeue folder: it is built anew from the commit log'
        )
      }
    }
    if (sizes.at(-1) === 0) this.#extendLast()
  }

  #startOf({ name, kind }: FileEntry): number {
    const start = offsetOfFileName(name)
    if (start !== undefined && start % this.#fileSize === 0 && kind === 'file') return start
    throw badStore(
      `${path.join(this.folder, name)} is no file of a consume queue with files of ${this.#fileSize} bytes`,
      'move it away, or open the store with the mappedFileSizeConsumeQueue it was written with'
    )
  }

  /** An empty last file was made and not yet given its size when the process ended. */
  #extendLast(): void {
    withFileNow(this.#files, this.#path(this.#starts.at(-1)!), 'write', (fd) => this.#files.truncateNow(fd, this.#fileSize))
  }

  /** The first offset without a unit; units have no holes. */
  #findEnd(): number {
    for (let i = this.#starts.length - 1; i >= 0; i--) {
      const begin = this.#starts[i]! / UNIT_SIZE
      let low = begin
      let high = begin + this.#fileSize / UNIT_SIZE
      if (!isUnit(this.#unit(low))) continue
      while (low < high) {
        const middle = Math.floor((low + high) / 2)
        if (isUnit(this.#unit(middle))) low = middle + 1
        else high = middle
      }
      return low
    }
    return this.#starts[0]! / UNIT_SIZE
  }

  /** The first offset without a unit, or with one that points before its predecessor's record. */
  #scanEnd(): number {
    const from = Math.max(0, this.#starts.length - SCANNED_FILES)
    let end = 0
    const buffer = Buffer.alloc(Math.min(this.#fileSize, 64 * 1024 - ((64 * 1024) % UNIT_SIZE)))
    for (const start of this.#starts.slice(from)) {
      const fd = this.#files.openNow(this.#path(start), 'read')
      try {
        for (let at = 0; at < this.#fileSize; ) {
          const count = readFullyNow(this.#files, fd, buffer.subarray(0, Math.min(buffer.length, this.#fileSize - at)), at)
          if (count < UNIT_SIZE) return (start + at) / UNIT_SIZE
          for (let i = 0; i + UNIT_SIZE <= count; i += UNIT_SIZE) {
            const unit = buffer.subarray(i, i + UNIT_SIZE)
            if (!isUnit(unit)) return (start + at + i) / UNIT_SIZE
            if (isBlank(unit)) continue
            const physicalOffset = readLong(unit, 0)
            if (physicalOffset < end) return (start + at + i) / UNIT_SIZE
            end = physicalOffset + unit.readInt32BE(8)
          }
          at += count
        }
      } finally {
        this.#files.closeNow(fd)
      }
    }
    return (this.#starts.at(-1)! + this.#fileSize) / UNIT_SIZE
  }

  /** Blanks stand before the first unit only. */
  #skipBlanks(min: number, max: number): number {
    let low = min
    let high = max
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const unit = this.#unit(middle)
      if (unit !== undefined && isBlank(unit)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Deletes files behind the one of `end`, and fills that one with zeros from there on. */
  #clear(end: number): void {
    const at = end * UNIT_SIZE
    while (this.#starts.length > 1 && this.#starts.at(-1)! >= at) {
      const start = this.#starts.pop()!
      this.#files.unlinkNow(this.#path(start))
      this.#unsynced.delete(start)
    }
    const start = this.#starts.at(-1)
    if (start === undefined || at >= start + this.#fileSize) return
    const fd = this.#files.openNow(this.#path(start), 'write')
    try {
      let changed = false
      const piece = Buffer.allocUnsafe(ZEROS.length)
      for (let position = Math.max(0, at - start); position < this.#fileSize; position += piece.length) {
        const count = readFullyNow(
          this.#files,
          fd,
          piece.subarray(0, Math.min(piece.length, this.#fileSize - position)),
          position
        )
        // What was never written stays unwritten.
        if (piece.compare(ZEROS, 0, count, 0, count) === 0) continue
        this.#files.writeNow(fd, ZEROS.subarray(0, count), position)
        changed = true
      }
      if (changed) this.#files.fdatasyncNow(fd)
    } finally {
      this.#files.closeNow(fd)
    }
  }

  async #openForWriting(start: number, at: number): Promise<number> {
    const files = this.#files
    const file = this.#path(start)
    if (this.#starts.at(-1) === start || this.#starts.includes(start)) return files.open(file, 'write')
    await this.#makeFolders()
    const fd = await openOrCreate(files, file)
    try {
      // With its size, durably, before a name behind it can be: a power cut leaves no gap and no short file among others.
      await files.truncate(fd, this.#fileSize)
      if (this.#starts.length === 0) await writeBlanks(files, fd, at - start)
      await syncData(files, fd)
      await files.syncDirectory(this.folder)
    } catch (error) {
      await files.close(fd)
      throw error
    }
    this.#starts.push(start)
    return fd
  }

  /** The name of each new folder is in the one above it. */
  async #makeFolders(): Promise<void> {
    for (const folder of [this.#root, path.dirname(this.folder), this.folder]) {
      if ((await this.#files.lstat(folder)) !== undefined) continue
      await this.#files.mkdir(folder)
      this.#unsyncedFolders.add(path.dirname(folder))
    }
  }

  #unit(queueOffset: number): Buffer | undefined {
    const unit = Buffer.alloc(UNIT_SIZE)
    return this.#readBytes(queueOffset * UNIT_SIZE, unit) === UNIT_SIZE ? unit : undefined
  }

  #readUnits(first: number, count: number): Float64Array {
    const begin = Math.max(first, (this.#starts[0] ?? 0) / UNIT_SIZE)
    const bytes = Buffer.alloc(Math.max(0, first + count - begin) * UNIT_SIZE)
    this.#readBytes(begin * UNIT_SIZE, bytes)
    const units = new Float64Array(count * UNIT_FIELDS)
    let at = (begin - first) * UNIT_FIELDS
    for (let i = 0; i < bytes.length; i += UNIT_SIZE) {
      units[at++] = readLong(bytes, i)
      units[at++] = bytes.readInt32BE(i + 8)
      units[at++] = readLong(bytes, i + 12)
    }
    return units
  }

  /** Reads across files until one ends early or there is none; returns the bytes read. */
  #readBytes(at: number, target: Buffer): number {
    let done = 0
    while (done < target.length) {
      const start = at + done - ((at + done) % this.#fileSize)
      if (start < (this.#starts[0] ?? Number.POSITIVE_INFINITY) || start > this.#starts.at(-1)!) break
      const position = at + done - start
      const wanted = Math.min(target.length - done, this.#fileSize - position)
      const fd = this.#files.openNow(this.#path(start), 'read')
      try {
        const count = readFullyNow(this.#files, fd, target.subarray(done, done + wanted), position)
        done += count
        if (count < wanted) break
      } finally {
        this.#files.closeNow(fd)
      }
    }
    return done
  }
}

/** Encodes units of a chunk behind one another. */
export function encodeUnits(target: Buffer, at: number, chunk: Float64Array, first: number, count: number): number {
  for (let i = first * UNIT_FIELDS, end = i + count * UNIT_FIELDS; i < end; i += UNIT_FIELDS) {
    at = writeLong(target, at, chunk[i]!)
    at = target.writeInt32BE(chunk[i + 1]!, at)
    at = writeLong(target, at, chunk[i + 2]!)
  }
  return at
}

function isUnit(unit: Buffer | undefined): boolean {
  return unit !== undefined && unit.readInt32BE(0) >= 0 && unit.readInt32BE(8) > 0
}

function isBlank(unit: Buffer): boolean {
  return unit.readInt32BE(8) === BLANK_SIZE && readLong(unit, 0) === 0
}

async function writeBlanks(files: FileLayer, fd: number, length: number): Promise<void> {
  if (length === 0) return
  const blanks = Buffer.alloc(Math.min(length, 3000 * UNIT_SIZE))
  for (let at = 8; at < blanks.length; at += UNIT_SIZE) blanks.writeInt32BE(BLANK_SIZE, at)
  for (let done = 0; done < length; done += blanks.length) {
    await files.write(fd, blanks.subarray(0, Math.min(blanks.length, length - done)), done)
  }
}

function ignoreMissing(action: () => void): void {
  try {
    action()
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
