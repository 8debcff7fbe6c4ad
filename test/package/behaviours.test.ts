import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from './support/run.ts'
import { projectRoot, tempProject } from './support/temp-project.ts'

interface Ran {
  title: string
  status?: string
  file?: string
  fileStatus?: string
}

const table = (rows: Record<string, string>): string =>
  [
    '| id | behaviour | state |',
    '| --- | --- | --- |',
    ...Object.entries(rows).map(([id, state]) => `| ${id} | Words. | ${state} |`)
  ].join('\n')

const testFile = (...titles: string[]): string => titles.map((title) => `it('${title}', () => {})\n`).join('')

/** The reporter's form; `file` is relative to the project under check. */
const report = (root: string, ran: Ran[]): string =>
  JSON.stringify({
    testResults: ran.map(({ title, status = 'passed', file = 'test/unit/a.test.ts', fileStatus = 'passed' }) => ({
      name: path.join(root, file),
      status: fileStatus,
      assertionResults: [{ title, ancestorTitles: ['group'], fullName: `group ${title}`, status }]
    }))
  })

async function check(files: Record<string, string>, ran: Ran[] | undefined, ...args: string[]) {
  using project = tempProject(files)
  if (ran !== undefined) {
    mkdirSync(path.join(project.root, '.cache'))
    writeFileSync(path.join(project.root, '.cache/vitest.json'), report(project.root, ran))
  }
  const result = await run(process.execPath, [
    path.join(projectRoot, 'scripts/check-behaviours.mjs'),
    '--root',
    project.root,
    ...args
  ])
  return {
    code: result.code,
    problems: result.stderr.split('\n').filter((line) => line !== ''),
    document: readFileSync(path.join(project.root, 'docs/behaviours.md'), 'utf8')
  }
}

const passing = {
  'docs/behaviours.md': table({ 'producer-1': 'built', 'store-41': 'planned', 'wire-W3': 'built' }),
  'test/unit/a.test.ts': testFile('producer-1 sends', 'wire-W3 refuses', 'reads store-5.3.3.tar.gz')
}
const ranAll: Ran[] = [{ title: 'producer-1 sends' }, { title: 'wire-W3 refuses' }]

describe('the behaviours check', () => {
  it('accepts built rows whose tests passed and planned rows without tests', async () => {
    expect(await check(passing, ranAll)).toMatchObject({ code: 0, problems: [] })
  })

  it('refuses a built row without a test', async () => {
    const files = { ...passing, 'docs/behaviours.md': table({ 'producer-1': 'built', 'wire-W3': 'built', 'net-N6': 'built' }) }
    expect(await check(files, ranAll)).toMatchObject({ code: 1, problems: ['net-N6: built, but no test has it in its title'] })
  })

  it('refuses a title whose id the table does not have', async () => {
    const files = { ...passing, 'test/unit/b.test.ts': testFile('producer-99 flies') }
    const { code, problems } = await check(files, [...ranAll, { title: 'producer-99 flies', file: 'test/unit/b.test.ts' }])
    expect([code, problems]).toEqual([1, ['producer-99: unknown, in a title of test/unit/b.test.ts']])
  })

  it('finds ids in the titles of tables and groups', async () => {
    // The ids are put in, so that the project's own check does not read them as titles of this file.
    const [group, each] = ['store-41', 'process-R1']
    const text = `describe('${group} codes', () => {\n  it.each([\n    [1]\n  ])('${each} %s', () => {})\n})\n`
    const { problems } = await check({ ...passing, 'test/unit/b.test.ts': text }, ranAll)
    expect(problems).toEqual([
      'store-41: planned, but tested in test/unit/b.test.ts: mark it built',
      'store-41: its test in test/unit/b.test.ts did not run',
      'process-R1: unknown, in a title of test/unit/b.test.ts',
      'process-R1: its test in test/unit/b.test.ts did not run'
    ])
  })

  it('asks to mark a planned row that has a test, and marks it when told to', async () => {
    const files = { ...passing, 'test/unit/b.test.ts': testFile('store-41 maps') }
    const ran = [...ranAll, { title: 'store-41 maps', file: 'test/unit/b.test.ts' }]
    expect(await check(files, ran)).toMatchObject({
      code: 1,
      problems: ['store-41: planned, but tested in test/unit/b.test.ts: mark it built']
    })
    const marked = await check(files, ran, '--mark')
    expect(marked).toMatchObject({ code: 0, problems: [] })
    expect(marked.document).toContain('| store-41 | Words. | built |')
  })

  it.each([
    ['did not run', undefined],
    ['is skipped', 'skipped'],
    ['is failed', 'failed']
  ])('refuses a named test that %s, and does not mark its row', async (words, status) => {
    const files = { ...passing, 'test/unit/b.test.ts': testFile('store-41 maps') }
    const ran = status === undefined ? ranAll : [...ranAll, { title: 'store-41 maps', file: 'test/unit/b.test.ts', status }]
    const { code, problems, document } = await check(files, ran, '--mark')
    expect(code).toBe(1)
    expect(problems.some((problem) => problem.startsWith('store-41') && problem.includes(words))).toBe(true)
    expect(document).toContain('| store-41 | Words. | planned |')
  })

  it('counts a passed test of a failed file as failed', async () => {
    const { problems } = await check(passing, [{ title: 'producer-1 sends', fileStatus: 'failed' }, { title: 'wire-W3 refuses' }])
    expect(problems).toEqual(["producer-1: 'group producer-1 sends' in test/unit/a.test.ts is passed (file failed)"])
  })

  it('excuses the tests of a suite that this host cannot run, and no others', async () => {
    const files = {
      ...passing,
      'docs/behaviours.md': table({ 'producer-1': 'built', 'wire-W3': 'built', 'wire-W13': 'built' }),
      'test/interop/java.test.ts': testFile('wire-W13 reads')
    }
    expect(await check(files, ranAll)).toMatchObject({ code: 1 })
    expect(await check(files, ranAll, '--not-run', 'interop')).toMatchObject({ code: 0 })
    expect(await check(files, ranAll, '--not-run', 'unit')).toMatchObject({ code: 1 })
  })

  it('refuses a table with rows twice, other states or malformed ids, and a missing report', async () => {
    const document = `${table({ 'producer-1': 'done', 'wire-3': 'planned' })}\n${table({ 'producer-1': 'planned' })}`
    expect((await check({ 'docs/behaviours.md': document }, undefined)).problems).toEqual([
      "producer-1: is 'done', neither planned nor built",
      'wire-3: not a valid id',
      'producer-1: listed twice',
      '.cache/ holds no test report: run the tests first'
    ])
  })
})
