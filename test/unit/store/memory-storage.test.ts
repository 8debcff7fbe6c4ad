import { describe, expect, it } from 'vitest'
import { BLANK_MAGIC, decodeMessages } from '../../../src/protocol/message-codec.ts'
import { MemoryStorage } from '../../../src/store/memory-storage.ts'
import { addFault, message, now, startStore, turn } from './store-fixture.ts'

function storage(options: { maxBytes?: number; whenFull?: 'reject' | 'dropOldest'; segmentSize?: number } = {}): MemoryStorage {
  return new MemoryStorage(() => ({ maxBytes: 1 << 20, whenFull: 'reject', segmentSize: 1 << 20, ...options }))
}

function append(target: MemoryStorage, size: number): number {
  if (!target.reserve(size)) return -1
  const at = target.maxOffset
  target.tail.fill(1, target.tailPosition, target.tailPosition + size)
  target.commit(size)
  return at
}

describe('segments', () => {
  it('store-13 a record that does not fit with 8 bytes to spare: a blank over all that is left, and the next segment', () => {
    const memory = storage({ segmentSize: 4096 })
    append(memory, 3096)
    expect(append(memory, 993)).toBe(4096)
    const blank = memory.read(3096, 1000)!
    expect([blank.readInt32BE(0), blank.readInt32BE(4)]).toEqual([1000, BLANK_MAGIC])
    expect(memory.maxOffset).toBe(4096 + 993)
  })

  it('store-13 a record that fits with 8 bytes to spare stays', () => {
    const memory = storage({ segmentSize: 4096 })
    append(memory, 3096)
    expect(append(memory, 992)).toBe(3096)
    expect(append(memory, 1)).toBe(4096)
    expect(memory.read(4088, 8)!.readInt32BE(0)).toBe(8)
  })

  it('store-13 the first record of the next segment has queue offset 0 when the queue was empty', async () => {
    const { store } = await startStore({ mappedFileSizeCommitLog: 4096 })
    now(store.asyncPutMessage(message({ topic: 'A', body: Buffer.alloc(3000) })))
    const { appendResult } = now(store.asyncPutMessage(message({ body: Buffer.alloc(1000) })))
    expect(appendResult).toMatchObject({ wroteOffset: 4096, logicsOffset: 0 })
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(1)
    expect(store.dispatchBehindBytes()).toBe(0)
  })

  it('a dropped buffer is used again, unless somebody has a view of it', () => {
    const memory = storage({ maxBytes: 1 << 20, whenFull: 'dropOldest', segmentSize: 1 << 16 })
    const buffers: Buffer[] = []
    const views: Buffer[] = []
    for (let i = 0; i < 40; i++) {
      const at = append(memory, 60_000)
      // Every fourth segment is read by somebody who keeps what he got.
      if (i % 4 === 0) views.push(memory.read(at, 1000)!)
      buffers.push(memory.tail)
      memory.tail.fill(i, memory.tailPosition, memory.tailPosition + 60_000)
    }
    expect(views.map((view) => view[0])).toEqual(views.map((_, i) => i * 4))
    expect(views.every((view) => view.every((byte) => byte === view[0]))).toBe(true)
    expect(new Set(buffers).size).toBeLessThan(40)
  })

  it('buffers grow from 64 KiB: an idle store is small', () => {
    const memory = storage({ maxBytes: 1 << 28, segmentSize: 1 << 30 })
    expect(memory.heldBytes).toBe(0)
    const sizes: number[] = []
    for (let held = 0; sizes.length < 11; ) {
      append(memory, 32_000)
      if (memory.heldBytes > held) sizes.push(memory.heldBytes - held)
      held = memory.heldBytes
    }
    expect(sizes.slice(0, 4)).toEqual([65_536, 131_072, 262_144, 524_288])
    expect(sizes.slice(-2)).toEqual([16_777_216, 16_777_216])
  })

  it('a record larger than the next buffer would be gets one of its own size, and follows without a gap', () => {
    const memory = storage({ maxBytes: 1 << 28, segmentSize: 1 << 30 })
    append(memory, 10)
    expect(append(memory, 4 * 1024 * 1024)).toBe(10)
    expect(memory.read(10, 4 * 1024 * 1024)).toBeDefined()
  })

  it('have exactly their size, whatever the buffers are: only their ends have blanks', () => {
    const memory = storage({ maxBytes: 1 << 28, segmentSize: 1 << 20 })
    const offsets = Array.from({ length: 300 }, () => append(memory, 10_000))
    const perSegment = Math.floor(((1 << 20) - 8) / 10_000)
    expect(offsets).toEqual(offsets.map((_, i) => Math.floor(i / perSegment) * (1 << 20) + (i % perSegment) * 10_000))
    const blankAt = perSegment * 10_000
    const blank = memory.read(blankAt, (1 << 20) - blankAt)!
    expect([blank.readInt32BE(0), blank.readInt32BE(4)]).toEqual([blank.length, BLANK_MAGIC])
    expect(blank.subarray(8).every((byte) => byte === 0)).toBe(true)
  })

  it('a record larger than mappedFileSizeCommitLog is illegal, and nothing is written', async () => {
    const { store } = await startStore({ mappedFileSizeCommitLog: 4096 })
    const refused = now(store.asyncPutMessage(message({ body: Buffer.alloc(4096) })))
    expect(refused).toMatchObject({ status: 'MESSAGE_ILLEGAL', remark: /mappedFileSizeCommitLog/ })
    expect(store.getMaxPhyOffset()).toBe(0)
    expect(now(store.asyncPutMessage(message())).status).toBe('PUT_OK')
  })

  it('store-24 finds the segment of an offset at its boundaries, nothing outside', () => {
    const memory = storage({ segmentSize: 4096 })
    for (let i = 0; i < 3; i++) append(memory, 4000)
    for (const offset of [0, 4096, 8192]) expect(memory.read(offset, 4000)).toBeDefined()
    expect(memory.read(4095, 1)).toBeDefined()
    expect(memory.read(4095, 2)).toBeUndefined()
    expect(memory.read(-1, 1)).toBeUndefined()
    expect(memory.read(memory.maxOffset, 1)).toBeUndefined()
    expect(memory.read(8192, 4001)).toBeUndefined()
    expect(memory.read(0, -1)).toBeUndefined()
  })

  it('store-18 raw data that spans two segments holds all ten records', async () => {
    const { store } = await startStore({ mappedFileSizeCommitLog: 4096 })
    for (let i = 0; i < 10; i++) now(store.asyncPutMessage(message({ body: Buffer.alloc(500) })))
    const chunks = store.getBulkCommitLogData(0, store.getMaxPhyOffset())
    expect(chunks).toHaveLength(2)
    const blank = chunks[0]!.length - (chunks[0]!.length % chunks[0]!.readInt32BE(0))
    expect(chunks[0]!.readInt32BE(blank + 4)).toBe(BLANK_MAGIC)
    expect([...decodeMessages(chunks[0]!.subarray(0, blank)), ...decodeMessages(chunks[1]!)]).toHaveLength(10)
    expect(Buffer.concat(store.getBulkCommitLogData(100, 50))).toEqual(chunks[0]!.subarray(100, 150))
    expect(store.getBulkCommitLogData(store.getMaxPhyOffset(), 10)).toEqual([])
  })
})

describe('raw bytes', () => {
  /** The whole of `from`, cut into pieces whose lengths go round in `lengths`. */
  function copyRaw(from: MemoryStorage, to: MemoryStorage, lengths: number[]): void {
    for (let at = to.maxOffset || from.minOffset, i = 0; at < from.maxOffset; i++) {
      const chunk = from.readChunk(at, lengths[i % lengths.length]!)!
      to.appendRaw(at, chunk)
      at += chunk.length
    }
  }

  const whole = (memory: MemoryStorage): Buffer => {
    const parts: Buffer[] = []
    for (let at = memory.minOffset; at < memory.maxOffset; at += parts.at(-1)!.length) parts.push(memory.readChunk(at, 1 << 20)!)
    return Buffer.concat(parts)
  }

  it('store-80 make the same log, cut anywhere, over segments and blanks; records that lie in two buffers can be read', () => {
    const master = storage({ maxBytes: 1 << 24, segmentSize: 100_000 })
    const records: Array<[number, number]> = []
    for (let i = 0; i < 600; i++) {
      const size = 100 + ((i * 7919) % 3000)
      records.push([append(master, size), size])
    }
    for (const lengths of [[32_768], [1, 999, 12_345], [100_000]]) {
      const slave = storage({ maxBytes: 1 << 24, segmentSize: 100_000 })
      copyRaw(master, slave, lengths)
      expect(slave.maxOffset).toBe(master.maxOffset)
      expect(whole(slave).equals(whole(master))).toBe(true)
      for (const [offset, size] of records) expect(slave.read(offset, size)!.equals(master.read(offset, size)!)).toBe(true)
    }
  })

  it('store-80 a slave that becomes a master goes on as its master would have', () => {
    const [master, slave] = [storage({ segmentSize: 4096 }), storage({ segmentSize: 4096 })]
    for (let i = 0; i < 5; i++) append(master, 1000)
    copyRaw(master, slave, [777])
    for (const memory of [master, slave]) for (let i = 0; i < 5; i++) append(memory, 1100)
    expect(whole(slave)).toEqual(whole(master))
  })

  it('store-80 that do not follow are refused, and nothing changes; only an empty log may begin elsewhere', () => {
    const memory = storage({ segmentSize: 4096 })
    memory.appendRaw(8192, Buffer.alloc(100, 1))
    expect([memory.minOffset, memory.maxOffset]).toEqual([8192, 8292])
    for (const offset of [0, 8192, 8291, 8293, 12_288]) {
      expect(() => memory.appendRaw(offset, Buffer.alloc(10))).toThrow(/ends at offset 8292: bytes for \d+ cannot follow/)
    }
    expect(() => storage().appendRaw(-1, Buffer.alloc(10))).toThrow(/cannot follow/)
    expect(memory.maxOffset).toBe(8292)
    expect(append(memory, 3996 - 8 - 0)).toBe(8292)
    expect(append(memory, 10)).toBe(12_288)
  })

  it('process-R10 are refused where the store is full, or push out the oldest', () => {
    const full = storage({ maxBytes: 100_000 })
    expect(() => full.appendRaw(0, Buffer.alloc(120_000))).toThrow(/memory store is full.*maxBytes/)
    expect(full.heldBytes).toBeLessThanOrEqual(100_000)
    full.close()
    expect(() => full.appendRaw(full.maxOffset, Buffer.alloc(1))).toThrow(/shut down/)
    const rolling = storage({ maxBytes: 100_000, whenFull: 'dropOldest' })
    for (let at = 0; at < 1_000_000; at += 1000) rolling.appendRaw(at, Buffer.alloc(1000))
    expect(rolling.heldBytes).toBeLessThanOrEqual(100_000)
    expect(rolling.maxOffset).toBe(1_000_000)
  })
})

describe('maxBytes', () => {
  it('process-R10 full means SERVICE_NOT_AVAILABLE, and the remark names limit and option', async () => {
    const { store } = await startStore({ maxBytes: 100_000 })
    let stored = 0
    for (;;) {
      const result = now(store.asyncPutMessage(message({ body: Buffer.alloc(1000) })))
      if (result.status !== 'PUT_OK') {
        expect(result.status).toBe('SERVICE_NOT_AVAILABLE')
        expect(result.remark).toMatch(
          /memory store is full: it holds \d+ of at most 100000 bytes \(maxBytes\).*whenFull to dropOldest/
        )
        expect(result.appendResult).toBeUndefined()
        break
      }
      stored++
    }
    expect(store.getMaxPhyOffset()).toBeLessThanOrEqual(100_000)
    expect(stored).toBeGreaterThan(85)
    // What is there stays readable, and a smaller message may still fit.
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(stored)
    store.config.maxBytes = 200_000
    expect(now(store.asyncPutMessage(message({ body: Buffer.alloc(1000) }))).appendResult!.logicsOffset).toBe(stored)
  })

  it('process-R10 never holds more than maxBytes', () => {
    for (const whenFull of ['reject', 'dropOldest'] as const) {
      const memory = storage({ maxBytes: 1_000_000, whenFull, segmentSize: 1 << 30 })
      for (let i = 0; i < 3000; i++) {
        append(memory, 100 + ((i * 7919) % 3000))
        expect(memory.heldBytes).toBeLessThanOrEqual(1_000_000)
      }
    }
  })

  it('process-R10 dropOldest drops whole segments from the front and goes on', async () => {
    const { store } = await startStore({ maxBytes: 1 << 20, whenFull: 'dropOldest' })
    for (let i = 0; i < 5000; i++)
      expect(now(store.asyncPutMessage(message({ body: Buffer.alloc(1000), props: { KEYS: `k${i}` } }))).status).toBe('PUT_OK')
    const min = store.getMinOffsetInQueue('T', 0)
    expect(store.getMaxOffsetInQueue('T', 0)).toBe(5000)
    // The larger part of the limit is in use.
    expect(5000 - min).toBeGreaterThan(600)
    expect(store.getMinPhyOffset()).toBe(store.getCommitLogOffsetInQueue('T', 0, min))
    expect(store.getMessage('g', 'T', 0, min, 1)!.status).toBe('FOUND')
    expect(store.getMessage('g', 'T', 0, min - 1, 1)!.status).toBe('OFFSET_TOO_SMALL')
    expect(store.queryMessage('T', 'k10', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(0)
    expect(store.queryMessage('T', 'k4999', 10, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(1)
    expect(store.getEarliestMessageTime()).toBeGreaterThan(0)
  })

  it('a segment that was read last is gone as well when it is dropped', () => {
    const memory = storage({ maxBytes: 8192, segmentSize: 4096, whenFull: 'dropOldest' })
    append(memory, 4000)
    append(memory, 4000)
    expect(memory.read(0, 4000)).toBeDefined()
    append(memory, 4000)
    expect(memory.minOffset).toBe(4096)
    expect(memory.read(0, 4000)).toBeUndefined()
  })

  it('dropOldest refuses what would not fit into an empty store, and drops nothing for it', () => {
    const memory = storage({ maxBytes: 10_000, whenFull: 'dropOldest' })
    append(memory, 100)
    expect(memory.reserve(10_000)).toBe(false)
    expect(memory.refusal).toMatchObject({ status: 'SERVICE_NOT_AVAILABLE', remark: /maxBytes/ })
    expect(memory.minOffset).toBe(0)
    expect(append(memory, 9000)).toBeGreaterThan(0)
  })

  it('dropOldest works while dispatch is behind: it goes on with what is left', async () => {
    const { store, faults } = await startStore({
      flushDiskType: 'SYNC_FLUSH',
      maxBytes: 8192,
      mappedFileSizeCommitLog: 1024,
      whenFull: 'dropOldest'
    })
    const hold = addFault(faults, { point: 'flush', topic: 'T' }, { kind: 'hold' })
    void store.asyncPutMessage(message())
    for (let i = 0; i < 30; i++) now(store.asyncPutMessage(message({ topic: 'U', body: Buffer.alloc(500) })))
    expect(store.getMaxOffsetInQueue('U', 0)).toBe(0)
    hold.release()
    await turn()
    expect(store.getMaxOffsetInQueue('U', 0)).toBe(30)
    const min = store.getMinOffsetInQueue('U', 0)
    expect(min).toBeGreaterThan(0)
    expect(store.getMessage('g', 'U', 0, min, 32)!.messages).toHaveLength(30 - min)
  })
})
