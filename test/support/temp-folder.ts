import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** An empty folder that is gone once the test has finished. */
export function tempFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'rocketmq-producer-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
