// The long runs of docs/reliability.md, in steps that can be interrupted: `npm run torture -- [--minutes 45] [--only fault-S1,...] [--again]`.
//
// Each step has a number of trials to reach. It is run in slices of a few minutes at most, each with a seed of its own, which is printed; what has been
// reached is kept in .cache/torture.json, so that the next call goes on there. When the minutes are over no further slice is begun. At the end a line
// a step says how often it was tried and how often it failed. --again begins anew, with --only these steps alone.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { missingForPowerCuts } from './support/loop-disk.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const STATE = new URL('../../.cache/torture.json', import.meta.url)
const SLICE_LIMIT = 20 * 60_000

/** What a slice prints and is kept: a pattern whose group is a number, added up or the most of all. */
const sum = (pattern) => ({ pattern, join: (before = 0, found) => before + found })
const most = (pattern) => ({ pattern, join: (before = 0, found) => Math.max(before, found) })

const script = (args, counted = {}) => ({ command: (count, seed) => ({ args: args(count, seed) }), counted })
/** A test file that reads from `variable` how many trials there are to be, or that there are to be all. */
const tests = (file, variable, counted = {}, more = []) => ({
  command: (count, seed) => ({
    args: [
      'node_modules/vitest/vitest.mjs',
      'run',
      file,
      ...more,
      '--test-timeout',
      `${SLICE_LIMIT}`,
      '--hook-timeout',
      `${SLICE_LIMIT}`
    ],
    env: { [variable]: `${count}`, TEST_SEED: `${seed}` }
  }),
  counted
})
const rig = (name, flush, counted) =>
  script((count, seed) => [`test/torture/${name}.mjs`, '--cycles', `${count}`, '--flush', flush, '--seed', `${seed}`], counted)
const kills = (flush) =>
  rig('store-kill', flush, {
    acknowledged: sum(/(\d+) acknowledged/),
    'ms to the first answer at p99': most(/first answer p50 \d+ ms, p99 (\d+) ms/)
  })
const missingPower = missingForPowerCuts()
const cuts = (flush) => ({
  ...rig('store-power', flush, { acknowledged: sum(/cuts, (\d+) acknowledged/) }),
  missing: missingPower
})
const soak = script((count, seed) => ['--expose-gc', 'test/torture/soak.mjs', '--minutes', `${count}`, '--seed', `${seed}`], {
  acknowledged: sum(/rounds, (\d+) acknowledged/)
})
const recovery = script((count) => ['test/torture/store-recovery.mjs', '--messages', `${count}`], {
  'MB resident at most': most(/at most (\d+) MB resident/)
})
const failedOver = { acknowledged: sum(/killed, (\d+) acknowledged/) }
const grown = { 'KiB of heap at most': most(/heap (-?\d+) KiB/) }
const interop = ['--config', 'test/interop/vitest.config.ts']

// biome-ignore format: a table
const STEPS = [
  // id, what is counted, trials, trials of a slice, how
  ['fault-S1',    'kills, sync',                        1000,      50,        kills('sync')],
  ['fault-S2',    'kills, async',                       1000,      50,        kills('async')],
  ['fault-S3',    'power cuts, sync',                   500,       25,        cuts('sync')],
  ['fault-S4',    'power cuts, async',                  500,       25,        cuts('async')],
  ['fault-S5',    'runs over every crash point',        1,         1,         tests('test/unit/store/files/crash-points.test.ts', 'TORTURE')],
  ['fault-S6',    'states after a power cut, a mode',   50_000,    2500,      tests('test/unit/store/files/torn-writes.test.ts', 'TORN_STATES', { states: sum(/S6 \w+: (\d+) states/) })],
  ['fault-S7',    'runs over every bit of heads',       1,         1,         tests('test/golden/store-damage.test.ts', 'DAMAGE_ALL', { noticed: sum(/(\d+) of \d+ noticed/) })],
  ['fault-S16',   'crash images, a version of Java',    200,       20,        tests('test/interop/store-files.interop.ts', 'STORE_IMAGES', {}, interop)],
  ['fault-S17',   'masters killed as processes',        50,        10,        tests('test/integration/replication-processes.test.ts', 'PROCESS_FAILOVERS', failedOver)],
  ['fault-S17',   'failovers',                          200,       50,        tests('test/integration/replication-failover.test.ts', 'FAILOVERS')],
  ['fault-S19',   'random command sequences',           2000,      100,       tests('test/unit/store/files/model.test.ts', 'MODEL_RUNS')],
  ['fault-S20',   'messages recovered',                 1_000_000, 1_000_000, recovery],
  ['loopback-16', 'runs of starts and stops',           1,         1,         tests('test/hostile/start-stop.test.ts', 'TORTURE', grown)],
  ['net-N11',     'runs with 10,000 connections',       1,         1,         tests('test/hostile/transport/net-n11.test.ts', 'TORTURE')],
  ['net-N15',     'runs with 500 clients',              1,         1,         tests('test/unit/transport/connect-budget.test.ts', 'TORTURE')],
  ['process-R2',  'runs of 10,000 starts and stops',    1,         1,         tests('test/hostile/producer/hygiene.test.ts', 'TORTURE', grown)],
  ['process-R8',  'brokers ended by signals',           1000,      100,       tests('test/integration/broker-signals.test.ts', 'SIGNALS')],
  ['process-R9',  'minutes of mixed load with faults',  120,       5,         soak],
  ['security-X2', 'sweeps with every name',             1,         1,         tests('test/hostile/host-files.test.ts', 'TORTURE')],
  ['security-X5', 'runs over every long text',          1,         1,         tests('test/hostile/validators.test.ts', 'TORTURE')],
  ['security-X14', 'runs at the limits by default',      1,         1,         tests('test/hostile/quotas.test.ts', 'TORTURE')],
  ['security-X19', 'malformed requests with every value',  1,         1,         tests('test/hostile/malformed-requests.test.ts', 'TORTURE')],
  ['wire-W6',     'mutated frames a seed and side',     1_250_000, 250_000,   tests('test/hostile/mutated-frames.test.ts', 'FUZZ_FRAMES')],
  ['wire-W7',     'mutated frames, a version of Java',  1_000_000, 250_000,   tests('test/interop/frames.interop.ts', 'FUZZ_FRAMES', { 'listed differences': sum(/ (\d+) listed differences/g) }, interop)],
  ['wire-W7',     'mutated bodies, a form',             500_000,   100_000,   tests('test/interop/bodies.interop.ts', 'FUZZ_BODIES', {}, interop)]
].map(([id, what, trials, sliceTrials, how]) => ({ id, what, trials, sliceTrials, ...how }))

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '45' }, only: { type: 'string' }, again: { type: 'boolean', default: false } }
})
const wanted = values.only?.split(',') ?? STEPS.map(({ id }) => id)
const unknown = wanted.filter((id) => !STEPS.some((step) => step.id === id))
if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: allowed are ${STEPS.map(({ id }) => id).join(', ')}`)
const done = readState()
const until = performance.now() + Number(values.minutes) * 60_000
let failed = false
for (const step of STEPS.filter(({ id }) => wanted.includes(id))) {
  if (step.missing !== undefined) {
    console.log(`not run: ${step.id}: ${step.missing}`)
    continue
  }
  const name = `${step.id} ${step.what}`
  const fresh = { tried: 0, failures: 0, counted: {}, seeds: [] }
  const state = values.again ? fresh : (done[name] ?? fresh)
  while (state.tried < step.trials && performance.now() < until) {
    await slice(step, state)
    keep(name, state)
  }
  const figures = Object.entries(state.counted).map(([what, value]) => `, ${value} ${what}`)
  console.log(
    `${name}: ${state.tried} of ${step.trials}${figures.join('')}, ${state.failures} failures, seeds ${state.seeds.join(' ')}, ${state.date}`
  )
  failed ||= state.failures > 0
}
process.exitCode = failed ? 1 : 0

/** Runs a part of a step and adds what it says to what is known. */
async function slice(step, state) {
  const count = Math.min(step.sliceTrials, step.trials - state.tried)
  const seed = randomInt(2 ** 31)
  const { code, output } = await run(step.command(count, seed))
  if (code !== 0) {
    state.failures++
    console.log(`${step.id}, seed ${seed}: exit ${code}\n${output.slice(-4000)}`)
  }
  for (const [what, { pattern, join }] of Object.entries(step.counted)) {
    for (const [, found] of output.matchAll(new RegExp(pattern, 'g')))
      state.counted[what] = join(state.counted[what], Number(found))
  }
  state.tried += count
  state.seeds.push(seed)
  state.date = new Date().toISOString().slice(0, 10)
  console.log(`${step.id}: ${state.tried} of ${step.trials}`)
}

function run({ args, env }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
      timeout: SLICE_LIMIT
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('close', (code, signal) => resolve({ code: code ?? signal, output }))
  })
}

/** Another run may work on other steps meanwhile. */
function keep(name, state) {
  mkdirSync(new URL('.', STATE), { recursive: true })
  writeFileSync(STATE, JSON.stringify({ ...readState(), [name]: state }, null, 1))
}

function readState() {
  try {
    return JSON.parse(readFileSync(STATE, 'utf8'))
  } catch {
    return {}
  }
}
