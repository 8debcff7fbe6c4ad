import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../src/internal/logger.ts'
import { tagsCodeOf } from '../../../src/protocol/java-hash.ts'
import { decodeMessage } from '../../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../../src/store/default-message-store.ts'
import { isExtendedAddress } from '../../../src/store/extended-units.ts'
import type { MessageStoreConfig } from '../../../src/store/message-store-config.ts'
import { storeFolders } from '../../support/store-folder.ts'
import { message, now, startStore } from './store-fixture.ts'

const folder = storeFolders()
const CONFIG = { mappedFileSizeCommitLog: 8192, mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 100, maxIndexNum: 400 }

async function open(root: string): Promise<DefaultMessageStore> {
  const store = new DefaultMessageStore(CONFIG, { clock: new HeldClock(), logger: silentLogger, files: { root } })
  await store.start()
  return store
}

/** A unit with an address of `consumequeue_ext/` in the place of its tags code. */
function extendedUnit(physicalOffset: number, size: number, address: number): Buffer {
  const unit = Buffer.alloc(20)
  unit.writeBigInt64BE(BigInt(physicalOffset), 0)
  unit.writeInt32BE(size, 8)
  unit.writeBigInt64BE(-(2n ** 63n) + BigInt(address), 12)
  return unit
}

describe('what RocketMQ does that is switched off, or not served', () => {
  it('store-32 a message that names light queues is in its topic’s queue alone, as with RocketMQ’s defaults, and keeps what it says', async () => {
    const { store } = await startStore()
    now(store.asyncPutMessage(message({ props: { INNER_MULTI_DISPATCH: '%LMQ%a,%LMQ%b' } })))
    expect([...store.topics()]).toEqual(['T'])
    expect(store.getMaxOffsetInQueue('%LMQ%a', 0)).toBe(0)
    const [record] = store.getMessage('g', 'T', 0, 0, 1)!.messages
    const { properties } = decodeMessage(record!)
    expect(properties.get('INNER_MULTI_DISPATCH')).toBe('%LMQ%a,%LMQ%b')
    expect(properties.has('INNER_MULTI_QUEUE_OFFSET')).toBe(false)
  })

  it.each(['enableLmq', 'enableMultiDispatch'])('store-32 %s is refused by its name', (name) => {
    expect(() => new DefaultMessageStore({ [name]: true } as Partial<MessageStoreConfig>, deps())).toThrow(
      `${name}: true is not a setting`
    )
  })

  it.each(['inSyncReplicas', 'minInSyncReplicas', 'enableAutoInSyncReplicas', 'allAckInSyncStateSet'])(
    'store-39 %s is refused by its name: one slave is what SYNC_MASTER asks for',
    (name) => {
      expect(() => new DefaultMessageStore({ [name]: 2 } as Partial<MessageStoreConfig>, deps())).toThrow(
        `${name}: 2 is not a setting`
      )
    }
  )

  it('store-34 a folder with queues of batches is not opened, and an empty one is nobody’s', async () => {
    const root = folder()
    await (await open(root)).shutdown()
    mkdirSync(path.join(root, 'batchconsumequeue'))
    await (await open(root)).shutdown()
    mkdirSync(path.join(root, 'batchconsumequeue', 'T', '0'), { recursive: true })
    await expect(open(root)).rejects.toMatchObject({
      code: 'STORE_DIRECTORY',
      message: expect.stringMatching(
        /batchconsumequeue holds queues of batches .*queue\.type=BatchCQ.*: open the store with the broker that wrote them/
      )
    })
  })

  it('store-29 where a unit has an address in place of its tags code, the record says what passes the filter', async () => {
    const root = folder()
    const first = await open(root)
    for (const [i, tags] of ['a', 'b', 'a'].entries())
      await first.asyncPutMessage(message({ body: `${i}`, props: { TAGS: tags } }))
    const units = [0, 1, 2].map((offset) => first.getConsumeQueueUnit('T', 0, offset)!)
    await first.shutdown()
    // As a Java store with enableConsumeQueueExt leaves it; the third message came when that had been switched off.
    const bytes = Buffer.alloc(200)
    units
      .slice(0, 2)
      .forEach(({ physicalOffset, size }, i) => void extendedUnit(physicalOffset, size, i * 48).copy(bytes, i * 20))
    const { physicalOffset, size } = units[2]!
    const plain = extendedUnit(physicalOffset, size, 0)
    plain.writeBigInt64BE(BigInt(tagsCodeOf('a')), 12)
    plain.copy(bytes, 40)
    writeFileSync(path.join(root, 'consumequeue', 'T', '0', '0'.repeat(20)), bytes)
    mkdirSync(path.join(root, 'consumequeue_ext', 'T', '0'), { recursive: true })
    writeFileSync(path.join(root, 'consumequeue_ext', 'T', '0', '0'.repeat(20)), Buffer.alloc(480, 1))
    const second = await open(root)
    expect(isExtendedAddress(second.getConsumeQueueUnit('T', 0, 0)!.tagsCode)).toBe(true)
    const bodies = (tags: string): string[] =>
      second
        .getMessage('g', 'T', 0, 0, 32, (code) => (code | 0) === tagsCodeOf(tags))!
        .messages.map((record) => decodeMessage(record).body.toString())
    expect(bodies('a')).toEqual(['0', '2'])
    expect(bodies('b')).toEqual(['1'])
    expect(bodies('c')).toEqual([])
    await second.shutdown()
  })

  it('store-29 the smallest tags code is none of these addresses', () => {
    expect([-0x8000_0000, -1, 0, 0x7fff_ffff, 1_700_000_000_000].some(isExtendedAddress)).toBe(false)
    expect([-0x8000_0001, -(2 ** 63), -(2 ** 63) + 4096].every(isExtendedAddress)).toBe(true)
  })
})

function deps(): ConstructorParameters<typeof DefaultMessageStore>[1] {
  return { clock: new HeldClock(), logger: silentLogger }
}
