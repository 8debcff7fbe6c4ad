import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { run } from '../../package/support/run.ts'

const fixture = fileURLToPath(new URL('./fixtures/memory-of-sends.mjs', import.meta.url))

interface Outcome {
  failed: number
  heapGrowthMiB: number
  residentGrowthMiB: number
  resourcesLeft: string[]
}

// In a process of its own, with the broker in another. The slope needs the million sends of a run by hand.
it('process-R1 sends leave heap, resident memory and handles of the process where they were', { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await run(process.execPath, ['--expose-gc', fixture, '20000'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const outcome = JSON.parse(stdout) as Outcome
  expect(outcome).toMatchObject({ failed: 0, resourcesLeft: [] })
  expect(outcome.heapGrowthMiB).toBeLessThan(1)
  expect(outcome.residentGrowthMiB).toBeLessThan(16)
})
