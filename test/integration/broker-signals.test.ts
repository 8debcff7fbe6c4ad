import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { seededRandom } from '../support/random.ts'
import { tempFolder } from '../support/temp-folder.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
/** `npm run torture` does it a thousand times. */
const CYCLES = Number(process.env.SIGNALS ?? 5)

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
  ports: number[]
}

/** A broker process on the folder, ended by a signal so long after it was ready; before that when `millis` is negative. */
function endBySignal(dataDir: string, temp: string, signal: NodeJS.Signals, millis: number): Promise<Ended> {
  const args = [cli, 'broker', '--json', '--port', '0', '--namesrv-port', '0', '--store', 'file', '--data-dir', dataDir]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: temp } })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const ports: number[] = []
  const end = (after: number): void => void setTimeout(() => child.kill(signal), after)
  createInterface({ input: child.stdout }).once('line', (line) => {
    const ready = JSON.parse(line) as { namesrvAddr: string; brokers: Array<{ addr: string }> }
    for (const addr of [ready.namesrvAddr, ...ready.brokers.map((broker) => broker.addr)]) ports.push(Number(addr.split(':')[1]))
    if (millis >= 0) end(millis)
  })
  if (millis < 0) end(-millis)
  return new Promise((resolve) => child.once('close', (code, by) => resolve({ code, signal: by, stderr, ports })))
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })
}

it(`process-R8 ended by signals ${CYCLES} times, the broker leaves no process, no port and no temporary file, and always starts again`, {
  timeout: CYCLES * 6000
}, async () => {
  const random = seededRandom(Number(process.env.TEST_SEED))
  const folder = tempFolder()
  const temp = path.join(folder, 'tmp')
  mkdirSync(temp)
  const dataDir = path.join(folder, 'store')
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const signal = (['SIGTERM', 'SIGINT', 'SIGKILL'] as const)[cycle % 3]
    // Every fourth time while it is still starting.
    const millis = cycle % 4 === 3 ? -Math.floor(1 + random() * 300) : Math.floor(random() * 50)
    const ended = await endBySignal(dataDir, temp, signal, millis)
    const what = `cycle ${cycle}: ${signal} after ${millis} ms, ${JSON.stringify(ended)}`
    const orderly = { code: 0, signal: null }
    const killed = { code: null, signal }
    const { code, signal: by } = ended
    if (signal === 'SIGKILL') expect({ code, signal: by }, what).toEqual(killed)
    // Before it listens to signals they end it as they end any process.
    else if (ended.ports.length === 0) expect([orderly, killed], what).toContainEqual({ code, signal: by })
    else expect({ code, signal: by }, what).toEqual(orderly)
    for (const port of ended.ports) expect(await isRefused(port), what).toBe(true)
    expect(readdirSync(temp), what).toEqual([])
  }
  // Nobody holds the folder.
  const last = await endBySignal(dataDir, temp, 'SIGTERM', 0)
  expect({ code: last.code, ports: last.ports.length }, last.stderr).toEqual({ code: 0, ports: 2 })
  expect(readdirSync(folder).sort()).toEqual(['store', 'tmp'])
})
