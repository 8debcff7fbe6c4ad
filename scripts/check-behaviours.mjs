#!/usr/bin/env node
// Holds docs/behaviours.md and the tests together; the document's first paragraphs say how.
//
//   node scripts/check-behaviours.mjs [--mark] [--not-run SUITE]... [--root DIR]
//
// Reads the table, the test titles in test/, and the reports of the last test runs in .cache/*.json.
// --mark       turns planned rows whose tests ran and passed into built ones, then checks
// --not-run    excuses the tests of test/SUITE/, because a part of this host is missing
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** `producer-12`, `store-41`, `wire-W3` ...; not the `store-5` of a version such as store-5.3.3. */
const ID = /\b(?:(?:producer|store)-\d+|(?:wire|net|fault|process|security|supply)-[A-Z]\d+)\b(?!\.\d)/g
const ROW = /^\|\s*((?:producer|store|wire|net|fault|process|security|supply)-\S+)\s*\|(.*)\|\s*([^|]*?)\s*\|\s*$/
// The first argument of it(...), test.each(...)(...), describe.skip(...) and the like.
const TITLE = /(?:\b(?:it|test|describe)(?:\.\w+)*\s*\(|\)\s*\()\s*(['"`])((?:\\[\s\S]|(?!\1)[\s\S])*?)\1/g

const idsIn = (text) => [...new Set(text.match(ID) ?? [])]

function readTable(text, problems) {
  const states = new Map()
  for (const line of text.split('\n')) {
    const [, id, words, state] = ROW.exec(line) ?? []
    if (id === undefined) continue
    if (idsIn(id)[0] !== id) problems.push(`${id}: not a valid id`)
    if (states.has(id)) problems.push(`${id}: listed twice`)
    if (words.trim() === '') problems.push(`${id}: says nothing`)
    if (state !== 'planned' && state !== 'built') problems.push(`${id}: is '${state}', neither planned nor built`)
    states.set(id, state)
  }
  if (states.size === 0) problems.push('the table has no rows')
  return states
}

/** What the test files say: an entry for each file and id. */
function readTitles(root) {
  const named = []
  const folder = path.join(root, 'test')
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  for (const name of files.map((file) => file.replaceAll(path.sep, '/')).sort()) {
    if (!name.endsWith('.test.ts') || /(^|\/)(node_modules|fixtures)\//.test(name)) continue
    const titles = [...readFileSync(path.join(folder, name), 'utf8').matchAll(TITLE)].map((match) => match[2]).join('\n')
    for (const id of idsIn(titles)) named.push({ file: `test/${name}`, id })
  }
  return named
}

/** What the reports say: an entry for each test with an id in its full title. */
function readRuns(root) {
  const runs = []
  const folder = path.join(root, '.cache')
  const reports = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  let found = 0
  for (const report of reports) {
    const { testResults } = JSON.parse(readFileSync(path.join(folder, report), 'utf8'))
    if (!Array.isArray(testResults)) continue
    found++
    for (const { name, status, assertionResults } of testResults) {
      const file = path.relative(root, name).replaceAll(path.sep, '/')
      for (const test of assertionResults) {
        const title = [...test.ancestorTitles, test.title].join(' ')
        const passed = test.status === 'passed' && status === 'passed'
        for (const id of idsIn(title))
          runs.push({ file, id, title, passed, status: passed ? 'passed' : `${test.status} (file ${status})` })
      }
    }
  }
  return { runs, found }
}

function check({ root, notRun, mark }) {
  const problems = []
  const document = path.join(root, 'docs/behaviours.md')
  let text = readFileSync(document, 'utf8')
  const states = readTable(text, problems)
  const named = readTitles(root)
  const { runs, found } = readRuns(root)
  if (found === 0) problems.push('.cache/ holds no test report: run the tests first')

  const excused = (file) => notRun.some((suite) => file.startsWith(`test/${suite}/`))
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
