import { describe, expect, it } from 'vitest'
import { javaHashCode } from '../../../src/protocol/java-hash.ts'
import { decodeMessage } from '../../../src/protocol/message-codec.ts'
import { IndexService } from '../../../src/store/index-service.ts'
import { message, now, startStore } from './store-fixture.ts'

const FOREVER = Number.MAX_SAFE_INTEGER

describe('query by key', () => {
  it('store-35 finds by each key and by unique key, precisely', async () => {
    const { store } = await startStore()
    now(store.asyncPutMessage(message({ body: '0', props: { KEYS: 'a b', UNIQ_KEY: 'u0' } })))
    now(store.asyncPutMessage(message({ body: '1', props: { KEYS: 'b', UNIQ_KEY: 'u1' } })))
    now(store.asyncPutMessage(message({ body: '2', topic: 'U', props: { KEYS: 'b' } })))
    const query = (key: string, topic = 'T'): string[] =>
      store.queryMessage(topic, key, 10, 0, FOREVER).messages.map((record) => decodeMessage(record).body.toString())
    expect(query('a')).toEqual(['0'])
    expect(query('b')).toEqual(['0', '1'])
    expect(query('b', 'U')).toEqual(['2'])
    expect(query('u1')).toEqual(['1'])
    expect(query('a b')).toEqual([])
    expect(query('')).toEqual([])
    expect(query('a', 'X')).toEqual([])
  })

  it('does not take a hash collision for a hit', async () => {
    expect(javaHashCode('T#Aa')).toBe(javaHashCode('T#BB'))
    const { store } = await startStore()
    now(store.asyncPutMessage(message({ props: { KEYS: 'Aa' } })))
    expect(store.queryMessage('T', 'BB', 10, 0, FOREVER).messages).toEqual([])
    expect(store.queryMessage('T', 'Aa', 10, 0, FOREVER).messages).toHaveLength(1)
  })

  it('answers the newest, oldest first, at most maxNum and maxMsgsNumBatch', async () => {
    const { store } = await startStore({ maxMsgsNumBatch: 5 })
    for (let i = 0; i < 10; i++) now(store.asyncPutMessage(message({ body: `${i}`, props: { KEYS: 'k' } })))
    const query = (maxNum: number): string =>
      store
        .queryMessage('T', 'k', maxNum, 0, FOREVER)
        .messages.map((record) => decodeMessage(record).body.toString())
        .join('')
    expect(query(3)).toBe('789')
    expect(query(64)).toBe('56789')
    expect(query(0)).toBe('')
  })

  it('keeps to the times, both included', async () => {
    const { store, clock } = await startStore()
    const start = clock.now()
    for (let i = 0; i < 5; i++) {
      now(store.asyncPutMessage(message({ body: `${i}`, props: { KEYS: 'k' } })))
      await clock.advance(10)
    }
    const query = (begin: number, end: number): string =>
      store
        .queryMessage('T', 'k', 64, begin, end)
        .messages.map((record) => decodeMessage(record).body.toString())
        .join('')
    expect(query(start + 10, start + 30)).toBe('123')
    expect(query(start + 11, start + 29)).toBe('2')
    expect(query(start + 41, FOREVER)).toBe('')
  })

  it('says what it indexed last', async () => {
    const { store, clock } = await startStore()
    now(store.asyncPutMessage(message({ props: { KEYS: 'k' } })))
    const { appendResult } = now(store.asyncPutMessage(message({ props: { KEYS: 'k' } })))
    expect(store.queryMessage('T', 'k', 1, 0, FOREVER)).toMatchObject({
      indexLastUpdateTimestamp: clock.now(),
      indexLastUpdatePhyoffset: appendResult!.wroteOffset
    })
    const nothing = { messages: [], indexLastUpdateTimestamp: 0, indexLastUpdatePhyoffset: 0 }
    expect(store.queryMessage('T', 'other', 1, 0, FOREVER), 'along with what it found, as 5.3.3').toEqual(nothing)
  })

  it('a message with one key many times is found once', async () => {
    const { store } = await startStore()
    now(store.asyncPutMessage(message({ props: { KEYS: 'k k  k', UNIQ_KEY: 'k' } })))
    expect(store.queryMessage('T', 'k', 10, 0, FOREVER).messages).toHaveLength(1)
  })

  it('indexes prepared records, not rollback ones, and nothing with messageIndexEnable=false', async () => {
    const { store } = await startStore()
    const count = (): number => store.queryMessage('T', 'k', 10, 0, FOREVER).messages.length
    now(store.asyncPutMessage(message({ sysFlag: 0xc, props: { KEYS: 'k' } })))
    expect(count()).toBe(0)
    now(store.asyncPutMessage(message({ sysFlag: 0x4, props: { KEYS: 'k' } })))
    expect(count()).toBe(1)
    store.config.messageIndexEnable = false
    now(store.asyncPutMessage(message({ props: { KEYS: 'k' } })))
    expect(count()).toBe(1)
  })
})

describe('the index itself', () => {
  const topicHash = javaHashCode('T#')
  const put = (index: IndexService, key: string, offset: number): void =>
    index.putMessage(topicHash, { uniqKey: undefined, keys: key, physicalOffset: offset, storeTimestamp: offset })

  it('finds every key while it grows', () => {
    const index = new IndexService(() => 1_000_000)
    for (let i = 0; i < 20_000; i++) put(index, `key-${i % 10_000}`, i)
    for (const i of [0, 1, 4095, 4096, 9999]) expect([...index.query('T', `key-${i}`)]).toEqual([i + 10_000, i])
    expect(index.size).toBe(20_000)
  })

  it('takes one entry for a key that a message has many times', () => {
    const index = new IndexService(() => 1_000_000)
    put(index, 'a b a  b a', 1)
    expect(index.size).toBe(2)
  })

  it('holds no more than it may: the oldest are forgotten', () => {
    const index = new IndexService(() => 10_000)
    let most = 0
    for (let i = 0; i < 50_000; i++) {
      put(index, `key-${i}`, i)
      most = Math.max(most, index.size)
    }
    expect(most).toBeLessThanOrEqual(10_000)
    expect(most).toBeGreaterThan(8000)
    expect([...index.query('T', 'key-0')]).toEqual([])
    expect([...index.query('T', 'key-49999')]).toEqual([49_999])
    expect([...index.query('T', 'key-45500')]).toEqual([45_500])
  })

  it('forgets what lies below the commit log', () => {
    const index = new IndexService(() => 1_000_000)
    for (let i = 0; i < 20_000; i++) put(index, 'same', i)
    index.correctMinOffset(9000)
    const found = [...index.query('T', 'same')]
    expect(found[0]).toBe(19_999)
    expect(found.at(-1)).toBeGreaterThan(8000)
    expect(found.at(-1)).toBeLessThanOrEqual(9000)
  })
})
