// npm run bench: producers against the real broker, and the real broker against ours, in alternating rounds of one run.
//   --rounds N     rounds that count (9)          --warmup N   rounds before them that do not (2)
//   --count N      messages a round with 256 in flight (100000); one at a time sends a twentieth of it
//   --only LIST    comma list of case ids or parts of them, as real/java, /1, ours/, startup; store, store/, store-broker, store-reopen,
//                  store-loop and longer beginnings of their ids for what needs a disk (store.mjs)
//                  modes, and parts of ids such as modes/ours or batch100, for the other ways to send; they run only when named
//                  consumers, consumers/idle ...: who reads (consumers.mjs); only when named
//   --reopen N     messages of the store that is reopened after kill -9 (1000000)
//   --drain N      messages that a consumer drains (500000)
//   --size BYTES   body size (1024)               --name NAME  last part of the result file's name
//   --broker-args  further words for our broker's command line, as --broker-args='--set maxBytes=1073741824'
// Raw results go to bench/results/<date>-<name>.json, tables to standard output, progress to standard error.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildJava, startRealCluster, temporaryDirectory } from '../test/interop/harness/java.js'
import { startOurBroker } from '../test/interop/harness/ours.js'
import { buildGo, installNodePeer, missingTools } from '../test/interop/harness/tools.js'
import { consumerTables, measureConsumers, selectConsumerCases } from './consumers.mjs'
import { measureStartup, startupTable } from './startup.mjs'
import { measureStore, selectStoreCases, storeTables } from './store.mjs'
import { cpuMicrosOf, describeMachine, describeVersions, residentBytes } from './support/machine.mjs'
import { hasDist, startPeer } from './support/peers.mjs'
import { markdownTable, quartiles } from './support/statistics.mjs'
import { judge, TARGETS } from './support/targets.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    warmup: { type: 'string', default: '2' },
    count: { type: 'string', default: '100000' },
    size: { type: 'string', default: '1024' },
    reopen: { type: 'string', default: '1000000' },
    drain: { type: 'string', default: '500000' },
    only: { type: 'string' },
    'broker-args': { type: 'string' },
    name: { type: 'string', default: 'producers' }
  }
})
const rounds = Number(values.rounds)
const warmup = Number(values.warmup)
const size = Number(values.size)
const count = Number(values.count)
const only = values.only?.split(',')
const TOPIC = 'Bench'
const IN_FLIGHT = 256
const HEAP = '1g'

// A memory store that refuses when it is full would end the run, so the oldest messages go.
const OUR_BROKER_ARGS = [
  '--store',
  'memory',
  '--flush',
  'async',
  '--set',
  'whenFull=dropOldest',
  ...(values['broker-args']?.split(' ') ?? [])
]
const BROKER_CONFIG = { flushDiskType: 'ASYNC_FLUSH', waitTimeMillsInSendQueue: 10_000, sendThreadPoolQueueCapacity: 200_000 }

const many = (server, peer, mode = 'async') => ({
  id: `${server}/${peer}/${IN_FLIGHT}${mode === 'async' ? '' : mode}`,
  server,
  peer,
  mode,
  inFlight: IN_FLIGHT,
  count
})
const single = (server, peer) => ({
  id: `${server}/${peer}/1`,
  server,
  peer,
  mode: 'sync',
  inFlight: 1,
  count: Math.max(1, Math.round(count / 20))
})
const MODES = { async: 'callbacks', sync: 'awaiting' }
/** The other ways to send, with the plain ones beside them. */
const way = (peer, mode, name = mode) => ({ id: `modes/${peer}/${name}`, server: 'real', peer, mode, inFlight: IN_FLIGHT, count })
const modes = [
  way('ours', 'async', 'callback'),
  way('ours', 'sync', 'awaited'),
  way('ours', 'batch100'),
  way('ours-autobatch', 'async', 'callback'),
  way('ours', 'oneway'),
  way('ours-hook', 'async', 'callback'),
  way('ours-trace', 'async', 'callback'),
  way('java', 'async', 'callback'),
  way('java', 'batch100'),
  way('java', 'oneway'),
  way('go', 'async', 'callback'),
  way('go', 'batch100')
]
const cases = [
  many('real', 'ceiling'),
  many('real', 'ours'),
  many('real', 'ours', 'sync'),
  many('real', 'ceiling-json'),
  many('real', 'java'),
  many('real', 'java-binary'),
  many('real', 'ali-ons'),
  many('real', 'go'),
  single('real', 'ceiling'),
  single('real', 'ours'),
  single('real', 'ali-ons'),
  single('real', 'java'),
  single('real', 'go'),
  many('ours', 'ceiling'),
  many('ours', 'java'),
  ...(only === undefined ? [] : modes)
].filter(({ id }) => only === undefined || only.some((part) => id.includes(part)))
const storeCases = selectStoreCases(only)
const consumerCases = selectConsumerCases(only)
const withStartup = only === undefined || only.includes('startup')

const say = (text) => console.error(text)
const missing = missingTools({ go: cases.some(({ peer }) => peer === 'go') })
if (missing.length > 0) {
  console.log(`not run: bench: ${missing.join(', ')}`)
  process.exit(0)
}
if (!hasDist('index.js', 'broker.js', 'cli.js')) say('dist is missing or incomplete (npm run build): what needs it will fail')

const started = new Date()
const machine = describeMachine()
await Promise.all([buildJava(), installNodePeer(), cases.some(({ peer }) => peer === 'go') ? buildGo('bench') : undefined])

const home = temporaryDirectory('bench')
const servers = {}
const peers = new Map()
let results = []
let startup
try {
  // first, while nothing else runs
  if (withStartup) startup = await measureStartup({ runs: 20, say })
  if (cases.some(({ server }) => server === 'real')) {
    servers.real = await startRealCluster({ topics: { [TOPIC]: 4 }, heap: HEAP, quick: false, brokerConfig: BROKER_CONFIG })
  }
  if (cases.some(({ server }) => server === 'ours'))
    servers.ours = await startOurBroker({ topics: { [TOPIC]: 4 }, args: OUR_BROKER_ARGS })
  for (const { server, peer } of cases) {
    const key = `${server}/${peer}`
    if (peers.has(key)) continue
    peers.set(key, await startPeer(peer, { namesrvAddr: servers[server].namesrvAddr, topic: TOPIC, size, home: home.path }))
  }
  for (let round = -warmup; round < rounds; round += 1) {
    // there and back again, so that what drifts within a round does not favour one side
    const order = round % 2 === 0 ? cases : cases.toReversed()
    for (const { id, server, peer, mode, inFlight, count: messages } of order) {
      const pid = servers[server].pids.at(-1)
      const cpuBefore = cpuMicrosOf(pid)
      const line = await peers.get(`${server}/${peer}`).round({ mode, inFlight, count: messages })
      const cpuAfter = cpuMicrosOf(pid)
      const brokerCpuMicrosPerMsg = cpuBefore === null ? null : Math.round(((cpuAfter - cpuBefore) / messages) * 100) / 100
      say(
        `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`} ${id.padEnd(20)} ${line.msgPerSec} msg/s, ${line.cpuMicrosPerMsg} µs, ${line.errors} errors`
      )
      if (round >= 0)
        results.push({ round, case: id, server, ...line, brokerCpuMicrosPerMsg, brokerResidentBytes: residentBytes(pid) })
    }
  }
} finally {
  await Promise.all([...peers.values()].map((peer) => peer.stop()))
  await Promise.all(Object.values(servers).map((server) => server.stop()))
  home.remove()
}
const directory = new URL('./results/', import.meta.url)
const file = new URL(`${started.toISOString().slice(0, 10)}-${values.name}.json`, directory)
const settings = {
  rounds,
  warmup,
  count,
  size,
  reopenMessages: Number(values.reopen),
  drainMessages: Number(values.drain),
  inFlight: IN_FLIGHT,
  topicQueues: 4,
  realBroker: { heap: HEAP, ...BROKER_CONFIG },
  ourBroker: OUR_BROKER_ARGS,
  compression: 'none'
}
/** Writes all there is so far: what runs later takes long, and an interrupted run keeps what it has measured. */
function save() {
  const targets = TARGETS.map((target) => judge(target, results, startup)).filter((verdict) => verdict !== undefined)
  const report = { date: started.toISOString(), machine, versions: describeVersions(), settings, targets, startup, results }
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`)
  return file.pathname
}

let storeResults = []
if (storeCases.any) {
  if (cases.length > 0) say(`\nraw results so far: ${save()}`)
  storeResults = await measureStore(storeCases, { rounds, warmup, count, size, reopenMessages: Number(values.reopen), say })
  results = [...results, ...storeResults]
}

let consumerResults = []
if (consumerCases.any) {
  consumerResults = await measureConsumers(consumerCases, { rounds, warmup, size, drainMessages: Number(values.drain), say })
  results = [...results, ...consumerResults]
}

const of = (id, field) => results.filter((line) => line.case === id).map((line) => line[field])
const rows = cases.map(({ id, server, peer, mode, inFlight }) => {
  const figure = (field, digits) => {
    const found = of(id, field).filter((value) => value !== null)
    return found.length === 0 ? '–' : quartiles(found).median.toFixed(digits)
  }
  const rate = quartiles(of(id, 'msgPerSec'))
  return [
    `${peer} → ${server === 'real' ? 'RocketMQ 5.3.3' : 'our broker'}`,
    `${inFlight} ${inFlight === 1 ? '' : (MODES[mode] ?? mode)}`.trim(),
    rate.median.toFixed(0),
    `${rate.q1.toFixed(0)}–${rate.q3.toFixed(0)}`,
    figure('cpuMicrosPerMsg', 2),
    figure('p50Ms', 3),
    figure('p99Ms', 3),
    figure('brokerCpuMicrosPerMsg', 2),
    of(id, 'errors').reduce((sum, errors) => sum + errors, 0)
  ]
})
const targets = TARGETS.map((target) => judge(target, results, startup)).filter((verdict) => verdict !== undefined)

if (rows.length > 0) {
  const header = [
    'client → broker',
    'in flight',
    'msg/s',
    'quartiles',
    'client CPU µs/msg',
    'p50 ms',
    'p99 ms',
    'broker CPU µs/msg',
    'errors'
  ]
  console.log(`\n${size} bytes a body, ${rounds} alternating rounds, medians\n\n${markdownTable(header, rows)}`)
}
for (const table of [...storeTables(storeResults), ...consumerTables(consumerResults)]) console.log(`\n${table}`)
if (startup) console.log(`\n${startupTable(startup)}`)
if (targets.length > 0) {
  const header = ['target', 'wanted', 'measured', 'quartiles', '']
  const verdict = ({ met, proven }) => `${met ? 'met' : 'MISSED'}${proven ? '' : ' (too few rounds)'}`
  const lines = targets.map((target) => [target.name, target.wanted, target.measured, target.spread, verdict(target)])
  console.log(`\n${markdownTable(header, lines)}`)
}

say(`\nraw results: ${save()}`)
