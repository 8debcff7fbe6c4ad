import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { decodeMessage } from '../../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { StoreFiles } from '../../../../src/store/files/store-files.ts'
import { createMessageStoreConfig, type MessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { type Fate, ModelDisk } from '../../../support/model-disk.ts'
import { seededRandom } from '../../../support/random.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const SEGMENT = 4096
const SEED = Number(process.env.TEST_SEED)
/** States after a power cut that are looked at, for each flush mode. */
const STATES = Number(process.env.TORN_STATES ?? 300)
const CUTS_A_CHANGE = 1
/** Of the changes to queues, index and checksums, which are many, this share is followed by a cut. */
const OTHER_CUTS = 0.2
/** Size of the last record. */
const LAST_BYTES = 192
/** Of so many states one is opened with its queues and index, which cost more than the log. */
const WHOLE_STORES = 6
/** Eight units a queue file and eleven keys an index file: several of each. */
const CONFIG: Partial<MessageStoreConfig> = {
  mappedFileSizeCommitLog: SEGMENT,
  mappedFileSizeConsumeQueue: 160,
  maxHashSlotNum: 20,
  maxIndexNum: 12
}

/** A disk after a power cut, and below which offset everything had been acknowledged by then. */
interface Cut {
  disk: ModelDisk
  acked: number
  what: string
}

interface Recording {
  root: string
  cuts: Cut[]
  /** The log as it was written. */
  log: Buffer
  /** Where records, and the blanks behind them, end. */
  ends: Set<number>
  /** Begin and end of each record, and where its properties begin, by queue offset. */
  records: Array<readonly [begin: number, end: number, properties: number]>
}

/**
 * Three runs of a store, the last of which never ends: appends over several files, the position on record written in between. At each change of the
 * disk the power goes, a few times over; within the last write at every byte.
 */
async function record(config: Partial<MessageStoreConfig>, random: () => number): Promise<Recording> {
  const root = folder()
  const disk = new ModelDisk(path.dirname(root))
  const cuts: Cut[] = []
  const ends = new Set<number>([0])
  const records: Recording['records'] = []
  let acked = 0
  let last = false
  disk.onChange = (operation, name) => {
    const what = `${operation} of ${path.relative(root, name)}, ${acked} acknowledged`
    const isLog = /commitlog/.test(name)
    if (!isLog && random() > OTHER_CUTS) return
    for (let i = 0; i < CUTS_A_CHANGE; i++) cuts.push({ disk: disk.powerCut(randomFate(random)), acked, what })
    if (!last || operation !== 'write' || !isLog) return
    for (let kept = 0; kept <= LAST_BYTES; kept++) {
      cuts.push({ disk: disk.powerCut(cutLastWrite(name, kept)), acked, what: `${what}, ${kept} bytes of it` })
    }
  }
  const put = async (store: DefaultMessageStore, group: string[]): Promise<void> => {
    const messages = group.map((body, i) => message({ body, props: { KEYS: `k${records.length + i}` } }))
    const results = await Promise.all(messages.map((one) => store.asyncPutMessage(one)))
    for (const [i, { status, appendResult }] of results.entries()) {
      expect(status).toBe('PUT_OK')
      const { wroteOffset, wroteBytes, logicsOffset } = appendResult!
      const end = wroteOffset + wroteBytes
      records[logicsOffset] = [wroteOffset, end, end - messages[i]!.propertiesString.length]
      ends.add(wroteOffset).add(wroteOffset + wroteBytes)
      acked = wroteOffset + wroteBytes
    }
  }
  for (let run = 0; run < 3; run++) {
    const clock = new HeldClock()
    const store = new DefaultMessageStore({ ...CONFIG, ...config }, { clock, logger: silentLogger, files: { root, files: disk } })
    await store.start()
    for (let i = 0; i < 6; i++) {
      // One in eight is all zeros: blocks of it look as if nothing had been written.
      await put(
        store,
        Array.from({ length: 1 + Math.floor(random() * 4) }, (_, k) => {
          const size = Math.floor(random() * 2500)
          return random() < 0.125 ? '\0'.repeat(size) : `${run}-${i}-${k}`.padEnd(size, '.')
        })
      )
      if (i % 2 === 1) await clock.advance(1000)
      // Queues and index are made durable, and then counted as such.
      if (i === 3) await clock.advance(61_000)
    }
    last = run === 2
    if (last) await put(store, ['the last one'.padEnd(LAST_BYTES - 92, '.')])
    disk.onChange = last ? undefined : disk.onChange
    await store.shutdown()
  }
  const files = [...disk.files()].filter(([name]) => path.dirname(name) === path.join(root, 'commitlog')).sort()
  for (const [name] of files) ends.add(Number(path.basename(name)))
  return { root, cuts, log: Buffer.concat(files.map(([, bytes]) => bytes)), ends, records }
}

/** Opens the log as a store does; returns where it ends. */
async function recover(disk: ModelDisk, root: string): Promise<number> {
  const files = new StoreFiles(
    { root, files: disk },
    { config: createMessageStoreConfig(CONFIG), clock: new HeldClock(), logger: silentLogger }
  )
  let end = -1
  await files.open({
    load: async (_, dispatched, minOffset) => dispatched ?? minOffset,
    durableTimestamp: () => 0,
    onRecord: () => {},
    onSlice: async () => {},
    onEnd: (offset) => {
      end = offset
    }
  })
  // As a kill would: no orderly end.
  await files.close(false, 0)
  return end
}

/** Opens the whole store; returns where the log ends, and what is wrong with queue and index. */
async function openStore(disk: ModelDisk, root: string, { records }: Recording): Promise<{ end: number; found: string[] }> {
  const store = new DefaultMessageStore(CONFIG, { clock: new HeldClock(), logger: silentLogger, files: { root, files: disk } })
  await store.start()
  const end = store.getMaxPhyOffset()
  const found: string[] = []
  const expected = records.filter(([, recordEnd]) => recordEnd <= end)
  const max = store.getMaxOffsetInQueue('T', 0)
  if (max !== expected.length) found.push(`the queue ends at ${max}, the log has ${expected.length} records`)
  for (const [offset, [begin]] of expected.entries()) {
    const leadsTo = store.getCommitLogOffsetInQueue('T', 0, offset)
    if (leadsTo !== begin) found.push(`unit ${offset} leads to ${leadsTo}, the record is at ${begin}`)
  }
  for (let offset = 0; offset < max; offset++) {
    const record = store.getMessage('g', 'T', 0, offset, 1)!.messages[0]!
    const key = decodeMessage(record).properties.get('KEYS')
    const got = key === undefined ? 1 : store.queryMessage('T', key, 64, 0, Number.MAX_SAFE_INTEGER).messages.length
    if (got !== 1) found.push(`key ${key} finds ${got} messages`)
  }
  await store.shutdown()
  return { end, found }
}

/**
 * What is in the files: a beginning of what was written, whole records only, with everything that has to be there; then nothing. Of what was not synced
 * properties may be zeros: RocketMQ's records have nothing that tells.
 */
function violations(disk: ModelDisk, root: string, end: number, { log, ends, records }: Recording, durable: number): string[] {
  const unchecked = (offset: number): boolean =>
    offset >= durable && records.some(([, recordEnd, properties]) => offset >= properties && offset < recordEnd)
  const found: string[] = []
  if (end < durable) found.push(`the log ends at ${end}, acknowledged were ${durable}`)
  if (!ends.has(end)) found.push(`it ends at ${end}, within a record`)
  for (const [name, bytes] of disk.files()) {
    if (path.dirname(name) !== path.join(root, 'commitlog')) continue
    const start = Number(path.basename(name))
    if (bytes.length !== SEGMENT) found.push(`${name} has ${bytes.length} bytes`)
    const valid = Math.max(Math.min(end - start, SEGMENT), 0)
    const at = bytes.findIndex((byte, i) => i < valid && byte !== log[start + i] && !(byte === 0 && unchecked(start + i)))
    if (at >= 0) {
      const begin = Math.max(...[...ends].filter((offset) => offset <= start + at))
      found.push(`${name} at ${at}, ${start + at - begin} bytes into a record, has ${bytes[at]} and not ${log[start + at]}`)
    }
    if (bytes.subarray(valid).some((byte) => byte !== 0)) found.push(`${name} holds bytes behind the end ${end}`)
  }
  return found
}

/** What a power cut leaves of what was not synced: all, nothing, any sectors, or a beginning that ends within one. */
function randomFate(random: () => number): Fate {
  const share = [0, 0.1, 0.5, 0.9, 1][Math.floor(random() * 5)]!
  const tears = random() < 0.5
  const torn = new Set<string>()
  return {
    name: (_, changes) => Math.floor(random() * (changes + 1)),
    truncate: () => random() < 0.5,
    sector: (name, size) => {
      if (torn.has(name)) return 0
      if (!tears || random() < 0.8) return random() < share ? size : 0
      torn.add(name)
      return Math.floor(random() * size)
    }
  }
}

/** Of a file that has one write to lose, its first `kept` bytes; of everything else all. */
function cutLastWrite(file: string, kept: number): Fate {
  let left = kept
  return {
    name: (_, changes) => changes,
    truncate: () => true,
    sector: (name, size) => {
      if (name !== file) return size
      const taken = Math.max(Math.min(left, size), 0)
      left -= size
      return taken
    }
  }
}

describe('a power cut that leaves any part of what was not synced', () => {
  it.each(['SYNC_FLUSH', 'ASYNC_FLUSH'] as const)(
    'fault-S6 %s: the log is a beginning of what was written, with all that a sync covered, and queues and index lead to all of it',
    { timeout: 3_600_000 },
    async (flushDiskType) => {
      const random = seededRandom(SEED)
      const bad: string[] = []
      let states = 0
      const look = async (recording: Recording, { disk, acked, what }: Cut): Promise<void> => {
        states++
        const durable = flushDiskType === 'SYNC_FLUSH' ? acked : 0
        try {
          const { end, found } =
            states % WHOLE_STORES === 0
              ? await openStore(disk, recording.root, recording)
              : { end: await recover(disk, recording.root), found: [] }
          for (const text of [...found, ...violations(disk, recording.root, end, recording, durable)])
            bad.push(`${what}: ${text}`)
        } catch (error) {
          bad.push(`${what}: ${String(error)}`)
        }
      }
      while (states < STATES && bad.length === 0) {
        const recording = await record({ flushDiskType }, random)
        for (const [i, cut] of recording.cuts.entries()) {
          // In one of eight the power goes again while the store recovers.
          let again: ModelDisk | undefined
          if (i % 8 === 0) {
            const chance = random()
            cut.disk.onChange = () => {
              if (again === undefined || random() < chance) again = cut.disk.powerCut(randomFate(random))
            }
          }
          await look(recording, cut)
          cut.disk.onChange = undefined
          if (again !== undefined) await look(recording, { ...cut, disk: again, what: `${cut.what}, and again` })
        }
      }
      expect(bad.slice(0, 10), `seed ${SEED}`).toEqual([])
      console.log(`fault-S6 ${flushDiskType}: ${states} states, 0 violations, seed ${SEED}`)
    }
  )
})
