import { expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { DefaultMessageStore } from '../../../../src/store/default-message-store.ts'
import { imageOf, storeFolders } from '../../../support/store-folder.ts'
import { type MessageInit, message } from '../store-fixture.ts'

const folder = storeFolders()

it.each<[string, MessageInit, number?]>([
  ['any sysFlag', { sysFlag: -1 & ~0x30 }],
  ['a high bit of sysFlag', { sysFlag: 0x10000 }],
  ['a negative born timestamp', { bornTimestamp: -1 }],
  ['a born timestamp of 0', { bornTimestamp: 0 }],
  ['no body', { body: '' }],
  ['a topic of blanks', { topic: ' ' }],
  ['a topic with a control character', { topic: 'a\u0001b' }],
  ['a topic of other letters', { topic: '\u4e2d' }],
  ['a topic with a NUL', { topic: 'a\0b' }],
  ['no topic', { topic: '' }],
  ['a long topic', { topic: `%RETRY%${'x'.repeat(240)}` }],
  ['a negative queue', { queueId: -1 }],
  ['the longest properties', { propertiesString: 'x'.repeat(32_767) }],
  ['a clock that stands at 1970', {}, 0],
  ['a clock before 1970', {}, -5000]
])('store-151 %s: what is acknowledged is there after a kill, or it is refused', async (_, init, now) => {
  const root = folder()
  const open = async (at: string): Promise<DefaultMessageStore> => {
    const store = new DefaultMessageStore(
      { mappedFileSizeCommitLog: 65536, maxHashSlotNum: 100, maxIndexNum: 400 },
      { clock: new HeldClock(now), logger: silentLogger, files: { root: at } }
    )
    await store.start()
    return store
  }
  const store = await open(root)
  const { status, appendResult } = await store.asyncPutMessage(message(init))
  const after = await store.asyncPutMessage(message())
  expect(after.status).toBe('PUT_OK')
  const end = store.getMaxPhyOffset()
  const killed = await open(imageOf(root, folder()))
  await store.shutdown()
  expect([status, appendResult?.wroteOffset, killed.getMaxPhyOffset()]).toEqual([
    status,
    status === 'PUT_OK' ? 0 : undefined,
    end
  ])
  await killed.shutdown()
  const closed = await open(root)
  expect(closed.getMaxPhyOffset()).toBe(end)
  await closed.shutdown()
})
