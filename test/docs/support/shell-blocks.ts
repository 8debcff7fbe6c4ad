import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { projectRoot } from '../../package/support/temp-project.ts'
import { type CodeBlock, readText } from './code-blocks.ts'

const CLI = path.join(projectRoot, 'dist/cli.js')
const LIMIT_MILLIS = 20_000
/** A guide shows the command as one would measure with it; here it only has to work. */
const SHORT_BENCH = ['--count', '50', '--concurrency', '8', '--rounds', '1']

interface Broker {
  namesrvAddr: string
  stop(): Promise<void>
}

/** A line of a block: its words, without comment and prompt. */
function wordsOf(line: string): string[] {
  return line
    .replace(/\s#.*$/, '')
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
}

/** Commands of a block that are not ours have to name what exists: scripts of the manifest, test files and the variables they read. */
export function unknownCommands({ text }: CodeBlock): string[] {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
  const problems: string[] = []
  for (const command of text.split(/\n|&&/).map(wordsOf)) {
    const line = command.join(' ')
    const settings = command.filter((word) => /^[A-Z_]+=/.test(word)).map((word) => word.split('=')[0] as string)
    const [program = '', ...rest] = command.slice(settings.length)
    const files = rest.filter((word) => /\.(?:ts|mjs)$/.test(word))
    const known =
      line === '' ||
      line.startsWith('npx rocketmq-producer ') ||
      (program === 'npm' &&
        (['ci', 'pack', 'install'].includes(rest[0] ?? '') || (rest.at(rest[0] === 'run' ? 1 : 0) ?? '') in scripts)) ||
      (files.length > 0 && files.every((file) => existsSync(path.join(projectRoot, file)))) ||
      (program === 'bash' && rest[0] === '.ci/run')
    if (!known) problems.push(`unknown: ${line}`)
    for (const name of settings) {
      if (!files.some((file) => readText(file).includes(name))) problems.push(`${name} is read by none of: ${files.join(', ')}`)
    }
  }
  return problems
}

/** Runs our commands of a block in `folder`: a broker until the next one or the end, everything else until it ends. @returns what went wrong. */
export async function runOurCommands({ text }: CodeBlock, folder: string): Promise<string[]> {
  const problems: string[] = []
  let broker: Broker | undefined
  try {
    for (const [npx, name, command = '', ...rest] of text.split('\n').map(wordsOf)) {
      if (npx !== 'npx' || name !== 'rocketmq-producer') continue
      if (command === 'broker') {
        await broker?.stop()
        broker = await startBroker([...free(rest, '--port'), ...rest, ...(rest.includes('--json') ? [] : ['--json'])], folder)
        continue
      }
      const args = rest.map((word) => (word === '127.0.0.1:9876' ? (broker?.namesrvAddr ?? word) : word))
      const { code, output } = await ran([command, ...args, ...(command.startsWith('bench') ? SHORT_BENCH : [])], folder)
      if (code !== 0) problems.push(`${command} ${rest.join(' ')}: exit ${code}\n${output}`)
    }
  } finally {
    await broker?.stop()
  }
  return problems
}

/** Ports that the guide leaves at their defaults are any free ones here. */
const free = (args: readonly string[], option: string): string[] =>
  args.includes(option) ? [] : ['--port', '0', '--namesrv-port', '0']

async function startBroker(args: string[], folder: string): Promise<Broker> {
  const child = spawn(process.execPath, [CLI, 'broker', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  let output = ''
  const ready = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.stderr.on('data', (text) => (output += text))
    child.stdout.on('data', (text) => {
      output += text
      if (output.includes('\n')) resolve(output)
    })
    void ended.then((code) => reject(new Error(`broker ${args.join(' ')}: exit ${code}\n${output}`)))
  })
  const { namesrvAddr } = JSON.parse((await ready).split('\n')[0] as string) as { namesrvAddr: string }
  return {
    namesrvAddr,
    async stop() {
      child.kill('SIGTERM')
      const code = await ended
      if (code !== 0) throw new Error(`broker ${args.join(' ')}: exit ${code} after SIGTERM\n${output}`)
    }
  }
}

function ran(args: string[], folder: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MILLIS
    })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (output += text))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}
