import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { missingForPowerCuts } from '../torture/support/loop-disk.mjs'

// Said here, before the runner prints anything: a host that cannot mount is no failure of this suite.
const missing = missingForPowerCuts()
if (missing !== undefined) {
  console.log(`not run: power: ${missing}`)
  process.exit(0)
}

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: { include: ['*.test.ts'], testTimeout: 120_000, allowOnly: false }
})
