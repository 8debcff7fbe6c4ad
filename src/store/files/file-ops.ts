import { MQClientException } from '../../internal/errors.ts'
import { type FileLayer, readFullyNow } from './file-layer.ts'

/** Files of the commit log and of consume queues are named after the offset of their first byte, in 20 digits. */
export function offsetFileName(offset: number): string {
  return String(offset).padStart(20, '0')
}

/** The offset that a file's name says; undefined when it is no such name. */
export function offsetOfFileName(name: string): number | undefined {
  const offset = /^\d{20}$/.test(name) ? Number(name) : Number.NaN
  return Number.isSafeInteger(offset) ? offset : undefined
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
  readonly #files: FileLayer
  readonly #path: string
  #fd: number | undefined

  constructor(files: FileLayer, file: string) {
    this.#files = files
    this.#path = file
  }

  /** What lies behind the file's end reads as zeros. */
  fill(target: Buffer, position: number): void {
    this.#fd ??= this.#files.openNow(this.#path, 'read')
    const count = readFullyNow(this.#files, this.#fd, target, position)
    target.fill(0, count)
  }

  int(position: number): number {
    const bytes = Buffer.alloc(4)
    this.fill(bytes, position)
    return bytes.readInt32BE(0)
  }

  close(): void {
    if (this.#fd !== undefined) this.#files.closeNow(this.#fd)
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
