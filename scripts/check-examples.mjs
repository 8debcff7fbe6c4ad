#!/usr/bin/env node
// Installs the packed project into a copy of each example project, as an application would, and runs the project's tests.
//
//   node scripts/check-examples.mjs [NAME]...     needs a build; installs the test runners from the registry
//
// Each project has a file `leak` with a test that forgets its producer: that run has to fail, and to name the test.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const LIMIT_MILLIS = 240_000
const LEAKS = {
  vitest: ['vitest', 'run', '--config', 'leak.config.js'],
  jest: ['jest', '--testMatch', '**/leak.js'],
  'node-test': ['node', '--test', 'leak.js']
}

/** @returns {{ status: number | null, output: string }} */
function run(cwd, command, ...args) {
  // A runner started by this one's runner would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const result = spawnSync(command, args, {
    cwd,
    env: { ...env, CI: '1', NO_COLOR: '1' },
    encoding: 'utf8',
    timeout: LIMIT_MILLIS
  })
  return { status: result.status, output: `${result.stdout}${result.stderr}${result.error ?? ''}` }
}

function must(cwd, ...command) {
  const { status, output } = run(cwd, ...command)
  if (status !== 0) throw new Error(`${command.join(' ')}: exit ${status}\n${output}`)
  return output
}

function check(name, tarball, folder) {
  cpSync(path.join(root, 'examples', name), folder, {
    recursive: true,
    filter: (file) => path.basename(file) !== 'node_modules'
  })
  must(folder, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--no-package-lock', tarball)
  must(folder, 'npm', 'test')
  const leak = run(folder, ...(LEAKS[name][0] === 'node' ? LEAKS[name] : ['npx', '--no-install', ...LEAKS[name]]))
  if (leak.status === 0 || !/test "forgets its producer": group "forgotten", started at .*leak\.js:\d+/.test(leak.output)) {
    throw new Error(`the run with a leak has to fail and name the test; exit ${leak.status}\n${leak.output}`)
  }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(LEAKS)
const work = mkdtempSync(path.join(tmpdir(), 'rocketmq-producer-examples-'))
let failed = 0
try {
  const packed = must(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', work)
  const tarball = path.join(work, JSON.parse(packed.slice(packed.indexOf('['), packed.lastIndexOf(']') + 1))[0].filename)
  for (const name of names) {
    const started = performance.now()
    try {
      if (!(name in LEAKS)) throw new Error(`unknown; there are ${Object.keys(LEAKS).join(', ')}`)
      check(name, tarball, path.join(work, name))
      console.log(`examples/${name}: ok, ${Math.round((performance.now() - started) / 1000)} s`)
    } catch (error) {
      failed++
      console.error(`examples/${name}: ${error.message}`)
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1
