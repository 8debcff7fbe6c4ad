import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { hasGo, missingTools } from './harness/tools.js'

// Said here, before the runner prints anything: this suite needs real servers, and a host without them is no failure of it.
const missing = missingTools()
if (missing.length > 0) {
  console.log(`not run: interop: ${missing.join(', ')}`)
  process.exit(0)
}
if (!hasGo()) console.log('not run: interop-go: Go')

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['*.interop.ts'],
    globalSetup: ['./real-cluster.setup.ts'],
    // one file after the other: each starts virtual machines of its own
    fileParallelism: false,
    maxConcurrency: 12,
    testTimeout: 120_000,
    hookTimeout: 240_000,
    allowOnly: false
  }
})
