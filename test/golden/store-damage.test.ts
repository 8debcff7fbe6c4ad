import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { StoreFiles } from '../../src/store/files/store-files.ts'
import { createMessageStoreConfig } from '../../src/store/message-store-config.ts'
import { ModelDisk } from '../support/model-disk.ts'
import { seededRandom } from '../support/random.ts'
import { message } from '../unit/store/store-fixture.ts'
import { storeFiles } from './load.ts'

const SEED = Number(process.env.TEST_SEED)
/** Bits of each kind of place that are turned; `DAMAGE_ALL=1` takes every bit of three heads and of some topics and properties. */
const FLIPS = process.env.DAMAGE_ALL === '1' ? Number.POSITIVE_INFINITY : 60
const ROOT = '/model/store'
const LOG = path.join(ROOT, 'commitlog', '0'.repeat(20))
/** A record up to its body, with IPv4 hosts. */
const HEAD = 88

const log = storeFiles().find(({ name }) => name.endsWith(`commitlog/${'0'.repeat(20)}`))!.bytes
/** As the recording's store was configured. */
const CONFIG = { mappedFileSizeCommitLog: log.length, mappedFileSizeConsumeQueue: 8000, maxHashSlotNum: 100, maxIndexNum: 1000 }

interface Place {
  begin: number
  size: number
}

/** The records of Java's log whose hosts are both IPv4. */
function places(): Place[] {
  const found: Place[] = []
  for (let begin = 0; log.readInt32BE(begin + 4) < -1 && log.readInt32BE(begin) > 0; begin += log.readInt32BE(begin)) {
    if ((log.readInt32BE(begin + 36) & 0x30) === 0) found.push({ begin, size: log.readInt32BE(begin) })
    if (begin + log.readInt32BE(begin) + 8 > log.length) break
  }
  return found
}

/** Java's store, closed in order or killed, on a disk of its own. */
async function javaStore(killed: boolean): Promise<ModelDisk> {
  const disk = new ModelDisk(path.dirname(ROOT))
  for (const { name, bytes } of storeFiles()) {
    const file = path.join(path.dirname(ROOT), name)
    if (path.basename(name) === 'abort') continue
    await disk.mkdir(path.dirname(file))
    await disk.write(await disk.open(file, 'create'), bytes, 0)
  }
  if (killed) await disk.open(path.join(ROOT, 'abort'), 'create')
  return disk
}

const newStore = (disk: ModelDisk): DefaultMessageStore =>
  new DefaultMessageStore(CONFIG, { clock: new HeldClock(), logger: silentLogger, files: { root: ROOT, files: disk } })

/** Opens the log from its first record on; what the start says, or undefined. */
async function look(disk: ModelDisk, durableTimestamp: number): Promise<string | undefined> {
  const files = new StoreFiles(
    { root: ROOT, files: disk },
    { config: createMessageStoreConfig(CONFIG), clock: new HeldClock(), logger: silentLogger }
  )
  try {
    await files.open({
      load: async (_, __, minOffset) => minOffset,
      durableTimestamp: () => durableTimestamp,
      onRecord: () => {},
      onSlice: async () => {},
      onEnd: () => {}
    })
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_CORRUPT' })
    return String(error)
  }
  await files.close(false, 0)
  return undefined
}

/** Turns bits one at a time; returns how many were noticed, and how many there were. */
async function flip(disk: ModelDisk, bits: ReadonlyArray<readonly [at: number, bit: number]>): Promise<number> {
  let noticed = 0
  const logOnly = disk.copy()
  for (const [name] of [...logOnly.files()]) if (/consumequeue|index/.test(name)) logOnly.unlinkNow(name)
  for (const [at, bit] of bits) {
    const copy = logOnly.copy()
    copy.flip(LOG, at, bit)
    const before = Buffer.from(copy.bytes(LOG)!)
    const said = await look(copy, Number.POSITIVE_INFINITY)
    if (said === undefined) continue
    noticed++
    expect(said).toContain(`${LOG} at `)
    expect(copy.bytes(LOG)!.equals(before), 'nothing is cut').toBe(true)
    expect([...copy.files()].filter(([name]) => name.includes('/cut/'))).toEqual([])
  }
  return noticed
}

/** Bits of parts of records: all of them, or so many at random. */
function bitsOf(parts: ReadonlyArray<readonly [from: number, to: number]>, random: () => number): Array<[number, number]> {
  const all = parts.flatMap(([from, to]) =>
    Array.from({ length: (to - from) * 8 }, (_, i): [number, number] => [from + (i >> 3), i & 7])
  )
  if (FLIPS > all.length) return all
  return Array.from({ length: FLIPS }, () => all[Math.floor(random() * all.length)]!)
}

const heads = (): Array<[number, number]> => {
  const found = places()
  // There is a record behind each of them.
  return [found[0]!, found[Math.floor(found.length / 2)]!, found.at(-2)!].map(({ begin }) => [begin, begin + HEAD])
}

/** What is behind the bodies: topics and properties. */
const tails = (): Array<[number, number]> =>
  places()
    .slice(0, -1)
    .filter((_, i) => i % 40 === 0)
    .map(({ begin, size }) => [begin + HEAD + log.readInt32BE(begin + 84), begin + size])

const bodies = (): Array<[number, number]> =>
  places()
    .slice(0, -1)
    .filter((_, i) => i % 10 === 0)
    .filter(({ begin }) => log.readInt32BE(begin + 84) > 0)
    .map(({ begin }) => [begin + HEAD, begin + HEAD + log.readInt32BE(begin + 84)])

const perMille = (noticed: number, of: number): number => Math.floor((noticed * 1000) / of)

describe('bits that turn in a log which Java 5.3.3 wrote', () => {
  it('fault-S7 once the store was opened here, each one is noticed, in heads, topics and properties too, and nothing is cut', {
    timeout: 3_600_000
  }, async () => {
    const random = seededRandom(SEED)
    const disk = await javaStore(false)
    const store = newStore(disk)
    await store.start()
    await store.asyncPutMessage(message({ body: 'ours' }))
    await store.shutdown()
    // The next start looks at the whole log.
    await disk.open(path.join(ROOT, 'abort'), 'create')
    for (const [part, bits] of [
      ['heads', bitsOf(heads(), random)],
      ['topics and properties', bitsOf(tails(), random)],
      ['bodies', bitsOf(bodies(), random)]
    ] as const) {
      const noticed = await flip(disk, bits)
      console.log(
        `fault-S7 ${part}, with checksums: ${noticed} of ${bits.length} noticed, ${perMille(noticed, bits.length)} per mille, seed ${SEED}`
      )
      expect(noticed, `${part}, seed ${SEED}`).toBe(bits.length)
    }
  })

  it('fault-S7 at its first start here, without checksums, a record that does not hold together stops it all the same: all bodies, and of heads what adds up', {
    timeout: 3_600_000
  }, async () => {
    const random = seededRandom(SEED)
    const disk = await javaStore(false)
    const ofBodies = bitsOf(bodies(), random)
    expect(await flip(disk, ofBodies)).toBe(ofBodies.length)
    const ofHeads = bitsOf(heads(), random)
    const noticed = await flip(disk, ofHeads)
    console.log(
      `fault-S7 without checksums: bodies ${ofBodies.length} of ${ofBodies.length}, heads ${noticed} of ${ofHeads.length} noticed, ${perMille(noticed, ofHeads.length)} per mille, seed ${SEED}`
    )
    expect(perMille(noticed, ofHeads.length)).toBeGreaterThan(150)
  })

  it('fault-S7 of a Java store that was killed, what its checkpoint calls durable is not cut; what it does not, is', async () => {
    const [, second] = places()
    const disk = await javaStore(true)
    disk.flip(LOG, second!.begin + HEAD + 3, 4)
    expect(await look(disk.copy(), Number.POSITIVE_INFINITY)).toContain(
      `damaged at offset ${second!.begin} (${LOG} at ${second!.begin})`
    )
    const cut = disk.copy()
    expect(await look(cut, 1)).toBeUndefined()
    expect([...cut.files()].map(([name]) => name).filter((name) => name.includes('/cut/'))).toHaveLength(1)
    // As a whole store opens it: the recording's checkpoint covers its records.
    await expect(newStore(disk.copy()).start()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })

  it('fault-S7 a repair keeps records that can be read, and says where a checksum did not match', async () => {
    const disk = await javaStore(false)
    const first = newStore(disk)
    await first.start()
    const queued = first.getMaxOffsetInQueue('Topic-0', 0)
    await first.shutdown()
    // A born timestamp: only a checksum tells.
    disk.flip(LOG, places()[1]!.begin + 40 + 7, 0)
    await expect(newStore(disk).start()).rejects.toMatchObject({
      message: expect.stringContaining('do not match their checksum')
    })
    const said: string[] = []
    const repaired = new DefaultMessageStore(CONFIG, {
      clock: new HeldClock(),
      logger: { ...silentLogger, warn: (text) => void said.push(text) },
      files: { root: ROOT, files: disk, repair: 'truncate' }
    })
    await repaired.start()
    expect(said.join('\n')).toMatch(/damaged at offset 0: the 4096 bytes from there on do not match .* they are kept as they are/)
    expect(repaired.getMaxOffsetInQueue('Topic-0', 0)).toBe(queued)
    await repaired.shutdown()
    const again = newStore(disk)
    await again.start()
    await again.shutdown()
  })
})
