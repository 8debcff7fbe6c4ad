import { closeSync, openSync, statSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import {
  badStore,
  FILE_MODE,
  FOLDER_MODE,
  isNotFound,
  readFullySync,
  readLong,
  syncFolder,
  writeFully,
  writeLong
} from './file-ops.ts'

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
  constructor(file: string) {
    this.path = file
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
    let fd: number
    try {
      if (!statSync(this.path).isFile()) throw badStore(`${this.path} is no file`, 'move it away')
      fd = openSync(this.path, 'r')
    } catch (error) {
      if (isNotFound(error)) return
      throw error
    }
    try {
      readFullySync(fd, bytes, 0)
    } finally {
      closeSync(fd)
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
    if (!this.#exists) {
      await mkdir(path.dirname(this.path), { recursive: true, mode: FOLDER_MODE })
      await (await open(this.path, 'a+', FILE_MODE)).close()
    }
    const handle = await open(this.path, 'r+')
    try {
      await writeFully(handle, bytes, 0)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    if (!this.#exists) await syncFolder(path.dirname(this.path))
    this.#exists = true
  }
}
