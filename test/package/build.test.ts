import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { publint } from 'publint'
import { describe, expect, it } from 'vitest'
import { runTool } from './support/run.ts'
import { projectRoot } from './support/temp-project.ts'

describe('the published entries', { timeout: 60_000 }, () => {
  it('supply-P7 are in order for publint', async () => {
    const { messages } = await publint({ pkgDir: projectRoot, strict: true, pack: 'npm' })
    expect(messages).toEqual([])
  })

  it('supply-P7 resolve to matching types and code, as are-the-types-wrong sees it', async () => {
    const { code, stdout, stderr } = await runTool('attw', ['--pack', '.', '--profile', 'node16', '--format', 'ascii'])
    expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, ''])
  })

  /** The source files whose code a built file holds or statically imports. */
  function sourcesOf(file: string, seen = new Set<string>(), sources = new Set<string>()): Set<string> {
    if (seen.has(file)) return sources
    seen.add(file)
    const text = readFileSync(path.join(projectRoot, 'dist', file), 'utf8')
    for (const [, source = ''] of text.matchAll(/^\/\/#region (src\/\S+)/gm)) sources.add(source)
    for (const [, next = ''] of text.matchAll(/(?:\bfrom |\bimport |\brequire\()"(\.[^"]+)"/g)) {
      const target = path.posix.join(path.posix.dirname(file), next)
      sourcesOf(file.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target, seen, sources)
    }
    return sources
  }

  it.each(['index.js', 'index.cjs', 'index.d.ts'])('keep store, broker, name server and loopback out of dist/%s', (file) => {
    const sources = [...sourcesOf(file)]
    expect(sources.filter((source) => source.startsWith('src/producer/')).length).toBeGreaterThan(0)
    expect(sources.filter((source) => /^src\/(?:store|broker|nameserver|loopback|testing|cli)\//.test(source))).toEqual([])
  })
})

describe('the build', { timeout: 60_000 }, () => {
  it('supply-P6 gives the identical files when it is repeated elsewhere', async () => {
    const again = path.join(projectRoot, '.cache/build-again')
    mkdirSync(again, { recursive: true })
    try {
      const { code, stderr } = await runTool('tsdown', ['--out-dir', again])
      expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
      expect(contentOf(again)).toEqual(contentOf(path.join(projectRoot, 'dist')))
    } finally {
      rmSync(again, { recursive: true, force: true })
    }
  })

  /** Path and digest of every file. */
  function contentOf(folder: string): string[] {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(path.join(folder, file)).isFile()
    )
    return files.sort().map(
      (file) =>
        `${file} ${createHash('sha512')
          .update(readFileSync(path.join(folder, file)))
          .digest('hex')}`
    )
  }
})
