import { type FileLayer, nodeFiles } from '../../src/store/files/file-layer.ts'

export type FileOperation = keyof FileLayer

/**
 * The real file system, with somebody who is asked before each call: what it throws fails the call, a promise it returns holds the call up.
 * A `writeSome` that is told a number takes no more bytes than that.
 */
export class FaultyFiles implements FileLayer {
  /** Every call so far: its name, and the file it was for. */
  readonly calls: string[] = []
  before: (operation: FileOperation, file: string) => undefined | number | Promise<void> = () => undefined
  readonly #names = new Map<number, string>()

  lstat: FileLayer['lstat'] = (path) => this.#call('lstat', path, () => nodeFiles.lstat(path))
  readdir: FileLayer['readdir'] = (path) => this.#call('readdir', path, () => nodeFiles.readdir(path))
  mkdir: FileLayer['mkdir'] = (path) => this.#call('mkdir', path, () => nodeFiles.mkdir(path))
  rename: FileLayer['rename'] = async (from, to) => {
    await this.#call('rename', from, () => nodeFiles.rename(from, to))
    for (const [fd, name] of this.#names) if (name === from) this.#names.set(fd, to)
  }
  unlink: FileLayer['unlink'] = (path) => this.#call('unlink', path, () => nodeFiles.unlink(path))
  link: FileLayer['link'] = (from, to) => this.#call('link', to, () => nodeFiles.link(from, to))
  syncDirectory: FileLayer['syncDirectory'] = (path) => this.#call('syncDirectory', path, () => nodeFiles.syncDirectory(path))
  close: FileLayer['close'] = (fd) => this.#call('close', this.#name(fd), () => nodeFiles.close(fd))
  size: FileLayer['size'] = (fd) => this.#call('size', this.#name(fd), () => nodeFiles.size(fd))
  truncate: FileLayer['truncate'] = (fd, length) => this.#call('truncate', this.#name(fd), () => nodeFiles.truncate(fd, length))
  fsync: FileLayer['fsync'] = (fd) => this.#call('fsync', this.#name(fd), () => nodeFiles.fsync(fd))
  fdatasync: FileLayer['fdatasync'] = (fd) => this.#call('fdatasync', this.#name(fd), () => nodeFiles.fdatasync(fd))
  write: FileLayer['write'] = (fd, source, position) =>
    this.#call('write', this.#name(fd), () => nodeFiles.write(fd, source, position))
  read: FileLayer['read'] = (fd, target, at, length, position) =>
    this.#call('read', this.#name(fd), () => nodeFiles.read(fd, target, at, length, position))

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<number> {
    const fd = await this.#call('open', path, () => nodeFiles.open(path, mode))
    this.#names.set(fd, path)
    return fd
  }

  writeSome: FileLayer['writeSome'] = (fd, source, at, length, position, done) => {
    let most: undefined | number | Promise<void>
    try {
      this.calls.push(`writeSome ${this.#name(fd)}`)
      most = this.before('writeSome', this.#name(fd))
    } catch (error) {
      setImmediate(done, error as Error, 0)
      return
    }
    if (typeof most === 'object') {
      most.then(
        () => nodeFiles.writeSome(fd, source, at, length, position, done),
        (error: Error) => done(error, 0)
      )
    } else nodeFiles.writeSome(fd, source, at, Math.min(length, most ?? length), position, done)
  }

  openNow(path: string, mode: 'read' | 'write'): number {
    const fd = this.#now('openNow', path, () => nodeFiles.openNow(path, mode))
    this.#names.set(fd, path)
    return fd
  }

  readNow: FileLayer['readNow'] = (fd, target, at, length, position) =>
    this.#now('readNow', this.#name(fd), () => nodeFiles.readNow(fd, target, at, length, position))
  writeNow: FileLayer['writeNow'] = (fd, source, position) =>
    this.#now('writeNow', this.#name(fd), () => nodeFiles.writeNow(fd, source, position))
  truncateNow: FileLayer['truncateNow'] = (fd, length) =>
    this.#now('truncateNow', this.#name(fd), () => nodeFiles.truncateNow(fd, length))
  fdatasyncNow: FileLayer['fdatasyncNow'] = (fd) => this.#now('fdatasyncNow', this.#name(fd), () => nodeFiles.fdatasyncNow(fd))
  closeNow: FileLayer['closeNow'] = (fd) => nodeFiles.closeNow(fd)
  unlinkNow: FileLayer['unlinkNow'] = (path) => this.#now('unlinkNow', path, () => nodeFiles.unlinkNow(path))
  rmdirNow: FileLayer['rmdirNow'] = (path) => this.#now('rmdirNow', path, () => nodeFiles.rmdirNow(path))
  listNow: FileLayer['listNow'] = (path) => this.#now('listNow', path, () => nodeFiles.listNow(path))

  #name(fd: number): string {
    return this.#names.get(fd) ?? `fd ${fd}`
  }

  #now<T>(operation: FileOperation, file: string, work: () => T): T {
    this.calls.push(`${operation} ${file}`)
    void this.before(operation, file)
    return work()
  }

  async #call<T>(operation: FileOperation, file: string, work: () => Promise<T>): Promise<T> {
    this.calls.push(`${operation} ${file}`)
    await this.before(operation, file)
    return work()
  }
}

/** An error as the file system gives it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code })
}
