import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import type { MessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { FaultyFiles } from '../../../support/faulty-files.ts'
import { storeFolders } from '../../../support/store-folder.ts'
import { message } from '../store-fixture.ts'

const folder = storeFolders()
const MIB = 1024 * 1024

async function open(
  root: string,
  config: Partial<MessageStoreConfig>
): Promise<{ store: DefaultMessageStore; files: FaultyFiles }> {
  const files = new FaultyFiles()
  const store = new DefaultMessageStore(
    { maxHashSlotNum: 100, maxIndexNum: 400, mappedFileSizeConsumeQueue: 2000, ...config },
    { clock: new HeldClock(), logger: silentLogger, files: { root, files } }
  )
  await store.start()
  return { store, files }
}

/** Reads of the log's files, by file. */
const readsOfLog = (files: FaultyFiles): string[] =>
  files.calls.filter((call) => /^(read|readNow) .*\/commitlog\//.test(call)).map((call) => path.basename(call))

describe('a store that was closed in order', () => {
  it('fault-S15 closed under load it answers every put first; the next start reads the last file of the log once, and dispatches nothing', async () => {
    const root = folder()
    const first = await open(root, { flushDiskType: 'SYNC_FLUSH', mappedFileSizeCommitLog: 64 * 1024 })
    const puts = Array.from({ length: 200 }, (_, i) => first.store.asyncPutMessage(message({ body: `${i}`.padEnd(1000, '.') })))
    const closing = first.store.shutdown()
    const results = await Promise.all(puts)
    await closing
    const stored = results.filter(({ status }) => status === 'PUT_OK').length
    expect(stored).toBe(200)
    expect(readdirSync(root)).not.toContain('abort')
    const { store, files } = await open(root, { mappedFileSizeCommitLog: 64 * 1024 })
    const last = readdirSync(path.join(root, 'commitlog')).at(-1)
    expect(new Set(readsOfLog(files))).toEqual(new Set([last]))
    expect(readsOfLog(files).length).toBeLessThanOrEqual(2)
    expect(
      files.calls.filter((call) =>
        /^(write|writeSome|writeNow|truncate|truncateNow) .*(consumequeue|index|commitlog)\//.test(call)
      )
    ).toEqual([])
    expect([store.getMaxOffsetInQueue('T', 0), store.dispatchBehindBytes()]).toEqual([200, 0])
    await store.shutdown()
  })

  it('fault-S15 where the last file holds more than 8 MiB, the next start reads nothing of it but what is behind its end', async () => {
    const root = folder()
    const config = { mappedFileSizeCommitLog: 16 * MIB }
    const first = await open(root, config)
    for (let i = 0; i < 9; i++) await first.store.asyncPutMessage(message({ body: Buffer.alloc(MIB, i) }))
    await first.store.shutdown()
    const { store, files } = await open(root, config)
    expect(readsOfLog(files).length).toBeLessThanOrEqual(1)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(9)
    await store.shutdown()
  })
})
