import path from 'node:path'
import { MQClientException } from '../../internal/errors.ts'
import { crc32 } from '../../protocol/crc32.ts'
import { readLong } from '../record-format.ts'
import type { FileLayer } from './file-layer.ts'

/** What is known of the log from the last time somebody wrote it down. */
export interface LogPosition {
  /** Everything below was durable: a bad record there is damage, not a crash. */
  durable: number
  /** Everything below has its unit and its index entries, and those are durable too. */
  dispatched: number
  /** `mappedFileSizeCommitLog` of the log. */
  segmentSize: number
}

/** A file of ours beside Java's `checkpoint`; Java does not look at it. */
export const POSITION_FILE = 'commitlog.position'

const VERSION = 1
const MAGIC = 0x524d5150
const SLOT_BYTES = 44
/** A slot for each sector pair, so that a write that a power cut tears leaves the other one. */
const SLOT_STRIDE = 4096

/**
 * The last durable position on record, in two slots that are written in turn; the one with the higher sequence number that holds together
 * counts.
 *
 * ```
 * file := slot  zeros to 4096  slot
 * slot := magic:int32 version:int32 sequence:int64 durable:int64 dispatched:int64 segmentSize:int64 crc32:int32
 * ```
 */
export class PositionFile {
  readonly #files: FileLayer
  readonly #name: string
  #fd: number | undefined
  #sequence = 0
  readonly #slot: Buffer = Buffer.alloc(SLOT_BYTES)

  constructor(files: FileLayer, root: string) {
    this.#files = files
    this.#name = path.join(root, POSITION_FILE)
  }

  /**
   * What the file says; undefined when there is none, or none that holds together. Changes nothing.
   * @throws MQClientException (`STORE_FORMAT`) when a newer version of this package wrote it.
   */
  async read(): Promise<LogPosition | undefined> {
    const facts = await this.#files.lstat(this.#name)
    if (facts === undefined) return undefined
    const bytes = Buffer.alloc(SLOT_STRIDE + SLOT_BYTES)
    const fd = await this.#files.open(this.#name, 'read')
    try {
      await this.#files.read(fd, bytes, 0, bytes.length, 0)
    } finally {
      await this.#files.close(fd)
    }
    let found: LogPosition | undefined
    for (const at of [0, SLOT_STRIDE]) {
      const slot = bytes.subarray(at, at + SLOT_BYTES)
      if (slot.readInt32BE(0) !== MAGIC || slot.readInt32BE(SLOT_BYTES - 4) !== crc32(slot.subarray(0, SLOT_BYTES - 4))) continue
      const version = slot.readInt32BE(4)
      if (version > VERSION) {
        throw new MQClientException(
          `${this.#name} is of format ${version}, this version knows formats up to ${VERSION}: open the store with the version that wrote it, or a newer one`,
          { code: 'STORE_FORMAT' }
        )
      }
      const sequence = readLong(slot, 8)
      if (sequence <= this.#sequence) continue
      this.#sequence = sequence
      found = { durable: readLong(slot, 16), dispatched: readLong(slot, 24), segmentSize: readLong(slot, 32) }
    }
    return found
  }

  /** Makes the file, durably, when it is not there. */
  async open(): Promise<void> {
    const there = (await this.#files.lstat(this.#name)) !== undefined
    this.#fd = await this.#files.open(this.#name, there ? 'write' : 'create')
    if (!there) await this.#files.syncDirectory(path.dirname(this.#name))
  }

  /** One call at a time. A write that is lost leaves the position before it, which is true as well. */
  async write(position: LogPosition): Promise<void> {
    if (this.#fd === undefined) return
    const slot = this.#slot
    this.#sequence++
    slot.writeInt32BE(MAGIC, 0)
    slot.writeInt32BE(VERSION, 4)
    slot.writeBigInt64BE(BigInt(this.#sequence), 8)
    slot.writeBigInt64BE(BigInt(position.durable), 16)
    slot.writeBigInt64BE(BigInt(position.dispatched), 24)
    slot.writeBigInt64BE(BigInt(position.segmentSize), 32)
    slot.writeInt32BE(crc32(slot.subarray(0, SLOT_BYTES - 4)), SLOT_BYTES - 4)
    await this.#files.write(this.#fd, slot, (this.#sequence % 2) * SLOT_STRIDE)
  }

  /** For the positions that have to be there before something else happens. */
  async sync(): Promise<void> {
    if (this.#fd !== undefined) await this.#files.fsync(this.#fd)
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) await this.#files.close(fd)
  }
}
