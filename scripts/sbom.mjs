#!/usr/bin/env node
// Prints the bill of materials (CycloneDX) of what an application gets with this package. npm calls it by the name of its folder.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const kinds = ['dev', 'optional', 'peer'].flatMap((kind) => ['--omit', kind])
const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'library', '--package-lock-only', ...kinds]
const bill = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }))
bill.metadata.component.name = JSON.parse(readFileSync(`${root}package.json`, 'utf8')).name
console.log(JSON.stringify(bill, undefined, 2))
