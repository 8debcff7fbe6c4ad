import { describe, expect, it } from 'vitest'
import { isPromise } from '../../../src/internal/async.ts'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { addFault, message, now, SlowStorage, type StoreSetup, startStore, turn, watch } from './store-fixture.ts'

async function syncStore(config = {}): Promise<StoreSetup & { storage: SlowStorage }> {
  const storage = new SlowStorage()
  return { ...(await startStore({ flushDiskType: 'SYNC_FLUSH', ...config }, { storage })), storage }
}

const NO_WAIT = { WAIT: 'false' }

describe('group commit', () => {
  it('store-17 puts under SYNC_FLUSH are answered PUT_OK when their bytes are durable, not before', async () => {
    const { store, storage } = await syncStore()
    const puts = [1, 2, 3].map(() => watch(store.asyncPutMessage(message())))
    await turn()
    expect(puts.map((put) => put.settled)).toEqual([false, false, false])
    await storage.complete()
    expect(puts.map((put) => put.value?.status)).toEqual(['PUT_OK', undefined, undefined])
    await storage.complete()
    expect(puts.map((put) => put.value?.status)).toEqual(['PUT_OK', 'PUT_OK', 'PUT_OK'])
  })

  it('puts that come during a flush share the next one', async () => {
    const { store, storage } = await syncStore()
    void store.asyncPutMessage(message())
    const first = store.getMaxPhyOffset()
    const later = Array.from({ length: 50 }, () => watch(store.asyncPutMessage(message())))
    await storage.complete()
    expect(storage.asked).toEqual([first, store.getMaxPhyOffset()])
    await storage.complete()
    expect(later.every((put) => put.value?.status === 'PUT_OK')).toBe(true)
    expect(storage.flushing).toBe(false)
  })

  it('the memory storage is durable at once: a put under SYNC_FLUSH needs no promise', async () => {
    const { store } = await startStore({ flushDiskType: 'SYNC_FLUSH' })
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
  })

  it('WAIT=false is answered at once, and its bytes are flushed all the same', async () => {
    const { store, storage } = await syncStore()
    expect(now(store.asyncPutMessage(message({ props: NO_WAIT }))).status).toBe('PUT_OK')
    expect(storage.asked).toEqual([store.getMaxPhyOffset()])
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
    await storage.complete()
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
  })

  it.each([
    ['true', true],
    ['TRUE', true],
    ['false', false],
    ['0', false],
    ['yes', false]
  ])('WAIT=%s waits: %s', async (wait, waits) => {
    const { store } = await syncStore()
    expect(isPromise(store.asyncPutMessage(message({ props: { WAIT: wait } })))).toBe(waits)
  })

  it('ASYNC_FLUSH never waits, and flushes within flushIntervalCommitLog', async () => {
    const { store, storage, clock } = await syncStore({ flushDiskType: 'ASYNC_FLUSH', flushIntervalCommitLog: 500 })
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
    now(store.asyncPutMessage(message()))
    await clock.advance(499)
    expect(storage.asked).toEqual([])
    await clock.advance(1)
    expect(storage.asked).toEqual([store.getMaxPhyOffset()])
    expect(store.remainHowManyDataToFlush()).toBe(store.getMaxPhyOffset())
    await storage.complete()
    expect(store.remainHowManyDataToFlush()).toBe(0)
    expect(clock.timers).toBe(0)
  })
})

describe('visibility', () => {
  it('store-16 what is not durable under SYNC_FLUSH is not there for consumers', async () => {
    const { store, storage } = await syncStore()
    for (let i = 0; i < 10; i++) void store.asyncPutMessage(message())
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
    expect(store.getMessage('g', 'T', 0, 0, 32)).toMatchObject({ status: 'NO_MESSAGE_IN_QUEUE', messages: [] })
    await storage.complete()
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
    await storage.complete()
    expect(store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(10)
  })

  it('store-16 under ASYNC_FLUSH consumers see all ten at once', async () => {
    const { store } = await syncStore({ flushDiskType: 'ASYNC_FLUSH' })
    for (let i = 0; i < 10; i++) now(store.asyncPutMessage(message()))
    expect(store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(10)
  })

  it('store-15 committed and uncommitted maximum: 5 put, 3 dispatched', async () => {
    const { store, storage } = await syncStore()
    void store.asyncPutMessage(message())
    void store.asyncPutMessage(message())
    void store.asyncPutMessage(message())
    await storage.complete()
    void store.asyncPutMessage(message())
    void store.asyncPutMessage(message())
    await storage.complete()
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(3)
    expect(store.getMaxOffsetInQueue('T', 0, false)).toBe(5)
    expect(store.dispatchBehindBytes()).toBe((store.getMaxPhyOffset() / 5) * 2)
  })

  it('listeners hear of a message when it is durable, in the order of the log', async () => {
    const { store, storage } = await syncStore()
    const heard: string[] = []
    store.onMessageArriving((request) => heard.push(`${request.topic}:${request.queueOffset}:${request.keys}`))
    void store.asyncPutMessage(message({ props: { KEYS: 'a' } }))
    void store.asyncPutMessage(message({ topic: 'U', props: { KEYS: 'b' } }))
    expect(heard).toEqual([])
    await storage.complete()
    await storage.complete()
    expect(heard).toEqual(['T:0:a', 'U:0:b'])
  })
})

describe('the deadline', () => {
  it('store-37 no flush until the deadline: FLUSH_DISK_TIMEOUT, which a later success does not change', async () => {
    const { store, storage, clock } = await syncStore({ syncFlushTimeout: 2000 })
    const put = watch(store.asyncPutMessage(message()))
    await clock.advance(1999)
    expect(put.settled).toBe(false)
    await clock.advance(1)
    expect(put.value).toMatchObject({ status: 'FLUSH_DISK_TIMEOUT', appendResult: { wroteOffset: 0 } })
    await storage.complete()
    expect(put.value!.status).toBe('FLUSH_DISK_TIMEOUT')
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
  })

  it('each put has its own deadline', async () => {
    const { store, storage, clock } = await syncStore({ syncFlushTimeout: 1000 })
    const first = watch(store.asyncPutMessage(message()))
    await clock.advance(600)
    const second = watch(store.asyncPutMessage(message()))
    await clock.advance(400)
    expect([first.value?.status, second.settled]).toEqual(['FLUSH_DISK_TIMEOUT', false])
    await storage.complete()
    await storage.complete()
    expect(second.value?.status).toBe('PUT_OK')
    const third = watch(store.asyncPutMessage(message()))
    await clock.advance(999)
    expect(third.settled).toBe(false)
    await clock.advance(1)
    expect(third.value?.status).toBe('FLUSH_DISK_TIMEOUT')
  })
})

describe('a failed flush', () => {
  it('is never acknowledged: every put that waits gets UNKNOWN_ERROR, and the store is read-only', async () => {
    const { store, storage } = await syncStore()
    const puts = [1, 2, 3].map(() => watch(store.asyncPutMessage(message())))
    await storage.complete(new Error('EIO'))
    expect(puts.map((put) => put.value?.status)).toEqual(['UNKNOWN_ERROR', 'UNKNOWN_ERROR', 'UNKNOWN_ERROR'])
    expect(store.isWriteable).toBe(false)
    expect(now(store.asyncPutMessage(message()))).toMatchObject({ status: 'SERVICE_NOT_AVAILABLE', remark: /read-only.*EIO/ })
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
  })

  it('is not tried again', async () => {
    const { store, storage } = await syncStore()
    void store.asyncPutMessage(message())
    void store.asyncPutMessage(message())
    await storage.complete(new Error('EIO'))
    await store.shutdown()
    expect(storage.asked).toHaveLength(1)
  })

  it('leaves what was durable before readable', async () => {
    const { store, storage } = await syncStore()
    void store.asyncPutMessage(message())
    await storage.complete()
    void store.asyncPutMessage(message())
    await storage.complete(new Error('EIO'))
    expect(store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(1)
  })

  it('counts too when the storage throws, and under ASYNC_FLUSH', async () => {
    const storage = new SlowStorage()
    storage.flush = () => {
      throw new Error('EIO')
    }
    const { store, clock } = await startStore({}, { storage })
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
    await clock.advance(500)
    expect(now(store.asyncPutMessage(message())).status).toBe('SERVICE_NOT_AVAILABLE')
  })
})

describe('faults at the flush', () => {
  it('while one message waits for its flush, later puts are appended and settle on their own', async () => {
    const { store, faults } = await startStore({ flushDiskType: 'SYNC_FLUSH' })
    const hold = addFault(faults, { point: 'flush', topic: 'Slow' }, { kind: 'hold' })
    const slow = watch(store.asyncPutMessage(message({ topic: 'Slow' })))
    await hold.fired()
    const fast = now(store.asyncPutMessage(message({ topic: 'Fast' })))
    const noWait = now(store.asyncPutMessage(message({ topic: 'Slow', props: NO_WAIT })))
    await turn()
    expect([fast.status, noWait.status, slow.settled]).toEqual(['PUT_OK', 'PUT_OK', false])
    expect(fast.appendResult!.wroteOffset).toBeGreaterThan(0)
    expect(noWait.appendResult!.logicsOffset).toBe(1)
    hold.release()
    await turn()
    expect(slow.value).toMatchObject({ status: 'PUT_OK', appendResult: { wroteOffset: 0, logicsOffset: 0 } })
  })

  it('a message whose flush is held is not there for consumers, nor is what follows it', async () => {
    const { store, faults } = await startStore({ flushDiskType: 'SYNC_FLUSH' })
    now(store.asyncPutMessage(message({ topic: 'U' })))
    const hold = addFault(faults, { point: 'flush' }, { kind: 'hold' })
    void store.asyncPutMessage(message())
    now(store.asyncPutMessage(message({ topic: 'U' })))
    expect([store.getMaxOffsetInQueue('T', 0), store.getMaxOffsetInQueue('U', 0)]).toEqual([0, 1])
    hold.release()
    await turn()
    expect([store.getMaxOffsetInQueue('T', 0), store.getMaxOffsetInQueue('U', 0)]).toEqual([1, 2])
  })

  it('store-37 a held flush times out by the clock; released later, the message appears and the status stands', async () => {
    const { store, faults, clock } = await startStore({ flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 2000 })
    const hold = addFault(faults, { point: 'flush' }, { kind: 'hold' })
    const put = watch(store.asyncPutMessage(message()))
    await clock.advance(1999)
    expect(put.settled).toBe(false)
    await clock.advance(1)
    expect(put.value?.status).toBe('FLUSH_DISK_TIMEOUT')
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
    hold.release()
    await turn()
    expect([put.value?.status, store.getMaxOffsetInQueue('T', 0)]).toEqual(['FLUSH_DISK_TIMEOUT', 1])
  })

  it('a delayed flush settles by the clock', async () => {
    const { store, faults, clock } = await startStore({ flushDiskType: 'SYNC_FLUSH' })
    addFault(faults, { point: 'flush' }, { kind: 'delay', millis: 300 })
    const put = watch(store.asyncPutMessage(message()))
    await clock.advance(299)
    expect(put.settled).toBe(false)
    await clock.advance(1)
    expect(put.value?.status).toBe('PUT_OK')
    expect(clock.timers).toBe(0)
  })

  it('fail with a status answers it; the message is stored', async () => {
    const { store, faults } = await startStore()
    addFault(faults, { point: 'flush' }, { kind: 'fail', status: 'FLUSH_DISK_TIMEOUT' })
    expect(await store.asyncPutMessage(message())).toMatchObject({
      status: 'FLUSH_DISK_TIMEOUT',
      appendResult: { logicsOffset: 0 }
    })
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
  })

  it('fail without a status is a failed sync: not acknowledged, and the store is read-only', async () => {
    const { store, faults } = await startStore({ flushDiskType: 'SYNC_FLUSH' })
    addFault(faults, { point: 'flush' }, { kind: 'fail', message: 'disk gone' })
    expect((await store.asyncPutMessage(message())).status).toBe('UNKNOWN_ERROR')
    expect(now(store.asyncPutMessage(message()))).toMatchObject({ status: 'SERVICE_NOT_AVAILABLE', remark: /disk gone/ })
  })

  it('strikes only the broker it names', async () => {
    const { store, faults } = await startStore({}, { brokerName: 'broker-b' })
    addFault(faults, { point: 'flush', brokerName: 'broker-a' }, { kind: 'hold' })
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
  })
})

describe('faults at the append', () => {
  it('fail stores nothing and uses up no offset', async () => {
    const { store, faults } = await startStore()
    addFault(faults, { point: 'append' }, { kind: 'fail', status: 'CREATE_MAPPED_FILE_FAILED' })
    expect(await store.asyncPutMessage(message())).toEqual({
      status: 'CREATE_MAPPED_FILE_FAILED',
      remark: 'the append failed (fault)'
    })
    expect(now(store.asyncPutMessage(message())).appendResult).toMatchObject({ wroteOffset: 0, logicsOffset: 0 })
  })

  it('hold appends when it is released', async () => {
    const { store, faults } = await startStore()
    const hold = addFault(faults, { point: 'append' }, { kind: 'hold' })
    const held = store.asyncPutMessage(message({ body: 'held' }))
    now(store.asyncPutMessage(message({ body: 'next' })))
    hold.release()
    expect((await held).appendResult!.logicsOffset).toBe(1)
  })
})

describe('replication', () => {
  it('asks nobody as ASYNC_MASTER, finds no slave as SYNC_MASTER without one, unless WAIT=false', async () => {
    const { store } = await startStore()
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
    store.config.brokerRole = 'SYNC_MASTER'
    expect(now(store.asyncPutMessage(message()))).toMatchObject({
      status: 'SLAVE_NOT_AVAILABLE',
      appendResult: { logicsOffset: 1 }
    })
    expect(now(store.asyncPutMessage(message({ props: NO_WAIT }))).status).toBe('PUT_OK')
  })

  it('submits the end of the record and answers what the replica says', async () => {
    const asked: number[] = []
    const replicaService = {
      active: true,
      wakeUp() {},
      submitReplicaRequest(nextOffset: number) {
        asked.push(nextOffset)
        return asked.length === 1 ? ('PUT_OK' as const) : Promise.resolve('FLUSH_SLAVE_TIMEOUT' as const)
      }
    }
    const { store } = await startStore({ brokerRole: 'SYNC_MASTER' }, { replicaService })
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
    expect((await store.asyncPutMessage(message())).status).toBe('FLUSH_SLAVE_TIMEOUT')
    expect(asked).toEqual([store.getMaxPhyOffset() / 2, store.getMaxPhyOffset()])
  })

  it.each([
    ['throws', () => Promise.reject(new Error('down'))],
    [
      'rejects',
      () => {
        throw new Error('down')
      }
    ]
  ])('a replica that %s is FLUSH_SLAVE_TIMEOUT, never a rejection', async (_, submitReplicaRequest) => {
    const { store } = await startStore(
      { brokerRole: 'SYNC_MASTER' },
      { replicaService: { active: true, wakeUp() {}, submitReplicaRequest } }
    )
    expect((await store.asyncPutMessage(message())).status).toBe('FLUSH_SLAVE_TIMEOUT')
  })

  it('flush and replica run side by side: the answer waits for both, the replica goes before a late flush', async () => {
    const { store, faults, clock } = await startStore({ syncFlushTimeout: 100 })
    addFault(faults, { point: 'flush' }, { kind: 'hold' })
    const hold = addFault(faults, { point: 'replicate' }, { kind: 'hold' })
    const put = watch(store.asyncPutMessage(message()))
    await clock.advance(100)
    expect(put.settled).toBe(false)
    hold.release()
    await turn()
    expect(put.value?.status).toBe('FLUSH_DISK_TIMEOUT')
    addFault(faults, { point: 'flush' }, { kind: 'fail', status: 'FLUSH_DISK_TIMEOUT' })
    addFault(faults, { point: 'replicate' }, { kind: 'fail' })
    expect((await store.asyncPutMessage(message())).status).toBe('FLUSH_SLAVE_TIMEOUT')
  })

  it('a failed flush is not hidden by a replica that only timed out', async () => {
    const { store, faults } = await startStore()
    addFault(faults, { point: 'flush' }, { kind: 'fail' })
    addFault(faults, { point: 'replicate' }, { kind: 'fail', status: 'SLAVE_NOT_AVAILABLE' })
    expect((await store.asyncPutMessage(message())).status).toBe('UNKNOWN_ERROR')
  })

  it('a held replica times out after slaveTimeout', async () => {
    const { store, faults, clock } = await startStore({ slaveTimeout: 1500 })
    addFault(faults, { point: 'replicate' }, { kind: 'hold' })
    const put = watch(store.asyncPutMessage(message()))
    await clock.advance(1499)
    expect(put.settled).toBe(false)
    await clock.advance(1)
    expect(put.value?.status).toBe('FLUSH_SLAVE_TIMEOUT')
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
  })
})

describe('shutdown', () => {
  it('flushes what is left and answers every put that waits', async () => {
    const { store, storage } = await syncStore()
    const first = watch(store.asyncPutMessage(message()))
    const second = watch(store.asyncPutMessage(message()))
    const down = watch(store.shutdown())
    await storage.complete()
    expect(down.settled).toBe(false)
    await storage.complete()
    await turn()
    expect([first.value?.status, second.value?.status, down.settled]).toEqual(['PUT_OK', 'PUT_OK', true])
  })

  it('flushes under ASYNC_FLUSH too, without waiting for the interval', async () => {
    const { store, storage } = await syncStore({ flushDiskType: 'ASYNC_FLUSH' })
    now(store.asyncPutMessage(message()))
    const end = store.getMaxPhyOffset()
    const down = store.shutdown()
    expect(storage.asked).toEqual([end])
    await storage.complete()
    await down
  })

  it('answers puts that a fault holds: FLUSH_DISK_TIMEOUT, or refused when they were not appended yet', async () => {
    const clock = new HeldClock()
    const { store, faults } = await startStore({ flushDiskType: 'SYNC_FLUSH' }, { clock })
    addFault(faults, { point: 'flush' }, { kind: 'hold' })
    const flushing = store.asyncPutMessage(message())
    addFault(faults, { point: 'append' }, { kind: 'hold' })
    const appending = store.asyncPutMessage(message())
    await store.shutdown()
    expect((await flushing).status).toBe('FLUSH_DISK_TIMEOUT')
    expect((await appending).status).toBe('SERVICE_NOT_AVAILABLE')
    expect(clock.timers).toBe(0)
  })
})
