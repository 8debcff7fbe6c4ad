import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** Call it at the top of a test file: folders for stores, removed when the file has run. */
export function storeFolders(): () => string {
  const made: string[] = []
  afterAll(() => {
    for (const name of made) rmSync(name, { recursive: true, force: true, maxRetries: 3 })
  })
  return () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'store-'))
    made.push(folder)
    return path.join(folder, 'store')
  }
}

/** What a kill would leave of a store that is open: its files as the operating system has them now. */
export function imageOf(root: string, to: string): string {
  cpSync(root, to, { recursive: true, preserveTimestamps: true })
  return to
}
