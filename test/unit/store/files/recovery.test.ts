import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import type { Logger } from '../../../../src/internal/logger.ts'
import { crc32 } from '../../../../src/protocol/crc32.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import type { StoreFilesOptions } from '../../../../src/store/files/store-files.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const SEGMENT = 16 * 1024

async function open(root: string, files: Partial<StoreFilesOptions> = {}, log: string[] = []): Promise<DefaultMessageStore> {
  const add = (text: string): void => void log.push(text)
  const logger: Logger = { debug() {}, info() {}, warn: add, error: add }
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: SEGMENT, flushDiskType: 'SYNC_FLUSH' },
    { clock: new HeldClock(), logger, files: { root, ...files } }
  )
  await store.start()
  return store
}

async function fill(store: DefaultMessageStore, count: number): Promise<number[]> {
  const puts = Array.from({ length: count }, (_, i) => store.asyncPutMessage(message({ body: `${i}`.padEnd(500, '.') })))
  return (await Promise.all(puts)).map(({ status, appendResult }) => {
    expect(status).toBe('PUT_OK')
    return appendResult!.wroteOffset
  })
}

async function openedEnd(root: string): Promise<number> {
  const store = await open(root)
  const end = store.getMaxPhyOffset()
  await store.shutdown()
  return end
}

const logFile = (root: string, offset: number): string =>
  path.join(root, 'commitlog', String(Math.floor(offset / SEGMENT) * SEGMENT).padStart(20, '0'))

function damage(root: string, offset: number, ...values: number[]): void {
  const file = logFile(root, offset)
  const bytes = readFileSync(file)
  for (const value of values) bytes[offset++ % SEGMENT] = value
  writeFileSync(file, bytes)
}

/** A store that was killed; nothing of it counts as durable, because no position was written yet. */
async function killed(count: number): Promise<{ root: string; offsets: number[] }> {
  const root = folder()
  const store = await open(root)
  const offsets = await fill(store, count)
  const image = imageOf(root, folder())
  await store.shutdown()
  rmSync(path.join(image, 'commitlog.position'), { force: true })
  return { root: image, offsets }
}

/** A store that was closed. */
async function closed(count: number): Promise<{ root: string; offsets: number[] }> {
  const root = folder()
  const store = await open(root)
  const offsets = await fill(store, count)
  await store.shutdown()
  return { root, offsets }
}

describe('behind the last durable position', () => {
  it('a torn record ends the log; what is cut is kept aside, the tail is zeroed, and one line says so', async () => {
    const { root, offsets } = await killed(60)
    damage(root, offsets[50]! + 90, 1, 2, 3)
    const before = Buffer.concat(
      readdirSync(path.join(root, 'commitlog')).map((name) => readFileSync(path.join(root, 'commitlog', name)))
    )
    const log: string[] = []
    const store = await open(root, {}, log)
    expect(store.getMaxPhyOffset()).toBe(offsets[50])
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(50)
    const [kept] = readdirSync(path.join(root, 'cut'))
    const cut = readFileSync(path.join(root, 'cut', kept!))
    expect(cut.equals(before.subarray(offsets[50]!, offsets[50]! + cut.length))).toBe(true)
    expect(log.join()).toMatch(new RegExp(`ends at offset ${offsets[50]}: .*checksum; ${cut.length} bytes .* 9 readable records`))
    const live = readFileSync(logFile(root, offsets[50]!))
    expect(live.length).toBe(SEGMENT)
    expect(live.subarray(offsets[50]! % SEGMENT).every((byte) => byte === 0)).toBe(true)
    expect((await fill(store, 1))[0]).toBe(offsets[50])
    await store.shutdown()
  })

  it('no stale record comes back: a new one in the place of a damaged one is followed by nothing', async () => {
    const { root, offsets } = await killed(10)
    damage(root, offsets[5]! + 90, 1, 2, 3)
    const store = await open(root)
    await fill(store, 1)
    const image = imageOf(root, folder())
    await store.shutdown()
    const again = await open(image)
    expect(again.getMaxOffsetInQueue('T', 0)).toBe(6)
    await again.shutdown()
  })

  it('an untouched log loses nothing, and nothing is cut', async () => {
    const { root, offsets } = await killed(60)
    const log: string[] = []
    const store = await open(root, {}, log)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(offsets.length)
    expect(existsSync(path.join(root, 'cut'))).toBe(false)
    expect(log).toEqual([])
    await store.shutdown()
  })

  it('a log that ends with its last file, the next one already made, goes on in it', async () => {
    const { root } = await killed(27)
    const end = await openedEnd(root)
    expect(end).toBeLessThan(SEGMENT)
    writeFileSync(path.join(root, 'abort'), '1')
    const log = readFileSync(logFile(root, 0))
    log.writeInt32BE(SEGMENT - end, end)
    log.writeInt32BE(-875286124, end + 4)
    writeFileSync(logFile(root, 0), log)
    writeFileSync(logFile(root, SEGMENT), Buffer.alloc(SEGMENT))
    const store = await open(root)
    expect(store.getMaxPhyOffset()).toBe(SEGMENT)
    expect((await fill(store, 1))[0]).toBe(SEGMENT)
    await store.shutdown()
  })

  it('store-23 a stray folder among the log files is ignored, and an empty last file is dropped', async () => {
    const { root, offsets } = await killed(20)
    mkdirSync(path.join(root, 'commitlog', 'stray'))
    writeFileSync(path.join(root, 'commitlog', '00000000000000016384'), '')
    const store = await open(root)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(offsets.length)
    await store.shutdown()
    expect(readdirSync(path.join(root, 'commitlog'))).toEqual(['00000000000000000000', 'stray'])
  })
})

describe('below the last durable position', () => {
  it('a bad record stops the start, names file and offset, and nothing is changed', async () => {
    const { root, offsets } = await closed(60)
    writeFileSync(path.join(root, 'abort'), '1')
    damage(root, offsets[40]! + 90, 1, 2, 3)
    const file = logFile(root, offsets[40]!)
    const before = readFileSync(file)
    const refusal = open(root)
    await expect(refusal).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    await expect(refusal).rejects.toThrow(`damaged at offset ${offsets[40]} (${file} at ${offsets[40]! % SEGMENT})`)
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(existsSync(path.join(root, 'cut'))).toBe(false)
  })

  it.each([true, false])(
    "store-22 with repair: 'truncate' a damaged last record ends the log there, closed orderly: %s",
    async (orderly) => {
      const { root, offsets } = await closed(20)
      if (!orderly) writeFileSync(path.join(root, 'abort'), '1')
      damage(root, offsets[19]! + 88 + 500, 0xff, 0xff)
      const store = await open(root, { repair: 'truncate' })
      expect(store.getMaxPhyOffset()).toBe(offsets[19])
      expect(store.getMaxOffsetInQueue('T', 0)).toBe(19)
      expect((await fill(store, 1))[0]).toBe(offsets[19])
      await store.shutdown()
      const again = await open(root)
      expect(again.getMaxOffsetInQueue('T', 0)).toBe(20)
      await again.shutdown()
    }
  )
})

describe('a folder that is not what it has to be', () => {
  it.each<[string, (root: string) => void, RegExp]>([
    ['a file of another size', (root) => truncateSync(logFile(root, SEGMENT), SEGMENT * 2), /has 32768 bytes.*16384/],
    [
      'a foreign file',
      (root) => writeFileSync(path.join(root, 'commitlog', 'notes.txt'), 'mine'),
      /notes\.txt is no file of a commit log/
    ],
    ['a missing file', (root) => rmSync(logFile(root, SEGMENT)), /00000000000000016384 is missing/],
    ['a position of a newer format', (root) => writeFileSync(path.join(root, 'commitlog.position'), newer()), /format 99/]
  ])('%s is refused, and nothing is touched', async (_, spoil, text) => {
    const { root } = await closed(60)
    spoil(root)
    const before = readdirSync(root, { recursive: true }).sort()
    await expect(open(root)).rejects.toThrow(text)
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before)
  })

  it.each<[string, (root: string) => unknown, RegExp]>([
    [
      'a link',
      (root) => {
        const link = folder()
        symlinkSync(root, link)
        return link
      },
      /is a link/
    ],
    [
      'a folder that others may write to',
      (root) => void chmodSync(root, 0o777),
      /can be written by others \(mode 777\): chmod go-w/
    ],
    [
      'a FIFO named like a file of the log',
      (root) => void execFileSync('mkfifo', [path.join(root, 'commitlog', '00000000000000016384')]),
      /00000000000000016384 is no file of a commit log/
    ],
    ['a foreign file', (root) => writeFileSync(path.join(root, 'commitlog', 'mine'), 'text'), /mine is no file of a commit log/]
  ])('security-X15 %s is refused, and nothing is deleted', async (_, spoil, text) => {
    const { root } = await closed(1)
    const link = spoil(root)
    const given = typeof link === 'string' ? link : root
    const before = readdirSync(root, { recursive: true }).sort()
    await expect(open(given)).rejects.toThrow(text)
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before)
  })

  it('security-X15 folders and files are private, and foreign files beside ours stay', async () => {
    const { root } = await closed(1)
    writeFileSync(path.join(root, 'mine'), 'text')
    const store = await open(root)
    await fill(store, 60)
    for (const name of readdirSync(root, { recursive: true })) {
      if (name === 'mine') continue
      const stats = statSync(path.join(root, String(name)))
      expect([name, (stats.mode & 0o777).toString(8)]).toEqual([name, stats.isDirectory() ? '700' : '600'])
    }
    await store.shutdown()
    expect(readFileSync(path.join(root, 'mine'), 'utf8')).toBe('text')
  })
})

function newer(): Buffer {
  const slot = Buffer.alloc(44)
  slot.writeInt32BE(0x524d5150, 0)
  slot.writeInt32BE(99, 4)
  slot.writeInt32BE(1, 12)
  slot.writeInt32BE(crc32(slot.subarray(0, 40)), 40)
  return slot
}
