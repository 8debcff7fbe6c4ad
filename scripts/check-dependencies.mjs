#!/usr/bin/env node
// Installs what an application gets with this package, with install scripts off, loads it,
// and asks the registry for advisories of high or critical severity.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'rocketmq-producer-install-'))
try {
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) cpSync(path.join(root, name), path.join(folder, name))
  execFileSync('npm', ['ci', '--ignore-scripts', '--omit=dev', '--prefer-offline'], { cwd: folder, stdio: 'inherit' })
  const { dependencies } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    execFileSync(process.execPath, ['--input-type=module', '--eval', `await import('${name}')`], {
      cwd: folder,
      stdio: 'inherit'
    })
  }
  console.log(`installs with scripts off and loads: ${Object.keys(dependencies).join(', ')}`)

  const audit = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: folder, encoding: 'utf8' })
  const { metadata, message } = JSON.parse(audit.stdout || '{}')
  if (metadata?.vulnerabilities === undefined) {
    // Mirrors serve packages without advisories; that is no fault of this package.
    console.log(`advisories: unknown, the registry gives none (${message ?? 'no answer'})`)
  } else {
    const { high, critical } = metadata.vulnerabilities
    console.log(`advisories: ${high} high, ${critical} critical`)
    if (high + critical > 0) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
