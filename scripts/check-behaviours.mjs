#!/usr/bin/env node
// Holds docs/behaviours.md and the tests together; the document's first paragraphs say how.
//
//   node scripts/check-behaviours.mjs [--mark] [--not-run SUITE]... [--root DIR]
//
// Reads the table, the test titles in test/, and the reports of the last test runs in .cache/*.json.
// --mark       turns planned rows whose tests ran and passed into built ones, then checks
// --not-run    excuses the tests of test/SUITE/, because a part of this host is missing
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { excuser, ROW, readRuns, readStates, readTitles } from './test-reports.mjs'

function check({ root, notRun, mark }) {
  const problems = []
  const document = path.join(root, 'docs/behaviours.md')
  let text = readFileSync(document, 'utf8')
  const states = readStates(text, problems)
  const named = readTitles(root)
  const { runs: all, found } = readRuns(root)
  const runs = all.flatMap(({ ids, ...run }) => ids.map((id) => ({ ...run, id })))
  if (found === 0) problems.push('.cache/ holds no test report: run the tests first')

  const excused = excuser(notRun)
  const tests = new Map()
  for (const { id, file } of [...named, ...runs]) tests.set(id, (tests.get(id) ?? new Set()).add(file))
  const passed = (id, file) => runs.some((run) => run.id === id && run.file === file && run.passed)
  const failed = runs.filter((run) => !run.passed && !excused(run.file))

  if (mark) {
    const ready = (id) =>
      [...(tests.get(id) ?? [])].some((file) => passed(id, file)) &&
      [...tests.get(id)].every((file) => passed(id, file) || excused(file)) &&
      !failed.some((run) => run.id === id)
    const lines = text.split('\n').map((line) => {
      const [, id, , state] = ROW.exec(line) ?? []
      if (state !== 'planned' || !ready(id)) return line
      states.set(id, 'built')
      return line.replace(/\|\s*planned\s*\|\s*$/, '| built |')
    })
    if (lines.join('\n') !== text) {
      text = lines.join('\n')
      writeFileSync(document, text)
    }
  }

  for (const [id, state] of states) {
    const files = tests.get(id)
    if (state === 'built' && files === undefined) problems.push(`${id}: built, but no test has it in its title`)
    if (state === 'planned' && files !== undefined)
      problems.push(`${id}: planned, but tested in ${[...files].join(', ')}: mark it built`)
  }
  for (const [id, files] of tests) {
    if (!states.has(id)) problems.push(`${id}: unknown, in a title of ${[...files].join(', ')}`)
    for (const file of files) {
      const ran = runs.some((run) => run.id === id && run.file === file)
      if (!ran && !excused(file)) problems.push(`${id}: its test in ${file} did not run`)
    }
  }
  for (const { id, file, title, status } of failed) problems.push(`${id}: '${title}' in ${file} is ${status}`)
  return { problems, states, tests }
}

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    'not-run': { type: 'string', multiple: true, default: [] },
    mark: { type: 'boolean', default: false }
  }
})
const { problems, states } = check({ root: path.resolve(values.root), notRun: values['not-run'], mark: values.mark })
for (const problem of problems) console.error(problem)
const built = [...states.values()].filter((state) => state === 'built').length
console.log(
  `behaviours: ${states.size}, ${built} built, ${states.size - built} planned, ${problems.length} problem${problems.length === 1 ? '' : 's'}`
)
process.exitCode = problems.length === 0 ? 0 : 1
