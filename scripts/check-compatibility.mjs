#!/usr/bin/env node
// Holds the table "The producer's features" of docs/compatibility.md to what ran.
//
//   node scripts/check-compatibility.mjs [--not-run SUITE]... [--root DIR]
//
// The last two columns of a row say whether the feature is here, and what shows it. `yes` needs a behaviour id that is built, or a test
// file; each of them has to have run and passed, by the reports of the last test runs in .cache/*.json. `n/a` needs a reason there.
// --not-run    excuses the tests of test/SUITE/, because a part of this host is missing
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { excuser, idsIn, readRuns, readStates } from './test-reports.mjs'

const HEADING = "## The producer's features"
const TEST_FILE = /\btest\/[\w./-]+\.(?:test|interop)\.ts\b/g
/** A reason has at least so many characters. */
const SHORTEST_REASON = 10

/** The cells of each row below the heading, the table's head left out. */
function readRows(text, problems) {
  const at = text.indexOf(`${HEADING}\n`)
  if (at < 0) problems.push(`docs/compatibility.md has no section '${HEADING}'`)
  const section = at < 0 ? '' : text.slice(at + HEADING.length).split('\n## ')[0]
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  const rows = lines.map((line) =>
    line
      .replaceAll('\\|', '\u0000')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('\u0000', '|').trim())
  )
  if (rows.length < 3) problems.push('the table has no rows')
  return { columns: rows[0]?.length ?? 0, rows: rows.slice(2) }
}

function check({ root, notRun }) {
  const problems = []
  const { columns, rows } = readRows(readFileSync(path.join(root, 'docs/compatibility.md'), 'utf8'), problems)
  const states = readStates(readFileSync(path.join(root, 'docs/behaviours.md'), 'utf8'), problems)
  const { runs, found } = readRuns(root)
  if (found === 0) problems.push('.cache/ holds no test report: run the tests first')
  const excused = excuser(notRun)

  /** What is wrong with one thing that a row names, or undefined. */
  const wrongWith = (name, tests) => {
    const failed = tests.find((run) => !run.passed && !excused(run.file))
    if (failed !== undefined) return `${name}: '${failed.title}' in ${failed.file} is ${failed.status}`
    if (tests.some((run) => run.passed)) return undefined
    return excused(name) || tests.length > 0 ? undefined : `${name} did not run`
  }

  const seen = new Set()
  for (const row of rows) {
    const [feature] = row
    const problem = (text) => problems.push(`${feature}: ${text}`)
    if (row.length !== columns) {
      problem(`has ${row.length} columns, the table has ${columns}`)
      continue
    }
    const [here, shown] = row.slice(-2)
    if (feature === '') problem('a row has no feature')
    if (seen.has(feature)) problem('listed twice')
    seen.add(feature)
    if (here === 'n/a') {
      if (shown.length < SHORTEST_REASON) problem('n/a carries no reason')
      continue
    }
    if (!/^yes\b/.test(here)) problem(`is '${here}' here: neither yes nor n/a`)
    const ids = idsIn(shown)
    const files = shown.match(TEST_FILE) ?? []
    if (ids.length + files.length === 0) problem('names neither a behaviour nor a test file')
    for (const id of ids) {
      const state = states.get(id)
      if (state !== 'built') problem(`${id} is ${state ?? 'unknown'}`)
      const wrong = wrongWith(
        id,
        runs.filter((run) => run.ids.includes(id))
      )
      if (wrong !== undefined) problem(wrong)
    }
    for (const file of files) {
      if (!existsSync(path.join(root, file))) problem(`${file} does not exist`)
      const wrong = wrongWith(
        file,
        runs.filter((run) => run.file === file)
      )
      if (wrong !== undefined) problem(wrong)
    }
  }
  return { problems, rows: rows.length }
}

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    'not-run': { type: 'string', multiple: true, default: [] }
  }
})
const { problems, rows } = check({ root: path.resolve(values.root), notRun: values['not-run'] })
for (const problem of problems) console.error(problem)
console.log(`compatibility: ${rows} features, ${problems.length} problem${problems.length === 1 ? '' : 's'}`)
process.exitCode = problems.length === 0 ? 0 : 1
