import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { BODY_RULES } from '../interop/body-differences.ts'
import { RULES } from '../interop/frame-differences.ts'
import { projectRoot } from '../package/support/temp-project.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { codeBlocks, guides, readText } from './support/code-blocks.ts'
import { guidePrograms, isExcerpt, runPrograms, typeErrors } from './support/guide-programs.ts'
import { runOurCommands, unknownCommands } from './support/shell-blocks.ts'

const blocks = guides.flatMap(codeBlocks)
const programs = guides.flatMap(guidePrograms)
const excerpts = blocks.filter(({ text }) => isExcerpt(text))
const shell = blocks.filter(({ language }) => language === 'sh')

/** What a block of text shows, by a word of its first line, and the test or check that holds it. */
const TEXTS: ReadonlyArray<readonly [first: RegExp, heldBy: string]> = [
  [/^MQClientException: Send \[3\] times/, 'test/unit/producer/send-error.test.ts'],
  [/^expected at least 1 of/, 'test/integration/testing-matchers.test.ts'],
  [/^A producer was left running/, 'test/integration/testing-fixture.test.ts'],
  [/^2 faults never struck/, 'test/integration/loopback-faults.test.ts'],
  [/^the clock stays at/, 'test/integration/loopback-clock.test.ts'],
  [/^<dataDir>\/abort/, 'test/unit/store/files/file-safety.test.ts'],
  [/^internal <- protocol/, 'test/package/lint.test.ts'],
  [/^rocketmq-producer \w+/, 'scripts/options-guide.mjs']
]

describe('the documentation', { timeout: 60_000 }, () => {
  it('tool-5 has blocks of programs, fragments, commands and text, and each kind is tried below', () => {
    expect(blocks.filter(({ language }) => !['js', 'ts', 'sh', 'text'].includes(language))).toEqual([])
    expect([programs.length > 30, excerpts.length >= 3, shell.length >= 3]).toEqual([true, true, true])
    const others = readdirSync(projectRoot).filter((name) => name.endsWith('.md') && !guides.includes(name))
    expect(others.filter((name) => readFileSync(path.join(projectRoot, name), 'utf8').includes('```'))).toEqual([])
  })

  it.each(excerpts)('tool-5 $guide:$line quotes a file of examples that the CI runs', ({ text }) => {
    const [first = '', ...lines] = text.split('\n')
    expect(readText(first.slice(3))).toContain(lines.join('\n'))
  })

  it('tool-5 every program and fragment is strict TypeScript', () => {
    expect(typeErrors(programs)).toEqual([])
  })

  const kinds = guides.flatMap((guide) =>
    (['js', 'ts'] as const).map((language) => ({
      guide,
      language,
      own: programs.filter(({ block }) => block.guide === guide && block.language === language)
    }))
  )
  it.concurrent.each(kinds.filter(({ own }) => own.length > 0))(
    'tool-5 $guide: every $language block runs and prints what it says',
    async ({ own }) => {
      expect(await runPrograms(own)).toBe('')
    }
  )

  it.concurrent.each(shell)('tool-5 $guide:$line has commands that exist, and ours work', async (block) => {
    const folder = tempFolder()
    writeFileSync(path.join(folder, 'broker.conf'), '# as RocketMQ has it\nbrokerName=broker-c\n')
    expect([unknownCommands(block), await runOurCommands(block, folder)]).toEqual([[], []])
  })

  it('tool-5 has no block of text that nothing holds', () => {
    const texts = blocks.filter(({ language }) => language === 'text')
    const heldBy = texts.map(({ guide, line, text }) => [`${guide}:${line}`, TEXTS.find(([first]) => first.test(text))?.[1]])
    expect(heldBy.filter(([, file]) => file === undefined)).toEqual([])
    expect(TEXTS.filter(([, file]) => !existsSync(path.join(projectRoot, file)))).toEqual([])
  })

  it.each([
    ['Frames that no client writes', RULES],
    ['Bodies that nobody writes', BODY_RULES]
  ])('wire-W7 lists the differences of decoders that its test allows: %s', (heading, rules) => {
    const [, section = ''] = readText('docs/compatibility.md').split(`### ${heading}\n`)
    const listed = section.slice(0, section.indexOf('\n### ')).match(/^\| .* \|$/gm)
    expect(listed?.slice(2)).toEqual(rules.map(({ name, java, here, reason }) => `| ${[name, java, here, reason].join(' | ')} |`))
  })

  it('tool-5 explains every code of an error', () => {
    const sources = readdirSync(path.join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts')
    )
    const codes = sources.flatMap((file) => {
      // Examples in comments name request codes too.
      const text = readText('src', file).replaceAll(/\/\*\*[\s\S]*?\*\/|\/\/.*/g, '')
      return [...text.matchAll(/\bcode(?::| \?\?) '([A-Z][A-Z_0-9]+)'/g)].map(([, code = '']) => code)
    })
    const documented = readText('docs/errors.md')
    const explained = [...documented.matchAll(/^\| (`[A-Z_`, ]+`) \|/gm)].flatMap(([, cell = '']) => cell.match(/[A-Z_]+/g) ?? [])
    // Errors of Node's core have codes too, and some places make up such an error.
    const ours = new Set(codes.filter((code) => !/^E[A-Z]{4,}$/.test(code)))
    expect([...ours].filter((code) => !explained.includes(code))).toEqual([])
    expect(explained.filter((code) => !ours.has(code))).toEqual([])
  })
})
