import path from 'node:path'
import * as zlib from 'node:zlib'
import { type Logger, logText } from '../../internal/logger.ts'
import { errorCode, type FileLayer, openOrCreate, withFile } from './file-layer.ts'
import { COMMIT_LOG_DIR, segmentName } from './log-segment.ts'

/** The folder of the files, in the store's. Ours; Java does not look at it. */
export const CHECKSUMS_DIR = 'checksums'
/** Bytes of the log that have a checksum together. */
const BLOCK = 4096
const ENTRY = 8
/** Bytes of the log that are read together: between two of them the event loop turns. */
const READ_BYTES = 1024 * 1024
/** So much is read back at a time while the store runs, about once a second: a few percent of a core under the heaviest load. */
const MOST_A_TIME = 64 * 1024 * 1024
/** And at the end, so that it takes no second. */
const MOST_AT_END = 256 * 1024 * 1024
/** Files of the log that a start may find without checksums, or with some, and looks at again. */
const LAST_FILES = 3

/** Bytes of the log that are not what was written. */
export interface Mismatch {
  begin: number
  end: number
}

/**
 * Checksums of the log beside it. RocketMQ's records have one of their body only; with these every bit that turns in what was durable is noticed,
 * whoever wrote it. They are made from what was made durable, read back in the background: no put waits for them, and under load they may be
 * behind. For each file of the log one of the same name:
 *
 * ```
 * file  := entry*                  entry i: of the 4096 bytes from i * 4096 on
 * entry := crc32:u32 length:u32    of the first `length` bytes; 0: not known
 * ```
 * An entry is written once, so that a write which a power cut tears leaves no other one: blocks that are not full have theirs from an orderly end
 * to the next start only.
 */
export class LogChecksums {
  readonly #files: FileLayer
  readonly #root: string
  readonly #segmentSize: number
  readonly #logger: Logger
  /** Everything below that this store is to look after has its entries. */
  #covered = 0
  #failed = false

  constructor(files: FileLayer, root: string, segmentSize: number, logger: Logger) {
    this.#files = files
    this.#root = root
    this.#segmentSize = segmentSize
    this.#logger = logger
  }

  /** Looks where the entries end, and removes those of files that are gone. @param starts of the log's files @param end of the log */
  async open(starts: readonly number[], end: number): Promise<void> {
    await this.cutAt(end)
    const names = new Set(starts.map(segmentName))
    for (const name of await this.#names()) if (!names.has(name)) await this.#files.unlink(this.#path(name))
    this.#covered = end
    for (const start of starts.slice(-LAST_FILES)) {
      const known = await this.#knownUntil(start)
      if (known >= Math.min(start + this.#segmentSize, end)) continue
      this.#covered = known
      return
    }
  }

  /** Forgets, durably, what is about bytes at or behind `end`: others will be written there. Call it before the log is cut. */
  async cutAt(end: number): Promise<void> {
    for (const name of await this.#names()) {
      const start = Number(name)
      if (start + this.#segmentSize <= end) continue
      const kept = Math.floor(Math.max(end - start, 0) / BLOCK) * ENTRY
      await withFile(this.#files, this.#path(name), 'write', async (fd) => {
        if ((await this.#files.size(fd)) <= kept) return
        await this.#files.truncate(fd, kept)
        await this.#files.fsync(fd)
      })
    }
  }

  /**
   * Reads back what was made durable and writes down its checksums; a part of it when it is much. Never rejects.
   * @param log where it begins now; everything below `durable` is that, and does not change any more
   * @param last the store is being closed
   */
  async cover({ begin, durable }: { begin: number; durable: number }, last = false): Promise<void> {
    if (this.#failed) return
    this.#covered = Math.max(this.#covered, begin)
    try {
      const most = this.#covered + (last ? MOST_AT_END : MOST_A_TIME)
      const bytes = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, this.#segmentSize))
      while (this.#covered < Math.min(durable, most)) if (!(await this.#coverFile(durable, most, last, bytes))) return
    } catch (error) {
      // Without them the log is checked as far as its records allow.
      this.#failed = true
      this.#logger.warn(`checksums of the log cannot be written any more: ${logText(error)}`)
    }
  }

  /** Compares bytes that are read in the log's order. */
  verifier(): Verifier {
    return new Verifier((start) => this.#entries(start), this.#segmentSize)
  }

  /**
   * Goes on in the file of the log that comes next.
   * @param bytes to read into
   * @returns false when there is nothing more to be done.
   */
  async #coverFile(durable: number, most: number, last: boolean, bytes: Buffer): Promise<boolean> {
    const files = this.#files
    const start = Math.floor(this.#covered / this.#segmentSize) * this.#segmentSize
    const end = Math.min(durable - start, this.#segmentSize)
    // What a file has behind its last whole block is all that it will ever have.
    const to = last || end === this.#segmentSize ? end : end - (end % BLOCK)
    const from = Math.floor((this.#covered - start) / BLOCK) * BLOCK
    if (to <= from) return false
    if (from === 0) await this.#makeFolder()
    const log = path.join(this.#root, COMMIT_LOG_DIR, segmentName(start))
    try {
      await withFile(files, log, 'read', async (logFd) => {
        const fd = await openOrCreate(files, this.#path(segmentName(start)))
        try {
          for (let at = from; at < to && start + at < most; at += bytes.length) {
            const piece = bytes.subarray(0, Math.min(bytes.length, to - at))
            const got = await files.read(logFd, piece, 0, piece.length, at)
            if (got === piece.length) await files.write(fd, entriesOf(piece), (at / BLOCK) * ENTRY)
            this.#covered = start + at + piece.length
          }
        } finally {
          await files.close(fd)
        }
      })
    } catch (error) {
      // It was too old, and has been deleted.
      if (errorCode(error) !== 'ENOENT') throw error
      this.#covered = start + to
    }
    return true
  }

  async #makeFolder(): Promise<void> {
    const folder = path.join(this.#root, CHECKSUMS_DIR)
    if ((await this.#files.lstat(folder)) === undefined) await this.#files.mkdir(folder)
  }

  /** Behind the last byte that the entries of a file of the log know, when they have no gap. */
  async #knownUntil(start: number): Promise<number> {
    const entries = await this.#entries(start)
    for (let at = 0; at < entries.length; at += ENTRY) {
      const length = entries.readUInt32BE(at + 4)
      if (length < BLOCK) return start + (at / ENTRY) * BLOCK + length
    }
    return Math.min(start + (entries.length / ENTRY) * BLOCK, start + this.#segmentSize)
  }

  /** Whole ones. */
  async #entries(start: number): Promise<Buffer> {
    const files = this.#files
    const name = this.#path(segmentName(start))
    if ((await files.lstat(name))?.kind !== 'file') return Buffer.alloc(0)
    return withFile(files, name, 'read', async (fd) => {
      const most = Math.ceil(this.#segmentSize / BLOCK) * ENTRY
      const entries = Buffer.alloc(Math.min(await files.size(fd), most))
      const got = await files.read(fd, entries, 0, entries.length, 0)
      return entries.subarray(0, got - (got % ENTRY))
    })
  }

  /** Of our files; others are nobody's business. */
  async #names(): Promise<string[]> {
    const folder = path.join(this.#root, CHECKSUMS_DIR)
    if ((await this.#files.lstat(folder)) === undefined) return []
    return (await this.#files.readdir(folder)).filter((name) => /^\d{20}$/.test(name))
  }

  #path(name: string): string {
    return path.join(this.#root, CHECKSUMS_DIR, name)
  }
}

/** Of the blocks that `bytes` begin with. */
function entriesOf(bytes: Buffer): Buffer {
  const entries = Buffer.allocUnsafe(Math.ceil(bytes.length / BLOCK) * ENTRY)
  for (let at = 0, entry = 0; at < bytes.length; at += BLOCK, entry += ENTRY) {
    const block = bytes.subarray(at, at + BLOCK)
    entries.writeUInt32BE(zlib.crc32(block), entry)
    entries.writeUInt32BE(block.length, entry + 4)
  }
  return entries
}

/** What is fed has to come in the log's order, without gaps within a file. */
export class Verifier {
  readonly #entriesOf: (start: number) => Promise<Buffer>
  readonly #segmentSize: number
  #segment = -1
  #entries: Buffer = Buffer.alloc(0)
  /** Where the next bytes belong in the file. */
  #next = 0
  #crc = 0
  /** Whether the block that is being fed is known from its first byte on, and how much of it. */
  #checked = false
  #length = 0

  constructor(entriesOf: (start: number) => Promise<Buffer>, segmentSize: number) {
    this.#entriesOf = entriesOf
    this.#segmentSize = segmentSize
  }

  /** @returns the first bytes that are not what they were. */
  async feed(bytes: Buffer, offset: number): Promise<Mismatch | undefined> {
    const segment = Math.floor(offset / this.#segmentSize) * this.#segmentSize
    if (segment !== this.#segment) {
      this.#segment = segment
      this.#entries = await this.#entriesOf(segment)
      this.#next = offset - segment
      this.#checked = false
    }
    for (let at = 0; at < bytes.length; ) {
      const begin = this.#next - (this.#next % BLOCK)
      if (this.#next === begin) this.#beginBlock(begin)
      const end = begin + (this.#checked ? this.#length : BLOCK)
      const size = Math.min(bytes.length - at, end - this.#next)
      if (this.#checked) this.#crc = zlib.crc32(bytes.subarray(at, at + size), this.#crc)
      at += size
      this.#next += size
      if (!this.#checked || this.#next < end) continue
      // What is behind the known part of a block is passed over.
      this.#checked = false
      if (this.#crc !== this.#entries.readUInt32BE((begin / BLOCK) * ENTRY)) return { begin: segment + begin, end: segment + end }
    }
    return undefined
  }

  #beginBlock(begin: number): void {
    const at = (begin / BLOCK) * ENTRY
    this.#length = at + ENTRY <= this.#entries.length ? this.#entries.readUInt32BE(at + 4) : 0
    this.#checked = this.#length > 0 && this.#length <= BLOCK
    this.#crc = 0
  }
}
