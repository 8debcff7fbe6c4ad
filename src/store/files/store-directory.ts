import path from 'node:path'
import { MQClientException } from '../../internal/errors.ts'
import { errorCode, type FileFacts, type FileLayer, removeFile, withFile } from './file-layer.ts'
import { CHECKSUMS_DIR } from './log-checksums.ts'
import { COMMIT_LOG_DIR, NEXT_SEGMENT, segmentName, segmentStart } from './log-segment.ts'
import { POSITION_FILE } from './position-file.ts'

/** Present while a store is open; left behind by one that did not end orderly. Java's. */
export const ABORT_FILE = 'abort'
/** The file that Java locks; ours says nothing by it. */
const LOCK_FILE = 'lock'
/** What recovery cut off the log. */
export const CUT_DIR = 'cut'

/** What else a store keeps in its folder, and what it has to be there. */
const KNOWN_FOLDERS = [COMMIT_LOG_DIR, 'consumequeue', 'index', 'config', CUT_DIR, CHECKSUMS_DIR]
const KNOWN_FILES = [ABORT_FILE, LOCK_FILE, 'checkpoint', POSITION_FILE, NEXT_SEGMENT]
/** Queues of batches: a record there stands for many messages, and no other kind of queue can take its place. */
const BATCH_QUEUES = 'batchconsumequeue'

/** Files of the log as they were found. */
export interface FoundSegment {
  start: number
  path: string
  size: number
  /** Bytes that the file system has given to it; behind them there are zeros. */
  allocated: number
}

export interface FoundStore {
  segments: FoundSegment[]
  /** Empty files at the end: a crash of Java's between making a file and sizing it. */
  empty: string[]
}

/**
 * Looks at a store's folder, and at what it keeps there, without touching anything. False when there is none yet.
 * @throws MQClientException (`STORE_DIRECTORY`) naming the path, what is wrong with it, and what to do.
 */
export async function inspectFolder(files: FileLayer, root: string): Promise<boolean> {
  const facts = await files.lstat(root)
  if (facts === undefined) return false
  if (facts.kind === 'link') throw refused(`${root} is a link: give the folder that it leads to`)
  if (facts.kind !== 'directory') throw refused(`${root} is not a folder`)
  refuseWritableByOthers(root, facts)
  for (const name of KNOWN_FOLDERS) await inspectKnownFolder(files, path.join(root, name))
  for (const name of KNOWN_FILES) await inspectKnownFile(files, path.join(root, name))
  await refuseBatchQueues(files, path.join(root, BATCH_QUEUES))
  return true
}

/** A link would lead what is written out of the store. */
async function inspectKnownFolder(files: FileLayer, folder: string): Promise<void> {
  const facts = await files.lstat(folder)
  if (facts === undefined) return
  if (facts.kind !== 'directory')
    throw refused(
      `${folder} is ${facts.kind === 'link' ? 'a link' : 'not a folder'}: the store's files have to be in it, move it away`
    )
  refuseWritableByOthers(folder, facts)
}

async function inspectKnownFile(files: FileLayer, name: string): Promise<void> {
  const facts = await files.lstat(name)
  if (facts === undefined || facts.kind === 'file') return
  throw refused(`${name} is ${facts.kind === 'link' ? 'a link' : 'not a file'}: move it away`)
}

async function refuseBatchQueues(files: FileLayer, folder: string): Promise<void> {
  if ((await files.lstat(folder))?.kind !== 'directory' || (await files.readdir(folder)).length === 0) return
  throw refused(
    `${folder} holds queues of batches (topics with queue.type=BatchCQ), which are not served here: ` +
      'open the store with the broker that wrote them, or use another folder'
  )
}

function refuseWritableByOthers(folder: string, { mode }: FileFacts): void {
  if (process.platform === 'win32' || (mode & 0o022) === 0) return
  throw refused(`${folder} can be written by others (mode ${mode.toString(8)}): chmod go-w ${folder}`)
}

/**
 * Looks at the files of the log.
 * @param shortTail whether the last one may be one that was being zeroed
 * @throws MQClientException (`STORE_DIRECTORY`) as above
 */
export async function inspectLog(files: FileLayer, root: string, segmentSize: number, shortTail: boolean): Promise<FoundStore> {
  const folder = path.join(root, COMMIT_LOG_DIR)
  const found: FoundSegment[] = []
  if ((await files.lstat(folder)) === undefined) return { segments: [], empty: [] }
  for (const name of await files.readdir(folder)) {
    const file = path.join(folder, name)
    const facts = await files.lstat(file)
    // 5.x ignores folders here, and so do we.
    if (facts === undefined || facts.kind === 'directory') continue
    const start = segmentStart(name)
    if (start === undefined || facts.kind !== 'file') {
      throw refused(`${file} is no file of a commit log: move it away`)
    }
    found.push({ start, path: file, size: facts.size, allocated: facts.allocated })
  }
  const empty: string[] = []
  while (found.length > 0 && found[found.length - 1]!.size === 0) empty.push(found.pop()!.path)
  found.forEach((segment, i) => {
    const last = i === found.length - 1
    if (segment.size !== segmentSize && !(last && shortTail && segment.size < segmentSize)) {
      throw refused(
        `${segment.path} has ${segment.size} bytes, and mappedFileSizeCommitLog is ${segmentSize}: open the store with the size it was written with`
      )
    }
    const expected = i === 0 ? segment.start : found[i - 1]!.start + segmentSize
    if (segment.start !== expected || segment.start % segmentSize !== 0) {
      throw refused(`${path.join(folder, segmentName(expected))} is missing: ${segment.path} does not follow what is before it`)
    }
  })
  return { segments: found, empty }
}

/** Makes what a store needs and is not there, and the mark of an open store. */
export async function openDirectory(files: FileLayer, root: string): Promise<void> {
  for (const folder of [root, path.join(root, COMMIT_LOG_DIR)]) {
    if ((await files.lstat(folder)) !== undefined) continue
    await files.mkdir(folder)
    await files.syncDirectory(path.dirname(folder))
  }
  // Java locks the first byte of a file that says so.
  await writeMissing(files, path.join(root, LOCK_FILE), 'lock')
  await writeMissing(files, path.join(root, ABORT_FILE), String(process.pid))
  await files.syncDirectory(root)
}

/** Whether the last one that had this store open did not end orderly. */
export async function wasAborted(files: FileLayer, root: string): Promise<boolean> {
  return (await files.lstat(path.join(root, ABORT_FILE))) !== undefined
}

/** The store has ended orderly. */
export async function removeAbort(files: FileLayer, root: string): Promise<void> {
  try {
    await removeFile(files, path.join(root, ABORT_FILE))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

async function writeMissing(files: FileLayer, name: string, text: string): Promise<void> {
  if ((await files.lstat(name)) !== undefined) return
  await withFile(files, name, 'create', (fd) => files.write(fd, Buffer.from(text), 0))
}

/** The process that holds a POSIX lock on the store's `lock` file, as a running Java broker does; Linux only. */
export async function lockedByJava(files: FileLayer, root: string): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const facts = await files.lstat(path.join(root, LOCK_FILE))
  if (facts === undefined) return undefined
  const wanted = `${facts.device}:${facts.inode}`
  for (const line of (await readProcLocks(files)).split('\n')) {
    // 1: POSIX  ADVISORY  WRITE 29181 fe:00:9987108 0 0
    const [, kind, , , pid, where] = line.trim().split(/\s+/)
    if (kind === 'POSIX' && where === wanted) return Number(pid)
  }
  return undefined
}

async function readProcLocks(files: FileLayer): Promise<string> {
  const buffer = Buffer.alloc(256 * 1024)
  try {
    return await withFile(files, '/proc/locks', 'read', async (fd) =>
      buffer.toString('utf8', 0, await files.read(fd, buffer, 0, buffer.length, 0))
    )
  } catch {
    return ''
  }
}

export function refused(message: string): MQClientException {
  return new MQClientException(message, { code: 'STORE_DIRECTORY' })
}
