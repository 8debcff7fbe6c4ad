import type { Clock } from '../../internal/clock.ts'
import { type FileLayer, nodeFiles } from './file-layer.ts'

/**
 * The file system of this machine as those see it who share a clock: one that waits for them learns which call is under way on which
 * file; with any other it is the file system itself. Calls that a caller waits for are over before anybody could ask.
 */
export function filesOn({ activity }: Clock, files: FileLayer = nodeFiles): FileLayer {
  if (activity === undefined) return files
  const names = new Map<number, string>()
  const watch = <T>(call: string, name: string, promise: Promise<T>): Promise<T> => activity.track(promise, `${call} of ${name}`)
  const named = (fd: number): string => names.get(fd) ?? `file ${fd}`
  return {
    ...files,
    lstat: (name) => watch('lstat', name, files.lstat(name)),
    readdir: (name) => watch('readdir', name, files.readdir(name)),
    mkdir: (name) => watch('mkdir', name, files.mkdir(name)),
    async open(name, mode) {
      const fd = await watch('open', name, files.open(name, mode))
      names.set(fd, name)
      return fd
    },
    close(fd) {
      const name = named(fd)
      names.delete(fd)
      return watch('close', name, files.close(fd))
    },
    size: (fd) => watch('size', named(fd), files.size(fd)),
    read: (fd, target, at, length, position) => watch('read', named(fd), files.read(fd, target, at, length, position)),
    write: (fd, source, position) => watch('write', named(fd), files.write(fd, source, position)),
    truncate: (fd, length) => watch('truncate', named(fd), files.truncate(fd, length)),
    fsync: (fd) => watch('fsync', named(fd), files.fsync(fd)),
    fdatasync: (fd) => watch('fdatasync', named(fd), files.fdatasync(fd)),
    syncDirectory: (name) => watch('fsync', name, files.syncDirectory(name)),
    rename: (from, to) => watch('rename', from, files.rename(from, to)),
    unlink: (name) => watch('unlink', name, files.unlink(name)),
    link: (from, to) => watch('link', from, files.link(from, to)),
    writeSome(fd, source, at, length, position, done) {
      const end = activity.begin(`write of ${named(fd)}`)
      files.writeSome(fd, source, at, length, position, (error, written) => {
        end()
        done(error, written)
      })
    }
  }
}
