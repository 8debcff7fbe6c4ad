import { chmodSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { run } from './support/run.ts'
import { projectRoot, tempProject } from './support/temp-project.ts'

/** Runs `.ci/run` with an `npm` and `npx` that only answer as `answers` says: arguments as a shell pattern, to a shell command. */
async function ci(answers: Record<string, string>, env: NodeJS.ProcessEnv = {}) {
  const cases = Object.entries(answers).map(([pattern, command]) => `  ${pattern.replaceAll(' ', '\\ ')}) ${command} ;;`)
  const program = ['#!/bin/bash', 'echo "$(basename "$0") $*" >> calls', 'case "$*" in', ...cases, 'esac', ''].join('\n')
  using project = tempProject({
    '.ci/run': readFileSync(path.join(projectRoot, '.ci/run'), 'utf8'),
    'bin/npm': program,
    'bin/npx': program
  })
  for (const name of ['npm', 'npx']) chmodSync(path.join(project.root, 'bin', name), 0o755)
  const { code, stdout } = await run('bash', ['.ci/run'], {
    cwd: project.root,
    env: { ALLOW_NOT_RUN: undefined, ...env, PATH: `${path.join(project.root, 'bin')}:${process.env.PATH}` }
  })
  return {
    code,
    calls: readFileSync(path.join(project.root, 'calls'), 'utf8').trim().split('\n'),
    failed: stdout.split('\n').filter((line) => line.startsWith('failed: ')),
    last: stdout.trimEnd().split('\n').at(-1)
  }
}

it('the CI run installs once, starts, tests and checks, and its last line counts the suites', async () => {
  const { code, calls, failed, last } = await ci({})
  expect([code, failed, last]).toEqual([0, [], '15 run, 0 not run'])
  expect(calls.slice(0, 3)).toEqual(['npm ci', 'npm start', 'npm test'])
  expect(calls.slice(-2)).toEqual(['npm run --silent check:behaviours --', 'npm run --silent check:compatibility --'])
})

it('the CI run goes on after a failed suite, and fails', async () => {
  const { code, calls, failed, last } = await ci({ test: 'exit 3', 'run --silent lint*': 'exit 1' })
  expect([code, failed, last]).toEqual([1, ['failed: tests', 'failed: lint'], '15 run, 0 not run'])
  expect(calls).toHaveLength(15)
})

it('the CI run fails on a suite that did not run, unless that is allowed, and tells the behaviours check', async () => {
  const answers = { 'vitest*interop*': "echo 'not run: interop: no Maven'" }
  const refused = await ci(answers)
  expect([refused.code, refused.failed.length, refused.last]).toEqual([1, 1, '14 run, 1 not run'])
  const other = await ci(answers, { ALLOW_NOT_RUN: 'root' })
  expect([other.code, other.last]).toEqual([1, '14 run, 1 not run'])
  const allowed = await ci(answers, { ALLOW_NOT_RUN: 'root,interop' })
  expect([allowed.code, allowed.failed, allowed.last]).toEqual([0, [], '14 run, 1 not run'])
  expect(allowed.calls.slice(-2)).toEqual([
    'npm run --silent check:behaviours -- --not-run=interop',
    'npm run --silent check:compatibility -- --not-run=interop'
  ])
})

it('the CI run installs a second time when the first failed, and ends when both did', async () => {
  const once = await ci({ ci: '[ -e tried ] || { touch tried; exit 1; }' })
  expect([once.code, once.failed, once.last]).toEqual([0, [], '15 run, 0 not run'])
  const never = await ci({ ci: 'exit 1' })
  expect([never.code, never.failed, never.calls]).toEqual([1, ['failed: install'], ['npm ci', 'npm ci']])
})
