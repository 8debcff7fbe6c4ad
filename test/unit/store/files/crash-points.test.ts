import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { decodeMessage } from '../../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import type { MessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { FaultyFiles, type FileOperation } from '../../../support/faulty-files.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
/** Every fourth call on each run, beginning with one that the seed chooses; all of them with `npm run torture`. */
const EVERY = process.env.TORTURE === '1' ? 1 : 4
/** Several files of log, queue and index: ten units a queue file, eleven keys an index file. */
const CONFIG: Partial<MessageStoreConfig> = {
  mappedFileSizeCommitLog: 4096,
  mappedFileSizeConsumeQueue: 200,
  maxHashSlotNum: 20,
  maxIndexNum: 12
}
const CHANGES: ReadonlySet<FileOperation> = new Set([
  'mkdir',
  'open',
  'write',
  'writeSome',
  'truncate',
  'fsync',
  'fdatasync',
  'syncDirectory',
  'rename',
  'unlink',
  'writeNow',
  'truncateNow',
  'fdatasyncNow',
  'unlinkNow',
  'rmdirNow'
])

function newStore(root: string, config: Partial<MessageStoreConfig>, files?: FaultyFiles): DefaultMessageStore {
  return new DefaultMessageStore(
    { ...CONFIG, ...config },
    { clock: new HeldClock(), logger: silentLogger, files: files === undefined ? { root } : { root, files } }
  )
}

/** What a kill right before one of the calls would leave, and what had been acknowledged by then. */
interface CrashPoint {
  call: string
  image: string
  acked: string[]
}

/** Opens an empty folder, puts, closes, opens again, puts more: with an image of the folder before every call that changes something. */
async function crashPoints(config: Partial<MessageStoreConfig>): Promise<CrashPoint[]> {
  const root = folder()
  const images = path.dirname(folder())
  const acked: string[] = []
  const points: CrashPoint[] = []
  let calls = Number(process.env.TEST_SEED) % EVERY
  const files = new FaultyFiles()
  files.before = (operation, file) => {
    if (!CHANGES.has(operation) || calls++ % EVERY !== 0) return undefined
    const image = path.join(images, String(points.length))
    try {
      imageOf(root, image)
    } catch {
      // Nothing is there yet, or a file went while it was being copied: a moment that has an image of its own.
      return undefined
    }
    points.push({ call: `${operation} ${path.relative(root, file)}`, image, acked: [...acked] })
    return undefined
  }
  for (let run = 0; run < 2; run++) {
    const store = newStore(root, config, files)
    await store.start()
    for (let i = 0; i < 8; i++) {
      const bodies = Array.from({ length: 3 }, (_, k) => `${run}-${i}-${k}`.padEnd(150 + i * 40, '.'))
      const results = await Promise.all(
        bodies.map((body) => store.asyncPutMessage(message({ body, props: { KEYS: `k${run}-${i}` } })))
      )
      results.forEach(({ status }, k) => {
        expect(status).toBe('PUT_OK')
        acked.push(bodies[k]!)
      })
    }
    await store.shutdown()
  }
  return points
}

describe('a crash before any call that changes a file', () => {
  it.each(['SYNC_FLUSH', 'ASYNC_FLUSH'] as const)(
    'fault-S5 %s: the store opens, has all that was acknowledged in order, by queue and by key, and goes on',
    { timeout: 60_000 },
    async (flushDiskType) => {
      const points = await crashPoints({ flushDiskType })
      expect(points.length).toBeGreaterThan(40 / EVERY)
      for (const { call, image, acked } of points) {
        const store = newStore(image, { flushDiskType })
        await store.start()
        const bodies: string[] = []
        for (let offset = 0; offset < store.getMaxOffsetInQueue('T', 0); offset++) {
          const record = store.getMessage('g', 'T', 0, offset, 1)!.messages[0]!
          bodies.push(decodeMessage(record, 0, { checkCRC: true }).body.toString())
        }
        expect(bodies.slice(0, acked.length), `before ${call}`).toEqual(acked)
        expect(bodies.length - acked.length, `before ${call}`).toBeLessThanOrEqual(3)
        const keys = new Set(acked.map((body) => `k${body.slice(0, 3)}`))
        for (const key of keys) {
          const found = store.queryMessage('T', key, 64, 0, Number.MAX_SAFE_INTEGER).messages.length
          expect(found, `${key} before ${call}`).toBe(bodies.filter((body) => body.startsWith(key.slice(1))).length)
        }
        const next = await store.asyncPutMessage(message({ body: 'next' }))
        expect([next.status, next.appendResult?.logicsOffset], `before ${call}`).toEqual(['PUT_OK', bodies.length])
        await store.shutdown()
      }
    }
  )
})
