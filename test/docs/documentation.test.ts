import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../package/support/run.ts'
import { projectRoot } from '../package/support/temp-project.ts'

const read = (...name: string[]): string => readFileSync(path.join(projectRoot, ...name), 'utf8')

/** Documents whose `js` blocks are whole programs, or excerpts that name their file in the first line. */
const documents = ['testing', 'delivery', 'migration', 'errors'].map((name) => `docs/${name}.md`)
const blocks = documents.flatMap((name) =>
  [...read(name).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = ''], i) => ({ name, i, language, text }))
)
const excerpts = blocks.filter(({ text }) => text.startsWith('// examples/'))
const programs = blocks.filter((block) => !excerpts.includes(block))

describe('the documentation', { timeout: 60_000 }, () => {
  it('tool-5 has only blocks that are tried out', () => {
    expect(programs.filter(({ language }) => language !== 'js')).toEqual([])
    expect([programs.length >= 4, excerpts.length >= 3]).toEqual([true, true])
  })

  it.each(excerpts)('tool-5 $name quotes a file of examples that the CI runs, block $i', ({ text }) => {
    const [first = '', ...lines] = text.split('\n')
    expect(read(first.slice(3))).toContain(lines.join('\n'))
  })

  it.each(programs)('tool-5 $name runs as it stands, block $i', async ({ name, i, text }) => {
    // Inside the checkout the package finds itself by its name.
    const folder = path.join(projectRoot, '.cache/docs')
    mkdirSync(folder, { recursive: true })
    const file = path.join(folder, `${path.basename(name, '.md')}-${i}.mjs`)
    writeFileSync(file, text)
    try {
      const { code, stdout, stderr } = await run(process.execPath, [file], { env: { NODE_TEST_CONTEXT: undefined } })
      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    } finally {
      rmSync(file, { force: true })
    }
  })

  it('tool-5 explains every code of an error', () => {
    const sources = readdirSync(path.join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts')
    )
    const codes = sources.flatMap((file) => {
      // Examples in comments name request codes too.
      const text = read('src', file).replaceAll(/\/\*\*[\s\S]*?\*\/|\/\/.*/g, '')
      return [...text.matchAll(/\bcode: '([A-Z][A-Z_0-9]+)'/g)].map(([, code = '']) => code)
    })
    const documented = read('docs/errors.md')
    expect([...new Set(codes)].filter((code) => !documented.includes(`\`${code}\``))).toEqual([])
  })
})
