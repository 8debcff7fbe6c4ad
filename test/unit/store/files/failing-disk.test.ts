import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../../src/internal/clock.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import type { MessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { FaultyFiles, systemError } from '../../../support/faulty-files.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { until } from '../../../support/turns.ts'
import { message, watch } from '../store-fixture.ts'

const folder = storeFolders()

interface Rig {
  root: string
  files: FaultyFiles
  clock: HeldClock
  store: DefaultMessageStore
}

/** A held clock that does not wait for the disk: one that hangs would hold it up. */
function blind(clock: HeldClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout: (callback, millis) => clock.setTimeout(callback, millis)
  }
}

async function open(
  config: Partial<MessageStoreConfig> = {},
  root = folder(),
  log: string[] = [],
  clock = new HeldClock(),
  seen: Clock = clock
): Promise<Rig> {
  const files = new FaultyFiles()
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: 64 * 1024, ...config },
    { clock: seen, logger: { ...silentLogger, warn: (text) => void log.push(text) }, files: { root, files } }
  )
  await store.start()
  return { root, files, clock, store }
}

/** Fails the next calls of an operation, `times` of them. */
function failNext(files: FaultyFiles, operation: string, code: string, times = 1): void {
  files.before = (called) => {
    if (called === operation && times-- > 0) throw systemError(code)
    return undefined
  }
}

function hold(files: FaultyFiles, operation: string): () => void {
  let release!: () => void
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  files.before = (called) => (called === operation ? held : undefined)
  return () => {
    files.before = () => undefined
    release()
  }
}

const put = (store: DefaultMessageStore, body: string) => store.asyncPutMessage(message({ body: body.padEnd(200, '.') }))

describe('a full disk', () => {
  it.each(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)(
    'fault-S8 %s: everything behind the failed write is refused with code 14 and taken back, and it heals when space returns',
    async (flushDiskType) => {
      const { root, files, clock, store } = await open({ flushDiskType })
      await put(store, 'kept')
      const end = store.getMaxPhyOffset()
      failNext(files, 'writeSome', 'ENOSPC')
      const refused = await Promise.all([put(store, 'a'), put(store, 'b'), put(store, 'c')])
      for (const result of refused) {
        expect(result).toEqual({ status: 'SERVICE_NOT_AVAILABLE', remark: `the disk of ${root} is full` })
      }
      expect(store.getMaxPhyOffset()).toBe(end)
      expect(store.getMaxOffsetInQueue('T', 0, false)).toBe(1)
      expect(store.topicPutTotals('T').times).toBe(1)
      expect(store.stats.putMessageTimesTotal).toBe(1)
      expect(store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(1)
      expect((await put(store, 'too early')).status).toBe('SERVICE_NOT_AVAILABLE')
      await clock.advance(500)
      expect(await put(store, 'again')).toMatchObject({ status: 'PUT_OK', appendResult: { wroteOffset: end, logicsOffset: 1 } })
      expect((await put(store, 'and on')).appendResult!.logicsOffset).toBe(2)
      await store.shutdown()
      expect(existsSync(path.join(root, 'abort'))).toBe(false)
    }
  )

  it('fault-S8 what a failed write left behind is zeroed before anything else is written: it never comes back', async () => {
    const { root, files, clock, store } = await open()
    await put(store, 'kept')
    const end = store.getMaxPhyOffset()
    const size = end
    // Two of three records get to the disk before it is full.
    let calls = 0
    files.before = (operation) => {
      if (operation !== 'writeSome') return undefined
      if (++calls === 1) return size * 2
      if (calls === 2) throw systemError('ENOSPC')
      return undefined
    }
    const refused = await Promise.all([put(store, 'a'), put(store, 'b'), put(store, 'c')])
    expect(refused.map(({ status }) => status)).toEqual(Array(3).fill('SERVICE_NOT_AVAILABLE'))
    expect(readFileSync(path.join(root, 'commitlog', '00000000000000000000')).includes('b......')).toBe(true)
    await clock.advance(500)
    await put(store, 'again')
    const image = imageOf(root, folder())
    await store.shutdown()
    const log = readFileSync(path.join(image, 'commitlog', '00000000000000000000'))
    expect(log.length).toBe(64 * 1024)
    expect(log.subarray(size * 2).every((byte) => byte === 0)).toBe(true)
    const again = await open({}, image)
    expect(again.store.getMaxOffsetInQueue('T', 0)).toBe(2)
    await again.store.shutdown()
  })

  it('fault-S8 a file that cannot be made refuses the puts that need it, and is made when there is room', async () => {
    const { files, clock, store } = await open({ mappedFileSizeCommitLog: 4096 })
    const first = (await put(store, '0')).status
    files.before = (operation, file) => {
      if (operation === 'truncate' && file.endsWith('commitlog.next')) throw systemError('ENOSPC')
      return undefined
    }
    const results = [first]
    for (let i = 1; i < 15; i++) results.push((await put(store, `${i}`)).status)
    expect(results.slice(0, 14)).toEqual(Array(14).fill('PUT_OK'))
    expect(results[14]).toBe('SERVICE_NOT_AVAILABLE')
    files.before = () => undefined
    await clock.advance(500)
    expect(await put(store, 'again')).toMatchObject({ status: 'PUT_OK', appendResult: { wroteOffset: 4096, logicsOffset: 14 } })
    await store.shutdown()
  })
})

describe('a broken disk', () => {
  it.each(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)(
    '%s: a write that fails for another reason makes the store read-only',
    async (flushDiskType) => {
      const { root, files, clock, store } = await open({ flushDiskType })
      await put(store, 'kept')
      failNext(files, 'writeSome', 'EIO')
      const [a, b] = await Promise.all([put(store, 'a'), put(store, 'b')])
      expect([a!.status, b!.status]).toEqual(['UNKNOWN_ERROR', 'UNKNOWN_ERROR'])
      expect(a!.appendResult).toBeUndefined()
      await clock.advance(10_000)
      expect(await put(store, 'c')).toMatchObject({
        status: 'SERVICE_NOT_AVAILABLE',
        remark: expect.stringMatching(/read-only|failed/)
      })
      expect(store.isWriteable).toBe(false)
      expect(store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(1)
      await store.shutdown()
      expect(existsSync(path.join(root, 'abort'))).toBe(true)
      const again = await open({}, root)
      expect(again.store.getMaxOffsetInQueue('T', 0)).toBe(1)
      expect((await put(again.store, 'd')).appendResult!.logicsOffset).toBe(1)
      await again.store.shutdown()
    }
  )

  it.each(['EIO', 'ENOSPC'])(
    'fault-S9 a sync that fails with %s acknowledges nothing that no good sync covered; all who wait are told, and there is no second try',
    async (code) => {
      const { root, files, store } = await open({ flushDiskType: 'SYNC_FLUSH' })
      await put(store, 'kept')
      failNext(files, 'fdatasync', code)
      files.calls.length = 0
      const results = await Promise.all(Array.from({ length: 20 }, (_, i) => put(store, `${i}`)))
      expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['UNKNOWN_ERROR']))
      expect((await put(store, 'later')).status).toBe('SERVICE_NOT_AVAILABLE')
      expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
      await store.shutdown()
      expect(files.calls.filter((call) => /^fdatasync .*commitlog/.test(call))).toHaveLength(1)
      expect(existsSync(path.join(root, 'abort'))).toBe(true)
    }
  )

  it('store-20 a shutdown with dispatch behind keeps `abort` and says so; a normal one removes it', async () => {
    const log: string[] = []
    const { root, files, store } = await open({ flushDiskType: 'SYNC_FLUSH' }, folder(), log)
    await put(store, 'kept')
    failNext(files, 'fdatasync', 'EIO')
    await put(store, 'never shown')
    expect(store.dispatchBehindBytes()).toBeGreaterThan(0)
    await store.shutdown()
    expect(existsSync(path.join(root, 'abort'))).toBe(true)
    expect(log.join()).toContain(`${root} was not closed orderly`)
    const again = await open({}, root)
    await put(again.store, 'next')
    await again.store.shutdown()
    expect(existsSync(path.join(root, 'abort'))).toBe(false)
  })

  it('writes that take fewer bytes than they were given go on where they stopped', async () => {
    const { root, files, store } = await open()
    files.before = (operation) => (operation === 'writeSome' ? 7 : undefined)
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => put(store, `${i}`)))
    expect(results.every(({ status }) => status === 'PUT_OK')).toBe(true)
    const image = imageOf(root, folder())
    await store.shutdown()
    const again = await open({}, image)
    expect(again.store.getMaxOffsetInQueue('T', 0)).toBe(20)
    await again.store.shutdown()
  })
})

describe('a slow disk', () => {
  it('fault-S10 a sync that hangs: FLUSH_DISK_TIMEOUT at syncFlushTimeout, nothing seen before it ended, and all goes on after it', async () => {
    const { files, clock, store } = await open({ flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 2000 })
    const release = hold(files, 'fdatasync')
    const puts = Array.from({ length: 10 }, (_, i) => watch(put(store, `${i}`)))
    await until(() => files.calls.some((call) => call.startsWith('fdatasync')))
    await clock.advance(1999)
    expect(puts.some((one) => one.settled)).toBe(false)
    await clock.advance(1)
    expect(new Set(puts.map((one) => one.value?.status))).toEqual(new Set(['FLUSH_DISK_TIMEOUT']))
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
    release()
    await until(() => store.getMaxOffsetInQueue('T', 0) === 10)
    expect((await put(store, 'next')).status).toBe('PUT_OK')
    await store.shutdown()
  })

  it('fault-S10 while everything on the disk hangs the event loop is free: puts, reads and timeouts go on, and no call waits within a turn', async () => {
    const clock = new HeldClock()
    const config = { flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 2000 } as const
    const { files, store } = await open(config, undefined, [], clock, blind(clock))
    for (let i = 0; i < 20; i++) await put(store, `${i}`)
    let release!: () => void
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    files.before = () => held
    files.calls.length = 0
    const puts = Array.from({ length: 500 }, (_, i) => watch(put(store, `late ${i}`)))
    expect(store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(20)
    expect(store.queryMessage('T', 'none', 32, 0, Number.MAX_SAFE_INTEGER).messages).toEqual([])
    await clock.advance(2000)
    expect(new Set(puts.map((one) => one.value?.status))).toEqual(new Set(['FLUSH_DISK_TIMEOUT']))
    // Whatever returns its result within the call would have held up everybody.
    expect(files.calls.filter((call) => /^(readNow|openForReading|closeNow)/.test(call))).toEqual([])
    expect(files.calls.length).toBeGreaterThan(0)
    release()
    files.before = () => undefined
    await until(() => store.getMaxOffsetInQueue('T', 0) === 520)
    await store.shutdown()
  })

  it('fault-S10 a write that hangs under ASYNC_FLUSH: FLUSH_DISK_TIMEOUT on time', async () => {
    const { files, clock, store } = await open()
    const release = hold(files, 'writeSome')
    const one = watch(put(store, 'a'))
    await until(() => files.calls.some((call) => call.startsWith('writeSome')))
    await clock.advance(2000)
    expect(one.value?.status).toBe('FLUSH_DISK_TIMEOUT')
    release()
    await until(() => store.getMaxOffsetInQueue('T', 0) === 1)
    await store.shutdown()
  })

  it.each(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)(
    'fault-S10 %s: at most 64 MiB wait for the disk, then puts are refused as busy',
    async (flushDiskType) => {
      const { files, store } = await open({ flushDiskType, mappedFileSizeCommitLog: 256 * 1024 * 1024 })
      const release = hold(files, flushDiskType === 'SYNC_FLUSH' ? 'fdatasync' : 'writeSome')
      const body = Buffer.alloc(4_000_000)
      const puts = Array.from({ length: 20 }, () => watch(store.asyncPutMessage(message({ body }))))
      await until(() => puts.some((one) => one.settled))
      expect(puts.map((one) => one.value?.status)).toEqual([...Array(16).fill(undefined), ...Array(4).fill('OS_PAGE_CACHE_BUSY')])
      release()
      await until(() => puts.every((one) => one.settled))
      expect(puts.slice(0, 16).every((one) => one.value?.status === 'PUT_OK')).toBe(true)
      await store.shutdown()
    }
  )
})
