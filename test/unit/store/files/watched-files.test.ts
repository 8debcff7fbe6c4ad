import { expect, test } from 'vitest'
import { realClock } from '../../../../src/internal/clock.ts'
import { HeldClock } from '../../../../src/internal/held-clock.ts'
import { nodeFiles } from '../../../../src/store/files/file-layer.ts'
import { filesOn } from '../../../../src/store/files/watched-files.ts'

test('loopback-24 a sync that does not end is named with its file', async () => {
  const clock = new HeldClock(0, { stepTimeout: 10 })
  let finish!: () => void
  const slow = {
    ...nodeFiles,
    open: () => Promise.resolve(7),
    fdatasync: () =>
      new Promise<void>((resolve) => {
        finish = resolve
      })
  }
  const files = filesOn(clock, slow)
  const fd = await files.open('/store/commitlog/00000000000000000000', 'write')
  const synced = files.fdatasync(fd)
  await expect(clock.advance(1)).rejects.toThrow(/fdatasync of \/store\/commitlog\/0{20}, for \d+ ms of real time/)
  finish()
  await synced
  await clock.advance(1)
  expect(clock.monotonic()).toBe(1)
})

test('nobody watches on the real clock', () => {
  expect(filesOn(realClock)).toBe(nodeFiles)
})
