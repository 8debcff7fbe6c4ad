import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './processes.js'

const runs = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** Whether there is Go, for the consumers of its client; without it they are left out. */
export const hasGo = () => runs('go', ['version'])

/** The host parts that this suite cannot do without, in words; empty where all are there. */
export function missingTools({ go = false } = {}) {
  const missing = []
  if (!runs('java', ['-version']) || !runs('javac', ['-version'])) missing.push('JDK')
  if (!runs('mvn', ['-version'])) missing.push('Maven')
  if (go && !hasGo()) missing.push('Go')
  return missing
}

export const nodePeerDirectory = fileURLToPath(new URL('../node/', import.meta.url))

/** Installs ali-ons beside its scripts, unless the version of the lock file is there. */
export async function installNodePeer() {
  const wanted = JSON.parse(readFileSync(join(nodePeerDirectory, 'package.json'), 'utf8')).dependencies['ali-ons']
  const installed = join(nodePeerDirectory, 'node_modules', 'ali-ons', 'package.json')
  if (existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version === wanted) return
  await run('npm ci', 'npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: nodePeerDirectory })
}

const goDirectory = fileURLToPath(new URL('../go/', import.meta.url))

/** Where {@link buildGo} puts a program. */
export const goProgram = (name) => join(goDirectory, 'target', name)

/** Builds one of the Go programs; the tool's own cache makes a second call cheap. */
export const buildGo = (name) => run('go build', 'go', ['build', '-o', join('target', name), `./${name}`], { cwd: goDirectory })
