import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { run } from './run.ts'
import { projectRoot } from './temp-project.ts'

interface PackedFile {
  path: string
  size: number
  mode: number
}

export interface Packed {
  filename: string
  size: number
  unpackedSize: number
  integrity: string
  files: PackedFile[]
}

export interface LockedPackage {
  version: string
  license?: string
  dev?: boolean
  optional?: boolean
  resolved?: string
  hasInstallScript?: boolean
  dependencies?: Record<string, string>
}

export interface LockFile {
  packages: Record<string, LockedPackage>
}

export interface Manifest {
  name: string
  version: string
  scripts: Record<string, string>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
  exports: Record<string, unknown>
  bin: Record<string, string>
}

export const readJson = <T>(...name: string[]): T => JSON.parse(readFileSync(path.join(...name), 'utf8')) as T

/** Packs the project in `root` as it is built there. */
export async function pack(root: string, ...args: string[]): Promise<Packed> {
  const { code, stdout, stderr } = await run('npm', ['pack', '--json', '--ignore-scripts', ...args], { cwd: root })
  if (code !== 0) throw new Error(`npm pack: ${stderr}`)
  const [packed] = JSON.parse(stdout) as [Packed]
  return packed
}

/** The packages an application gets with this one, by folder in `node_modules`. */
export function runtimePackages(): [string, LockedPackage][] {
  const { packages } = readJson<LockFile>(projectRoot, 'package-lock.json')
  return Object.entries(packages).filter(([folder, entry]) => folder !== '' && entry.dev !== true && entry.optional !== true)
}

/**
 * An application folder that has installed the packed project with its runtime dependencies and nothing else.
 * The dependencies are copied from this checkout, so no registry is asked.
 */
export async function installedPackage(): Promise<{ root: string; [Symbol.dispose](): void }> {
  const root = mkdtempSync(path.join(tmpdir(), 'rocketmq-producer-app-'))
  const target = path.join(root, 'node_modules/rocketmq-producer')
  mkdirSync(target, { recursive: true })
  // Its own manifest: without one Node would look for the package's name in the folders above.
  writeFileSync(path.join(root, 'package.json'), '{ "name": "app", "private": true }\n')
  const { filename } = await pack(projectRoot, '--pack-destination', root)
  const { code, stderr } = await run('tar', ['-xzf', path.join(root, filename), '-C', target, '--strip-components=1'])
  if (code !== 0) throw new Error(`tar: ${stderr}`)
  for (const [folder] of runtimePackages()) cpSync(path.join(projectRoot, folder), path.join(root, folder), { recursive: true })
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}
