import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { MQClientException } from '../../internal/errors.ts'

/** Files and folders of a store are their owner's alone. */
export const FILE_MODE = 0o600
export const FOLDER_MODE = 0o700

/** Files of the commit log and of consume queues are named after the offset of their first byte, in 20 digits. */
export function offsetFileName(offset: number): string {
  return String(offset).padStart(20, '0')
}

/** The offset that a file's name says; undefined when it is no such name. */
export function offsetOfFileName(name: string): number | undefined {
  const offset = /^\d{20}$/.test(name) ? Number(name) : Number.NaN
  return Number.isSafeInteger(offset) ? offset : undefined
}

/** Reads until `target` is full or the file ends; returns the bytes read. */
export function readFullySync(fd: number, target: Uint8Array, position: number): number {
  let done = 0
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

export function writeFullySync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}

/** A write may take less than it was given; what it took is not given again. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Makes the names in a folder durable: new files, renames, deletions. Windows cannot, and does not need it. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export function isNotFound(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

/** Whether a topic may name a folder: what RocketMQ allows in names leads nowhere else. */
export function isTopicFolder(topic: string): boolean {
  return /^[%|a-zA-Z0-9_-]{1,255}$/.test(topic)
}

/** A store that cannot be opened as it is. @param hint what to do */
export function badStore(what: string, hint: string): MQClientException {
  return new MQClientException(`${what}: ${hint}`, { code: 'STORE_DIRECTORY', hint })
}

/** A file that is opened when something is read from it. */
export class FileReader {
  readonly #path: string
  #fd: number | undefined

  constructor(file: string) {
    this.#path = file
  }

  /** What lies behind the file's end reads as zeros. */
  fill(target: Buffer, position: number): void {
    this.#fd ??= openSync(this.#path, 'r')
    const count = readFullySync(this.#fd, target, position)
    target.fill(0, count)
  }

  int(position: number): number {
    const bytes = Buffer.alloc(4)
    this.fill(bytes, position)
    return bytes.readInt32BE(0)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** A 64-bit field as number; exact below 2^53. */
export function readLong(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

/** A whole number, negative ones in two's complement. Returns the position behind it. */
export function writeLong(target: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 0x1_0000_0000)
  target.writeInt32BE(high, at)
  return target.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}
