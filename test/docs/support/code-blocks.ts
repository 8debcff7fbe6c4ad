import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { projectRoot } from '../../package/support/temp-project.ts'

/** A fenced block of a guide. */
export interface CodeBlock {
  /** The guide, relative to the project. */
  guide: string
  /** Line of the fence, counted from 1. */
  line: number
  /** What stands behind the fence; empty for a block without a language. */
  language: string
  text: string
}

/** What users read; the other Markdown files at the top have no code, which a test holds. */
export const guides = ['README.md', ...readdirSync(path.join(projectRoot, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md')
)

export const readText = (...name: string[]): string => readFileSync(path.join(projectRoot, ...name), 'utf8')

/** Every fenced block of a guide, those that are indented in a list too. */
export function codeBlocks(guide: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: CodeBlock | undefined
  for (const [i, line] of readText(guide).split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line)
    if (fence === null) {
      if (open !== undefined) open.text += `${line}\n`
      continue
    }
    if (open === undefined) open = { guide, line: i + 1, language: (fence[1] as string).trim(), text: '' }
    else {
      blocks.push(open)
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${guide}:${open.line}: the block does not end`)
  return blocks
}
