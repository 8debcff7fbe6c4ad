import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const script = fileURLToPath(new URL('../torture/store-power.mjs', import.meta.url))
const CUTS = 10

/** In a process of its own, because the time of a cut is that of a call which blocks. */
async function powerCuts(
  flush: 'sync' | 'async'
): Promise<{ control: number; acknowledged: number; failures: number; said: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--cycles', String(CUTS), '--flush', flush])
  console.log(stdout.trim())
  const control = /control without syncs: (\d+) of/.exec(stdout)
  const figures = /(\d+) acknowledged, .* (\d+) failures/.exec(stdout)
  return { control: Number(control?.[1]), acknowledged: Number(figures?.[1]), failures: Number(figures?.[2]), said: stdout }
}

it(`fault-S3 ${CUTS} power cuts under SYNC_FLUSH: nothing acknowledged is missing; without syncs it would be`, async () => {
  const { control, acknowledged, failures, said } = await powerCuts('sync')
  expect(failures, said).toBe(0)
  expect(acknowledged, said).toBeGreaterThan(0)
  expect(control, said).toBeGreaterThan(0)
})

it(`fault-S4 ${CUTS} power cuts under ASYNC_FLUSH: what is missing was sent in the last second, from the end and without holes`, async () => {
  const { acknowledged, failures, said } = await powerCuts('async')
  expect(failures, said).toBe(0)
  expect(acknowledged, said).toBeGreaterThan(0)
})
