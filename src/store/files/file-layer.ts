import fs from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { logText } from '../../internal/logger.ts'

/** What an entry of a folder is. */
export interface FileFacts {
  kind: 'file' | 'directory' | 'link' | 'other'
  size: number
  /** Bytes that the file system has given to it; a sparse file has fewer than its size. */
  allocated: number
  /** Permission bits. */
  mode: number
  /** Major and minor number of the device, as `/proc/locks` prints them: hexadecimal, `fe:00`. */
  device: string
  inode: number
}

/**
 * The store's only way to the file system. Everything that changes a file passes here, so that a test can put another one in its place:
 * one that fails at the n-th call, or that remembers every call and shows what a crash would have left.
 */
export interface FileLayer {
  /** Undefined when there is nothing; does not follow links. */
  lstat(path: string): Promise<FileFacts | undefined>
  /** Names of a folder, sorted. */
  readdir(path: string): Promise<string[]>
  /** With every folder above it; 0700. */
  mkdir(path: string): Promise<void>
  /** `create` fails when there is something already; the file is 0600. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<number>
  close(fd: number): Promise<void>
  size(fd: number): Promise<number>
  /** Reads at most `length` bytes; fewer only at the end of the file. */
  read(fd: number, target: Uint8Array, at: number, length: number, position: number): Promise<number>
  /** Writes all of it. */
  write(fd: number, source: Uint8Array, position: number): Promise<void>
  truncate(fd: number, length: number): Promise<void>
  /** Data and everything about the file. */
  fsync(fd: number): Promise<void>
  fdatasync(fd: number): Promise<void>
  /** Makes what was created, renamed or removed in a folder durable. */
  syncDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** A second name for a file. */
  link(from: string, to: string): Promise<void>
  /** The log's write: at most all of it, as the system call does. */
  writeSome(
    fd: number,
    source: Uint8Array,
    at: number,
    length: number,
    position: number,
    done: (error: Error | null, written: number) => void
  ): void
  /** The same within the call: reads that a caller waits for, and what a start or a cut does to queues and index. */
  openNow(path: string, mode: 'read' | 'write'): number
  readNow(fd: number, target: Uint8Array, at: number, length: number, position: number): number
  writeNow(fd: number, source: Uint8Array, position: number): void
  truncateNow(fd: number, length: number): void
  fdatasyncNow(fd: number): void
  closeNow(fd: number): void
  unlinkNow(path: string): void
  /** Of an empty folder; otherwise an error `ENOTEMPTY`. */
  rmdirNow(path: string): void
  /** What is in a folder, sorted by name; nothing when there is no such folder. Does not follow links. */
  listNow(path: string): FileEntry[]
}

/** A name in a folder, and what it stands for. */
export interface FileEntry extends Pick<FileFacts, 'kind' | 'size'> {
  name: string
}

const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600

const call = {
  stat: promisify(fs.stat),
  lstat: promisify(fs.lstat),
  readdir: promisify(fs.readdir),
  mkdir: promisify(fs.mkdir),
  open: promisify(fs.open),
  close: promisify(fs.close),
  fstat: promisify(fs.fstat),
  read: promisify(fs.read),
  write: promisify(fs.write),
  ftruncate: promisify(fs.ftruncate),
  fsync: promisify(fs.fsync),
  fdatasync: promisify(fs.fdatasync),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  link: promisify(fs.link)
}

/** Opening does not wait for a writer when somebody left a FIFO there. */
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants

/** Node's own `recursive` never ends where the system says ENOENT although the parent is there, as it does below `/proc`. */
async function makeDirectory(name: string): Promise<void> {
  try {
    await call.mkdir(name, DIRECTORY_MODE)
  } catch (error) {
    const parent = path.dirname(name)
    if (errorCode(error) === 'ENOENT' && parent !== name) {
      await makeDirectory(parent)
      await call.mkdir(name, DIRECTORY_MODE).catch(unlessThere(name))
    } else await unlessThere(name)(error)
  }
}

/** For a folder that is there already, perhaps since a moment. */
function unlessThere(name: string): (error: unknown) => Promise<void> {
  return async (error) => {
    const stats = await call.stat(name).catch(() => undefined)
    if (stats?.isDirectory() !== true) throw error
  }
}

/** The file system of this machine. */
export const nodeFiles: FileLayer = {
  async lstat(name) {
    try {
      const stats = await call.lstat(name)
      // Windows does not say: everything counts as given.
      const allocated = stats.blocks === undefined ? stats.size : stats.blocks * 512
      const { size, mode, ino: inode } = stats
      return { kind: kindOf(stats), size, allocated, mode: mode & 0o777, device: deviceName(stats.dev), inode }
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
      throw error
    }
  },
  async readdir(name) {
    return (await call.readdir(name)).sort()
  },
  mkdir: makeDirectory,
  open(name, mode) {
    const access = mode === 'read' ? O_RDONLY : mode === 'write' ? O_RDWR : O_RDWR | O_CREAT | O_EXCL
    return call.open(name, access | O_NONBLOCK | O_NOFOLLOW, FILE_MODE)
  },
  close: (fd) => call.close(fd),
  async size(fd) {
    return (await call.fstat(fd)).size
  },
  async read(fd, target, at, length, position) {
    let done = 0
    while (done < length) {
      const { bytesRead } = await call.read(fd, target, at + done, length - done, position + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  },
  async write(fd, source, position) {
    for (let done = 0; done < source.length; ) {
      const { bytesWritten } = await call.write(fd, source, done, source.length - done, position + done)
      done += bytesWritten
    }
  },
  truncate: (fd, length) => call.ftruncate(fd, length),
  fsync: (fd) => call.fsync(fd),
  fdatasync: (fd) => call.fdatasync(fd),
  async syncDirectory(name) {
    // Windows cannot open folders.
    if (process.platform === 'win32') return
    const fd = await call.open(name, O_RDONLY)
    try {
      await call.fsync(fd)
    } finally {
      await call.close(fd)
    }
  },
  rename: (from, to) => call.rename(from, to),
  unlink: (name) => call.unlink(name),
  link: (from, to) => call.link(from, to),
  writeSome(fd, source, at, length, position, done) {
    fs.write(fd, source, at, length, position, done)
  },
  openNow: (name, mode) => fs.openSync(name, (mode === 'read' ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOFOLLOW),
  readNow: (fd, target, at, length, position) => fs.readSync(fd, target, at, length, position),
  writeNow(fd, source, position) {
    for (let done = 0; done < source.length; ) {
      done += fs.writeSync(fd, source, done, source.length - done, position + done)
    }
  },
  truncateNow: (fd, length) => fs.ftruncateSync(fd, length),
  fdatasyncNow: (fd) => fs.fdatasyncSync(fd),
  closeNow: (fd) => fs.closeSync(fd),
  unlinkNow: (name) => fs.unlinkSync(name),
  rmdirNow: (name) => fs.rmdirSync(name),
  listNow(folder) {
    let names: string[]
    try {
      names = fs.readdirSync(folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
    return names.sort().map((name) => {
      const stats = fs.lstatSync(path.join(folder, name))
      return { name, kind: kindOf(stats), size: stats.size }
    })
  }
}

function kindOf(stats: fs.Stats): FileFacts['kind'] {
  return stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other'
}

/** `ENOENT` and its like; undefined when it is another kind of error. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

/** Opens, works, closes, whatever happens. */
export async function withFile<T>(
  files: FileLayer,
  name: string,
  mode: 'read' | 'write' | 'create',
  work: (fd: number) => Promise<T>
): Promise<T> {
  const fd = await files.open(name, mode)
  try {
    return await work(fd)
  } finally {
    await files.close(fd)
  }
}

/** A sync failed: what it was for may be lost, whatever a later one says. */
export class FailedSync extends Error {
  constructor(cause: unknown) {
    super(logText(cause), { cause })
  }
}

/**
 * `fdatasync` whose failure is told from that of a write, which may be tried again.
 * @throws FailedSync
 */
export async function syncData(files: FileLayer, fd: number): Promise<void> {
  try {
    await files.fdatasync(fd)
  } catch (error) {
    throw new FailedSync(error)
  }
}

/** Opens a file for writing, and makes it first when it is not there. */
export async function openOrCreate(files: FileLayer, name: string): Promise<number> {
  try {
    return await files.open(name, 'create')
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    return files.open(name, 'write')
  }
}

/** Opens, works, closes within the call. */
export function withFileNow<T>(files: FileLayer, name: string, mode: 'read' | 'write', work: (fd: number) => T): T {
  const fd = files.openNow(name, mode)
  try {
    return work(fd)
  } finally {
    files.closeNow(fd)
  }
}

/** Reads until `target` is full or the file ends; returns the bytes read. */
export function readFullyNow(files: FileLayer, fd: number, target: Uint8Array, position: number): number {
  let done = 0
  while (done < target.length) {
    const count = files.readNow(fd, target, done, target.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Removes a file and makes that durable. */
export async function removeFile(files: FileLayer, name: string): Promise<void> {
  await files.unlink(name)
  await files.syncDirectory(path.dirname(name))
}

/** Linux's encoding of `st_dev`. */
function deviceName(device: number): string {
  const low = device % 2 ** 32
  const high = Math.floor(device / 2 ** 32)
  const major = ((low >>> 8) & 0xfff) | (high & 0xfffff000)
  const minor = (low & 0xff) | ((low >>> 12) & 0xfff00)
  const hex = (value: number): string => (value >>> 0).toString(16).padStart(2, '0')
  return `${hex(major)}:${hex(minor)}`
}
