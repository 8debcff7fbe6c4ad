import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { run } from '../../package/support/run.ts'

const fixture = fileURLToPath(new URL('./fixtures/stopped-broker.mjs', import.meta.url))

interface Outcome {
  codes: Record<string, number>
  maybeStored: number
  once: boolean
  growthMiB: number
  after: string
  refused: number
}

/** In a process of its own, with a broker in another: resident memory and a stopped process are real there. */
async function sendToStoppedBroker(count: number, size: number, whenFull: string): Promise<Outcome> {
  const { code, stdout, stderr } = await run(process.execPath, ['--expose-gc', fixture, String(count), String(size), whenFull])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Outcome
}

/** The limits, and what a process may grow beyond them, MiB. */
const CAP = 100 + 64

describe('a broker whose process is stopped', { timeout: 60_000 }, () => {
  it('net-N5 net-N13 small sends that nobody awaits: they wait, time out or are refused, each settles once, late answers included', async () => {
    const outcome = await sendToStoppedBroker(12_000, 1024, 'wait')
    expect(outcome).toMatchObject({ once: true, after: 'SEND_OK' })
    const { codes, growthMiB, maybeStored, refused } = outcome
    expect(growthMiB).toBeLessThan(CAP)
    // Those that had left may have been stored; 10,000 at a time.
    expect(maybeStored).toBeGreaterThan(0)
    expect(refused).toBe(codes['BACK_PRESSURE'] ?? 0)
    expect(refused + (codes['SEND_TIMEOUT'] ?? 0)).toBe(12_000)
  })

  it('net-N13 large sends are bounded by their bytes', async () => {
    const outcome = await sendToStoppedBroker(3000, 100 * 1024, 'reject')
    expect(outcome).toMatchObject({ once: true, after: 'SEND_OK' })
    expect(outcome.growthMiB).toBeLessThan(CAP)
    // 1,024 of them make 100 MiB.
    expect(outcome.refused).toBeGreaterThanOrEqual(3000 - 2 * 1024)
  })
})
