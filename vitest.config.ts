import { randomInt } from 'node:crypto'
import { defineConfig } from 'vitest/config'

// Every test that uses chance draws from this one number; `TEST_SEED=<n> npm test` repeats a run.
const seed = process.env.TEST_SEED ?? String(randomInt(2 ** 31))
process.env.TEST_SEED = seed
console.log(`test seed: ${seed}`)

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/interop/**', 'test/power/**', 'test/**/fixtures/**'],
    setupFiles: ['test/setup.ts'],
    env: { TEST_SEED: seed },
    // Processes that are reused: modules load once a worker, and signals, descriptors and `gc` are those of a real process.
    pool: 'forks',
    isolate: false,
    // One core fewer is the runner's own choice; much here waits for processes and disks.
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
    testTimeout: 10_000,
    hookTimeout: 10_000,
    allowOnly: false,
    passWithNoTests: false,
    reporters: ['default', ['json', { outputFile: '.cache/vitest.json' }]]
  }
})
