import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/protocol/batch-codec.ts'
import { hostAddress } from '../../../src/protocol/host-address.ts'
import { decodeMessage } from '../../../src/protocol/message-codec.ts'
import { decodeOffsetMsgId } from '../../../src/protocol/message-id.ts'
import type { DefaultMessageStore } from '../../../src/store/default-message-store.ts'
import { message, now, startStore } from './store-fixture.ts'

function batch(count: number, props: Record<string, string> = {}): Buffer {
  const properties = new Map(Object.entries(props))
  return encodeBatch(Array.from({ length: count }, (_, i) => ({ body: Buffer.from(`inner-${i}`), flag: i, properties })))
}

function stored(store: DefaultMessageStore, topic = 'T', queueId = 0): ReturnType<typeof decodeMessage>[] {
  return store.getMessage('g', topic, queueId, 0, 32)!.messages.map((record) => decodeMessage(record, 0, { checkCRC: true }))
}

/** A batch of one whose properties are written as given. */
function rawItem(properties: string): Buffer {
  const text = Buffer.from(properties)
  const item = Buffer.alloc(23 + text.length)
  item.writeInt32BE(item.length, 0)
  item.writeInt32BE(1, 16)
  item.write('b', 20)
  item.writeInt16BE(text.length, 21)
  text.copy(item, 23)
  return item
}

describe('batches', () => {
  it('store-11 one record each: ids comma-joined, queue offsets consecutive, one store timestamp', async () => {
    const { store } = await startStore()
    now(store.asyncPutMessage(message()))
    const { appendResult } = now(store.asyncPutMessage(message({ isBatch: true, body: batch(10) })))
    const ids = appendResult!.msgId.split(',')
    expect(ids).toHaveLength(10)
    expect(ids.every((id) => /^[0-9A-F]{32}$/.test(id))).toBe(true)
    expect(appendResult).toMatchObject({ msgNum: 10, logicsOffset: 1 })
    const records = stored(store).slice(1)
    expect(records.map((record) => record.queueOffset)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(records.map((record) => record.body.toString())).toEqual(Array.from({ length: 10 }, (_, i) => `inner-${i}`))
    expect(records.map((record) => record.flag)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(records.map((record) => record.commitLogOffset)).toEqual(ids.map((id) => decodeOffsetMsgId(id).offset))
    expect(new Set(records.map((record) => record.storeTimestamp))).toEqual(new Set([appendResult!.storeTimestamp]))
    expect(records.reduce((sum, record) => sum + record.storeSize, 0)).toBe(appendResult!.wroteBytes)
    expect(now(store.asyncPutMessage(message())).appendResult!.logicsOffset).toBe(11)
  })

  it('store-11 ids have 56 characters for an IPv6 store host', async () => {
    const { store } = await startStore()
    const storeHost = hostAddress('2001:db8::1', 10911)
    const { appendResult } = now(store.asyncPutMessage(message({ isBatch: true, body: batch(3), storeHost })))
    expect(appendResult!.msgId).toMatch(/^[0-9A-F]{56},[0-9A-F]{56},[0-9A-F]{56}$/)
  })

  it('store-12 the properties of the batch stand in each record, behind its own', async () => {
    const { store } = await startStore()
    const propertiesString = 'CLUSTER\u0001c\u0002WAIT\u0001true\u0002'
    now(store.asyncPutMessage(message({ isBatch: true, body: batch(2, { KEYS: 'k', TAGS: 'a' }), propertiesString })))
    for (const record of stored(store)) {
      expect([...record.properties]).toEqual([
        ['KEYS', 'k'],
        ['TAGS', 'a'],
        ['CLUSTER', 'c'],
        ['WAIT', 'true']
      ])
    }
  })

  it.each([
    ['a separator is put in where the inner text has none', 'TAGS\u0001a', 'TAGS\u0001a\u0002C\u0001c\u0002'],
    ['none where it has one', 'TAGS\u0001a\u0002', 'TAGS\u0001a\u0002C\u0001c\u0002'],
    ['none where there is no inner text', '', 'C\u0001c\u0002']
  ])('store-12 %s', async (_, inner, expected) => {
    const { store } = await startStore()
    now(store.asyncPutMessage(message({ isBatch: true, body: rawItem(inner), propertiesString: 'C\u0001c\u0002' })))
    const record = store.getMessage('g', 'T', 0, 0, 1)!.messages[0]!
    expect(record.toString('utf8', record.length - expected.length)).toBe(expected)
    expect(record.readInt16BE(record.length - expected.length - 2)).toBe(expected.length)
  })

  it.each<[string, Buffer, string]>([
    ['an empty body', Buffer.alloc(0), 'MESSAGE_ILLEGAL'],
    ['a cut item', batch(3).subarray(0, batch(3).length - 1), 'MESSAGE_ILLEGAL'],
    ['a size of 0', Buffer.alloc(40), 'MESSAGE_ILLEGAL'],
    ['a negative body length', Buffer.from(batch(2)).fill(0xff, 16, 20), 'MESSAGE_ILLEGAL'],
    ['an item behind good ones whose size lies', Buffer.concat([batch(5), Buffer.alloc(22, 0x7f)]), 'MESSAGE_ILLEGAL'],
    [
      'properties that pass the limit with the batch ones',
      Buffer.concat([batch(1), rawItem('x'.repeat(32_766))]),
      'PROPERTIES_SIZE_EXCEEDED'
    ]
  ])('wire-W10 all or nothing: %s', async (_, body, status) => {
    const { store } = await startStore()
    const result = now(store.asyncPutMessage(message({ isBatch: true, body, propertiesString: 'C\u0001c\u0002' })))
    expect(result.status).toBe(status)
    expect(result.remark).toBeTruthy()
    expect(store.getMaxPhyOffset()).toBe(0)
    expect(store.getMaxOffsetInQueue('T', 0, false)).toBe(0)
    expect(now(store.asyncPutMessage(message())).appendResult!.logicsOffset).toBe(0)
  })

  it('all or nothing when the store is nearly full: no record of the batch is there', async () => {
    const { store } = await startStore({ maxBytes: 2048 })
    now(store.asyncPutMessage(message({ body: Buffer.alloc(1000) })))
    const before = store.getMaxPhyOffset()
    expect(now(store.asyncPutMessage(message({ isBatch: true, body: batch(20) }))).status).toBe('SERVICE_NOT_AVAILABLE')
    expect(store.getMaxPhyOffset()).toBe(before)
    expect(now(store.asyncPutMessage(message({ isBatch: true, body: batch(2) }))).appendResult!.logicsOffset).toBe(1)
  })

  it('wire-W10 10000 inner messages are stored, each with its queue offset', async () => {
    const { store } = await startStore()
    const items = Array.from({ length: 10_000 }, () => ({ body: Buffer.from('x'), flag: 0, properties: new Map() }))
    expect(now(store.asyncPutMessage(message({ isBatch: true, body: encodeBatch(items) }))).status).toBe('PUT_OK')
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(10_000)
    expect(store.stats.putMessageTimesTotal).toBe(10_000)
  })

  it('is found by the keys of its inner messages', async () => {
    const { store } = await startStore()
    now(store.asyncPutMessage(message({ isBatch: true, body: batch(3, { KEYS: 'k', UNIQ_KEY: 'u' }) })))
    expect(store.queryMessage('T', 'k', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(3)
    expect(store.queryMessage('T', 'u', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(3)
  })
})
