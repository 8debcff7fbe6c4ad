import { existsSync, readdirSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import type { MessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { until } from '../../../support/turns.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const HOUR = 3_600_000
/** Noon, local time. */
const NOON = new Date(2026, 0, 2, 12).getTime()

interface Rig {
  store: DefaultMessageStore
  clock: HeldClock
  root: string
  /** Share of the disk that is used. */
  used: number
  /** Files of the commit log at the beginning of each round. */
  seen: number[]
  files(name: string): string[]
  /** Bodies of the queue that are there. */
  bodies(): string[]
}

/** A store with `count` files of the commit log, ten messages each; each file is as many hours old as there are files behind it. */
async function open(count: number, config: Partial<MessageStoreConfig> = {}): Promise<Rig> {
  const root = folder()
  const clock = new HeldClock(NOON)
  const store = new DefaultMessageStore(
    {
      mappedFileSizeCommitLog: 8192,
      mappedFileSizeConsumeQueue: 200,
      maxHashSlotNum: 10,
      maxIndexNum: 11,
      deleteCommitLogFilesInterval: 0,
      deleteConsumeQueueFilesInterval: 0,
      ...config
    },
    {
      clock,
      logger: silentLogger,
      files: {
        root,
        diskUsed: async () => {
          rig.seen.push(rig.files('commitlog').length)
          return rig.used
        }
      }
    }
  )
  const rig: Rig = {
    store,
    clock,
    root,
    used: 0.1,
    seen: [],
    files: (name) => (existsSync(path.join(root, name)) ? readdirSync(path.join(root, name)).sort() : []),
    bodies: () => {
      const { minOffset, maxOffset } = store.getMessage('g', 'T', 0, 0, 1)!
      const found: string[] = []
      for (let offset = minOffset; offset < maxOffset; offset++) {
        found.push(String(store.getMessage('g', 'T', 0, offset, 1)!.messages.length))
      }
      return found
    }
  }
  await store.start()
  const result = await Promise.all(
    Array.from({ length: count * 10 }, (_, i) =>
      store.asyncPutMessage(message({ body: Buffer.alloc(700), props: { KEYS: `k${i}` } }))
    )
  )
  expect(new Set(result.map(({ status }) => status))).toEqual(new Set(['PUT_OK']))
  await clock.advance(2000)
  await until(() => rig.files('index').length === count && rig.files('consumequeue/T/0').length === count)
  for (const [i, name] of rig.files('commitlog').entries()) {
    const at = (NOON - (count - i) * HOUR) / 1000
    utimesSync(path.join(root, 'commitlog', name), at, at)
  }
  return rig
}

/** Lets so many rounds end, and the next one begin. */
async function rounds(rig: Rig, count: number): Promise<void> {
  const end = rig.seen.length + count + 1
  while (rig.seen.length < end) {
    const before = rig.seen.length
    await rig.clock.advance(before === 0 ? 60_000 : 10_000)
    // A round takes as long as the disk does: the held time must not run away meanwhile.
    const patience = performance.now() + 20
    await until(() => rig.seen.length > before || performance.now() > patience)
  }
  // The round that has begun may be deleting still.
  await until(() => {
    const [log, queue, index] = counts(rig)
    return queue! <= log! && index! <= log!
  })
}

const counts = (rig: Rig): number[] => ['commitlog', 'consumequeue/T/0', 'index'].map((name) => rig.files(name).length)

describe('old files', () => {
  it('store-26 store-36 go at the hour that is set, from the first to the one that is young enough; queue and index files go with them', async () => {
    const rig = await open(5, { deleteWhen: '12', fileReservedTime: 3 })
    const record = rig.store.lookMessageByOffset(0)!
    const bytes = Buffer.from(record)
    await rounds(rig, 2)
    expect(counts(rig)).toEqual([2, 2, 2])
    expect(rig.store.getMinPhyOffset()).toBe(3 * 8192)
    expect(rig.store.getMinOffsetInQueue('T', 0)).toBe(30)
    expect(rig.bodies()).toHaveLength(20)
    const found = (key: string): number => rig.store.queryMessage('T', key, 10, 0, Number.MAX_SAFE_INTEGER).messages.length
    expect([found('k10'), found('k29'), found('k30'), found('k49')]).toEqual([0, 0, 1, 1])
    // Nobody holds a file: who has read a record keeps it.
    expect(record.equals(bytes)).toBe(true)
    await rig.store.shutdown()
    const again = new DefaultMessageStore(rig.store.config, { clock: rig.clock, logger: silentLogger, files: { root: rig.root } })
    await again.start()
    expect([again.getMinOffsetInQueue('T', 0), again.getMaxOffsetInQueue('T', 0)]).toEqual([30, 50])
    await again.shutdown()
  })

  it('stay at any other hour, and go when somebody asks', async () => {
    const rig = await open(4, { deleteWhen: '04;13', fileReservedTime: 2 })
    await rounds(rig, 2)
    expect(counts(rig)).toEqual([4, 4, 4])
    rig.store.executeDeleteFilesManually()
    await rounds(rig, 2)
    expect(counts(rig)).toEqual([1, 1, 1])
    await rig.store.shutdown()
  })

  it('go on a disk that fills up, at any hour; the last one of each stays, and so many a round go at most', async () => {
    const rig = await open(6, { fileReservedTime: 1, deleteFileBatchMax: 2 })
    rig.used = 0.8
    await rounds(rig, 4)
    expect(rig.seen.slice(0, 4)).toEqual([6, 4, 2, 1])
    expect(counts(rig)).toEqual([1, 1, 1])
    await rig.store.shutdown()
  })

  it.each([
    [true, 1],
    [false, 4]
  ])(
    'that are young go only on a disk that is nearly full (cleanFileForciblyEnable %s)',
    async (cleanFileForciblyEnable, left) => {
      const rig = await open(4, { fileReservedTime: 48, cleanFileForciblyEnable })
      rig.used = 0.8
      await rounds(rig, 2)
      expect(counts(rig)).toEqual([4, 4, 4])
      rig.used = 0.87
      await rounds(rig, 2)
      expect(counts(rig)).toEqual([left, left, left])
      await rig.store.shutdown()
    }
  )
})

it('a disk that is too full refuses messages with a reason, and takes them again when there is room', async () => {
  const rig = await open(1, { cleanFileForciblyEnable: false })
  rig.used = 0.95
  await rounds(rig, 1)
  expect(rig.store.isWriteable).toBe(false)
  expect(await rig.store.asyncPutMessage(message())).toMatchObject({
    status: 'SERVICE_NOT_AVAILABLE',
    remark: expect.stringMatching(/^95 % of the disk of .* are used, more than 90 \(diskSpaceWarningLevelRatio\)$/)
  })
  expect(rig.bodies()).toHaveLength(10)
  rig.used = 0.5
  await rounds(rig, 1)
  expect((await rig.store.asyncPutMessage(message())).status).toBe('PUT_OK')
  await rig.store.shutdown()
})

it('closing while files are being deleted ends it', async () => {
  const rig = await open(6, { deleteWhen: '12', fileReservedTime: 0, deleteCommitLogFilesInterval: 100_000 })
  await rig.clock.advance(60_000)
  await until(() => rig.files('commitlog').length === 5)
  await rig.store.shutdown()
  expect(rig.files('commitlog')).toHaveLength(5)
})

it.each([
  [{ deleteWhen: '4pm' }, /deleteWhen: 4pm is not a list of hours from 0 to 23/],
  [{ diskMaxUsedSpaceRatio: 101 }, /diskMaxUsedSpaceRatio: 101 is not a whole number from 1 to 100/],
  [{ maxIndexNum: 1 }, /maxIndexNum: 1 is not a whole number from 2/]
])('settings out of range are refused: %o', (config, text) => {
  expect(() => new DefaultMessageStore(config, { clock: new HeldClock(), logger: silentLogger })).toThrow(text)
})
