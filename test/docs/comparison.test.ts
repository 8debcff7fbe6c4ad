import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../package/support/temp-project.ts'
import { readText } from './support/code-blocks.ts'

const ID = /\b(?:tool|loopback)-\d+\b/g
const FILE = /`([\w-]+\.(?:test|interop)\.ts)`/g
const COLUMNS = ['', 'this', 'kfake', 'undici MockAgent', 'mongodb-memory-server', 'testcontainers', "RocketMQ's own test base"]

/** Cells of the comparison, its head left out. */
function rows(): string[][] {
  const section = readText('docs/testing.md').split('## Side by side\n')[1]?.split('\n## ')[0] ?? ''
  const [head, , ...body] = section.split('\n').filter((line) => line.startsWith('|'))
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  expect(cells(head as string)).toEqual(COLUMNS)
  return body.map(cells)
}

it('tool-7 each row of the comparison says something of everybody, and what it says of this is tested', () => {
  const files = new Set(
    readdirSync(path.join(projectRoot, 'test'), { recursive: true, encoding: 'utf8' }).map((file) => path.basename(file))
  )
  const behaviours = readText('docs/behaviours.md')
  const problems: string[] = []
  for (const row of rows()) {
    const [what = '', own = ''] = row
    if (row.length !== COLUMNS.length || row.includes('')) problems.push(`${what}: a cell is missing`)
    const ids = own.match(ID) ?? []
    const named = [...own.matchAll(FILE)].map(([, file]) => file as string)
    if (ids.length + named.length === 0) problems.push(`${what}: no test is named`)
    for (const id of ids)
      if (!new RegExp(`^\\| ${id} \\|.*\\| built \\|$`, 'm').test(behaviours)) problems.push(`${what}: ${id} is not built`)
    for (const file of named) if (!files.has(file)) problems.push(`${what}: ${file} does not exist`)
  }
  expect(problems).toEqual([])
  expect(rows().length).toBeGreaterThanOrEqual(16)
})
