import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/protocol/batch-codec.ts'
import { addFault, message, now, startStore } from './store-fixture.ts'

const MAX = 4 * 1024 * 1024
const properties = (bytes: number): string => `K\u0001${'v'.repeat(bytes - 3)}\u0002`

describe('limits', () => {
  it('store-6 properties of 32768 bytes are refused and use up no queue offset', async () => {
    const { store } = await startStore()
    const refused = now(store.asyncPutMessage(message({ propertiesString: properties(32_768) })))
    expect(refused).toMatchObject({ status: 'PROPERTIES_SIZE_EXCEEDED', remark: /32768 bytes, at most 32767/ })
    expect(refused.appendResult).toBeUndefined()
    expect(store.getMaxPhyOffset()).toBe(0)
    expect(now(store.asyncPutMessage(message())).appendResult!.logicsOffset).toBe(0)
    expect(now(store.asyncPutMessage(message())).appendResult!.logicsOffset).toBe(1)
  })

  it('wire-W12 counts properties in bytes, not in characters', async () => {
    const { store } = await startStore()
    const text = (characters: number): string => `K\u0001${'\u4e2d'.repeat(characters)}\u0002`
    expect(now(store.asyncPutMessage(message({ propertiesString: text(10_921) }))).status).toBe('PUT_OK')
    expect(now(store.asyncPutMessage(message({ propertiesString: text(10_922) }))).status).toBe('PROPERTIES_SIZE_EXCEEDED')
  })

  it('store-7 a body of maxMessageSize with the longest topic and properties is stored, one byte more is not', async () => {
    const { store } = await startStore()
    const topic = 'T'.repeat(127)
    const propertiesString = properties(32_767)
    expect(now(store.asyncPutMessage(message({ topic, propertiesString, body: Buffer.alloc(MAX) }))).status).toBe('PUT_OK')
    const refused = now(store.asyncPutMessage(message({ topic, propertiesString, body: Buffer.alloc(MAX + 1) })))
    expect(refused).toMatchObject({ status: 'MESSAGE_ILLEGAL', remark: /4194305 bytes, at most 4194304 .*maxMessageSize/ })
  })

  it('store-8 topics: 127 bytes, or 255 for retry topics', async () => {
    const { store } = await startStore()
    const put = (topic: string): string => now(store.asyncPutMessage(message({ topic }))).status
    const retry = (bytes: number): string => `%RETRY%${'g'.repeat(bytes - 7)}`
    expect(put('T'.repeat(127))).toBe('PUT_OK')
    expect(put('T'.repeat(128))).toBe('MESSAGE_ILLEGAL')
    expect(put('T'.repeat(32_767))).toBe('MESSAGE_ILLEGAL')
    expect(put('\u4e2d'.repeat(42))).toBe('PUT_OK')
    expect(put('\u4e2d'.repeat(43))).toBe('MESSAGE_ILLEGAL')
    expect(put(retry(128))).toBe('PUT_OK')
    expect(put(retry(255))).toBe('PUT_OK')
    expect(put(retry(256))).toBe('MESSAGE_ILLEGAL')
    expect(store.getMessage('g', retry(255), 0, 0, 1)!.messages[0]!.readInt32BE(4)).toBe(-626843477)
  })

  it('store-9 a new maxMessageSize holds from the next put on', async () => {
    const { store } = await startStore({ maxMessageSize: 100 })
    const put = (): string => now(store.asyncPutMessage(message({ body: Buffer.alloc(150) }))).status
    expect(put()).toBe('MESSAGE_ILLEGAL')
    store.config.maxMessageSize = 150
    expect(put()).toBe('PUT_OK')
    store.config.maxMessageSize = 149
    expect(put()).toBe('MESSAGE_ILLEGAL')
  })

  it('store-10 a batch body above maxMessageSize is illegal', async () => {
    const { store } = await startStore({ maxMessageSize: 1000 })
    const batch = (bytes: number): Buffer => encodeBatch([{ body: Buffer.alloc(bytes - 22), flag: 0, properties: new Map() }])
    const refused = now(store.asyncPutMessage(message({ isBatch: true, body: batch(1001) })))
    expect(refused).toMatchObject({ status: 'MESSAGE_ILLEGAL', remark: /1001 bytes, at most 1000/ })
    expect(now(store.asyncPutMessage(message({ isBatch: true, body: batch(1000) }))).status).toBe('PUT_OK')
  })

  it('store-59 a missing body is decided before a busy page cache', async () => {
    const { store, faults, clock } = await startStore()
    const hold = addFault(faults, { point: 'append' }, { kind: 'hold' })
    const held = store.asyncPutMessage(message())
    await clock.advance(1001)
    expect(store.isOSPageCacheBusy()).toBe(true)
    expect(now(store.asyncPutMessage(message())).status).toBe('OS_PAGE_CACHE_BUSY')
    expect(now(store.asyncPutMessage({ ...message(), body: null as unknown as Buffer })).status).toBe('MESSAGE_ILLEGAL')
    hold.release()
    expect((await held).status).toBe('PUT_OK')
    expect(store.isOSPageCacheBusy()).toBe(false)
  })
})
