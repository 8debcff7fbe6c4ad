#!/usr/bin/env node
// Adds the optional platform packages that npm left out of package-lock.json; `--check` only says which are missing.
//
// Tools with native parts list one optional package a platform. A registry mirror that lacks some of them makes
// `npm install` write a lock file without their entries, and `npm ci` refuses such a file on every machine.
// The entries added here name version and platform, so npm passes over them wherever the platform is another one.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url))
const lock = JSON.parse(readFileSync(file, 'utf8'))

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

/** `@scope/binding-linux-arm64-musl` to `{ cpu: ['arm64'], os: ['linux'], libc: ['musl'] }`. */
function platformOf(name) {
  const words = name.slice(name.lastIndexOf('/') + 1).split('-')
  const os = words.find((word) => systems.includes(word))
  const cpu = words.find((word) => processors.includes(word))
  if (os === undefined || cpu === undefined) throw new Error(`${name}: its platform cannot be told from its name`)
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined
  return { cpu: [cpu], libc, os: [os] }
}

const added = []
for (const [folder, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (`node_modules/${name}` in lock.packages || `${folder}/node_modules/${name}` in lock.packages) continue
    added.push(`${name}@${range}`)
    if (!/^\d+\.\d+\.\d+$/.test(range)) throw new Error(`${name}: ${range} is not one version`)
    const { cpu, libc, os } = platformOf(name)
    lock.packages[`node_modules/${name}`] = {
      version: range,
      cpu,
      ...(entry.dev && { dev: true }),
      ...(libc && { libc }),
      optional: true,
      os
    }
  }
}

for (const name of added) console.log(name)
if (process.argv.includes('--check')) {
  process.exitCode = added.length === 0 ? 0 : 1
} else if (added.length > 0) {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}
