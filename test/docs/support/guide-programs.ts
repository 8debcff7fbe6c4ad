import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { run } from '../../package/support/run.ts'
import { projectRoot } from '../../package/support/temp-project.ts'
import { type CodeBlock, codeBlocks, readText } from './code-blocks.ts'

/** Inside the checkout, so that the package finds itself by its name, as an application finds it in `node_modules`. */
const FOLDER = path.join(projectRoot, '.cache/docs')
/** The address that guides write down; while they are tried, a free port stands in for it. */
const WRITTEN_ADDRESS = "'127.0.0.1:9876'"
const GIVEN = readText('test/docs/support/given.ts')
const GIVEN_NAMES = [...GIVEN.matchAll(/^export const (\w+)/gm)].map(([, name]) => name as string)
/** Names that a fragment may take from the package without an import, because the guide imported them before. */
const ENTRIES = ['rocketmq-producer', 'rocketmq-producer/broker', 'rocketmq-producer/testing'] as const

/** A block as a module. */
export interface GuideProgram {
  block: CodeBlock
  /** File name without extension. */
  name: string
  source: string
  /** Lines that the program says it prints, in the comments behind `console.log`. */
  printed: string[]
}

/** `js`: whole programs. `ts`: fragments, which stand on what the guide said before. Both are strict TypeScript. */
export function guidePrograms(guide: string): GuideProgram[] {
  return codeBlocks(guide)
    .filter(({ language, text }) => ['js', 'ts'].includes(language) && !isExcerpt(text))
    .map((block) => ({
      block,
      name: `${path.basename(guide, '.md').toLowerCase()}-${block.line}`,
      source: block.language === 'js' ? block.text : fragment(block.text),
      printed: [...block.text.matchAll(/^\s*console\.log\(.*\).* \/\/ (.+)$/gm)].map(([, line]) => line as string)
    }))
}

/** Quotes a file of the examples, which its first line names. */
export const isExcerpt = (text: string): boolean => text.startsWith('// examples/')

/** Its imports, those that the guide has made before, what is given, and the fragment in a scope of its own. */
function fragment(text: string): string {
  const imports = [...text.matchAll(/^import .*$/gm)].map(([line]) => line)
  const body = text.replaceAll(/^import .*$/gm, '')
  const words = new Set(body.match(/\b[A-Za-z]\w*\b/g))
  const taken = ENTRIES.flatMap((entry) => {
    const names = exportsOf(entry).filter((name) => words.has(name) && !imports.some((line) => mentions(line, name)))
    return names.length === 0 ? [] : [`import { ${names.join(', ')} } from '${entry}'`]
  })
  const given = GIVEN_NAMES.filter((name) => words.has(name) && !imports.some((line) => mentions(line, name)))
  if (given.length > 0) taken.push(`import { ${given.join(', ')} } from './given.mjs'`)
  return `${[...imports, ...taken].join('\n')}\n{\n${body}}\nexport {}\n`
}

const mentions = (line: string, name: string): boolean => new RegExp(`\\b${name}\\b.* from `).test(line)

function exportsOf(entry: string): string[] {
  const file = { 'rocketmq-producer': 'index', 'rocketmq-producer/broker': 'broker', 'rocketmq-producer/testing': 'testing' }[
    entry
  ]
  const text = readText(`src/${file}.ts`)
  return [...text.matchAll(/^export \{([^}]*)\}/gm)]
    .flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type '))
}

const COMPILER: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true
}

/** What the compiler says about the programs, as an application with every strict setting would see it. */
export function typeErrors(programs: readonly GuideProgram[]): string[] {
  // Where the folder is missing the compiler resolves nothing that is said to be in it.
  mkdirSync(FOLDER, { recursive: true })
  const sources = new Map(programs.map(({ name, source }) => [path.join(FOLDER, `${name}.mts`), source]))
  sources.set(path.join(FOLDER, 'given.mts'), GIVEN)
  const host = ts.createCompilerHost(COMPILER)
  const { getSourceFile, fileExists, readFile } = host
  host.fileExists = (file) => sources.has(file) || fileExists(file)
  host.readFile = (file) => sources.get(file) ?? readFile(file)
  host.getSourceFile = (file, version, ...rest) => {
    const text = sources.get(file)
    return text === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, text, version)
  }
  const program = ts.createProgram([...sources.keys()], COMPILER, host)
  return ts.getPreEmitDiagnostics(program).map((found) => {
    const text = ts.flattenDiagnosticMessageText(found.messageText, '\n')
    const at = found.file && found.start !== undefined ? found.file.text.slice(0, found.start).split('\n').length : 0
    const line = found.file?.text.split('\n')[at - 1]?.trim()
    return `${path.basename(found.file?.fileName ?? '')}: ${line}: ${text}`
  })
}

const emit = (source: string): string =>
  ts.transpileModule(source, { compilerOptions: { ...COMPILER, noEmit: false, module: ts.ModuleKind.ESNext } }).outputText

/** Runs the programs one after the other in one process, and tells what went otherwise than the guide says. */
export async function runPrograms(programs: readonly GuideProgram[]): Promise<string> {
  const [{ block, name: id }] = programs as [GuideProgram]
  const folder = path.join(FOLDER, id)
  mkdirSync(folder, { recursive: true })
  const written = (source: string): string =>
    source.includes(WRITTEN_ADDRESS)
      ? `import { namesrvAddr as $address } from './given.mjs'\n${source.replaceAll(WRITTEN_ADDRESS, '$address')}`
      : source
  const fragments = block.language === 'ts' || programs.some(({ source }) => source.includes(WRITTEN_ADDRESS))
  try {
    writeFileSync(path.join(folder, 'given.mjs'), emit(GIVEN))
    for (const { name, source } of programs) writeFileSync(path.join(folder, `${name}.mjs`), emit(written(source)))
    writeFileSync(path.join(folder, 'main.mjs'), main(programs, fragments))
    const { code, stdout, stderr } = await run(process.execPath, [path.join(folder, 'main.mjs')], {
      env: { NODE_TEST_CONTEXT: undefined }
    })
    return code === 0 && stderr === '' ? '' : `exit ${code}\n${stdout}\n${stderr}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whole programs have to end by themselves; what fragments left open is ended for them. */
function main(programs: readonly GuideProgram[], fragments: boolean): string {
  const list = programs.map(({ name, printed, block }) => ({ name, printed, where: `${block.guide}:${block.line}` }))
  return `import { format } from 'node:util'
let lines = []
const { log } = console
console.log = (...values) => { lines.push(...format(...values).split('\\n')) }
for (const { name, printed, where } of ${JSON.stringify(list)}) {
  lines = []
  try {
    await import('./' + name + '.mjs')
  } catch (error) {
    throw new Error(where + ' failed', { cause: error })
  }
  let at = 0
  for (const line of printed) {
    const found = lines.indexOf(line, at)
    if (found < 0) throw new Error(where + ' does not print "' + line + '" but ' + JSON.stringify(lines))
    at = found + 1
  }
}
console.log = log
${fragments ? "const { end } = await import('./given.mjs')\nawait end()\nprocess.exit(0)\n" : ''}`
}
