import path from 'node:path'
import { MQClientException } from '../../internal/errors.ts'
import type { Logger } from '../../internal/logger.ts'
import { nextTurn } from '../../internal/turns.ts'
import { MESSAGE_MAGIC_V1, MESSAGE_MAGIC_V2 } from '../../protocol/message-codec.ts'
import { storeTimestampOf } from '../record-format.ts'
import { type FileLayer, withFile } from './file-layer.ts'
import { CHECKSUMS_DIR, type LogChecksums, type Verifier } from './log-checksums.ts'
import { COMMIT_LOG_DIR, zeroTail } from './log-segment.ts'
import { checkRecord } from './record-check.ts'
import { CUT_DIR, type FoundSegment } from './store-directory.ts'

/** Bytes of one read of what is only copied or compared. */
const READ_BYTES = 1024 * 1024
/** Recovery looks at no more bytes (but for a longer record) and no more records before the event loop turns: 1 to 3 ms of work. */
const SLICE_BYTES = 256 * 1024
const SLICE_RECORDS = 256
const BLOCK = 4096

export interface RecoveryOptions {
  files: FileLayer
  root: string
  segmentSize: number
  segments: readonly FoundSegment[]
  /** Where to begin: the start of a record. */
  from: number
  /** The last durable position on record: what is bad below it is damage. */
  durable: number
  /** Take damage for the end of the log, as Java does. */
  repair: boolean
  /** The log ended orderly at `durable`: there is nothing behind it. */
  clean: boolean
  logger: Logger
  /** Each record, in order; the bytes are valid until it returns. */
  onRecord: (bytes: Buffer, physicalOffset: number) => void
  /** Between two slices. */
  onSlice: () => Promise<void>
  /** Checksums of what was durable. */
  checksums: LogChecksums
  /**
   * For a log without a position on record, which Java has written: records up to this store timestamp had been durable. 0 when nothing is known,
   * infinite after an orderly end.
   */
  durableTimestamp: number
  /** Whether there is a position on record; without one a file that is being zeroed would be taken for one of another size. */
  hasPosition: boolean
  /** Writes down that the log is durable up to `end`, or less; settles when that is durable. */
  lowerPosition: (end: number) => Promise<void>
}

/** What was found behind the end of the log. */
interface Cut {
  bytes: number
  records: number
  keptIn: string
}

/**
 * Looks through the log from `from` on and finds its end: Java's `recoverNormally` and `recoverAbnormally`. Works in slices; between
 * two of them the event loop turns. Returns where the log ends; behind it every file holds zeros.
 * @throws MQClientException (`STORE_CORRUPT`) naming file and offset of damage.
 */
export async function recoverLog(options: RecoveryOptions): Promise<number> {
  const { segments, segmentSize, durable, logger } = options
  const scan = await scanLog(options)
  const { end, reason } = scan
  if (!options.repair && (end < durable || (await isDurableBehind(options, end)))) throw corrupt(options, end, reason)
  if (!options.clean || end !== durable) {
    const dirtyEnd = await lastWritten(options, end)
    if (dirtyEnd > end) {
      const cut = await keepAside(options, end, dirtyEnd)
      logger.warn(
        `the log ends at offset ${end}: ${reason}; ${cut.bytes} bytes behind it with ${cut.records} readable records were cut and are kept in ${cut.keptIn}`
      )
    }
    await options.checksums.cutAt(end)
    if (end < durable || !options.hasPosition) await options.lowerPosition(Math.min(end, durable))
    await endLogAt(options, end)
  }
  const first = Math.floor(Math.max(options.from, 0) / segmentSize) * segmentSize
  // What was found may be in the page cache only: nobody is shown it before it is durable.
  for (const segment of segments) {
    if (segment.start < first || !isKept(options, segment, end) || (options.clean && end === durable)) continue
    await withFile(options.files, segment.path, 'write', (fd) => options.files.fsync(fd))
  }
  return end
}

/** Every record from `from` on until there is none. */
async function scanLog(options: RecoveryOptions): Promise<{ end: number; reason: string }> {
  const { files, segments, segmentSize, onRecord } = options
  let offset = options.from
  let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(SLICE_BYTES, segmentSize))
  let wanted = buffer.length
  let records = 0
  const verifier = options.checksums.verifier()
  for (const segment of segments) {
    const segmentEnd = segment.start + segmentSize
    if (segmentEnd <= offset) continue
    const fd = await files.open(segment.path, 'read')
    try {
      while (offset < segmentEnd) {
        const begin = offset
        const asked = Math.min(wanted, segmentEnd - offset)
        const length = await files.read(fd, buffer, 0, asked, offset - segment.start)
        const bytes = buffer.subarray(0, length)
        let at = 0
        let needed = 0
        let bad: string | undefined
        while (needed === 0 && bad === undefined && offset < segmentEnd) {
          const verdict = checkRecord(bytes, at, offset, segmentEnd - offset)
          if (verdict.kind === 'bad') bad = verdict.reason
          else if (verdict.kind === 'more') needed = verdict.size
          // Its zeros have a checksum, too: they are read in one piece.
          else if (verdict.kind === 'blank' && at + Math.min(verdict.size, READ_BYTES) > length && (at > 0 || length === asked)) {
            needed = Math.min(verdict.size, READ_BYTES)
          } else {
            if (verdict.kind === 'record') onRecord(bytes.subarray(at, at + verdict.size), offset)
            offset += verdict.size
            at += verdict.size
            if (++records % SLICE_RECORDS === 0) await turn()
          }
        }
        await compare(options, verifier, bytes.subarray(0, at), begin)
        if (bad !== undefined) return { end: offset, reason: bad }
        await options.onSlice()
        // A short file: its last bytes are not there.
        if (needed > 0 && at === 0 && length < asked) return { end: offset, reason: 'the file ends here' }
        wanted = Math.max(needed, Math.min(SLICE_BYTES, segmentSize))
        if (wanted > buffer.length) buffer = Buffer.allocUnsafeSlow(wanted)
      }
    } finally {
      await files.close(fd)
    }
  }
  return { end: offset, reason: 'there is no further file' }
}

/** Records may look whole and not be what was written. Where a repair is wanted they stay, for nobody knows better. */
async function compare(options: RecoveryOptions, verifier: Verifier, bytes: Buffer, offset: number): Promise<void> {
  const mismatch = await verifier.feed(bytes, offset)
  if (mismatch === undefined) return
  const { begin, end } = mismatch
  const reason = `the ${end - begin} bytes from there on do not match their checksum (${path.join(options.root, CHECKSUMS_DIR)}), though their records can be read`
  if (!options.repair) throw corrupt(options, begin, reason)
  options.logger.warn(`the commit log is damaged at offset ${begin}: ${reason}; they are kept as they are`)
  await options.checksums.cutAt(begin)
}

/** Whether a log that Java wrote goes on behind `end` with a record that had been durable. */
async function isDurableBehind(options: RecoveryOptions, end: number): Promise<boolean> {
  const { files, segmentSize, durableTimestamp } = options
  if (options.hasPosition || durableTimestamp <= 0) return false
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  for (const segment of options.segments) {
    const segmentEnd = segment.start + segmentSize
    const found = await withFile(files, segment.path, 'read', async (fd) => {
      for (let offset = Math.max(end, segment.start); offset < segmentEnd; offset += READ_BYTES) {
        const length = await files.read(fd, buffer, 0, Math.min(READ_BYTES, segmentEnd - offset), offset - segment.start)
        const bytes = buffer.subarray(0, length)
        for (const { at } of recordsIn(bytes, offset, segmentEnd)) {
          if (storeTimestampOf(bytes.subarray(at)) <= durableTimestamp) return true
        }
        await options.onSlice()
      }
      return false
    })
    if (found) return true
  }
  return false
}

function turn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve))
}

/** Behind the last record's byte, or a part of one, from `end` on; `end` when there is none. */
async function lastWritten(options: RecoveryOptions, end: number): Promise<number> {
  const { files, segmentSize } = options
  const zeros = Buffer.alloc(READ_BYTES)
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  for (const segment of [...options.segments].reverse()) {
    const from = Math.max(end - segment.start, 0)
    if (from >= segmentSize) continue
    // The log is dense up to its end: a file with no more blocks than that has nothing behind the last of them.
    const block = Math.ceil(from / BLOCK) * BLOCK
    const to = Math.min(segment.size, segment.allocated === block ? block : segment.size)
    const last = await withFile(files, segment.path, 'read', async (fd) => {
      let found = -1
      for (let position = from; position < to; ) {
        const length = await files.read(fd, buffer, 0, Math.min(READ_BYTES, to - position), position)
        if (length === 0) break
        const bytes = buffer.subarray(0, length)
        if (bytes.compare(zeros, 0, length) !== 0) {
          let at = length - 1
          while (bytes[at] === 0) at--
          found = position + at
        }
        position += length
      }
      return found
    })
    // A record without properties ends with two zeros.
    if (last >= 0) return segment.start + Math.min(last + 3, segmentSize)
  }
  return end
}

/** Copies what is behind the end to a file of its own, durably. */
async function keepAside(options: RecoveryOptions, end: number, dirtyEnd: number): Promise<Cut> {
  const { files, root, segmentSize } = options
  const folder = path.join(root, CUT_DIR)
  if ((await files.lstat(folder)) === undefined) {
    await files.mkdir(folder)
    await files.syncDirectory(root)
  }
  const base = path.join(folder, String(end).padStart(20, '0'))
  let keptIn = base
  for (let i = 1; (await files.lstat(keptIn)) !== undefined; i++) keptIn = `${base}.${i}`
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  let records = 0
  await withFile(files, keptIn, 'create', async (target) => {
    for (const segment of options.segments) {
      const from = Math.max(end, segment.start)
      const to = Math.min(dirtyEnd, segment.start + segment.size)
      if (from >= to) continue
      await withFile(files, segment.path, 'read', async (fd) => {
        for (let offset = from; offset < to; ) {
          const length = await files.read(fd, buffer, 0, Math.min(READ_BYTES, to - offset), offset - segment.start)
          if (length === 0) break
          const bytes = buffer.subarray(0, length)
          for (const _ of recordsIn(bytes, offset, segment.start + segmentSize)) records++
          await files.write(target, bytes, offset - end)
          offset += length
        }
      })
    }
    await files.fsync(target)
  })
  await files.syncDirectory(folder)
  return { bytes: dirtyEnd - end, records, keptIn }
}

/** Whole records among bytes that begin anywhere; one that crosses the end of `bytes` is not among them. */
function* recordsIn(bytes: Buffer, offset: number, segmentEnd: number): Generator<{ at: number }> {
  const magics = [MESSAGE_MAGIC_V1, MESSAGE_MAGIC_V2].map((magic) => {
    const pattern = Buffer.alloc(4)
    pattern.writeInt32BE(magic)
    return pattern
  })
  for (let from = 0; from < bytes.length; ) {
    const next = Math.min(...magics.map((magic) => bytes.indexOf(magic, from + 4)).filter((found) => found >= 0))
    if (!Number.isFinite(next)) return
    const at = next - 4
    const verdict = checkRecord(bytes, at, offset + at, segmentEnd - (offset + at))
    if (verdict.kind === 'record') yield { at }
    from = verdict.kind === 'record' ? at + verdict.size : next
  }
}

/** A file that begins at the end holds nothing; the log's first one stays, so that its beginning is known. */
function isKept({ segments }: RecoveryOptions, { start }: FoundSegment, end: number): boolean {
  return start < end || start === segments[0]!.start
}

/**
 * Removes the files behind the end and zeroes what is behind it in its own, the last one first. Each step is durable before the next: the power
 * may go in between, and neither a gap nor a short file may be followed by another one then.
 */
async function endLogAt(options: RecoveryOptions, end: number): Promise<void> {
  const { files, root, segmentSize } = options
  for (const segment of [...options.segments].reverse()) {
    if (!isKept(options, segment, end)) {
      await files.unlink(segment.path)
      await files.syncDirectory(path.join(root, COMMIT_LOG_DIR))
    } else if (segment.start + segmentSize > end) {
      // Also when nothing was found there: a block of zeros that was never given out hides one behind it from `lastWritten`.
      await withFile(files, segment.path, 'write', (fd) => zeroTail(files, fd, end - segment.start, segmentSize))
    }
  }
}

function corrupt(options: RecoveryOptions, offset: number, reason: string): MQClientException {
  const segment = options.segments.find(({ start }) => offset >= start && offset < start + options.segmentSize)
  const where = segment === undefined ? 'there is no file for it' : `${segment.path} at ${offset - segment.start}`
  return new MQClientException(
    `the commit log is damaged at offset ${offset} (${where}): ${reason}; it had been made durable. ` +
      `Restore the file, or open the store with repair: 'truncate', which ends the log there and keeps what is behind it in ${path.join(options.root, CUT_DIR)}`,
    { code: 'STORE_CORRUPT' }
  )
}
