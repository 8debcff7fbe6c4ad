import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from './support/run.ts'
import { projectRoot, tempProject } from './support/temp-project.ts'

interface Ran {
  title?: string
  status?: string
  file?: string
}

// The ids are put in, so that the check of the behaviours does not read them as titles of this file.
const [sends, refuses] = ['producer-1', 'producer-2']
const FILE = 'test/unit/a.test.ts'

const table = (...rows: string[]): string =>
  [
    '# Compatibility',
    '| unrelated | table |',
    "## The producer's features",
    '',
    '| feature | Java | here | shown by |',
    '| --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
    '',
    '## Next',
    '| another | table |'
  ].join('\n')

/** The problems that the check finds, and its exit code. */
async function check(document: string, ran: Ran[] = [{}], ...args: string[]) {
  using project = tempProject({
    'docs/compatibility.md': document,
    'docs/behaviours.md': `| id | behaviour | state |\n| --- | --- | --- |\n| ${sends} | Words. | built |\n| ${refuses} | Words. | planned |\n`,
    [FILE]: ''
  })
  mkdirSync(path.join(project.root, '.cache'))
  const testResults = ran.map(({ title = `${sends} sends`, status = 'passed', file = FILE }) => ({
    name: path.join(project.root, file),
    status,
    assertionResults: [{ title, ancestorTitles: [], status }]
  }))
  writeFileSync(path.join(project.root, '.cache/vitest.json'), JSON.stringify({ testResults }))
  const script = path.join(projectRoot, 'scripts/check-compatibility.mjs')
  const { code, stdout, stderr } = await run(process.execPath, [script, '--root', project.root, ...args])
  return { code, last: stdout.trim(), problems: stderr.split('\n').filter((line) => line !== '') }
}

describe('the check of the features', () => {
  it('takes rows that name a behaviour or a test file that ran and passed, and n/a with a reason', async () => {
    const rows = [
      `send | yes | yes | ${sends}`,
      `abort | no | yes, more | ${FILE}`,
      'pop | yes | n/a | a consumer has it, no producer'
    ]
    expect(await check(table(...rows))).toEqual({ code: 0, last: 'compatibility: 3 features, 0 problems', problems: [] })
  })

  it.each([
    ['send | yes | yes | ', 'send: names neither a behaviour nor a test file'],
    ['send | yes | yes | soon', 'send: names neither a behaviour nor a test file'],
    ['send | yes | planned | producer-1', "send: is 'planned' here: neither yes nor n/a"],
    ['send | yes | n/a | no', 'send: n/a carries no reason'],
    [`send | yes | yes | ${refuses}`, `send: ${refuses} is planned`],
    ['send | yes | yes | store-77', 'send: store-77 is unknown'],
    ['send | yes | yes | test/unit/b.test.ts', 'send: test/unit/b.test.ts does not exist'],
    ['send | yes | yes', 'send: has 3 columns, the table has 4']
  ])('refuses the row "%s"', async (row, problem) => {
    const { code, problems } = await check(table(row))
    expect([code, problems[0]]).toEqual([1, problem])
  })

  it('refuses tests that failed, were skipped or did not run', async () => {
    const rows = table(`send | yes | yes | ${sends}`, `abort | no | yes | ${FILE}`)
    for (const status of ['failed', 'skipped']) {
      const { problems } = await check(rows, [{ status }])
      expect(problems.map((problem) => problem.split(' is ')[1])).toEqual([
        `${status} (file ${status})`,
        `${status} (file ${status})`
      ])
    }
    const other = [{ title: 'other', file: 'test/unit/c.test.ts' }]
    expect((await check(rows, other)).problems).toEqual([`send: ${sends} did not run`, `abort: ${FILE} did not run`])
  })

  it('excuses a suite that this host cannot run', async () => {
    const rows = table('wire | yes | yes | test/interop/a.interop.ts')
    const excused = await check(rows, [{}], '--not-run', 'interop')
    expect(excused.problems).toEqual(['wire: test/interop/a.interop.ts does not exist'])
    expect((await check(rows)).problems).toContain('wire: test/interop/a.interop.ts did not run')
  })

  it('refuses a document without the table, and a feature twice', async () => {
    expect((await check('# Compatibility')).problems).toContain('the table has no rows')
    const row = `send | yes | yes | ${sends}`
    expect((await check(table(row, row))).problems).toEqual(['send: listed twice'])
  })
})
