import { describe, expect, it } from 'vitest'
import { tagsCodeOf } from '../../../src/protocol/java-hash.ts'
import { decodeMessage } from '../../../src/protocol/message-codec.ts'
import type { DefaultMessageStore } from '../../../src/store/default-message-store.ts'
import { message, now, startStore } from './store-fixture.ts'

function fill(store: DefaultMessageStore, count: number, bytes = 10): void {
  for (let i = 0; i < count; i++) {
    now(store.asyncPutMessage(message({ body: Buffer.alloc(bytes, i), props: { TAGS: i % 2 ? 'odd' : 'even' } })))
  }
}

describe('getMessage', () => {
  it('store-14 answers precisely what is there or what is asked for', async () => {
    const { store } = await startStore()
    fill(store, 20)
    for (const [asked, got] of [
      [32, 20],
      [20, 20],
      [10, 10],
      [1, 1]
    ] as const) {
      const result = store.getMessage('g', 'T', 0, 0, asked)!
      expect(result).toMatchObject({ status: 'FOUND', nextBeginOffset: got, minOffset: 0, maxOffset: 20 })
      expect(result.messages).toHaveLength(got)
    }
    expect(store.getMessage('g', 'T', 0, 15, 32)!.messages).toHaveLength(5)
  })

  it('statuses and the offset to go on from', async () => {
    const { store } = await startStore({ maxBytes: 4096, whenFull: 'dropOldest', mappedFileSizeCommitLog: 1024 })
    const at = (offset: number, topic = 'T'): unknown => {
      const { status, nextBeginOffset } = store.getMessage('g', topic, 0, offset, 32)!
      return [status, nextBeginOffset]
    }
    expect(at(0)).toEqual(['NO_MESSAGE_IN_QUEUE', 0])
    expect(at(5)).toEqual(['NO_MESSAGE_IN_QUEUE', 0])
    fill(store, 100, 100)
    const min = store.getMinOffsetInQueue('T', 0)
    expect(min).toBeGreaterThan(0)
    expect(at(min - 1)).toEqual(['OFFSET_TOO_SMALL', min])
    expect(at(100)).toEqual(['OFFSET_OVERFLOW_ONE', 100])
    expect(at(101)).toEqual(['OFFSET_OVERFLOW_BADLY', 100])
    expect(at(99)).toEqual(['FOUND', 100])
    expect(at(0, 'U')).toEqual(['NO_MESSAGE_IN_QUEUE', 0])
    store.config.brokerRole = 'SLAVE'
    expect(at(101)).toEqual(['OFFSET_OVERFLOW_BADLY', 101])
    store.config.offsetCheckInSlave = true
    expect(at(101)).toEqual(['OFFSET_OVERFLOW_BADLY', 100])
  })

  it('filters by tags code, and goes on behind what it looked at', async () => {
    const { store } = await startStore()
    fill(store, 10)
    const odd = tagsCodeOf('odd')
    const result = store.getMessage('g', 'T', 0, 0, 3, (code) => code === odd)!
    expect(result.messages.map((record) => decodeMessage(record).queueOffset)).toEqual([1, 3, 5])
    expect(result.nextBeginOffset).toBe(6)
    expect(store.getMessage('g', 'T', 0, 0, 32, () => false)).toMatchObject({ status: 'NO_MATCHED_MESSAGE', nextBeginOffset: 10 })
  })

  it('looks through 800 units at most, or as many as are asked for', async () => {
    const { store } = await startStore()
    fill(store, 1000)
    expect(store.getMessage('g', 'T', 0, 0, 32, () => false)!.nextBeginOffset).toBe(800)
    expect(store.getMessage('g', 'T', 0, 0, 900, () => false)!.nextBeginOffset).toBe(900)
  })

  it('stops at 32 messages, at 256 KiB, and at the bytes asked for; the first is always taken', async () => {
    const { store } = await startStore()
    fill(store, 40)
    expect(store.getMessage('g', 'T', 0, 0, 100)!.messages).toHaveLength(32)
    const big = await startStore()
    fill(big.store, 5, 100 * 1024)
    expect(big.store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(2)
    expect(big.store.getMessage('g', 'T', 0, 0, 32, undefined, 1)!.messages).toHaveLength(1)
    const huge = await startStore()
    fill(huge.store, 2, 1024 * 1024)
    expect(huge.store.getMessage('g', 'T', 0, 0, 32)!.messages).toHaveLength(1)
  })

  it('hands out views that stay what they were when their segment is dropped', async () => {
    const { store } = await startStore({ maxBytes: 4096, whenFull: 'dropOldest', mappedFileSizeCommitLog: 1024 })
    now(store.asyncPutMessage(message({ body: 'first' })))
    const record = store.getMessage('g', 'T', 0, 0, 1)!.messages[0]!
    fill(store, 100, 100)
    expect(store.lookMessageByOffset(0)).toBeUndefined()
    expect(decodeMessage(record, 0, { checkCRC: true }).body.toString()).toBe('first')
  })
})
