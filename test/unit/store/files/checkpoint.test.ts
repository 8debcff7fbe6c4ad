import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { StoreCheckpoint } from '../../../../src/store/files/checkpoint.ts'
import { tempFolder } from '../../../support/temp-folder.ts'

it('store-27 survives reopening, reports the time of the log less three seconds, and is zero without a file', async () => {
  const file = path.join(tempFolder(), 'store', 'checkpoint')
  const first = new StoreCheckpoint(file)
  first.load()
  expect([first.physicMsgTimestamp, first.logicsMsgTimestamp, first.indexMsgTimestamp, first.minTimestamp]).toEqual([0, 0, 0, 0])
  first.physicMsgTimestamp = 1_700_000_005_000
  first.logicsMsgTimestamp = 1_700_000_004_000
  first.indexMsgTimestamp = 1_700_000_000_500
  await first.flush()
  const second = new StoreCheckpoint(file)
  second.load()
  expect([second.physicMsgTimestamp, second.logicsMsgTimestamp, second.indexMsgTimestamp]).toEqual([
    1_700_000_005_000, 1_700_000_004_000, 1_700_000_000_500
  ])
  expect([second.minTimestamp, second.minTimestampIndex]).toEqual([1_700_000_001_000, 1_700_000_000_500])
  const bytes = readFileSync(file)
  expect([bytes.length, bytes.readBigInt64BE(0), bytes.readBigInt64BE(8)]).toEqual([4096, 1_700_000_005_000n, 1_700_000_004_000n])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

it("keeps Java's fields that it has no use for", async () => {
  const file = path.join(tempFolder(), 'checkpoint')
  const bytes = Buffer.alloc(4096)
  bytes.writeBigInt64BE(123n, 24)
  bytes.writeBigInt64BE(456n, 32)
  writeFileSync(file, bytes)
  const checkpoint = new StoreCheckpoint(file)
  checkpoint.load()
  checkpoint.physicMsgTimestamp = 5000
  await Promise.all([checkpoint.flush(), checkpoint.flush()])
  bytes.writeBigInt64BE(5000n, 0)
  expect(readFileSync(file).equals(bytes)).toBe(true)
})
