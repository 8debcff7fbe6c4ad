import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type LockFile, type Manifest, type Packed, pack, readJson, runtimePackages } from './support/installed-package.ts'
import { run } from './support/run.ts'
import { projectRoot } from './support/temp-project.ts'

const manifest = readJson<Manifest>(projectRoot, 'package.json')
const lock = readJson<LockFile>(projectRoot, 'package-lock.json')

const entries = ['index', 'broker', 'testing', 'otel', 'prometheus']
/** All that is published; what entries share is in `dist/chunks/`. */
const exact = [
  'LICENSE',
  'README.md',
  'package.json',
  'dist/cli.js',
  ...entries.flatMap((entry) => ['js', 'cjs', 'd.ts', 'd.cts'].map((extension) => `dist/${entry}.${extension}`))
]
const chunk = /^dist\/chunks\/[a-z0-9-]+\.(?:js|cjs|d\.ts|d\.cts)$/
const maxUnpackedBytes = 3_000_000
const maxPackedBytes = 750_000

describe('the packed files', () => {
  let packed: Packed
  beforeAll(async () => {
    packed = await pack(projectRoot, '--dry-run')
  })

  it('supply-P1 are the entries, their chunks, manifest, licence and readme, and nothing else', () => {
    const names = packed.files.map((file) => file.path)
    expect(names.filter((name) => !chunk.test(name)).sort()).toEqual(exact.sort())
  })

  it('supply-P1 stay within their size', () => {
    expect(packed.unpackedSize).toBeLessThan(maxUnpackedBytes)
    expect(packed.size).toBeLessThan(maxPackedBytes)
  })

  it('supply-P1 hold no source map, key or path of the machine that built them', () => {
    const suspicious = [/sourceMappingURL/, /-----BEGIN [A-Z ]*PRIVATE KEY/, /\bfile:\/\/\//, /["'`(]\/(?:home|root|Users|tmp)\//]
    const found: string[] = []
    for (const { path: name } of packed.files) {
      const text = readFileSync(path.join(projectRoot, name), 'utf8')
      if (text.includes(projectRoot)) found.push(`${name}: ${projectRoot}`)
      for (const pattern of suspicious) if (pattern.test(text)) found.push(`${name}: ${pattern}`)
    }
    expect(found).toEqual([])
  })

  it('supply-P1 make one program executable, with a line that names node', () => {
    expect(manifest.bin).toEqual({ 'rocketmq-producer': 'dist/cli.js' })
    expect(readFileSync(path.join(projectRoot, 'dist/cli.js'), 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node')
  })
})

describe('installation', () => {
  it('supply-P2 runs no script of the package or of what it depends on', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']
    const found = hooks.filter((hook) => hook in manifest.scripts).map((hook) => `${manifest.name}: ${hook}`)
    for (const [folder, entry] of runtimePackages()) {
      if (entry.hasInstallScript === true) found.push(folder)
      const { scripts = {} } = readJson<Partial<Manifest>>(projectRoot, folder, 'package.json')
      // `prepare` runs where a package is developed, never where it is installed from a registry.
      for (const hook of hooks.slice(0, 3)) if (hook in scripts) found.push(`${folder}: ${hook}`)
    }
    expect(found).toEqual([])
  })

  it('supply-P2 builds no native code', () => {
    const native: string[] = []
    for (const [folder] of runtimePackages()) {
      const files = readdirSync(path.join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
      native.push(
        ...files.filter((file) => file.endsWith('.node') || file.endsWith('binding.gyp')).map((file) => `${folder}/${file}`)
      )
    }
    expect(native).toEqual([])
  })
})

describe('the lock file', () => {
  it('has an entry for every optional package of every platform, without which npm ci refuses it', async () => {
    expect(await run(process.execPath, ['scripts/complete-lock.mjs', '--check'])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('names no host', () => {
    const text = readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8')
    expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([])
    expect(text).not.toMatch(/registry/)
  })
})

describe('runtime dependencies', () => {
  it('supply-P3 are at most three, each within one major version', () => {
    const ranges = Object.values(manifest.dependencies)
    expect(ranges.length).toBeLessThanOrEqual(3)
    for (const range of ranges) expect(range).toMatch(/^\^[1-9]\d*\.\d+\.\d+$/)
  })

  it('supply-P3 and what they bring along are permissively licensed', () => {
    const permissive = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD']
    const packages = runtimePackages()
    expect(packages.length).toBeGreaterThanOrEqual(Object.keys(manifest.dependencies).length)
    expect(packages.filter(([, entry]) => !permissive.includes(entry.license ?? '')).map(([folder]) => folder)).toEqual([])
  })

  it('supply-P3 are all that the built files import, besides Node itself and optional peers', () => {
    const imported = new Set<string>()
    const files = readdirSync(path.join(projectRoot, 'dist'), { recursive: true, encoding: 'utf8' })
    for (const file of files.filter((name) => /\.(?:js|cjs|ts|cts)$/.test(name))) {
      const text = readFileSync(path.join(projectRoot, 'dist', file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
      for (const [, specifier = ''] of text.matchAll(/^(?:import|export)\b[^'"`;]*?["']([^'"]+)["']/gm)) imported.add(specifier)
      for (const [, specifier = ''] of text.matchAll(/\b(?:require|import)\(["']([^'"]+)["']\)/g)) imported.add(specifier)
    }
    const outside = [...imported].filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
    const named = { ...manifest.dependencies, ...manifest.peerDependencies }
    expect(outside.filter((name) => !(name in named))).toEqual([])
    expect(existsSync(path.join(projectRoot, 'dist/index.js'))).toBe(true)
  })
})
