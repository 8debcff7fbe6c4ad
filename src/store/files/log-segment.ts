import path from 'node:path'
import type { FileLayer } from './file-layer.ts'

/** The log's folder in a store's. */
export const COMMIT_LOG_DIR = 'commitlog'
/** Where a segment is made before it gets its name: a crash leaves no half-made file among the log's. */
export const NEXT_SEGMENT = 'commitlog.next'

/** A file of the log. Its name is the offset of its first byte; it has its full size from the start, sparse. */
export interface LogSegment {
  readonly start: number
  readonly path: string
  /** For writing; undefined until it has been opened or made. */
  fd: number | undefined
  /** Settles when `fd` is there; rejects when the file could not be made. */
  ready: Promise<void> | undefined
}

/** Java's file name of an offset: 20 digits. */
export function segmentName(start: number): string {
  return String(start).padStart(20, '0')
}

/** The offset that a file is named after; undefined for any other name. */
export function segmentStart(name: string): number | undefined {
  if (!/^\d{20}$/.test(name)) return undefined
  const start = Number(name)
  return Number.isSafeInteger(start) ? start : undefined
}

/**
 * Makes a segment of full size that is there after a power cut: sized and synced under another name, then renamed, and the folder synced.
 * @param replaced a file of that name from a run before this one is not touched: it is an error.
 */
export async function createSegment(files: FileLayer, root: string, start: number, size: number): Promise<number> {
  const name = path.join(root, COMMIT_LOG_DIR, segmentName(start))
  if ((await files.lstat(name)) !== undefined) throw new Error(`${name} is there already`)
  const temporary = path.join(root, NEXT_SEGMENT)
  if ((await files.lstat(temporary))?.kind === 'file') await files.unlink(temporary)
  const fd = await files.open(temporary, 'create')
  try {
    await files.truncate(fd, size)
    await files.fsync(fd)
    await files.rename(temporary, name)
    await files.syncDirectory(path.join(root, COMMIT_LOG_DIR))
    return fd
  } catch (error) {
    await files.close(fd)
    throw error
  }
}

/** Zeroes everything of a file from `position` on, and frees the blocks: shortened, then sized again. A crash in between leaves a short file. */
export async function zeroTail(files: FileLayer, fd: number, position: number, size: number): Promise<void> {
  await files.truncate(fd, position)
  await files.truncate(fd, size)
  await files.fsync(fd)
}
