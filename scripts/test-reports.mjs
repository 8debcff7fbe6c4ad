// What the documents' tables, the titles of the tests and the reports of the last runs say; shared by the checks that hold them together.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** `producer-12`, `store-41`, `wire-W3` ...; not the `store-5` of a version such as store-5.3.3. */
const ID = /\b(?:(?:producer|store|loopback|tool)-\d+|(?:wire|net|fault|process|security|supply)-[A-Z]\d+)\b(?!\.\d)/g
export const ROW =
  /^\|\s*((?:producer|store|loopback|tool|wire|net|fault|process|security|supply)-\S+)\s*\|(.*)\|\s*([^|]*?)\s*\|\s*$/
// The first argument of it(...), test.each(...)(...), describe.skip(...) and the like.
const TITLE = /(?:\b(?:it|test|describe)(?:\.\w+)*\s*\(|\)\s*\()\s*(['"`])((?:\\[\s\S]|(?!\1)[\s\S])*?)\1/g

export const idsIn = (text) => [...new Set(text.match(ID) ?? [])]

/** The state of each behaviour, by id. */
export function readStates(text, problems) {
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
export function readTitles(root) {
  const named = []
  const folder = path.join(root, 'test')
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  for (const name of files.map((file) => file.replaceAll(path.sep, '/')).sort()) {
    if (!/\.(?:test|interop)\.ts$/.test(name) || /(^|\/)(node_modules|fixtures)\//.test(name)) continue
    const titles = [...readFileSync(path.join(folder, name), 'utf8').matchAll(TITLE)].map((match) => match[2]).join('\n')
    for (const id of idsIn(titles)) named.push({ file: `test/${name}`, id })
  }
  return named
}

/** What the reports say: an entry for each test, with the ids in its full title. `found` counts the reports. */
export function readRuns(root) {
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
        runs.push({ file, ids: idsIn(title), title, passed, status: passed ? 'passed' : `${test.status} (file ${status})` })
      }
    }
  }
  return { runs, found }
}

/** Whether a file belongs to a suite that this host cannot run. */
export const excuser = (notRun) => (file) => notRun.some((suite) => file.startsWith(`test/${suite}/`))
