import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { StoreFiles } from '../../../../src/store/files/store-files.ts'
import { createMessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { ModelDisk } from '../../../support/model-disk.ts'
import { seededRandom } from '../../../support/random.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const SEED = Number(process.env.TEST_SEED)
const SEGMENT = 8192
const BODY = 120
/** Flips at random positions; every bit of three records' heads with `DAMAGE_FLIPS` above 1,000. */
const FLIPS = Number(process.env.DAMAGE_FLIPS ?? 300)
const CONFIG = { mappedFileSizeCommitLog: SEGMENT, mappedFileSizeConsumeQueue: 2000, maxHashSlotNum: 100, maxIndexNum: 400 }

/** Parts of a record: where a flip is found for certain, and where nothing of RocketMQ's format can tell. */
const CHECKED = [
  ['size and magic', 0, 8],
  ['checksum of the body', 8, 12],
  ['physical offset', 28, 36],
  ['length of the body', 84, 88],
  ['body', 88, 88 + BODY]
] as const

interface Damaged {
  root: string
  disk: ModelDisk
  offsets: number[]
}

/** A store in three files, killed right after all of it had been written down as durable. */
async function durable(): Promise<Damaged> {
  const root = folder()
  const disk = new ModelDisk(path.dirname(root))
  const store = new DefaultMessageStore(CONFIG, { clock: new HeldClock(), logger: silentLogger, files: { root, files: disk } })
  await store.start()
  const offsets: number[] = []
  for (let i = 0; i < 90; i++) {
    const { appendResult } = await store.asyncPutMessage(message({ body: `${i}`.padEnd(BODY, 'b') }))
    offsets.push(appendResult!.wroteOffset)
  }
  await store.shutdown()
  await disk.close(await disk.open(path.join(root, 'abort'), 'create'))
  return { root, disk, offsets }
}

async function open(disk: ModelDisk, root: string, repair?: 'truncate'): Promise<number> {
  const files = new StoreFiles(
    { root, files: disk, repair },
    { config: createMessageStoreConfig(CONFIG), clock: new HeldClock(), logger: silentLogger }
  )
  let end = -1
  await files.open({
    load: async (_, __, minOffset) => minOffset,
    durableTimestamp: () => 0,
    onRecord: () => {},
    onSlice: async () => {},
    onEnd: (offset) => {
      end = offset
    }
  })
  await files.close(false, 0)
  return end
}

/** What a flip at an offset of the log leads to: the error that names file and offset, or nothing. */
async function flipped({ root, disk, offsets }: Damaged, offset: number, bit: number): Promise<boolean> {
  const copy = disk.copy()
  const start = Math.floor(offset / SEGMENT) * SEGMENT
  const name = path.join(root, 'commitlog', String(start).padStart(20, '0'))
  copy.flip(name, offset - start, bit)
  const before = new Map([...copy.files()].map(([file, bytes]) => [file, bytes.toString('latin1')]))
  const record = offsets.findLast((at) => at <= offset)!
  try {
    await open(copy, root)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_CORRUPT' })
    expect(String(error)).toContain(`damaged at offset ${record} (${name} at ${record - start})`)
  }
  for (const [file, bytes] of copy.files()) {
    if (before.has(file)) expect(bytes.toString('latin1') === before.get(file), `${file} is as it was`).toBe(true)
  }
  expect([...copy.files()].filter(([file]) => file.includes('/cut/'))).toEqual([])
  return true
}

describe('damage below the last durable position', () => {
  it('fault-S7 a flipped bit in what the format protects stops the start with file and offset, and nothing is changed', async () => {
    const random = seededRandom(SEED)
    const store = await durable()
    const { offsets } = store
    let found = 0
    const missed: string[] = []
    const look = async (part: string, offset: number, bit: number): Promise<void> => {
      if (await flipped(store, offset, bit)) found++
      else missed.push(`${part}: bit ${bit} at ${offset}, seed ${SEED}`)
    }
    for (const record of [offsets[0]!, offsets[45]!, offsets[89]!]) {
      for (const [part, from, to] of CHECKED.slice(0, 4)) {
        for (let at = from; at < to; at++) {
          const bits = FLIPS > 1000 ? [0, 1, 2, 3, 4, 5, 6, 7] : [Math.floor(random() * 8)]
          // The checksum has 31 bits.
          for (const bit of bits) if (at !== 8 || bit !== 7) await look(part, record + at, bit)
        }
      }
    }
    for (let i = 0; i < FLIPS; i++) {
      const [part, from, to] = CHECKED[4]
      const at = offsets[Math.floor(random() * offsets.length)]! + from + Math.floor(random() * (to - from))
      await look(part, at, Math.floor(random() * 8))
    }
    expect(missed).toEqual([])
    expect(found).toBeGreaterThan(FLIPS)
  })

  it('fault-S7 a log that is cut at any byte of its last record stops the start; to repair it keeps all the others', async () => {
    const { root, disk, offsets } = await durable()
    const last = offsets[89]!
    const start = Math.floor(last / SEGMENT) * SEGMENT
    const name = path.join(root, 'commitlog', String(start).padStart(20, '0'))
    const size = 88 + BODY + 1 + 1 + 2
    for (let length = 0; length < size; length += FLIPS > 1000 ? 1 : 1 + Math.floor(length / 24)) {
      const copy = disk.copy()
      const fd = await copy.open(name, 'write')
      await copy.truncate(fd, last - start + length)
      await copy.close(fd)
      await expect(open(copy, root), `${length} bytes`).rejects.toMatchObject({
        code: 'STORE_CORRUPT',
        message: expect.stringContaining(`damaged at offset ${last} (${name} at ${last - start})`)
      })
      expect(await open(copy, root, 'truncate')).toBe(last)
    }
  })
})
