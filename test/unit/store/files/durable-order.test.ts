import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../../../src/internal/async.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { JsonConfigFile } from '../../../../src/store/files/json-config-file.ts'
import { FaultyFiles } from '../../../support/faulty-files.ts'
import { type Fate, ModelDisk } from '../../../support/model-disk.ts'
import { seededRandom } from '../../../support/random.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { message, watch } from '../store-fixture.ts'

const folder = storeFolders()
const SEED = Number(process.env.TEST_SEED)
const SEGMENT = 4096
/** A power cut that takes everything that was not synced. */
const NOTHING_KEPT: Fate = { name: () => 0, truncate: () => false, sector: () => 0 }

describe('what is on the platter', () => {
  it('fault-S11 with an acknowledgement: the record, its file and the names above it; a file is synced before its name, the folder after', async () => {
    const root = folder()
    const disk = new ModelDisk(path.dirname(root))
    const changes: string[] = []
    disk.onChange = (operation, name) => changes.push(`${operation} ${path.relative(root, name)}`)
    const store = new DefaultMessageStore(
      {
        mappedFileSizeCommitLog: SEGMENT,
        flushDiskType: 'SYNC_FLUSH',
        mappedFileSizeConsumeQueue: 2000,
        maxHashSlotNum: 100,
        maxIndexNum: 400
      },
      { clock: new HeldClock(), logger: silentLogger, files: { root, files: disk } }
    )
    await store.start()
    const random = seededRandom(SEED)
    for (let i = 0; i < 60; i++) {
      const group = Array.from({ length: 1 + Math.floor(random() * 3) }, () => '.'.repeat(Math.floor(random() * 1200)))
      await Promise.all(
        group.map(async (body) => {
          const { status, appendResult } = await store.asyncPutMessage(message({ body }))
          expect(status).toBe('PUT_OK')
          const { wroteOffset, wroteBytes } = appendResult!
          const start = Math.floor(wroteOffset / SEGMENT) * SEGMENT
          const name = path.join(root, 'commitlog', String(start).padStart(20, '0'))
          const record = store.lookMessageByOffset(wroteOffset)!
          const kept = disk
            .powerCut(NOTHING_KEPT)
            .bytes(name)
            ?.subarray(wroteOffset - start, wroteOffset - start + wroteBytes)
          expect(kept?.equals(record), `acknowledged at ${wroteOffset}, seed ${SEED}`).toBe(true)
        })
      )
    }
    await store.shutdown()
    const made = changes.filter((change) => /^name commitlog\/\d/.test(change))
    expect(made.length).toBeGreaterThan(5)
    for (const change of made) {
      const at = changes.indexOf(change)
      const before = changes.slice(0, at)
      expect(before.lastIndexOf('sync commitlog.next')).toBeGreaterThan(before.lastIndexOf('truncate commitlog.next'))
      const next = changes
        .slice(at)
        .findIndex((text) => text === 'syncDirectory commitlog' || text === `write ${change.slice(5)}`)
      expect(changes[at + next]).toBe('syncDirectory commitlog')
    }
  })

  it('fault-S12 a table of the broker is a whole old or new version at every moment, and the new one once that was said', async () => {
    const random = seededRandom(SEED)
    const root = folder()
    const name = path.join(root, 'config', 'topics.json')
    const bad: string[] = []
    let states = 0
    const disk = new ModelDisk(root)
    const file = new JsonConfigFile(name, silentLogger, disk)
    const versionOf = (bytes: Buffer | undefined): number => {
      if (bytes === undefined) return 0
      const { version, filler } = JSON.parse(bytes.toString()) as { version: number; filler: string }
      return filler.length === version * 300 ? version : Number.NaN
    }
    let said = 0
    let asked = 0
    disk.onChange = (operation, changed) => {
      for (let i = 0; i < 20; i++) {
        states++
        const cut = disk.powerCut({
          name: (_, count) => Math.floor(random() * (count + 1)),
          truncate: () => random() < 0.5,
          sector: (_, size) => (random() < 0.5 ? size : Math.floor(random() * size))
        })
        try {
          const version = versionOf(cut.bytes(name))
          const backup = versionOf(cut.bytes(`${name}.bak`))
          if (!(version >= said && version <= asked)) bad.push(`${operation} ${changed}: version ${version}, ${said} was said`)
          if (!(backup <= asked)) bad.push(`${operation} ${changed}: backup ${backup}`)
        } catch (error) {
          bad.push(`${operation} ${changed}: ${String(error)}`)
        }
      }
    }
    for (let version = 1; version <= 10; version++) {
      asked = version
      await file.persist(() => JSON.stringify({ version, filler: 'x'.repeat(version * 300) }))
      said = version
    }
    expect(states).toBeGreaterThan(1000)
    expect(bad.slice(0, 10), `seed ${SEED}`).toEqual([])
  })
})

describe('a wall clock that jumps', () => {
  it('fault-S13 loses nothing: an hour forth and back, 1970, 2040, with kills in between', async () => {
    let root = folder()
    let expected = 0
    for (const at of [
      1_700_000_000_000, 1_700_003_600_000, 1_699_996_400_000, 0, -3_600_000, 2_208_988_800_000, 1_700_000_000_000
    ]) {
      const store = new DefaultMessageStore(
        { mappedFileSizeCommitLog: SEGMENT, mappedFileSizeConsumeQueue: 2000, maxHashSlotNum: 100, maxIndexNum: 400 },
        { clock: new HeldClock(at), logger: silentLogger, files: { root } }
      )
      await store.start()
      expect(store.getMaxOffsetInQueue('T', 0)).toBe(expected)
      let last = store.getMessageStoreTimeStamp('T', 0, expected - 1)
      for (let i = 0; i < 20; i++) {
        const { status, appendResult } = await store.asyncPutMessage(message({ body: `${expected}`.padEnd(300) }))
        expect([status, appendResult?.logicsOffset]).toEqual(['PUT_OK', expected++])
        expect(appendResult!.storeTimestamp).toBeGreaterThanOrEqual(last)
        last = appendResult!.storeTimestamp
      }
      for (let offset = 0; offset < expected; offset++) {
        expect(store.getMessage('g', 'T', 0, offset, 1)?.messages).toHaveLength(1)
      }
      const image = imageOf(root, folder())
      await store.shutdown()
      root = image
    }
  })

  it('fault-S13 moves no deadline: a slow flush is given up after syncFlushTimeout of monotonic time', async () => {
    class Jumping extends HeldClock {
      jump = 0
      override now(): number {
        return super.now() + this.jump
      }
    }
    const clock = new Jumping()
    const root = folder()
    const files = new FaultyFiles()
    const hold = deferred<void>()
    const store = new DefaultMessageStore(
      {
        mappedFileSizeCommitLog: SEGMENT,
        flushDiskType: 'SYNC_FLUSH',
        syncFlushTimeout: 2000,
        mappedFileSizeConsumeQueue: 2000,
        maxHashSlotNum: 100,
        maxIndexNum: 400
      },
      { clock, logger: silentLogger, files: { root, files } }
    )
    await store.start()
    files.before = (operation) => (operation === 'fdatasync' ? hold.promise : undefined)
    const put = watch(store.asyncPutMessage(message()))
    for (const jump of [3_600_000, -3_600_000, -1_700_000_000_000]) {
      clock.jump = jump
      await clock.advance(600)
      expect(put.settled).toBe(false)
    }
    await clock.advance(200)
    expect(put.value?.status).toBe('FLUSH_DISK_TIMEOUT')
    hold.resolve()
    await store.shutdown()
  })
})
