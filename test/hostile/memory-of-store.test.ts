import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { run } from '../package/support/run.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const MIB = 1024 * 1024
const HELD = 16
/** What the process may take beside the log: buffers that wait for the collector, connections, queues. Measured: 55 and 58. */
const BESIDE = 128
let child: ChildProcess | undefined

afterEach(() => void child?.kill('SIGKILL'))

/** MiB of memory that a process has, or had at most. */
function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)![1]) / 1024
}

it.each(['reject', 'dropOldest'])(
  'process-R10 %s: a broker that was sent many times what its memory store may hold stays small as a process',
  { timeout: 60_000 },
  async (whenFull) => {
    const settings = ['--set', `maxBytes=${HELD * MIB}`, '--set', `whenFull=${whenFull}`]
    const args = ['broker', '--json', '--port', '0', '--namesrv-port', '0', '--topic', 'T:4', ...settings]
    child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = new Promise<never>((_, reject) =>
      child!.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)))
    )
    const line = await Promise.race([
      new Promise<string>((resolve) => createInterface({ input: child!.stdout! }).once('line', resolve)),
      exited
    ])
    exited.catch(() => {})
    const { namesrvAddr } = JSON.parse(line) as { namesrvAddr: string }
    const atFirst = memoryOf(child.pid!, 'VmRSS')
    const load = [
      'bench',
      '--namesrv',
      namesrvAddr,
      '--topic',
      'T',
      '--size',
      '16384',
      '--count',
      '4000',
      '--concurrency',
      '64',
      '--rounds',
      '2'
    ]
    const { stdout } = await run(process.execPath, [cli, ...load, '--mode', 'sync', '--json'])
    const rounds = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { errors: number; count: number })
    // Some 180 MiB in all, a warm-up round among them.
    if (whenFull === 'reject') expect(rounds.at(-1)!.errors).toBe(rounds.at(-1)!.count)
    else expect(rounds.map(({ errors }) => errors)).toEqual([0, 0])
    const most = memoryOf(child.pid!, 'VmHWM') - atFirst
    console.log(`process-R10 ${whenFull}: ${HELD} MiB of log, the process grew by ${Math.round(most)} MiB at most`)
    expect(most).toBeLessThan(HELD + BESIDE)
  }
)
