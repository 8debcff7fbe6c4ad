import { describe, expect, it } from 'vitest'
import { tagsCodeOf } from '../../../src/protocol/java-hash.ts'
import { SCHEDULE_TOPIC } from '../../../src/protocol/topics.ts'
import { ConsumeQueue } from '../../../src/store/consume-queue.ts'
import { deliverTimestamp, parseDelayLevels } from '../../../src/store/delay-levels.ts'
import type { DispatchRequest } from '../../../src/store/types.ts'
import { message, now, startStore } from './store-fixture.ts'

describe('consume queue', () => {
  it('store-28 a unit that is there already is not added again', () => {
    const queue = new ConsumeQueue('T', 0)
    queue.put(0, 0, 100, 1)
    queue.put(1, 100, 100, 2)
    queue.put(0, 0, 100, 9)
    queue.put(1, 100, 100, 9)
    expect([queue.maxOffset, queue.get(0)?.tagsCode, queue.get(1)?.tagsCode]).toEqual([2, 1, 2])
  })

  it('store-29 units keep their order and their values over many chunks', () => {
    const queue = new ConsumeQueue('T', 0)
    const phy = (i: number): number => i * 1234 + 2 ** 40
    for (let i = 0; i < 10_000; i++) queue.put(i, phy(i), 100 + (i % 50), i % 3 ? -i : 2 ** 45 + i)
    for (const i of [0, 1, 15, 16, 17, 4095, 4096, 8191, 8192, 9999]) {
      expect(queue.get(i)).toEqual({ physicalOffset: phy(i), size: 100 + (i % 50), tagsCode: i % 3 ? -i : 2 ** 45 + i })
    }
  })

  it('store-30 there is nothing at -1, at the end and between', () => {
    const queue = new ConsumeQueue('T', 0)
    queue.put(0, 0, 100, 0)
    for (const offset of [-1, 1, 0.5, Number.NaN]) expect(queue.get(offset)).toBeUndefined()
  })

  it('store-31 the minimum moves over units below the commit log, and their memory goes', () => {
    const queue = new ConsumeQueue('T', 0)
    for (let i = 0; i < 10_000; i++) queue.put(i, i * 100, 100, i)
    queue.correctMinOffset(0)
    expect(queue.minOffset).toBe(0)
    queue.correctMinOffset(500_050)
    expect(queue.minOffset).toBe(5001)
    expect(queue.get(5000)).toBeUndefined()
    expect(queue.get(5001)?.tagsCode).toBe(5001)
    queue.correctMinOffset(10_000_000)
    expect([queue.minOffset, queue.maxOffset]).toEqual([10_000, 10_000])
    queue.put(10_000, 1_000_000, 100, 7)
    expect(queue.get(10_000)?.tagsCode).toBe(7)
  })

  it.each([22, 4095, 5000])('begins with unit %i when the ones before were dropped before dispatch', (first) => {
    const queue = new ConsumeQueue('T', 0)
    queue.put(first, 700, 100, 1)
    expect([queue.minOffset, queue.maxOffset, queue.nextOffset]).toEqual([first, first + 1, first + 1])
    expect(queue.get(first)?.physicalOffset).toBe(700)
    expect(queue.get(first - 1)).toBeUndefined()
  })
})

describe('dispatch', () => {
  it('tells listeners what became visible, after the consume queue has it', async () => {
    const { store, clock } = await startStore()
    const requests: DispatchRequest[] = []
    const maxima: number[] = []
    const remove = store.onMessageArriving((request) => {
      requests.push(request)
      maxima.push(store.getMaxOffsetInQueue('T', 3))
    })
    const { appendResult } = now(
      store.asyncPutMessage(message({ queueId: 3, props: { TAGS: 'a', KEYS: 'k1 k2', UNIQ_KEY: 'u' } }))
    )
    expect(requests).toEqual([
      {
        topic: 'T',
        queueId: 3,
        physicalOffset: 0,
        size: appendResult!.wroteBytes,
        tagsCode: tagsCodeOf('a'),
        storeTimestamp: clock.now(),
        queueOffset: 0,
        keys: 'k1 k2',
        uniqKey: 'u',
        sysFlag: 0,
        preparedTransactionOffset: 0
      }
    ])
    expect(maxima).toEqual([1])
    remove()
    now(store.asyncPutMessage(message()))
    expect(requests).toHaveLength(1)
  })

  it('a listener that throws harms neither the put nor other listeners', async () => {
    const errors: string[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (text: string) => errors.push(text) }
    const { store } = await startStore({}, { logger })
    let heard = 0
    store.onMessageArriving(() => {
      throw new Error('listener\nfailed')
    })
    store.onMessageArriving(() => heard++)
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
    expect(heard).toBe(1)
    expect(errors).toEqual([expect.stringContaining('listener\\nfailed')])
  })

  it.each([
    ['at once', 0],
    ['behind a blank', 700]
  ])('a listener may put: every listener hears of the messages in the order of the log (%s)', async (_, filler) => {
    const { store } = await startStore({ mappedFileSizeCommitLog: 1024 })
    if (filler > 0) now(store.asyncPutMessage(message({ topic: 'Filler', body: Buffer.alloc(filler) })))
    const heard: string[][] = [[], []]
    store.onMessageArriving(({ topic }) => {
      heard[0]!.push(topic)
      if (topic === 'T') now(store.asyncPutMessage(message({ topic: 'U' })))
    })
    store.onMessageArriving(({ topic }) => heard[1]!.push(topic))
    now(store.asyncPutMessage(message({ body: Buffer.alloc(300) })))
    expect(heard).toEqual([
      ['T', 'U'],
      ['T', 'U']
    ])
    expect(store.dispatchBehindBytes()).toBe(0)
  })

  it('store-58 a delayed message has its due time as tags code', async () => {
    const { store, clock } = await startStore({ messageDelayLevel: '1s 5s 2m' })
    const codes: number[] = []
    store.onMessageArriving(({ tagsCode }) => codes.push(tagsCode))
    for (const level of ['2', '3', '9', '0', '-1', 'x']) {
      now(store.asyncPutMessage(message({ topic: SCHEDULE_TOPIC, props: { DELAY: level, TAGS: 'a' } })))
    }
    now(store.asyncPutMessage(message({ props: { DELAY: '2', TAGS: 'a' } })))
    const plain = tagsCodeOf('a')
    expect(codes).toEqual([clock.now() + 5000, clock.now() + 120_000, clock.now() + 120_000, plain, plain, plain, plain])
    store.config.messageDelayLevel = '7s'
    now(store.asyncPutMessage(message({ topic: SCHEDULE_TOPIC, props: { DELAY: '1' } })))
    expect(codes.at(-1)).toBe(clock.now() + 7000)
  })

  it('a messageDelayLevel that is none, set while the store runs, leaves the levels as they were', async () => {
    const { store, clock } = await startStore({ messageDelayLevel: '5s' })
    const codes: number[] = []
    store.onMessageArriving(({ tagsCode }) => codes.push(tagsCode))
    const delayed = message({ topic: SCHEDULE_TOPIC, props: { DELAY: '1' } })
    now(store.asyncPutMessage(delayed))
    store.config.messageDelayLevel = 'soon'
    expect(now(store.asyncPutMessage(delayed)).status).toBe('PUT_OK')
    expect(codes).toEqual([clock.now() + 5000, clock.now() + 5000])
  })

  it('store-58 delay levels: units, unknown level, bad text', () => {
    const levels = parseDelayLevels('1s 5m 2h 3d')
    expect(levels).toEqual([1000, 300_000, 7_200_000, 259_200_000])
    expect(deliverTimestamp(levels, 2, 1)).toBe(300_001)
    expect(deliverTimestamp(levels, 0, 0)).toBe(1000)
    for (const text of ['', '5', '1s,5s', '1x', '-1s']) expect(() => parseDelayLevels(text)).toThrow(/messageDelayLevel/)
  })
})

describe('topics', () => {
  it('store-19 deleting a topic removes its queues only; clean-unused keeps the retained ones', async () => {
    const { store } = await startStore()
    for (const topic of ['A', 'B', 'C']) now(store.asyncPutMessage(message({ topic })))
    const bytes = store.getMaxPhyOffset()
    expect(store.deleteTopics(['A', 'X'])).toBe(1)
    expect([...store.topics()]).toEqual(['B', 'C'])
    expect(store.getMessage('g', 'A', 0, 0, 1)!.status).toBe('NO_MESSAGE_IN_QUEUE')
    expect(store.lookMessageByOffset(0)).toBeDefined()
    expect(store.cleanUnusedTopic(new Set(['C']))).toBe(1)
    expect([...store.topics()]).toEqual(['C'])
    expect(store.getMaxPhyOffset()).toBe(bytes)
    expect(now(store.asyncPutMessage(message({ topic: 'A' }))).appendResult!.logicsOffset).toBe(0)
  })
})
