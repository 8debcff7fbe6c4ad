import { cpSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { FaultyFiles, systemError } from '../../../support/faulty-files.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const SEGMENT = 4096

async function open(
  root: string,
  files = new FaultyFiles()
): Promise<{ store: DefaultMessageStore; clock: HeldClock; files: FaultyFiles }> {
  const clock = new HeldClock()
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: SEGMENT, maxHashSlotNum: 100, maxIndexNum: 400 },
    { clock, logger: silentLogger, files: { root, files } }
  )
  await store.start()
  return { store, clock, files }
}

async function fill(store: DefaultMessageStore, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await store.asyncPutMessage(message({ body: Buffer.alloc(900, i) }))
}

const syncs = (files: FaultyFiles): string[] =>
  files.calls.filter((call) => /^fdatasync .*commitlog/.test(call)).map((call) => path.basename(call))

describe('the files of the log', () => {
  it('store-24 an offset leads to its file, boundaries included, and nothing outside does', async () => {
    const { store } = await open(folder())
    await fill(store, 10)
    const end = store.getMaxPhyOffset()
    expect(end).toBeGreaterThan(2 * SEGMENT)
    const read = (offset: number, size: number): number => Buffer.concat(store.getBulkCommitLogData(offset, size)).length
    for (const [offset, size, got] of [
      [0, 10, 10],
      [SEGMENT - 1, 1, 1],
      [SEGMENT - 1, 2, 2],
      [SEGMENT, 1, 1],
      [2 * SEGMENT, 1, 1],
      [end - 1, 5, 1],
      [end, 1, 0],
      [-1, 1, 0]
    ] as const) {
      expect(read(offset, size), `${size} bytes at ${offset}`).toBe(got)
    }
    await store.shutdown()
  })

  it('store-24 what goes on from before the first file goes on with that file', async () => {
    const root = folder()
    const { store } = await open(root)
    await fill(store, 10)
    const image = `${root}.image`
    cpSync(root, image, { recursive: true })
    await store.shutdown()
    // Dispatch was at 0 when the process ended; the first file has been deleted since, and the queues with it.
    unlinkSync(path.join(image, 'commitlog', '0'.repeat(20)))
    rmSync(path.join(image, 'consumequeue'), { recursive: true, force: true })
    const second = (await open(image)).store
    expect(second.getMinPhyOffset()).toBe(SEGMENT)
    const min = second.getMinOffsetInQueue('T', 0)
    expect([min, second.getMaxOffsetInQueue('T', 0)]).toEqual([4, 10])
    expect(second.getCommitLogOffsetInQueue('T', 0, min)).toBe(SEGMENT)
    await second.shutdown()
    rmSync(image, { recursive: true })
  })

  it('store-25 one flush takes every file with new bytes, the oldest first, and the next has nothing left', async () => {
    const root = folder()
    const { store, clock, files } = await open(root)
    await fill(store, 10)
    expect(store.remainHowManyDataToFlush()).toBe(store.getMaxPhyOffset())
    await clock.advance(500)
    await expect.poll(() => store.remainHowManyDataToFlush()).toBe(0)
    const names = readdirSync(path.join(root, 'commitlog')).slice(0, 3)
    expect(syncs(files)).toEqual(names)
    await clock.advance(5000)
    expect(syncs(files)).toEqual(names)
    await fill(store, 1)
    await clock.advance(500)
    await expect.poll(() => store.remainHowManyDataToFlush()).toBe(0)
    // What was full is not synced again.
    expect(syncs(files)).toEqual([...names, names.at(-1)])
    await store.shutdown()
  })

  it('store-25 a flush that fails at its second file moves on by none', async () => {
    const { store, clock, files } = await open(folder())
    await fill(store, 10)
    files.before = (operation, file) => {
      if (operation === 'fdatasync' && file.endsWith(`${SEGMENT}`)) throw systemError('EIO')
      return undefined
    }
    await clock.advance(500)
    await expect.poll(() => store.isWriteable).toBe(false)
    expect(store.remainHowManyDataToFlush()).toBe(store.getMaxPhyOffset())
    await store.shutdown()
  })
})
