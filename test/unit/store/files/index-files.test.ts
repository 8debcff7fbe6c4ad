import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { javaHashCode } from '../../../../src/protocol/java-hash.ts'
import { FileIndexService } from '../../../../src/store/files/index-files.ts'
import { tempFolder } from '../../../support/temp-folder.ts'

const T0 = 1_700_000_000_000
const TOPIC_HASH = javaHashCode('T#')

/** Ten slots, nine keys a file. */
function openIndex(folder: string, hashSlotNum = 10, indexNum = 10): FileIndexService {
  return new FileIndexService({ folder, hashSlotNum, indexNum, clock: new HeldClock(), logger: silentLogger })
}

function put(index: FileIndexService, offset: number, keys: string, uniqKey = ''): void {
  index.putMessage(TOPIC_HASH, { uniqKey, keys, physicalOffset: offset, storeTimestamp: T0 + offset })
}

const find = (index: FileIndexService, key: string): number[] => [...index.query('T', key)]

describe('key index in files', () => {
  it('has the bytes that Java writes', async () => {
    const folder = tempFolder()
    const index = openIndex(folder, 7)
    put(index, 2000, 'a', 'u')
    put(index, 5500, 'a')
    await index.close()
    const [name] = readdirSync(folder)
    expect(name).toMatch(/^\d{17}$/)
    const bytes = readFileSync(path.join(folder, name!))
    expect(bytes.length).toBe(40 + 7 * 4 + 10 * 20)
    expect(bytes.readBigInt64BE(0)).toBe(BigInt(T0 + 2000))
    expect(bytes.readBigInt64BE(8)).toBe(BigInt(T0 + 5500))
    expect([bytes.readBigInt64BE(16), bytes.readBigInt64BE(24)]).toEqual([2000n, 5500n])
    const hash = (key: string): number => Math.abs(javaHashCode(`T#${key}`))
    expect(hash('u') % 7).not.toBe(hash('a') % 7)
    expect([bytes.readInt32BE(32), bytes.readInt32BE(36)]).toEqual([2, 4])
    const entry = (i: number): Array<number | bigint> => {
      const at = 40 + 28 + i * 20
      return [bytes.readInt32BE(at), bytes.readBigInt64BE(at + 4), bytes.readInt32BE(at + 12), bytes.readInt32BE(at + 16)]
    }
    expect([entry(0), entry(1), entry(2), entry(3)]).toEqual([
      [0, 0n, 0, 0],
      [hash('u'), 2000n, 0, 0],
      [hash('a'), 2000n, 0, 0],
      [hash('a'), 5500n, 3, 2]
    ])
    expect(bytes.readInt32BE(40 + (hash('a') % 7) * 4)).toBe(3)
  })

  it('store-35 a file takes one key less than its size; the next key begins another one', async () => {
    const folder = tempFolder()
    const index = openIndex(folder)
    for (let i = 0; i < 9; i++) put(index, i, `k${i}`)
    await index.flush()
    expect(readdirSync(folder)).toHaveLength(1)
    put(index, 9, 'k9')
    put(index, 10, 'k3')
    await index.flush()
    const names = readdirSync(folder).sort()
    expect(names).toHaveLength(2)
    const second = readFileSync(path.join(folder, names[1]!))
    expect(second.readInt32BE(36)).toBe(3)
    expect(find(index, 'k3')).toEqual([10, 3])
    expect(find(index, 'k0')).toEqual([0])
    expect(find(index, 'none')).toEqual([])
  })

  it.each([true, false])('comes back as it was (closed in order: %s), and goes on', async (clean) => {
    const folder = tempFolder()
    const first = openIndex(folder)
    for (let i = 0; i < 25; i++) put(first, i * 10, `k${i % 7} every`)
    if (clean) await first.close()
    else await first.flush()
    const second = openIndex(folder)
    await second.load(clean)
    expect([second.size, second.maxPhysicalOffset, second.wasCut]).toEqual([50, 240, false])
    expect(find(second, 'every')).toEqual(Array.from({ length: 25 }, (_, i) => 240 - i * 10))
    expect(find(second, 'k3')).toEqual([240, 170, 100, 30])
    put(second, 250, 'k3')
    expect(find(second, 'k3')).toEqual([250, 240, 170, 100, 30])
    await second.close()
    const third = openIndex(folder)
    await third.load(clean)
    expect(find(third, 'k3')).toEqual([250, 240, 170, 100, 30])
  })

  it('entries are found before, while and after they are written', async () => {
    const index = openIndex(tempFolder(), 100, 100_000)
    for (let i = 0; i < 20_000; i++) {
      put(index, i, `k${i % 1000}`)
      if (i % 6000 === 5999) await index.write()
    }
    const all = Array.from({ length: 20 }, (_, i) => 19_007 - i * 1000)
    expect(find(index, 'k7')).toEqual(all)
    await index.flush()
    expect(find(index, 'k7')).toEqual(all)
    expect(index.unwrittenEntries).toBe(0)
  })

  it('a record that comes again after a crash is not indexed twice', async () => {
    const folder = tempFolder()
    const first = openIndex(folder)
    for (let i = 0; i < 12; i++) put(first, i * 10, `a b${i}`)
    await first.flush()
    const second = openIndex(folder)
    await second.load()
    for (let i = 8; i < 14; i++) put(second, i * 10, `a b${i}`)
    expect(find(second, 'a')).toEqual(Array.from({ length: 14 }, (_, i) => 130 - i * 10))
    expect(second.size).toBe(28)
  })

  it('entries that a power cut left out end the index, and it says so', async () => {
    const folder = tempFolder()
    const first = openIndex(folder, 10, 100)
    for (let i = 0; i < 30; i++) put(first, i * 10, `k${i % 5}`)
    await first.close()
    const file = path.join(folder, readdirSync(folder)[0]!)
    const bytes = readFileSync(file)
    bytes.fill(0, 80 + 20 * 20, 80 + 22 * 20)
    writeFileSync(file, bytes)
    const second = openIndex(folder, 10, 100)
    await second.load()
    expect([second.size, second.maxPhysicalOffset, second.wasCut]).toEqual([19, 180, true])
    expect(find(second, 'k3')).toEqual([180, 130, 80, 30])
    for (let i = 18; i < 30; i++) put(second, i * 10, `k${i % 5}`)
    expect(find(second, 'k3')).toEqual([280, 230, 180, 130, 80, 30])
  })

  it('a header that was torn, with the end of new entries and the count of old ones, ends at the last entry that counts', async () => {
    const folder = tempFolder()
    const first = openIndex(folder)
    for (let i = 0; i < 3; i++) put(first, i * 10, `k${i}`)
    await first.flush()
    const file = path.join(folder, readdirSync(folder)[0]!)
    const header = readFileSync(file)
    for (let i = 3; i < 5; i++) put(first, i * 10, `k${i}`)
    await first.flush()
    const bytes = readFileSync(file)
    header.copy(bytes, 32, 32, 40)
    writeFileSync(file, bytes)
    const second = openIndex(folder)
    await second.load()
    expect([second.size, second.maxPhysicalOffset, second.wasCut]).toEqual([3, 20, true])
    for (let i = 2; i < 5; i++) put(second, i * 10, `k${i}`)
    expect(find(second, 'k4')).toEqual([40])
    expect(find(second, 'k2')).toEqual([20])
  })

  it('what was not flushed is missing after a crash, and nothing else', async () => {
    const folder = tempFolder()
    const first = openIndex(folder, 10, 100)
    for (let i = 0; i < 10; i++) put(first, i * 10, 'k')
    await first.flush()
    for (let i = 10; i < 20; i++) put(first, i * 10, 'k')
    await first.write()
    const second = openIndex(folder, 10, 100)
    await second.load()
    expect(find(second, 'k')).toEqual([90, 80, 70, 60, 50, 40, 30, 20, 10, 0])
    for (let i = 9; i < 20; i++) put(second, i * 10, 'k')
    expect(find(second, 'k')).toEqual(Array.from({ length: 20 }, (_, i) => 190 - i * 10))
  })

  it('entries of records behind the end of the log are forgotten durably, over several files', async () => {
    const folder = tempFolder()
    const first = openIndex(folder)
    for (let i = 0; i < 30; i++) put(first, i * 10, `every k${i % 3}`)
    await first.close()
    const second = openIndex(folder)
    await second.load(true)
    second.truncateDirty(125)
    expect(find(second, 'every')).toEqual(Array.from({ length: 13 }, (_, i) => 120 - i * 10))
    expect(find(second, 'k1')).toEqual([100, 70, 40, 10])
    const third = openIndex(folder)
    await third.load()
    expect(find(third, 'every')).toEqual(Array.from({ length: 13 }, (_, i) => 120 - i * 10))
    put(third, 130, 'every')
    await third.close()
    third.truncateDirty(0)
    expect([find(third, 'every'), third.size, readdirSync(folder)]).toEqual([[], 0, []])
    put(third, 0, 'every')
    expect(find(third, 'every')).toEqual([0])
  })

  it('files whose records are gone from the log are deleted, the last one stays', async () => {
    const folder = tempFolder()
    const index = openIndex(folder)
    for (let i = 0; i < 30; i++) put(index, i * 10, 'k')
    await index.flush()
    expect(readdirSync(folder)).toHaveLength(4)
    expect(await index.deleteExpired(90, 10)).toBe(1)
    expect(find(index, 'k').at(-1)).toBe(90)
    expect(await index.deleteExpired(1000, 1)).toBe(1)
    expect(await index.deleteExpired(1000, 10)).toBe(1)
    expect(find(index, 'k')).toEqual([290, 280, 270])
  })

  it('leaves out files of other times', async () => {
    const index = openIndex(tempFolder())
    for (let i = 0; i < 27; i++) put(index, i * 10, 'k')
    expect([...index.query('T', 'k', T0 + 180)].at(-1)).toBe(180)
    expect([...index.query('T', 'k', 0, T0 + 85)][0]).toBe(80)
  })

  it.each([
    ['of another size', (file: string) => truncateSync(file, 100), /has 100 bytes, expected are 280/],
    [
      'with a foreign name',
      (file: string) => writeFileSync(path.join(path.dirname(file), 'notes'), ''),
      /notes is no file of the key index/
    ]
  ])('a file %s is refused, and stays', async (_, spoil, text) => {
    const folder = tempFolder()
    const index = openIndex(folder)
    put(index, 0, 'k')
    await index.close()
    spoil(path.join(folder, readdirSync(folder)[0]!))
    await expect(openIndex(folder).load()).rejects.toThrow(text)
  })

  it('files have names that rise whatever the clock does, and belong to their owner', async () => {
    const folder = tempFolder()
    const clock = new HeldClock()
    const index = new FileIndexService({ folder, hashSlotNum: 10, indexNum: 2, clock, logger: silentLogger })
    for (let i = 0; i < 4; i++) put(index, i, 'k')
    await index.close()
    const names = readdirSync(folder).sort()
    expect(names).toHaveLength(4)
    expect(find(index, 'k')).toEqual([3, 2, 1, 0])
    expect(statSync(path.join(folder, names[0]!)).mode & 0o777).toBe(0o600)
    const again = new FileIndexService({ folder, hashSlotNum: 10, indexNum: 2, clock, logger: silentLogger })
    await again.load(true)
    expect(find(again, 'k')).toEqual([3, 2, 1, 0])
  })
})
