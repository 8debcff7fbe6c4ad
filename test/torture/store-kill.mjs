// Kills a broker under load, again and again, and looks at what its store holds afterwards (fault-S1, fault-S2).
//
//   node test/torture/store-kill.mjs [--cycles 25] [--flush sync|async|both] [--seed N] [--control]
//
// --control: the broker acknowledges before it has written (early-writes.mjs), which has to be counted as a failure.
// The broker is a process of its own (dist/cli.js) with files of 256 KiB; the sender and its journal are this process. After each kill the
// folder is opened here, and every message is compared with what was sent. Prints a line a mode; ends with 1 when one of them fails.
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { check, loadUntil, mulberry, newJournal, startBroker } from './support/rig.mjs'

/** A folder serves so many cycles: the log is read as a whole after each. */
const CYCLES_A_FOLDER = 5
const EARLY = { NODE_OPTIONS: `--import=${new URL('early-writes.mjs', import.meta.url).href}` }

/** What the log has on the disk: the broker's start looks through no more than that. */
function logBytes(dir) {
  const log = path.join(dir, 'commitlog')
  if (!existsSync(log)) return 0
  return readdirSync(log).reduce((sum, name) => sum + statSync(path.join(log, name)).blocks * 512, 0)
}

async function torture(flush, cycles, seed) {
  const random = mulberry(seed)
  const restarts = []
  let acked = 0
  let failures = 0
  let largest = 0
  let dir
  let journal
  for (let cycle = 0; cycle < cycles; cycle++) {
    if (cycle % CYCLES_A_FOLDER === 0) {
      if (dir !== undefined) rmSync(path.dirname(dir), { recursive: true, force: true })
      dir = path.join(mkdtempSync(path.join(tmpdir(), 'store-kill-')), 'store')
      journal = newJournal()
    }
    largest = Math.max(largest, logBytes(dir))
    const began = performance.now()
    const before = journal.acked.size
    const broker = await startBroker(dir, flush, control ? EARLY : {})
    const firstAck = await loadUntil(broker, journal, 50 + random() * 450, () => {})
    if (firstAck !== undefined) restarts.push(firstAck - began)
    acked += journal.acked.size - before
    const { wrong, lost } = await check(dir, flush, journal)
    wrong.push(...lost.map((seq) => `lost: ${seq}`))
    if (wrong.length > 0) {
      failures++
      const kept = control ? '' : `; kept in ${dir}`
      console.log(`cycle ${cycle}: ${wrong.length} wrong, ${wrong.slice(0, 5).join('; ')}${kept}`)
      if (control) rmSync(path.dirname(dir), { recursive: true, force: true })
      dir = undefined
      cycle += CYCLES_A_FOLDER - 1 - (cycle % CYCLES_A_FOLDER)
    }
  }
  if (dir !== undefined) rmSync(path.dirname(dir), { recursive: true, force: true })
  restarts.sort((a, b) => a - b)
  const percentile = (share) =>
    Math.round(restarts[Math.min(Math.floor(restarts.length * share), restarts.length - 1)] ?? Number.NaN)
  const restarted = `process start to first answer p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms with a log of up to ${(largest / 2 ** 20).toFixed(1)} MiB`
  console.log(
    `${flush === 'sync' ? 'fault-S1' : 'fault-S2'} kill -9, ${flush}: ${cycles} cycles, ${acked} acknowledged, ${failures} failures, ${restarted}, seed ${seed}, ${new Date().toISOString().slice(0, 10)}`
  )
  return failures
}

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '25' },
    flush: { type: 'string', default: 'both' },
    seed: { type: 'string' },
    control: { type: 'boolean', default: false }
  }
})
const { control } = values
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
let failures = 0
for (const flush of values.flush === 'both' ? ['sync', 'async'] : [values.flush]) {
  failures += await torture(flush, Number(values.cycles), seed)
}
process.exitCode = failures === 0 ? 0 : 1
