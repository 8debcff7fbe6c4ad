import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { decodeMessage } from '../../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import type { StoreFilesOptions } from '../../../../src/store/files/store-files.ts'
import type { MessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { FaultyFiles } from '../../../support/faulty-files.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { until } from '../../../support/turns.ts'
import { message, startStore, watch } from '../store-fixture.ts'

const folder = storeFolders()

async function open(
  root: string,
  config: Partial<MessageStoreConfig> = {},
  files: Partial<StoreFilesOptions> = {}
): Promise<DefaultMessageStore> {
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: 64 * 1024, ...config },
    { clock: new HeldClock(), logger: silentLogger, files: { root, ...files } }
  )
  await store.start()
  return store
}

/** Bodies of a queue, as consumers see them. */
function bodies(store: DefaultMessageStore, topic = 'T', queueId = 0): string[] {
  const found: string[] = []
  for (let offset = Math.max(store.getMinOffsetInQueue(topic, queueId), 0); ; ) {
    const result = store.getMessage('g', topic, queueId, offset, 32)
    if (result === undefined || result.messages.length === 0) return found
    for (const record of result.messages) {
      const decoded = decodeMessage(record, 0, { checkCRC: true })
      expect(decoded.queueOffset).toBe(found.length)
      found.push(decoded.body.toString())
    }
    offset = result.nextBeginOffset
  }
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `message-${i}`.padEnd(700, '.'))

async function putAll(store: DefaultMessageStore, all: string[]): Promise<void> {
  const results = await Promise.all(
    all.map((body) => store.asyncPutMessage(message({ body, props: { KEYS: body.slice(0, 12) } })))
  )
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['PUT_OK']))
}

describe('a store in files', () => {
  it.each(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)(
    '%s: what is acknowledged is in the files, and the bytes are those of memory',
    async (flushDiskType) => {
      const root = folder()
      const store = await open(root, { flushDiskType })
      const memory = await startStore({ flushDiskType, mappedFileSizeCommitLog: 64 * 1024 })
      await putAll(store, names(200))
      await putAll(memory.store, names(200))
      const log = Buffer.concat(
        readdirSync(path.join(root, 'commitlog')).map((name) => readFileSync(path.join(root, 'commitlog', name)))
      )
      expect(readdirSync(path.join(root, 'commitlog')).slice(0, 2)).toEqual(['00000000000000000000', '00000000000000065536'])
      const end = store.getMaxPhyOffset()
      for (let offset = 0; offset < end; ) {
        const record = memory.store.lookMessageByOffset(offset)
        if (record === undefined) break
        expect(log.subarray(offset, offset + record.length).equals(record)).toBe(true)
        offset += record.length
      }
      expect(bodies(store)).toEqual(names(200))
      expect(store.queryMessage('T', 'message-77..', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(1)
      await store.shutdown()
    }
  )

  it('store-13 a record that does not fit ends the file with a blank of what is left, and every file has its full size', async () => {
    const root = folder()
    const store = await open(root, { mappedFileSizeCommitLog: 4096 })
    const size = 91 + 1 + 1000
    for (let i = 0; i < 4; i++) await store.asyncPutMessage(message({ body: Buffer.alloc(1000, 'x') }))
    const first = readFileSync(path.join(root, 'commitlog', '00000000000000000000'))
    expect(first.length).toBe(4096)
    expect(first.readInt32BE(3 * size)).toBe(4096 - 3 * size)
    expect(first.readInt32BE(3 * size + 4)).toBe(-875286124)
    expect(first.subarray(3 * size + 8).every((byte) => byte === 0)).toBe(true)
    expect(store.getCommitLogOffsetInQueue('T', 0, 3)).toBe(4096)
    await store.shutdown()
    expect(readdirSync(path.join(root, 'commitlog')).map((name) => statSync(path.join(root, 'commitlog', name)).size)).toEqual([
      4096, 4096
    ])
  })

  it('store-21 after a clean restart queue ends and messages are the same, and the log goes on', async () => {
    const root = folder()
    let store = await open(root)
    await putAll(store, names(150))
    const end = store.getMaxPhyOffset()
    await store.shutdown()
    expect(existsSync(path.join(root, 'abort'))).toBe(false)
    store = await open(root)
    expect(store.getMaxPhyOffset()).toBe(end)
    expect(bodies(store)).toEqual(names(150))
    await putAll(store, ['one more'])
    expect(bodies(store)).toEqual([...names(150), 'one more'])
    expect(store.queryMessage('T', 'message-77..', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(1)
    await store.shutdown()
  })

  it('after a kill everything acknowledged is there', async () => {
    const root = folder()
    const store = await open(root)
    await putAll(store, names(150))
    expect(readFileSync(path.join(root, 'abort'), 'utf8')).toBe(String(process.pid))
    const image = imageOf(root, folder())
    await store.shutdown()
    const again = await open(image)
    expect(bodies(again)).toEqual(names(150))
    await putAll(again, ['one more'])
    await again.shutdown()
    const third = await open(image)
    expect(bodies(third)).toEqual([...names(150), 'one more'])
    await third.shutdown()
  })

  it.each([true, false])(
    'fault-S20 without consumequeue/ and index/ both are made anew from the log, closed orderly: %s',
    async (orderly) => {
      const root = folder()
      const store = await open(root)
      await putAll(store, names(150))
      const image = imageOf(root, folder())
      await store.shutdown()
      const used = orderly ? root : image
      for (const name of ['consumequeue', 'index']) rmSync(path.join(used, name), { recursive: true, force: true })
      const again = await open(used)
      expect(bodies(again)).toEqual(names(150))
      expect(again.queryMessage('T', 'message-77..', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(1)
      await again.shutdown()
    }
  )

  it('under ASYNC_FLUSH nothing is acknowledged or seen before its bytes were written', async () => {
    const files = new FaultyFiles()
    const store = await open(folder(), {}, { files })
    let release!: () => void
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    files.before = (operation) => (operation === 'writeSome' ? held : undefined)
    const puts = [1, 2, 3].map(() => watch(store.asyncPutMessage(message())))
    await until(() => files.calls.some((call) => call.startsWith('writeSome')))
    expect(puts.map((put) => put.settled)).toEqual([false, false, false])
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
    expect(store.getMaxOffsetInQueue('T', 0, false)).toBe(3)
    expect(store.lookMessageByOffset(0)).toBeUndefined()
    release()
    await until(() => puts.every((put) => put.settled))
    expect(puts.map((put) => put.value?.status)).toEqual(['PUT_OK', 'PUT_OK', 'PUT_OK'])
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(3)
    await store.shutdown()
  })

  it.each(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)(
    '%s: where puts come one at a time their bytes are on their way within the call; puts that come together share a write',
    async (flushDiskType) => {
      const files = new FaultyFiles()
      const store = await open(folder(), { flushDiskType, mappedFileSizeCommitLog: 1024 * 1024 }, { files })
      const writes = (): number => files.calls.filter((call) => call.startsWith('writeSome')).length
      for (let i = 0; i < 20; i++) await store.asyncPutMessage(message())
      expect(writes()).toBe(20)
      const alone = store.asyncPutMessage(message())
      expect(writes()).toBe(21)
      await alone
      for (let turn = 1; turn <= 20; turn++) {
        await Promise.all(Array.from({ length: 50 }, () => store.asyncPutMessage(message())))
        // The first one of the first turn was taken to be alone.
        expect(writes()).toBe(22 + turn)
      }
      await store.shutdown()
    }
  )

  it('a write that cannot even begin, within a put, is taken back like one that fails', async () => {
    const files = new FaultyFiles()
    const store = await open(folder(), {}, { files })
    for (let i = 0; i < 20; i++) await store.asyncPutMessage(message())
    const end = store.getMaxPhyOffset()
    files.writeSome = () => {
      throw new TypeError('no such file descriptor')
    }
    expect(await store.asyncPutMessage(message())).toEqual({
      status: 'UNKNOWN_ERROR',
      remark: expect.stringContaining('no such file descriptor')
    })
    expect(store.getMaxPhyOffset()).toBe(end)
    expect(store.getMaxOffsetInQueue('T', 0, false)).toBe(20)
    expect(store.topicPutTotals('T').times).toBe(20)
    await store.shutdown()
  })

  it('fault-S21 under SYNC_FLUSH nothing is acknowledged or seen before its bytes were synced, and puts share syncs', async () => {
    const files = new FaultyFiles()
    const store = await open(folder(), { flushDiskType: 'SYNC_FLUSH' }, { files })
    await store.asyncPutMessage(message())
    let release!: () => void
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    files.calls.length = 0
    files.before = (operation) => (operation === 'fdatasync' ? held : undefined)
    const puts = Array.from({ length: 100 }, () => watch(store.asyncPutMessage(message())))
    await until(() => files.calls.some((call) => call.startsWith('fdatasync')))
    expect(puts.some((put) => put.settled)).toBe(false)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
    release()
    await until(() => puts.every((put) => put.settled))
    expect(puts.every((put) => put.value?.status === 'PUT_OK')).toBe(true)
    expect(files.calls.filter((call) => call.startsWith('fdatasync')).length).toBeLessThan(4)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(101)
    await store.shutdown()
  })

  it('what a reader holds stays what it was while the log goes on and buffers are used again', async () => {
    const store = await open(folder(), { mappedFileSizeCommitLog: 64 * 1024 * 1024 })
    const large = Buffer.alloc(300 * 1024)
    const held: Buffer[] = []
    for (let i = 0; i < 60; i++) {
      await store.asyncPutMessage(message({ body: large.fill(i) }))
      if (i % 2 === 0) held.push(store.getMessage('g', 'T', 0, i, 1)!.messages[0]!)
    }
    const first = (record: Buffer): number => decodeMessage(record, 0, { checkCRC: true }).body[0]!
    expect(held.map(first)).toEqual(held.map((_, i) => i * 2))
    const all = Array.from({ length: 60 }, (_, i) => store.getMessage('g', 'T', 0, i, 1)!.messages[0]!)
    expect(all.map(first)).toEqual(all.map((_, i) => i))
    await store.shutdown()
  })

  it('store-1 a second store on an open folder does not start and says why; once the first has closed, it starts', async () => {
    const root = folder()
    const store = await open(root)
    await putAll(store, ['first'])
    await expect(open(root)).rejects.toMatchObject({ code: 'STORE_LOCKED', message: expect.stringContaining(root) })
    await putAll(store, ['second'])
    await store.shutdown()
    const again = await open(root)
    expect(bodies(again)).toEqual(['first', 'second'])
    await again.shutdown()
  })

  it('puts of all sizes, batches among them, survive with small files', async () => {
    const root = folder()
    const store = await open(root, { mappedFileSizeCommitLog: 8192 })
    const all = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd((i * 37) % 3000 || 1, 'x'))
    const results = []
    for (const body of all) {
      const result = store.asyncPutMessage(message({ body }))
      results.push(result)
      if (results.length % 7 === 0) await result
    }
    await Promise.all(results)
    expect(bodies(store)).toEqual(all)
    const image = imageOf(root, folder())
    await store.shutdown()
    const again = await open(image, { mappedFileSizeCommitLog: 8192 })
    expect(bodies(again)).toEqual(all)
    await again.shutdown()
  })

  it('refuses a record that no file can hold', async () => {
    const store = await open(folder(), { mappedFileSizeCommitLog: 4096 })
    expect(await store.asyncPutMessage(message({ body: Buffer.alloc(5000) }))).toMatchObject({
      status: 'MESSAGE_ILLEGAL',
      remark: expect.stringContaining('mappedFileSizeCommitLog')
    })
    await store.shutdown()
  })
})
