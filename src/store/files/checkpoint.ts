import path from 'node:path'
import { errorCode, type FileLayer, nodeFiles, openOrCreate, readFullyNow, withFile, withFileNow } from './file-layer.ts'
import { badStore, isNotFound, readLong, writeLong } from './file-ops.ts'

/** Java's file has the size of a page. */
const SIZE = 4096
/** What Java takes off: records of one time may be on either side of a flush, ms. */
const MARGIN_MILLIS = 3000

/**
 * Up to when the store was durable; Java's `StoreCheckpoint`, which Java begins its recovery with. Fields are changed as things become
 * durable, and written by {@link flush}.
 *
 * ```
 * file := physicMsgTimestamp:i64 logicsMsgTimestamp:i64 indexMsgTimestamp:i64 masterFlushedOffset:i64 confirmPhyOffset:i64 zeros
 * ```
 */
export class StoreCheckpoint {
  readonly path: string
  readonly #files: FileLayer
  /** Store timestamp of the last record in the commit log that is durable. */
  physicMsgTimestamp = 0
  /** Store timestamp of the last record whose consume queue unit is durable. */
  logicsMsgTimestamp = 0
  /** Store timestamp up to which the key index is whole in its files. */
  indexMsgTimestamp = 0
  /** Written by 5.x slaves; kept as found. */
  masterFlushedOffset = 0
  /** Written by 5.x; kept as found unless set. */
  confirmPhyOffset = 0
  /** Writes come one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  #exists = false

  /** @param file `<root>/checkpoint` */
  constructor(file: string, files: FileLayer = nodeFiles) {
    this.path = file
    this.#files = files
  }

  /** The time before which everything is durable, ms since 1970; 0 when that is not known. */
  get minTimestamp(): number {
    return Math.max(0, Math.min(this.physicMsgTimestamp, this.logicsMsgTimestamp) - MARGIN_MILLIS)
  }

  /** The same, the key index included. */
  get minTimestampIndex(): number {
    return Math.min(this.minTimestamp, this.indexMsgTimestamp)
  }

  /**
   * Reads the file; a missing one counts as zeros.
   * @throws MQClientException (`STORE_DIRECTORY`) when it is no checkpoint
   */
  load(): void {
    const bytes = Buffer.alloc(SIZE)
    const files = this.#files
    try {
      withFileNow(files, this.path, 'read', (fd) => readFullyNow(files, fd, bytes, 0))
    } catch (error) {
      if (isNotFound(error)) return
      // A folder, a link, a FIFO.
      if (['EISDIR', 'ELOOP', 'ESPIPE', 'ENXIO'].includes(errorCode(error) ?? '')) {
        throw badStore(`${this.path} is no file`, 'move it away')
      }
      throw error
    }
    this.#exists = true
    this.physicMsgTimestamp = readLong(bytes, 0)
    this.logicsMsgTimestamp = readLong(bytes, 8)
    this.indexMsgTimestamp = readLong(bytes, 16)
    this.masterFlushedOffset = readLong(bytes, 24)
    this.confirmPhyOffset = readLong(bytes, 32)
  }

  /** Writes the fields as they are at the call, durably. */
  flush(): Promise<void> {
    const bytes = this.#encode()
    const result = this.#work.then(() => this.#write(bytes))
    this.#work = result.catch(() => {})
    return result
  }

  #encode(): Buffer {
    const bytes = Buffer.alloc(SIZE)
    writeLong(bytes, 0, this.physicMsgTimestamp)
    writeLong(bytes, 8, this.logicsMsgTimestamp)
    writeLong(bytes, 16, this.indexMsgTimestamp)
    writeLong(bytes, 24, this.masterFlushedOffset)
    writeLong(bytes, 32, this.confirmPhyOffset)
    return bytes
  }

  async #write(bytes: Buffer): Promise<void> {
    const files = this.#files
    const folder = path.dirname(this.path)
    const work = async (fd: number): Promise<void> => {
      await files.write(fd, bytes, 0)
      await files.fdatasync(fd)
    }
    if (this.#exists) return withFile(files, this.path, 'write', work)
    await files.mkdir(folder)
    const fd = await openOrCreate(files, this.path)
    try {
      await work(fd)
    } finally {
      await files.close(fd)
    }
    await files.syncDirectory(folder)
    this.#exists = true
  }
}
