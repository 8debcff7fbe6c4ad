// Loaded into a broker (`--import`): a log that says it has been written before it was, by a third of a second. The kill rig has to notice.
import fs from 'node:fs'

const LATE_MILLIS = 300
const { write } = fs

fs.write = (fd, source, at, length, position, done) => {
  const bytes = Buffer.from(source.subarray(at, at + length))
  setTimeout(() => write(fd, bytes, 0, length, position, () => {}), LATE_MILLIS)
  setImmediate(done, null, length, source)
}
