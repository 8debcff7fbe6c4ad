import fc from 'fast-check'
import { afterAll, expect } from 'vitest'

/** Seed of this run, printed when it starts. `TEST_SEED=<n>` sets it. */
const seed = Number(process.env.TEST_SEED)
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })

// Vitest fails the run on these two events as well; here the file that was running is named.
const stray: unknown[] = []
const note = (reason: unknown): void => {
  stray.push(reason)
}
process.on('unhandledRejection', note)
process.on('uncaughtException', note)

afterAll(async () => {
  // A rejection counts as unhandled once the microtasks of its turn are done.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
  expect(stray, 'unhandled rejections and uncaught exceptions').toEqual([])
})
