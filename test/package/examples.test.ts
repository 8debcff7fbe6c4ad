import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from './support/run.ts'
import { projectRoot } from './support/temp-project.ts'

const folder = path.join(projectRoot, 'examples')
const examples = readdirSync(folder).filter((name) => name.endsWith('.mjs'))

describe('every example ends well', { timeout: 60_000 }, () => {
  // As they are published: they import the package by its name, and so the build.
  it.each(examples)('%s', async (name) => {
    const { code, stdout, stderr } = await run(process.execPath, [path.join(folder, name)], { env: { MESSAGES: '600' } })
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toBe('')
  })
})
