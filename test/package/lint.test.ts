import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runTool } from './support/run.ts'
import { projectRoot, tempProject } from './support/temp-project.ts'

/** The layer rule: what stands directly before each layer. Said here a second time on purpose, to check the linter's table. */
const directlyBefore: Record<string, string[]> = {
  internal: [],
  protocol: ['internal'],
  transport: ['protocol'],
  client: ['transport'],
  producer: ['client'],
  extras: ['producer'],
  store: ['protocol'],
  nameserver: ['transport'],
  broker: ['transport', 'store'],
  loopback: ['nameserver', 'broker'],
  testing: ['loopback', 'producer']
}
const layers = [...Object.keys(directlyBefore), 'cli']

function mayImport(from: string, to: string): boolean {
  return from === 'cli' || from === to || (directlyBefore[from] ?? []).some((before) => mayImport(before, to))
}

interface Finding {
  category: string
  file: string
}

async function lint(files: Record<string, string>): Promise<Finding[]> {
  const config = JSON.parse(readFileSync(path.join(projectRoot, 'biome.json'), 'utf8'))
  config.vcs = { enabled: false }
  using project = tempProject({ ...files, 'biome.json': JSON.stringify(config) })
  const { stdout } = await runTool('biome', ['lint', '--reporter=json', '--max-diagnostics=none', '.'], { cwd: project.root })
  const report = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string | { file: string } } }[] }
  return report.diagnostics.map(({ category, location }) => ({
    category,
    file: typeof location.path === 'string' ? location.path : location.path.file
  }))
}

const filesWith = (findings: Finding[], category: string): string[] =>
  [...new Set(findings.filter((finding) => finding.category === category).map(({ file }) => file))].sort()

describe('the linter', () => {
  it('refuses every import against the layers, values, types and dynamic ones alike, and no other', async () => {
    const files: Record<string, string> = {}
    const refused: string[] = []
    const add = (file: string, text: string, allowed: boolean): void => {
      files[file] = text
      if (!allowed) refused.push(file)
    }
    for (const to of layers) files[`src/${to}/thing.ts`] = 'export const thing = 1\nexport type Thing = number\n'
    for (const from of layers) {
      for (const to of layers) {
        const allowed = mayImport(from, to)
        add(`src/${from}/value-${to}.ts`, `import { thing } from '../${to}/thing.ts'\nexport const x = thing\n`, allowed)
        add(
          `src/${from}/part/type-${to}.ts`,
          `import type { Thing } from '../../${to}/thing.ts'\nexport type X = Thing\n`,
          allowed
        )
        add(`src/${from}/lazy-${to}.ts`, `export const x = () => import('../${to}/thing.ts')\n`, allowed)
      }
    }
    // A layer's own folder may bear another layer's name.
    add('src/broker/send/own.ts', "import { thing } from '../client/thing.ts'\nexport const x = thing\n", true)
    add('src/broker/client/thing.ts', 'export const thing = 1\n', true)
    expect(filesWith(await lint(files), 'lint/style/noRestrictedImports')).toEqual(refused.sort())
  })

  it.each([
    ['index.ts', 'producer'],
    ['broker.ts', 'loopback']
  ])('lets the entry src/%s reach %s and what stands before it, nothing else', async (entry, layer) => {
    // One small tree for each target, since an entry's name is fixed.
    const files: Record<string, string> = {}
    for (const to of layers) {
      files[`${to}/src/${entry}`] = `export { thing } from './${to}/thing.ts'\n`
      files[`${to}/src/${to}/thing.ts`] = 'export const thing = 1\n'
    }
    const refused = layers.filter((to) => !mayImport(layer, to)).map((to) => `${to}/src/${entry}`)
    expect(filesWith(await lint(files), 'lint/style/noRestrictedImports')).toEqual(refused.sort())
  })

  it('keeps sockets out of protocol and store, and test runners out of src', async () => {
    const findings = await lint({
      'src/protocol/a.ts': "import { connect } from 'node:net'\nexport const x = connect\n",
      'src/store/b.ts': "import { connect } from 'node:tls'\nexport const x = connect\n",
      'src/protocol/c.ts': "import { isIP } from 'node:net'\nexport const x = isIP\n",
      'src/transport/d.ts': "import { connect } from 'node:net'\nexport const x = connect\n",
      'src/testing/e.ts': "import { expect } from 'vitest'\nexport const x = expect\n"
    })
    expect(filesWith(findings, 'lint/style/noRestrictedImports')).toEqual([
      'src/protocol/a.ts',
      'src/store/b.ts',
      'src/testing/e.ts'
    ])
  })

  it('refuses import cycles, of types only too', async () => {
    const findings = await lint({
      'src/client/a.ts': "import { b } from './b.ts'\nexport const a = (): number => b()\n",
      'src/client/b.ts': "import { a } from './a.ts'\nexport const b = (): number => a()\n",
      'src/client/c.ts': "import type { D } from './d.ts'\nexport interface C {\n  d: D\n}\n",
      'src/client/d.ts': "import type { C } from './c.ts'\nexport interface D {\n  c: C\n}\n",
      'src/client/e.ts': "import type { C } from './c.ts'\nexport type E = C\n"
    })
    expect(filesWith(findings, 'lint/suspicious/noImportCycles')).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => `src/client/${name}.ts`)
    )
  })

  it.each([
    ['style/noDefaultExport', 'export default 1\n'],
    ['suspicious/noExplicitAny', 'export const x = (y: any): void => y\n'],
    ['style/noEnum', 'export enum X {\n  A\n}\n'],
    ['style/noNamespace', 'export namespace X {\n  export const y = 1\n}\n'],
    ['style/useImportType', "import { Thing } from './thing.ts'\nexport type X = Thing\n"],
    ['nursery/noFloatingPromises', 'async function f(): Promise<void> {}\nexport const x = (): void => {\n  f()\n}\n'],
    ['suspicious/noSkippedTests', "import { it } from 'vitest'\nit.skip('x', () => {})\n"]
  ])('refuses %s', async (rule, text) => {
    const findings = await lint({ 'src/client/x.ts': text, 'src/client/thing.ts': 'export type Thing = number\n' })
    expect(filesWith(findings, `lint/${rule}`)).toEqual(['src/client/x.ts'])
  })
})

describe('the source tree', () => {
  const sources = readdirSync(path.join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts')
  )

  // The linter judges the text of an import; this judges where it leads, so no detour gets past.
  it('has no import that leads against the layers', () => {
    const wrong: string[] = []
    for (const file of sources) {
      const text = readFileSync(path.join(projectRoot, 'src', file), 'utf8')
      for (const [, specifier = ''] of text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']*)'/g)) {
        const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier))
        const from = file.includes('/')
          ? file.slice(0, file.indexOf('/'))
          : {
              'index.ts': 'producer',
              'broker.ts': 'loopback',
              'otel.ts': 'extras',
              'prometheus.ts': 'extras',
              'testing.ts': 'testing'
            }[file]
        const to = target.includes('/') ? target.slice(0, target.indexOf('/')) : target
        if (from === undefined || target.startsWith('..') || !mayImport(from, to)) wrong.push(`${file} -> ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
