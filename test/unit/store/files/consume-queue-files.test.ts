import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { ConsumeQueueStore } from '../../../../src/store/consume-queue-store.ts'
import { tempFolder } from '../../../support/temp-folder.ts'

/** Ten units a file. */
const FILE_SIZE = 200

function openStore(folder: string, fileSize = FILE_SIZE): ConsumeQueueStore {
  return new ConsumeQueueStore({ folder, fileSize, logger: silentLogger })
}

/** Unit i of the tests' queue. */
const physical = (i: number): number => 2 ** 33 + i * 100
const tagsCode = (i: number): number => (i % 2 === 0 ? -i - 1 : 2 ** 40 + i)

function fill(store: ConsumeQueueStore, from: number, to: number, queueId = 0): void {
  const queue = store.topic('T').queue(queueId)
  for (let i = from; i < to; i++) queue.put(i, physical(i), 100, tagsCode(i))
}

function expectUnits(store: ConsumeQueueStore, from: number, to: number, queueId = 0): void {
  const queue = store.find('T', queueId)!
  expect([queue.minOffset, queue.maxOffset]).toEqual([from, to])
  for (let i = from; i < to; i++) {
    const same = queue.physicalOffsetAt(i) === physical(i) && queue.sizeAt(i) === 100 && queue.tagsCodeAt(i) === tagsCode(i)
    if (!same) expect([i, queue.get(i)]).toEqual([i, { physicalOffset: physical(i), size: 100, tagsCode: tagsCode(i) }])
  }
  expect(queue.get(to)).toBeUndefined()
}

describe('consume queues in files', () => {
  it('store-29 have the bytes that Java writes: 20-byte units in files named after their first byte', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 12)
    await store.flush()
    const queueFolder = path.join(folder, 'T', '0')
    expect(readdirSync(queueFolder).sort()).toEqual(['00000000000000000000', '00000000000000000200'])
    const first = readFileSync(path.join(queueFolder, '00000000000000000000'))
    expect(first.length).toBe(FILE_SIZE)
    expect(first.subarray(20, 40).toString('hex')).toBe('0000000200000064' + '00000064' + '0000010000000001')
    expect(first.subarray(40, 60).toString('hex')).toBe('00000002000000c8' + '00000064' + 'fffffffffffffffd')
    const second = readFileSync(path.join(queueFolder, '00000000000000000200'))
    expect(second.length).toBe(FILE_SIZE)
    expect(second.subarray(40).every((byte) => byte === 0)).toBe(true)
  })

  it.each([true, false])('come back as they were (closed in order: %s), and go on', async (clean) => {
    const folder = tempFolder()
    const first = openStore(folder)
    fill(first, 0, 25)
    fill(first, 0, 3, 7)
    await first.close()
    const second = openStore(folder)
    await second.load(clean)
    expectUnits(second, 0, 25)
    expectUnits(second, 0, 3, 7)
    expect(second.find('T', 0)!.nextOffset).toBe(25)
    expect(second.maxPhysicalOffset).toBe(physical(25))
    fill(second, 25, 31)
    expectUnits(second, 0, 31)
    await second.flush()
    const third = openStore(folder)
    await third.load(clean)
    expectUnits(third, 0, 31)
  })

  it('hold many chunks with little in memory, and read them from the files again', async () => {
    const folder = tempFolder()
    const store = openStore(folder, 20_000 * 20)
    fill(store, 0, 30_000)
    await store.flush()
    fill(store, 30_000, 30_010)
    expectUnits(store, 0, 30_010)
    expect(store.unwrittenUnits).toBe(10)
    // Once with nothing new, so that the tail goes too.
    await store.flush()
    await store.flush()
    expectUnits(store, 0, 30_010)
    fill(store, 30_010, 30_020)
    expectUnits(store, 0, 30_020)
  })

  it('begin behind 0 with blanks before the first unit, as in Java', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 13, 15)
    await store.flush()
    const file = readFileSync(path.join(folder, 'T', '0', '00000000000000000200'))
    for (let i = 0; i < 3; i++)
      expect(file.subarray(i * 20, i * 20 + 20).toString('hex')).toBe(`${'00'.repeat(8)}7fffffff${'00'.repeat(8)}`)
    const again = openStore(folder)
    await again.load()
    expectUnits(again, 13, 15)
    const cleanly = openStore(folder)
    await cleanly.load(true)
    expectUnits(cleanly, 13, 15)
  })

  it('a queue that goes on with a gap begins anew, and its old files go', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 25)
    await store.flush()
    fill(store, 47, 49)
    expectUnits(store, 47, 49)
    await store.flush()
    expect(readdirSync(path.join(folder, 'T', '0'))).toEqual(['00000000000000000800'])
    const again = openStore(folder)
    await again.load()
    expectUnits(again, 47, 49)
  })

  it('a unit that a power cut left out ends the queue; what lies behind it is made empty', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 35)
    await store.close()
    const file = path.join(folder, 'T', '0', '00000000000000000400')
    const bytes = readFileSync(file)
    bytes.fill(0, 3 * 20, 4 * 20)
    writeFileSync(file, bytes)
    const again = openStore(folder)
    await again.load()
    expectUnits(again, 0, 23)
    expect(readdirSync(path.join(folder, 'T', '0')).sort()).toEqual([
      '00000000000000000000',
      '00000000000000000200',
      '00000000000000000400'
    ])
    expect(
      readFileSync(file)
        .subarray(60)
        .every((byte) => byte === 0)
    ).toBe(true)
    // Dispatch brings the missing ones again.
    fill(again, 20, 35)
    await again.close()
    const third = openStore(folder)
    await third.load()
    expectUnits(third, 0, 35)
  })

  it('units of records behind the end of the log are forgotten durably', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 35)
    await store.flush()
    // The record of unit 21 ends behind the log.
    store.truncateDirty(physical(22) - 1)
    expectUnits(store, 0, 21)
    expect(store.find('T', 0)!.nextOffset).toBe(21)
    const again = openStore(folder)
    await again.load()
    expectUnits(again, 0, 21)
    again.truncateDirty(0)
    expectUnits(again, 0, 0)
    fill(again, 0, 2)
    await again.flush()
    const third = openStore(folder)
    await third.load()
    expectUnits(third, 0, 2)
  })

  it('store-31 files whose records are gone from the log are deleted, the last one stays', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 35)
    fill(store, 0, 5, 1)
    await store.flush()
    store.correctMinOffset(physical(22))
    expectUnits(store, 22, 35)
    expect(await store.deleteExpired(physical(22), 1)).toBe(1)
    expect(await store.deleteExpired(physical(22), 10)).toBe(1)
    expect(readdirSync(path.join(folder, 'T', '0')).sort()).toEqual(['00000000000000000400', '00000000000000000600'])
    expect(await store.deleteExpired(physical(1000), 10)).toBe(1)
    expect(readdirSync(path.join(folder, 'T', '1'))).toEqual(['00000000000000000000'])
    const again = openStore(folder)
    await again.load(true)
    again.correctMinOffset(physical(32))
    expectUnits(again, 32, 35)
  })

  it('a deleted topic takes its files along, and can be made again', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 15)
    await store.flush()
    expect(store.delete('T')).toBe(true)
    expect(store.find('T', 0)).toBeUndefined()
    fill(store, 0, 3)
    await store.flush()
    expect(readdirSync(path.join(folder, 'T', '0'))).toEqual(['00000000000000000000'])
    const again = openStore(folder)
    await again.load(true)
    expectUnits(again, 0, 3)
  })

  it.each([
    [
      'of another size',
      (folder: string) => truncateSync(path.join(folder, 'T', '0', '00000000000000000000'), 100),
      /has 100 bytes, expected are 200/
    ],
    [
      'with a foreign name',
      (folder: string) => writeFileSync(path.join(folder, 'T', '0', 'notes.txt'), 'x'),
      /notes\.txt is no file of a consume queue.*move it away/
    ],
    [
      'that are missing',
      (folder: string) => writeFileSync(path.join(folder, 'T', '0', '00000000000000000600'), Buffer.alloc(200)),
      /00000000000000000400 is missing/
    ],
    ['in a folder that is no queue', (folder: string) => mkdirSync(path.join(folder, 'T', 'x1')), /x1 is no folder of a queue/]
  ])('files %s are refused, and stay', async (_, spoil, message) => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 15)
    await store.close()
    spoil(folder)
    const before = readdirSync(folder, { recursive: true }).sort()
    await expect(openStore(folder).load()).rejects.toThrow(message)
    await expect(openStore(folder).load()).rejects.toMatchObject({ code: 'STORE_DIRECTORY' })
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before)
  })

  it('an empty last file, made just before a crash, gets its size', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    fill(store, 0, 10)
    await store.close()
    const file = path.join(folder, 'T', '0', '00000000000000000200')
    writeFileSync(file, '')
    const again = openStore(folder)
    await again.load()
    expectUnits(again, 0, 10)
    fill(again, 10, 12)
    await again.close()
    expect(statSync(file).size).toBe(FILE_SIZE)
  })

  it("files and folders are their owner's alone, and no topic name leads out of the folder", async () => {
    const folder = path.join(tempFolder(), 'consumequeue')
    const store = openStore(folder)
    fill(store, 0, 1)
    store.topic('../T').queue(0).put(0, 0, 100, 0)
    store.topic('..').queue(0).put(0, 0, 100, 0)
    await store.close()
    expect(readdirSync(path.dirname(folder))).toEqual(['consumequeue'])
    expect(readdirSync(folder)).toEqual(['T'])
    expect(existsSync(path.join(path.dirname(folder), 'T'))).toBe(false)
    const mode = (file: string): number => statSync(path.join(folder, file)).mode & 0o777
    expect([mode('.'), mode('T'), mode('T/0'), mode('T/0/00000000000000000000')]).toEqual([0o700, 0o700, 0o700, 0o600])
  })
})
