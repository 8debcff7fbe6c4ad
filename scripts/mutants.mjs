#!/usr/bin/env node
// Shows that the tests bite: applies the breaks of test/mutants/mutants.mjs one by one, in copies of this checkout, and runs the one
// test file that has to notice. Prints a line a mutant; ends with 1 when one survives, or dies of another test than the named one.
//
//   node scripts/mutants.mjs [--jobs 2] [TEXT]     TEXT: only mutants whose file or test holds it
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutants } from '../test/mutants/mutants.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const LIMIT_MILLIS = 120_000

/** Runs test files in `folder`; resolves with the titles of what failed, and whether anything ran. */
function runTests(folder, files) {
  // Where vitest.config.ts puts it.
  const report = path.join(folder, '.cache/vitest.json')
  rmSync(report, { force: true })
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', ...files, '--pool=forks']
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, TEST_SEED: '7' } })
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MILLIS)
    child.once('exit', () => {
      clearTimeout(timer)
      try {
        const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
        const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
        const failed = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)
        resolve({ failed, passed: tests.length - failed.length, broken: tests.length === 0 })
      } catch {
        resolve({ failed: [], passed: 0, broken: true })
      }
    })
  })
}

async function tryMutant(folder, { file, test, from, to, killer }) {
  const target = path.join(folder, file)
  const original = readFileSync(target, 'utf8')
  if (original.split(from).length !== 2)
    return `${from} stands ${original.split(from).length - 1} times in the file, it has to be once`
  writeFileSync(
    target,
    original.replace(from, () => to)
  )
  try {
    const { failed, broken } = await runTests(folder, [test])
    if (broken) return 'the test file did not run'
    if (failed.length === 0) return 'survived'
    const killers = failed.filter((title) => title.includes(killer))
    return killers.length > 0 ? { by: killers[0] } : `dies of another test than "${killer}": ${failed.join('; ')}`
  } finally {
    writeFileSync(target, original)
  }
}

function copyOfCheckout() {
  const folder = mkdtempSync(path.join(tmpdir(), 'rocketmq-producer-mutants-'))
  for (const name of ['src', 'test', 'package.json', 'vitest.config.ts', 'tsconfig.json', 'biome.json']) {
    cpSync(path.join(root, name), path.join(folder, name), {
      recursive: true,
      filter: (file) => path.basename(file) !== 'node_modules'
    })
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  return folder
}

const { values, positionals } = parseArgs({ options: { jobs: { type: 'string', default: '2' } }, allowPositionals: true })
const [text = ''] = positionals
const todo = mutants.filter(({ file, test }) => `${file} ${test}`.includes(text))
const folders = Array.from({ length: Math.max(1, Math.min(Number(values.jobs) || 1, 8)) }, copyOfCheckout)
const began = performance.now()
let bad = 0
try {
  const { failed, broken } = await runTests(folders[0], [...new Set(todo.map(({ test }) => test))])
  if (broken || failed.length > 0) {
    console.error(`without any mutant: ${broken ? 'nothing ran' : failed.join('; ')}`)
    bad = todo.length
  } else {
    const queue = [...todo]
    const work = async (folder) => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const outcome = await tryMutant(folder, mutant)
        const where = `${mutant.file}: ${mutant.from.trim()} -> ${mutant.to || '(nothing)'}`
        if (typeof outcome === 'object') console.log(`killed   ${where}\n         by ${outcome.by}`)
        else {
          bad++
          console.log(`SURVIVES ${where}\n         ${outcome}`)
        }
      }
    }
    await Promise.all(folders.map(work))
  }
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
console.log(`${todo.length - bad} of ${todo.length} mutants killed, ${Math.round((performance.now() - began) / 1000)} s`)
process.exitCode = bad === 0 ? 0 : 1
