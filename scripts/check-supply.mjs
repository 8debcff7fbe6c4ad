#!/usr/bin/env node
// What can be said about the package's supply without a registry, and without credentials.
//
//   node scripts/check-supply.mjs [--root DIR] [--only secrets,code,workflows,sbom,build]
//
// secrets    no file of the repository holds a key, a token or a password
// code       nothing in src/ runs text as code, starts programs or talks to hosts on its own
// workflows  actions are pinned by commit, permissions are the least, nothing runs with the rights of a stranger's pull request
// sbom       the bill of materials (CycloneDX, by `npm run sbom`) lists what is installed with the package, with licences, and nothing else
// build      two builds from clean copies of the repository give the identical package
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    only: { type: 'string', default: 'secrets,code,workflows,sbom,build' }
  }
})
const root = path.resolve(values.root)
const problems = []

const SECRETS = {
  'a private key': /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}/,
  'an access key of a cloud': /\b(?:AKIA|ASIA|LTAI)[A-Z0-9a-z]{16,24}\b/,
  'a token of a code host': /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,}|glpat-[\w-]{20})\b/,
  'a token of a registry': /\bnpm_[A-Za-z0-9]{36}\b|_authToken\s*=\s*[^\s${]/,
  'a token of a chat': /\bxox[abprs]-[A-Za-z0-9-]{20,}/,
  'a web token': /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  'a password in an address': /\b[a-z][a-z+]{2,9}:\/\/[\w.-]+:[^\s@/$<'"`]{6,}@[\w.-]+/
}
/** In src/. `allowed` names the files that have a reason. */
const CODE = [
  { what: 'runs text as code', pattern: /\beval\(|\bnew Function\(|\bnode:vm\b/, allowed: [] },
  { what: 'starts programs', pattern: /\bnode:(?:child_process|cluster)\b/, allowed: [] },
  { what: 'talks over other protocols', pattern: /\bnode:(?:https?|http2|dgram|inspector)\b|\bfetch\(/, allowed: [] },
  {
    what: 'changes objects of everybody',
    pattern: /\b(?:Object|Array|String|Promise|Function)\.prototype\.\w+ = |__proto__/,
    allowed: []
  },
  {
    what: 'turns off the check of certificates',
    pattern: /NODE_TLS_REJECT_UNAUTHORIZED|rejectUnauthorized: false/,
    // A warning to who does it; brokers that register at the name server of their own process.
    allowed: ['src/client/mq-client-instance.ts', 'src/loopback/broker-groups.ts']
  }
]

const files = () =>
  execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((name) => name !== '')
const withoutComments = (text) => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g, '')

function secrets() {
  let count = 0
  for (const name of files()) {
    const bytes = readFileSync(path.join(root, name))
    if (bytes.includes(0)) continue
    count++
    const text = bytes.toString('utf8')
    for (const [what, pattern] of Object.entries(SECRETS)) {
      const found = pattern.exec(text)
      if (found !== null) problems.push(`${name}:${text.slice(0, found.index).split('\n').length}: looks like ${what}`)
    }
  }
  return `${count} files without secrets`
}

function code() {
  const sources = files().filter((name) => name.startsWith('src/') && name.endsWith('.ts'))
  for (const name of sources) {
    const text = withoutComments(readFileSync(path.join(root, name), 'utf8'))
    for (const { what, pattern, allowed } of CODE) {
      if (pattern.test(text) && !allowed.includes(name)) problems.push(`${name}: ${what} (${pattern.exec(text)[0].trim()})`)
    }
  }
  return `${sources.length} source files`
}

function workflows() {
  const names = files().filter((name) => /^\.github\/workflows\/.+\.ya?ml$/.test(name))
  if (names.length === 0) problems.push('.github/workflows/ is empty')
  for (const name of names) {
    const text = readFileSync(path.join(root, name), 'utf8')
    for (const [, used] of text.matchAll(/^\s*(?:- )?uses:\s*(.+)$/gm)) {
      if (!/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d/.test(used))
        problems.push(`${name}: ${used} is not pinned by commit, with the version behind it`)
    }
    if (!/^permissions:\n(?: {2}contents: read\n|.*\{\}\n)/m.test(text))
      problems.push(`${name}: gives more than read access by default`)
    if (/pull_request_target|workflow_run/.test(text))
      problems.push(`${name}: runs with the rights of the repository for a stranger`)
    if (/\$\{\{\s*(?:github\.event|secrets)\./.test(text)) problems.push(`${name}: puts secrets or foreign text into a command`)
    if (/npm publish/.test(text) && !/npm publish[^\n]*--provenance/.test(text))
      problems.push(`${name}: publishes without provenance`)
    if (/npm publish/.test(text) && !(/id-token: write/.test(text) && /^\s+environment: /m.test(text))) {
      problems.push(`${name}: publishing needs id-token: write and a protected environment`)
    }
  }
  return `${names.length} workflows`
}

function sbom() {
  const bill = JSON.parse(execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }))
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  const runtime = Object.entries(packages).filter(
    ([folder, { dev, optional, peer }]) => folder !== '' && !dev && !optional && !peer
  )
  const wanted = runtime.map(([folder, { version }]) => `${folder.split('node_modules/').at(-1)}@${version}`).sort()
  const listed = bill.components.map(({ name, version }) => `${name}@${version}`).sort()
  if (bill.bomFormat !== 'CycloneDX') problems.push(`the bill of materials is ${bill.bomFormat}, not CycloneDX`)
  if (listed.join() !== wanted.join())
    problems.push(`the bill of materials lists ${listed.join(', ')}; installed are ${wanted.join(', ')}`)
  for (const { name, licenses, hashes } of bill.components) {
    if (!licenses?.length) problems.push(`the bill of materials has no licence of ${name}`)
    if (!hashes?.length) problems.push(`the bill of materials has no digest of ${name}`)
  }
  return `${bill.bomFormat} ${bill.specVersion} with ${listed.join(', ')}`
}

function build() {
  const [first, second] = ['a', 'another-folder'].map((name) => {
    const work = mkdtempSync(path.join(tmpdir(), `rocketmq-producer-${name}-`))
    try {
      for (const file of files()) {
        if (!/^(?:src\/|[^/]+$)/.test(file)) continue
        mkdirSync(path.dirname(path.join(work, file)), { recursive: true })
        cpSync(path.join(root, file), path.join(work, file))
      }
      symlinkSync(path.join(root, 'node_modules'), path.join(work, 'node_modules'))
      execFileSync('npm', ['run', '--silent', 'build'], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] })
      const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--dry-run'], { cwd: work, encoding: 'utf8' })
      return JSON.parse(packed)[0]
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
  if (first.integrity !== second.integrity) problems.push(`two clean builds differ: ${first.integrity} and ${second.integrity}`)
  return `${first.filename} of ${first.files.length} files, twice ${first.integrity.slice(0, 20)}...`
}

const CHECKS = { secrets, code, workflows, sbom, build }
for (const name of values.only.split(',')) {
  if (!(name in CHECKS)) throw new Error(`--only ${name}: allowed are ${Object.keys(CHECKS).join(', ')}`)
  console.log(`${name}: ${CHECKS[name]()}`)
}
for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
