import path from 'node:path'
import type { FileEntry, FileFacts, FileLayer } from '../../src/store/files/file-layer.ts'
import { systemError } from './faulty-files.ts'

const SECTOR = 512
const BLOCK = 4096

type DataChange = { readonly at: number; readonly bytes: Buffer } | { readonly length: number }

/** A file without its names. */
interface Inode {
  readonly id: number
  /** What a process sees. */
  live: Buffer
  /** What is on the platter for certain. */
  durable: Buffer
  /** Since the last sync: any part of it may be on the platter. */
  readonly pending: DataChange[]
}

type Node = Inode | 'directory'

/** Decides what of the things that were never synced a power cut leaves. */
export interface Fate {
  /** How many of the changes to a name, oldest first. */
  name(path: string, changes: number): number
  /** Whether a change of a file's size. */
  truncate(path: string): boolean
  /** How many bytes of a sector of a write, from its first on; a write's sectors come in order. */
  sector(path: string, size: number): number
}

let ids = 1

/**
 * A disk in memory that knows what was synced and what was not: the worst that POSIX allows. Contents reach the platter with a sync of the file,
 * names with a sync of the folder, and everything else in any order, in parts, or not at all.
 */
export class ModelDisk implements FileLayer {
  readonly #root: string
  readonly #live = new Map<string, Node>()
  readonly #durable = new Map<string, Node>()
  readonly #pendingNames = new Map<string, Array<Node | undefined>>()
  readonly #open = new Map<number, { inode: Inode; path: string }>()
  #nextFd = 3
  /** Called after each change. Between two of them the power may go. */
  onChange: ((operation: 'write' | 'truncate' | 'sync' | 'name' | 'syncDirectory', path: string) => void) | undefined

  /** @param root a folder that is there, durably, with all above it */
  constructor(root: string) {
    this.#root = root
    for (let folder = root; ; folder = path.dirname(folder)) {
      this.#live.set(folder, 'directory')
      this.#durable.set(folder, 'directory')
      if (folder === path.dirname(folder)) break
    }
  }

  /** Names of all files, with what a process reads in them. */
  *files(): Generator<[name: string, bytes: Buffer]> {
    for (const [name, node] of this.#live) if (node !== 'directory') yield [name, node.live]
  }

  bytes(name: string): Buffer | undefined {
    const node = this.#live.get(name)
    return node === undefined || node === 'directory' ? undefined : node.live
  }

  /** A bit that turns by itself. */
  flip(name: string, at: number, bit: number): void {
    const inode = this.#live.get(name) as Inode
    inode.live[at] = inode.live[at]! ^ (1 << bit)
    inode.durable = Buffer.from(inode.live)
  }

  /** The disk after a power cut now. */
  powerCut(fate: Fate): ModelDisk {
    const names = new Map(this.#durable)
    for (const [name, changes] of this.#pendingNames) {
      const count = fate.name(name, changes.length)
      if (count === 0) continue
      const node = changes[count - 1]
      if (node === undefined) names.delete(name)
      else names.set(name, node)
    }
    return this.#copy(names, (name, inode) => remains(name, inode, fate))
  }

  /** The disk after a process was killed, and nothing else: everything is there. */
  copy(): ModelDisk {
    return this.#copy(this.#live, (_, inode) => Buffer.from(inode.live))
  }

  #copy(names: Map<string, Node>, contents: (name: string, inode: Inode) => Buffer): ModelDisk {
    const disk = new ModelDisk(this.#root)
    const copies = new Map<Inode, Inode>()
    for (const [name, node] of names) {
      if (name !== this.#root && names.get(path.dirname(name)) === undefined) continue
      let copied: Node = 'directory'
      if (node !== 'directory') {
        copied = copies.get(node) ?? newInode(contents(name, node))
        copies.set(node, copied as Inode)
      }
      disk.#live.set(name, copied)
      disk.#durable.set(name, copied)
    }
    return disk
  }

  async lstat(name: string): Promise<FileFacts | undefined> {
    const node = this.#live.get(name)
    if (node === undefined) return undefined
    const common = { device: `model-${process.pid}`, mode: node === 'directory' ? 0o700 : 0o600 }
    // A folder is another one on each disk.
    if (node === 'directory') return { ...common, kind: 'directory', size: 0, allocated: 0, inode: this.#inode }
    return { ...common, kind: 'file', size: node.live.length, allocated: allocated(node.live), inode: node.id }
  }

  readonly #inode = ids++

  async readdir(folder: string): Promise<string[]> {
    return this.#namesIn(folder)
  }

  #namesIn(folder: string): string[] {
    return [...this.#live.keys()]
      .filter((name) => path.dirname(name) === folder && name !== folder)
      .map((name) => path.basename(name))
      .sort()
  }

  async mkdir(folder: string): Promise<void> {
    if (this.#live.has(folder)) return
    await this.mkdir(path.dirname(folder))
    this.#name(folder, 'directory')
  }

  async open(name: string, mode: 'read' | 'write' | 'create'): Promise<number> {
    let node = this.#live.get(name)
    if (node === undefined && mode === 'create') {
      node = newInode(Buffer.alloc(0))
      this.#name(name, node)
    } else if (mode === 'create') throw systemError('EEXIST')
    return this.#opened(name, node)
  }

  #opened(name: string, node: Node | undefined): number {
    if (node === undefined) throw systemError('ENOENT')
    if (node === 'directory') throw systemError('EISDIR')
    this.#open.set(this.#nextFd, { inode: node, path: name })
    return this.#nextFd++
  }

  #file(fd: number): { inode: Inode; path: string } {
    const file = this.#open.get(fd)
    if (file === undefined) throw systemError('EBADF')
    return file
  }

  async close(fd: number): Promise<void> {
    this.closeNow(fd)
  }

  async size(fd: number): Promise<number> {
    return this.#file(fd).inode.live.length
  }

  async read(fd: number, target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.readNow(fd, target, at, length, position)
  }

  async write(fd: number, source: Uint8Array, position: number): Promise<void> {
    this.writeNow(fd, source, position)
  }

  writeNow(fd: number, source: Uint8Array, position: number): void {
    this.#write(fd, Buffer.from(source), position)
  }

  async truncate(fd: number, length: number): Promise<void> {
    this.truncateNow(fd, length)
  }

  truncateNow(fd: number, length: number): void {
    const { inode, path: name } = this.#file(fd)
    change(inode, { length })
    this.onChange?.('truncate', name)
  }

  async fsync(fd: number): Promise<void> {
    this.fdatasyncNow(fd)
  }

  async fdatasync(fd: number): Promise<void> {
    this.fdatasyncNow(fd)
  }

  fdatasyncNow(fd: number): void {
    const { inode, path: name } = this.#file(fd)
    sync(inode)
    this.onChange?.('sync', name)
  }

  async syncDirectory(folder: string): Promise<void> {
    if (this.#live.get(folder) !== 'directory') throw systemError('ENOENT')
    this.#syncNames(folder)
    this.onChange?.('syncDirectory', folder)
  }

  async rename(from: string, to: string): Promise<void> {
    const node = this.#live.get(from)
    if (node === undefined) throw systemError('ENOENT')
    this.#name(to, node)
    this.#name(from, undefined)
  }

  async link(from: string, to: string): Promise<void> {
    const node = this.#live.get(from)
    if (node === undefined) throw systemError('ENOENT')
    if (this.#live.has(to)) throw systemError('EEXIST')
    this.#name(to, node)
  }

  async unlink(name: string): Promise<void> {
    this.unlinkNow(name)
  }

  unlinkNow(name: string): void {
    if (!this.#live.has(name)) throw systemError('ENOENT')
    this.#name(name, undefined)
  }

  rmdirNow(folder: string): void {
    if (this.#live.get(folder) !== 'directory') throw systemError('ENOENT')
    if (this.listNow(folder).length > 0) throw systemError('ENOTEMPTY')
    this.#name(folder, undefined)
  }

  listNow(folder: string): FileEntry[] {
    return this.#namesIn(folder).map((name) => {
      const node = this.#live.get(path.join(folder, name))!
      return node === 'directory' ? { name, kind: 'directory', size: 0 } : { name, kind: 'file', size: node.live.length }
    })
  }

  writeSome: FileLayer['writeSome'] = (fd, source, at, length, position, done) => {
    this.#write(fd, Buffer.from(source.subarray(at, at + length)), position)
    setImmediate(done, null, length)
  }

  openNow(name: string): number {
    return this.#opened(name, this.#live.get(name))
  }

  readNow(fd: number, target: Uint8Array, at: number, length: number, position: number): number {
    const bytes = this.#file(fd).inode.live.subarray(position, position + length)
    target.set(bytes, at)
    return bytes.length
  }

  closeNow(fd: number): void {
    this.#file(fd)
    this.#open.delete(fd)
  }

  #write(fd: number, bytes: Buffer, at: number): void {
    const { inode, path: name } = this.#file(fd)
    change(inode, { at, bytes })
    this.onChange?.('write', name)
  }

  #name(name: string, node: Node | undefined): void {
    if (node === undefined) this.#live.delete(name)
    else this.#live.set(name, node)
    const changes = this.#pendingNames.get(name)
    if (changes === undefined) this.#pendingNames.set(name, [node])
    else changes.push(node)
    this.onChange?.('name', name)
  }

  #syncNames(folder: string): void {
    for (const [name, changes] of this.#pendingNames) {
      if (path.dirname(name) !== folder) continue
      const node = changes.at(-1)
      if (node === undefined) this.#durable.delete(name)
      else this.#durable.set(name, node)
      this.#pendingNames.delete(name)
    }
  }
}

function newInode(bytes: Buffer): Inode {
  return { id: ids++, live: bytes, durable: Buffer.from(bytes), pending: [] }
}

function change(inode: Inode, what: DataChange): void {
  inode.live = applied(inode.live, what)
  inode.pending.push(what)
}

function sync(inode: Inode): void {
  inode.durable = Buffer.from(inode.live)
  inode.pending.length = 0
}

/** Changes `bytes` in place where its size allows that. */
function applied(bytes: Buffer, what: DataChange): Buffer {
  const length = 'length' in what ? what.length : Math.max(bytes.length, what.at + what.bytes.length)
  const result = length === bytes.length ? bytes : Buffer.alloc(length)
  if (result !== bytes) bytes.copy(result)
  if ('bytes' in what) what.bytes.copy(result, what.at)
  return result
}

function remains(name: string, inode: Inode, fate: Fate): Buffer {
  let bytes: Buffer = Buffer.from(inode.durable)
  for (const what of inode.pending) {
    if ('length' in what) {
      if (fate.truncate(name)) bytes = applied(bytes, what)
      continue
    }
    for (let at = 0; at < what.bytes.length; ) {
      const size = Math.min(SECTOR - ((what.at + at) % SECTOR), what.bytes.length - at)
      const kept = fate.sector(name, size)
      if (kept > 0) bytes = applied(bytes, { at: what.at + at, bytes: what.bytes.subarray(at, at + kept) })
      at += size
    }
  }
  return bytes
}

/** As a file system counts that keeps no block of zeros. */
function allocated(bytes: Buffer): number {
  let blocks = 0
  for (let at = 0; at < bytes.length; at += BLOCK) {
    if (bytes.subarray(at, at + BLOCK).some((byte) => byte !== 0)) blocks++
  }
  return blocks * BLOCK
}
