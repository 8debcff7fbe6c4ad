import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { decodeMessage } from '../../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { FaultyFiles, systemError } from '../../../support/faulty-files.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const CONFIG = { mappedFileSizeCommitLog: 64 * 1024, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 20, maxIndexNum: 12 }

interface Rig {
  root: string
  files: FaultyFiles
  clock: HeldClock
  store: DefaultMessageStore
  log: string[]
}

async function open(root = folder()): Promise<Rig> {
  const files = new FaultyFiles()
  const clock = new HeldClock()
  const log: string[] = []
  const logger = { ...silentLogger, error: (text: string) => void log.push(text) }
  const store = new DefaultMessageStore(CONFIG, { clock, logger, files: { root, files } })
  await store.start()
  return { root, files, clock, store, log }
}

async function put(store: DefaultMessageStore, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    expect((await store.asyncPutMessage(message({ body: `${i}`, props: { KEYS: `k${i}` } }))).status).toBe('PUT_OK')
  }
}

function expectAll(store: DefaultMessageStore, count: number): void {
  expect(store.getMaxOffsetInQueue('T', 0)).toBe(count)
  for (let i = 0; i < count; i++) {
    expect(decodeMessage(store.getMessage('g', 'T', 0, i, 1)!.messages[0]!).body.toString()).toBe(`${i}`)
    expect(store.queryMessage('T', `k${i}`, 8, 0, Number.MAX_SAFE_INTEGER).messages, `k${i}`).toHaveLength(1)
  }
}

const FOLDERS = [['consumequeue'], ['index']] as const

describe.each(FOLDERS)('a disk that fails under the files of %s', (part) => {
  const inPart = (file: string): boolean => file.includes(`/${part}`)

  it('fault-S8 a full disk holds up no put and no read; it is written when space is back, and the next start has all of it', async () => {
    const { root, files, clock, store, log } = await open()
    await put(store, 0, 5)
    await clock.advance(1000)
    files.before = (operation, file) => {
      if (inPart(file) && ['open', 'write', 'truncate'].includes(operation)) throw systemError('ENOSPC')
      return undefined
    }
    await put(store, 5, 60)
    await clock.advance(3000)
    await expect.poll(() => log.length).toBeGreaterThan(0)
    expect(log[0]).toContain('ENOSPC')
    expect(store.isWriteable).toBe(true)
    files.before = () => undefined
    await put(store, 60, 70)
    expectAll(store, 70)
    await store.shutdown()
    expect(existsSync(path.join(root, 'abort'))).toBe(false)
    const again = await open(root)
    expectAll(again.store, 70)
    await again.store.shutdown()
  })

  it('fault-S9 after a failed sync the position on record stays, and the next start makes the files anew from the log', async () => {
    const { root, files, clock, store, log } = await open()
    await put(store, 0, 30)
    files.before = (operation, file) => {
      if (inPart(file) && operation === 'fdatasync') throw systemError('EIO')
      return undefined
    }
    await clock.advance(1000)
    await clock.advance(61_000)
    await expect.poll(() => log.join()).toContain('EIO')
    files.before = () => undefined
    // A second sync may succeed without the bytes.
    await put(store, 30, 40)
    await clock.advance(61_000)
    expectAll(store, 40)
    await store.shutdown()
    expect(existsSync(path.join(root, 'abort'))).toBe(true)
    const again = await open(root)
    expectAll(again.store, 40)
    await again.store.shutdown()
    expect(existsSync(path.join(root, 'abort'))).toBe(false)
  })

  it('fault-S5 killed between any two calls while a file of it is made, the next start has everything', async () => {
    const { root, files, clock, store } = await open()
    const images: Array<[string, string]> = []
    files.before = (operation, file) => {
      if (inPart(file) && !/^(read|list|lstat|size|close)/.test(operation))
        images.push([`${operation} ${path.basename(file)}`, imageOf(root, folder())])
      return undefined
    }
    await put(store, 0, 25)
    await clock.advance(1000)
    await expect.poll(() => images.length).toBeGreaterThan(5)
    await store.shutdown()
    for (const [call, image] of images.filter((_, i) => i % 3 === 0)) {
      const next = await open(image)
      expect(next.store.getMaxOffsetInQueue('T', 0), call).toBe(25)
      expectAll(next.store, 25)
      await next.store.shutdown()
    }
  })
})
