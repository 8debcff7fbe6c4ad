import { describe, expect, it } from 'vitest'
import { hostAddress } from '../../../src/protocol/host-address.ts'
import { decodeMessage } from '../../../src/protocol/message-codec.ts'
import { decodeOffsetMsgId } from '../../../src/protocol/message-id.ts'
import { message, now, STORE_HOST, startStore } from './store-fixture.ts'

const V6 = hostAddress('2001:db8::1', 10911)

describe('put and read back', () => {
  it('store-2 100 puts with IPv4 and IPv6 hosts mixed: each body and each host comes back', async () => {
    const { store } = await startStore()
    for (let i = 0; i < 100; i++) {
      const result = store.asyncPutMessage(
        message({ body: `body-${i}`, bornHost: i % 2 ? V6 : STORE_HOST, storeHost: i % 3 ? V6 : STORE_HOST, queueId: i % 4 })
      )
      expect(now(result).status).toBe('PUT_OK')
    }
    for (let i = 0; i < 100; i++) {
      const { messages, status } = store.getMessage('g', 'T', i % 4, Math.floor(i / 4), 1)!
      expect(status).toBe('FOUND')
      const decoded = decodeMessage(messages[0]!, 0, { checkCRC: true })
      expect(decoded.body.toString()).toBe(`body-${i}`)
      expect(decoded.bornHost.host).toBe((i % 2 ? V6 : STORE_HOST).host)
      expect(decoded.storeHost.host).toBe((i % 3 ? V6 : STORE_HOST).host)
    }
  })

  it('answers at once, without a promise, when neither flush nor slave is waited for', async () => {
    const { store } = await startStore()
    const result = store.asyncPutMessage(message())
    expect(result).not.toBeInstanceOf(Promise)
    expect(result).toMatchObject({ status: 'PUT_OK', appendResult: { wroteOffset: 0, logicsOffset: 0, msgNum: 1 } })
  })

  it('says where the record is: offset message id, physical and queue offset, bytes', async () => {
    const { store, clock } = await startStore()
    now(store.asyncPutMessage(message()))
    const { appendResult } = now(store.asyncPutMessage(message({ body: 'second' })))
    expect(decodeOffsetMsgId(appendResult!.msgId)).toMatchObject({ host: { host: '127.0.0.1', port: 10911 } })
    expect(decodeOffsetMsgId(appendResult!.msgId).offset).toBe(appendResult!.wroteOffset)
    expect(appendResult).toMatchObject({ logicsOffset: 1, msgNum: 1, storeTimestamp: clock.now() })
    const record = store.lookMessageByOffset(appendResult!.wroteOffset)!
    expect(record.length).toBe(appendResult!.wroteBytes)
    expect(decodeMessage(record)).toMatchObject({ queueOffset: 1, commitLogOffset: appendResult!.wroteOffset })
  })

  it('copies what it keeps: the caller may change its buffers at once', async () => {
    const { store } = await startStore()
    const body = Buffer.from('before')
    now(store.asyncPutMessage(message({ body })))
    body.fill('x')
    expect(decodeMessage(store.getMessage('g', 'T', 0, 0, 1)!.messages[0]!).body.toString()).toBe('before')
  })

  it('stores an empty body with checksum 0', async () => {
    const { store } = await startStore()
    expect(now(store.asyncPutMessage(message({ body: '' }))).status).toBe('PUT_OK')
    expect(decodeMessage(store.getMessage('g', 'T', 0, 0, 1)!.messages[0]!)).toMatchObject({ bodyCRC: 0, body: Buffer.alloc(0) })
  })

  it('store-3 finds the first and the last record by physical offset, nothing at the end or inside a record', async () => {
    const { store } = await startStore()
    const offsets = Array.from(
      { length: 10 },
      (_, i) => now(store.asyncPutMessage(message({ body: `${i}` }))).appendResult!.wroteOffset
    )
    const bodyAt = (offset: number): string => decodeMessage(store.lookMessageByOffset(offset)!).body.toString()
    expect(bodyAt(offsets[0]!)).toBe('0')
    expect(bodyAt(offsets[9]!)).toBe('9')
    expect(store.lookMessageByOffset(store.getMaxPhyOffset())).toBeUndefined()
    for (const offset of [1, offsets[9]! + 4, -1, 0.5, Number.NaN, 2 ** 60])
      expect(store.lookMessageByOffset(offset)).toBeUndefined()
  })

  it('does not take bytes of a body for a record', async () => {
    const { store } = await startStore()
    const inner = now(store.asyncPutMessage(message({ body: 'inner' }))).appendResult!
    const copy = Buffer.from(store.lookMessageByOffset(inner.wroteOffset)!)
    const outer = now(store.asyncPutMessage(message({ body: copy }))).appendResult!
    const insideBody = store.lookMessageByOffset(outer.wroteOffset)!.indexOf(copy)
    expect(store.lookMessageByOffset(outer.wroteOffset + insideBody)).toBeUndefined()
  })

  it('keeps the store timestamp monotone along the log when the wall clock goes back', async () => {
    const { store, clock } = await startStore()
    const times: number[] = []
    for (const step of [0, 1000, -5000, 10]) {
      const at = clock.now()
      clock.now = () => at + step
      times.push(now(store.asyncPutMessage(message())).appendResult!.storeTimestamp)
    }
    expect(times[1]! - times[0]!).toBe(1000)
    expect(times[2]).toBe(times[1])
    expect(times[3]).toBe(times[1])
  })

  it('gives prepared and rollback records no queue offset and no unit', async () => {
    const { store } = await startStore()
    expect(now(store.asyncPutMessage(message({ sysFlag: 0x4 }))).appendResult!.logicsOffset).toBe(0)
    expect(now(store.asyncPutMessage(message({ sysFlag: 0xc }))).appendResult!.logicsOffset).toBe(0)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(0)
    expect(now(store.asyncPutMessage(message({ sysFlag: 0x8 }))).appendResult!.logicsOffset).toBe(0)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
  })

  it('refuses puts before start and after shutdown, and reads after shutdown', async () => {
    const { store } = await startStore()
    await store.shutdown()
    expect(now(store.asyncPutMessage(message()))).toMatchObject({ status: 'SERVICE_NOT_AVAILABLE', remark: /shut down/ })
    expect(store.getMessage('g', 'T', 0, 0, 1)).toBeUndefined()
    await store.shutdown()
  })

  it('answers UNKNOWN_ERROR, and does not throw, when something breaks inside', async () => {
    const { store } = await startStore()
    const broken = { ...message(), propertiesString: undefined as unknown as string }
    expect(now(store.asyncPutMessage(broken))).toMatchObject({ status: 'UNKNOWN_ERROR', remark: /the put failed/ })
    expect(now(store.asyncPutMessage(message())).appendResult).toMatchObject({ wroteOffset: 0, logicsOffset: 0 })
  })

  it('is read-only as a slave, unless it may duplicate', async () => {
    const { store } = await startStore({ brokerRole: 'SLAVE' })
    expect(now(store.asyncPutMessage(message()))).toMatchObject({ status: 'SERVICE_NOT_AVAILABLE', remark: /slave/ })
    store.config.duplicationEnable = true
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
  })
})

describe('times', () => {
  it('store-5 tells when a queue offset was stored; -1 for an unknown queue or offset', async () => {
    const { store, clock } = await startStore()
    const start = clock.now()
    now(store.asyncPutMessage(message()))
    await clock.advance(70)
    now(store.asyncPutMessage(message({ bornHost: V6 })))
    expect(store.getMessageStoreTimeStamp('T', 0, 0)).toBe(start)
    expect(store.getMessageStoreTimeStamp('T', 0, 1)).toBe(start + 70)
    expect(store.getEarliestMessageTime('T', 0)).toBe(start)
    expect(store.getEarliestMessageTime()).toBe(start)
    for (const offset of [-1, 2, 0.5]) expect(store.getMessageStoreTimeStamp('T', 0, offset)).toBe(-1)
    expect(store.getMessageStoreTimeStamp('T', 1, 0)).toBe(-1)
    expect(store.getMessageStoreTimeStamp('U', 0, 0)).toBe(-1)
    expect(store.getEarliestMessageTime('U', 0)).toBe(-1)
  })

  it('store-4 offset by time: exact, just before, long before, unknown queue', async () => {
    const { store, clock } = await startStore()
    const start = clock.now()
    for (let i = 0; i < 10; i++) {
      now(store.asyncPutMessage(message()))
      await clock.advance(100)
    }
    for (let i = 0; i < 10; i++) {
      expect(store.getOffsetInQueueByTime('T', 0, start + i * 100)).toBe(i)
      expect(store.getOffsetInQueueByTime('T', 0, start + i * 100 - 2)).toBe(i)
    }
    expect(store.getOffsetInQueueByTime('T', 0, start - 20_000)).toBe(0)
    expect(store.getOffsetInQueueByTime('T', 7, start)).toBe(0)
    expect(store.getOffsetInQueueByTime('U', 0, start)).toBe(0)
  })

  it('answers equal times, gaps and both ends by boundary as 5.3 does', async () => {
    const { store, clock } = await startStore()
    const start = clock.now()
    for (const count of [3, 2]) {
      for (let i = 0; i < count; i++) now(store.asyncPutMessage(message()))
      await clock.advance(100)
    }
    const lower = (time: number): number => store.getOffsetInQueueByTime('T', 0, time, 'LOWER')
    const upper = (time: number): number => store.getOffsetInQueueByTime('T', 0, time, 'UPPER')
    expect([lower(start), upper(start)]).toEqual([0, 2])
    expect([lower(start + 50), upper(start + 50)]).toEqual([3, 2])
    expect([lower(start + 100), upper(start + 100)]).toEqual([3, 4])
    expect([lower(start + 101), upper(start + 101)]).toEqual([5, 4])
    expect([lower(start - 1), upper(start - 1)]).toEqual([0, 0])
  })
})
