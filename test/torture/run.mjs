// The long runs of docs/reliability.md, in steps that can be interrupted: `npm run torture -- [--minutes 45] [--only fault-S1,...] [--again]`.
//
// Each step has a number of trials to reach. It is run in slices of a few minutes at most, each with a seed of its own, which is printed; what has been
// reached is kept in .cache/torture.json, so that the next call goes on there. When the minutes are over no further slice is begun. At the end a line
// a step says how often it was tried and how often it failed. --again begins anew.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { missingForPowerCuts } from './support/loop-disk.mjs'

const STATE = new URL('../../.cache/torture.json', import.meta.url)
const SLICE_LIMIT = 10 * 60_000

/** Its figures are in what it prints: a pattern for each thing that is counted. */
const node = (script, flush, acked) => ({
  command: (count, seed) => [
    process.execPath,
    [`test/torture/${script}`, '--cycles', `${count}`, '--flush', flush, '--seed', `${seed}`]
  ],
  counted: { acknowledged: acked, 'p99 ms to the first answer': /first answer p50 \d+ ms, p99 (\d+) ms/ }
})
const vitest = (file, variable, counted = {}, more = []) => ({
  command: (count, seed) => [
    'npx',
    ['vitest', 'run', file, ...more, '--test-timeout', `${SLICE_LIMIT}`],
    { [variable]: `${count}`, TEST_SEED: `${seed}` }
  ],
  counted
})
const files = (name) => `test/unit/store/files/${name}.test.ts`

const power = missingForPowerCuts()
const STEPS = [
  { id: 'fault-S1', what: 'kills, sync', trials: 1000, slice: 50, ...node('store-kill.mjs', 'sync', /(\d+) acknowledged/) },
  { id: 'fault-S2', what: 'kills, async', trials: 1000, slice: 50, ...node('store-kill.mjs', 'async', /(\d+) acknowledged/) },
  {
    id: 'fault-S3',
    what: 'power cuts, sync',
    trials: 500,
    slice: 25,
    missing: power,
    ...node('store-power.mjs', 'sync', /cuts, (\d+) acknowledged/)
  },
  {
    id: 'fault-S4',
    what: 'power cuts, async',
    trials: 500,
    slice: 25,
    missing: power,
    ...node('store-power.mjs', 'async', /cuts, (\d+) acknowledged/)
  },
  { id: 'fault-S5', what: 'runs over every crash point', trials: 1, slice: 1, ...vitest(files('crash-points'), 'TORTURE') },
  {
    id: 'loopback-16',
    what: 'runs of starts and stops',
    trials: 1,
    slice: 1,
    ...vitest('test/hostile/start-stop.test.ts', 'TORTURE')
  },
  {
    id: 'process-R2',
    what: 'runs of 10,000 starts and stops, and of process-R3',
    trials: 1,
    slice: 1,
    ...vitest('test/hostile/producer/hygiene.test.ts', 'TORTURE')
  },
  {
    id: 'fault-S6',
    what: 'states after a power cut, a mode',
    trials: 50_000,
    slice: 2500,
    ...vitest(files('torn-writes'), 'TORN_STATES', { states: /S6 \w+: (\d+) states/g })
  },
  {
    id: 'fault-S7',
    what: 'runs over every bit of heads',
    trials: 1,
    slice: 1,
    ...vitest('test/golden/store-damage.test.ts', 'DAMAGE_ALL', { noticed: /(\d+) of \d+ noticed/g })
  },
  {
    id: 'fault-S16',
    what: 'crash images, a version of Java',
    trials: 200,
    slice: 20,
    ...vitest('test/interop/store-files.interop.ts', 'STORE_IMAGES', {}, ['--config', 'test/interop/vitest.config.ts'])
  },
  {
    id: 'fault-S17',
    what: 'masters killed as processes',
    trials: 50,
    slice: 10,
    ...vitest('test/integration/replication-processes.test.ts', 'PROCESS_FAILOVERS', {
      acknowledged: /killed, (\d+) acknowledged/
    })
  },
  {
    id: 'fault-S17',
    what: 'failovers',
    trials: 200,
    slice: 50,
    ...vitest('test/integration/replication-failover.test.ts', 'FAILOVERS')
  },
  { id: 'fault-S19', what: 'random command sequences', trials: 2000, slice: 100, ...vitest(files('model'), 'MODEL_RUNS') },
  {
    id: 'wire-W6',
    what: 'mutated frames a seed and side',
    trials: 1_250_000,
    slice: 250_000,
    ...vitest('test/hostile/mutated-frames.test.ts', 'FUZZ_FRAMES')
  },
  {
    id: 'process-R8',
    what: 'brokers ended by signals',
    trials: 1000,
    slice: 100,
    ...vitest('test/integration/broker-signals.test.ts', 'SIGNALS')
  },
  {
    id: 'net-N11',
    what: 'runs with 10,000 connections',
    trials: 1,
    slice: 1,
    ...vitest('test/hostile/transport/net-n11.test.ts', 'TORTURE')
  },
  {
    id: 'net-N15',
    what: 'runs with 500 clients',
    trials: 1,
    slice: 1,
    ...vitest('test/unit/transport/connect-budget.test.ts', 'TORTURE')
  },
  {
    id: 'security-X2',
    what: 'sweeps with every name',
    trials: 1,
    slice: 1,
    ...vitest('test/hostile/host-files.test.ts', 'TORTURE')
  },
  {
    id: 'security-X5',
    what: 'runs over every long text',
    trials: 1,
    slice: 1,
    ...vitest('test/hostile/validators.test.ts', 'TORTURE')
  },
  {
    id: 'security-X14',
    what: 'runs at the limits by default',
    trials: 1,
    slice: 1,
    ...vitest('test/hostile/quotas.test.ts', 'TORTURE')
  },
  {
    id: 'process-R9',
    what: 'minutes of mixed load with faults',
    trials: 120,
    slice: 5,
    command: (count, seed) => [
      process.execPath,
      ['--expose-gc', 'test/torture/soak.mjs', '--minutes', `${count}`, '--seed', `${seed}`]
    ],
    counted: { acknowledged: /rounds, (\d+) acknowledged/ }
  }
]

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '45' }, only: { type: 'string' }, again: { type: 'boolean', default: false } }
})
if (values.again) rmSync(STATE, { force: true })
const done = readState()
const until = performance.now() + Number(values.minutes) * 60_000
const wanted = values.only?.split(',')
let failed = false
for (const step of STEPS.filter(({ id }) => wanted === undefined || wanted.includes(id))) {
  if (step.missing !== undefined) {
    console.log(`not run: ${step.id}: ${step.missing}`)
    continue
  }
  const state = done[`${step.id} ${step.what}`] ?? { tried: 0, failures: 0, counted: {}, seeds: [] }
  done[`${step.id} ${step.what}`] = state
  while (state.tried < step.trials && performance.now() < until) await slice(step, state)
  const figures = Object.entries(state.counted).map(([what, value]) => `, ${value} ${what}`)
  console.log(
    `${step.id} ${step.what}: ${state.tried} of ${step.trials}${figures.join('')}, ${state.failures} failures, seeds ${state.seeds.join(' ')}, ${state.date}`
  )
  failed ||= state.failures > 0
}
process.exitCode = failed ? 1 : 0

/** Runs a part of a step and adds what it says to what is known. */
async function slice(step, state) {
  const count = Math.min(step.slice, step.trials - state.tried)
  const seed = randomInt(2 ** 31)
  const [command, args, env = {}] = step.command(count, seed)
  const { code, output } = await run(command, args, env)
  if (code !== 0) {
    state.failures++
    console.log(`${step.id}, seed ${seed}: exit ${code}\n${output.slice(-4000)}`)
  }
  for (const [what, pattern] of Object.entries(step.counted)) {
    for (const [, found] of output.matchAll(new RegExp(pattern, 'g'))) {
      const before = state.counted[what] ?? 0
      state.counted[what] = what.startsWith('p99') ? Math.max(before, Number(found)) : before + Number(found)
    }
  }
  state.tried += count
  state.seeds.push(seed)
  state.date = new Date().toISOString().slice(0, 10)
  mkdirSync(new URL('.', STATE), { recursive: true })
  writeFileSync(STATE, JSON.stringify(done, null, 1))
  console.log(`${step.id}: ${state.tried} of ${step.trials}`)
}

function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
      timeout: SLICE_LIMIT
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('close', (code, signal) => resolve({ code: code ?? signal, output }))
  })
}

function readState() {
  try {
    return JSON.parse(readFileSync(STATE, 'utf8'))
  } catch {
    return {}
  }
}
