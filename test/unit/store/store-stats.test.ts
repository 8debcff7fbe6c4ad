import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/protocol/batch-codec.ts'
import { createMessageStoreConfig, DEFAULT_MESSAGE_STORE_CONFIG } from '../../../src/store/message-store-config.ts'
import { addFault, message, now, startStore } from './store-fixture.ts'

describe('statistics', () => {
  it('count messages, bytes and failures, in total and by topic', async () => {
    const { store } = await startStore()
    const first = now(store.asyncPutMessage(message())).appendResult!
    const items = [1, 2, 3].map(() => ({ body: Buffer.from('x'), flag: 0, properties: new Map() }))
    const batch = now(store.asyncPutMessage(message({ topic: 'U', isBatch: true, body: encodeBatch(items) }))).appendResult!
    now(store.asyncPutMessage(message({ topic: 'x'.repeat(200) })))
    const { stats } = store
    expect([stats.putMessageTimesTotal, stats.putMessageSizeTotal]).toEqual([4, first.wroteBytes + batch.wroteBytes])
    expect(stats.putMessageFailedTimes).toBe(1)
    expect(store.topicPutTotals('U')).toEqual({ times: 3, bytes: batch.wroteBytes })
    expect(store.topicPutTotals('X')).toEqual({ times: 0, bytes: 0 })
    store.getMessage('g', 'U', 0, 0, 32)
    store.getMessage('g', 'U', 0, 3, 32)
    expect([stats.getMessageTimesTotalFound, stats.getMessageTimesTotalMiss, stats.getMessageTransferredMsgCount]).toEqual([
      1, 1, 3
    ])
  })

  it('put the time of each put into a bucket, and keep the longest', async () => {
    const { store, faults, clock } = await startStore({ syncFlushTimeout: 20_000 })
    now(store.asyncPutMessage(message()))
    for (const millis of [5, 10, 99, 600, 15_000]) {
      addFault(faults, { point: 'flush' }, { kind: 'delay', millis })
      const put = store.asyncPutMessage(message())
      await clock.advance(millis)
      await put
    }
    const counts = Object.fromEntries([...store.stats.putMessageDistributeTime()].filter(([, count]) => count > 0))
    expect(counts).toEqual({ '[<=0ms]': 1, '[0~10ms]': 1, '[10~50ms]': 1, '[50~100ms]': 1, '[500ms~1s]': 1, '[10s~]': 1 })
    expect(store.stats.putMessageEntireTimeMax).toBe(15_000)
  })

  it('tell the rate over 10, 60 and 600 s', async () => {
    const { store, clock } = await startStore()
    expect(store.runtimeInfo().get('putTps')).toBe('0.0 0.0 0.0')
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 50; i++) now(store.asyncPutMessage(message()))
      await clock.advance(1000)
    }
    expect(store.stats.putTps(10)).toBe(50)
    expect(store.stats.putTps(60)).toBe(0)
    await clock.advance(60_000)
    expect(store.stats.putTps(10)).toBe(0)
    expect(store.stats.putTps(60)).toBe(0)
    for (let i = 0; i < 600; i++) now(store.asyncPutMessage(message()))
    await clock.advance(1000)
    expect(store.stats.putTps(10)).toBe(60)
    expect(store.stats.putTps(60)).toBe(10)
  })

  it('runtime info has the keys of 5.3', async () => {
    const { store, clock } = await startStore()
    now(store.asyncPutMessage(message()))
    await clock.advance(90_061_000)
    const info = store.runtimeInfo()
    for (const key of [
      'bootTimestamp',
      'putMessageEntireTimeMax',
      'putMessageFailedTimes',
      'putMessageSizeTotal',
      'putMessageDistributeTime',
      'dispatchMaxBuffer',
      'getMessageEntireTimeMax',
      'getFoundTps',
      'getMissTps',
      'getTotalTps',
      'getTransferredTps',
      'putLatency99',
      'putLatency999',
      'dispatchBehindBytes',
      'remainHowManyDataToFlush',
      'pageCacheLockTimeMills'
    ]) {
      expect(info.get(key), key).toBeTruthy()
    }
    expect(info.get('putMessageTimesTotal')).toBe('1')
    expect(info.get('runtime')).toBe('[ 1 days, 1 hours, 1 minutes, 1 seconds ]')
    expect(info.get('putMessageAverageSize')).toBe(`${store.getMaxPhyOffset()}.0`)
    expect(info.get('commitLogMaxOffset')).toBe(String(store.getMaxPhyOffset()))
    expect(info.get('earliestMessageTimeStamp')).toBe(String(store.getEarliestMessageTime()))
  })
})

describe('configuration', () => {
  it('has the defaults, takes what is given, and leaves out what is undefined', () => {
    expect(createMessageStoreConfig()).toEqual(DEFAULT_MESSAGE_STORE_CONFIG)
    expect(createMessageStoreConfig({ maxBytes: 1, syncFlushTimeout: undefined as unknown as number })).toMatchObject({
      maxBytes: 1,
      syncFlushTimeout: 2000
    })
  })

  it.each([
    [{ maxByte: 1 }, /maxByte: 1 is not a setting of the store/],
    [{ __proto__: null, constructor: 1 }, /constructor/],
    [{ maxBytes: -1 }, /maxBytes: -1 is not a whole number from 0 on/],
    [{ maxBytes: '5' }, /maxBytes: 5 is not/],
    [{ flushDiskType: 'SYNC' }, /flushDiskType: SYNC is not ASYNC_FLUSH or SYNC_FLUSH/],
    [{ whenFull: 'drop' }, /whenFull: drop is not reject or dropOldest/],
    [{ messageDelayLevel: '1s 5x' }, /messageDelayLevel: "5x"/]
  ])('refuses %j', (config, text) => {
    expect(() => createMessageStoreConfig(config as object)).toThrow(text)
  })
})
