import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../../src/internal/logger.ts'
import { javaHashCode } from '../../../../src/protocol/java-hash.ts'
import { DispatchFiles } from '../../../../src/store/files/consume-queue-flush.ts'
import { createMessageStoreConfig } from '../../../../src/store/message-store-config.ts'
import { tempFolder } from '../../../support/temp-folder.ts'

const T0 = 1_700_000_000_000
const hash = javaHashCode('T#')

interface Rig {
  files: DispatchFiles
  clock: HeldClock
  /** Dispatches records of 100 bytes, the i-th at `i * 100`. */
  dispatch(from: number, to: number): void
}

function open(root: string): Rig {
  const clock = new HeldClock()
  const position = { physicalOffset: 0, storeTimestamp: 0 }
  const config = createMessageStoreConfig({ mappedFileSizeConsumeQueue: 200, maxHashSlotNum: 100, maxIndexNum: 1000 })
  const files = new DispatchFiles({ root, config, clock, logger: silentLogger, position: () => position })
  return {
    files,
    clock,
    dispatch(from, to) {
      for (let i = from; i < to; i++) {
        files.queues
          .topic('T')
          .queue(0)
          .put(i, i * 100, 100, 0)
        files.index.putMessage(hash, { uniqKey: undefined, keys: `k${i}`, physicalOffset: i * 100, storeTimestamp: T0 + i })
        position.physicalOffset = (i + 1) * 100
        position.storeTimestamp = T0 + i
      }
    }
  }
}

describe('what dispatch writes', () => {
  it('is written every second, and durable every minute with the checkpoint behind it', async () => {
    const root = tempFolder()
    const { files, clock, dispatch } = open(root)
    expect(await files.load(false, undefined, 0)).toBe(0)
    files.start()
    dispatch(0, 5)
    await clock.advance(1000)
    await files.queues.write()
    expect(files.queues.unwrittenUnits).toBe(0)
    expect([files.durablePosition, files.checkpoint.logicsMsgTimestamp]).toEqual([0, 0])
    for (let second = 0; second < 60; second++) {
      await clock.advance(1000)
      await files.queues.write()
      await files.index.write()
    }
    await files.checkpoint.flush()
    expect([files.durablePosition, files.checkpoint.logicsMsgTimestamp]).toEqual([500, T0 + 4])
    expect(await files.close()).toBe(true)
    expect(files.checkpoint.indexMsgTimestamp).toBe(T0 + 4)
  })

  it('after an orderly end dispatch goes on where it was', async () => {
    const root = tempFolder()
    const first = open(root)
    await first.files.load(true, undefined, 0)
    first.dispatch(0, 25)
    await first.files.close()
    const second = open(root)
    expect(await second.files.load(true, undefined, 0)).toBe(2500)
    expect(second.files.queues.find('T', 0)!.maxOffset).toBe(25)
    expect([...second.files.index.query('T', 'k24')]).toEqual([2400])
  })

  it('after a crash it goes on from what is known to be durable, or from the beginning', async () => {
    const root = tempFolder()
    const first = open(root)
    await first.files.load(true, undefined, 0)
    first.dispatch(0, 10)
    await first.files.flush()
    first.dispatch(10, 25)
    await first.files.queues.write()
    expect(await open(root).files.load(false, 1000, 0)).toBe(1000)
    expect(await open(root).files.load(false, undefined, 300)).toBe(300)
    const second = open(root)
    await second.files.load(false, 1000, 0)
    second.dispatch(10, 20)
    // The log lost the rest.
    second.files.truncateDirty(2000)
    expect(second.files.queues.find('T', 0)!.maxOffset).toBe(20)
    expect([...second.files.index.query('T', 'k19')]).toEqual([1900])
    expect([...second.files.index.query('T', 'k20')]).toEqual([])
  })

  it.each(['consumequeue', 'index'])('a deleted folder %s is made anew from the whole log', async (name) => {
    const root = tempFolder()
    const first = open(root)
    await first.files.load(true, undefined, 0)
    first.dispatch(0, 25)
    await first.files.close()
    rmSync(path.join(root, name), { recursive: true })
    const second = open(root)
    expect(await second.files.load(true, 2500, 100)).toBe(100)
    second.dispatch(1, 25)
    expect(second.files.queues.find('T', 0)!.maxOffset).toBe(25)
    expect([...second.files.index.query('T', 'k24')]).toEqual([2400])
    await second.files.close()
    expect(readdirSync(path.join(root, name))).not.toEqual([])
  })
})
