// The loopback broker as tests use it, with the producer in the same process: start to first acknowledgement, one send at a time, 256 in
// flight, over TCP and over the in-memory network, with and without the journal. Each way has a process of its own (loopback-peer.mjs), and
// they take turns: one round of each, in one order and then in the other.
//   --rounds N     rounds that count (9)           --warmup N   rounds before them that do not (3)
//   --starts N     starts a round (30)             --count N    messages a round with 256 in flight (20000); one at a time sends a quarter
//   --name NAME    last part of the result file's name (loopback)
// Raw results go to bench/results/<date>-<name>.json, tables to standard output, progress to standard error.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { LineProcess } from '../test/interop/harness/processes.js'
import { describeMachine, describeVersions } from './support/machine.mjs'
import { markdownTable, quartiles } from './support/statistics.mjs'
import { judge, LOOPBACK_TARGETS } from './support/targets.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    warmup: { type: 'string', default: '3' },
    starts: { type: 'string', default: '30' },
    count: { type: 'string', default: '20000' },
    name: { type: 'string', default: 'loopback' }
  }
})
const rounds = Number(values.rounds)
const warmup = Number(values.warmup)
const count = Number(values.count)
const IN_FLIGHT = 256
const say = (text) => console.error(text)

/** A case's id is loopback/<network>[-nojournal]/<what>. */
const PEERS = ['tcp', 'memory', 'tcp-nojournal', 'memory-nojournal']
const WORK = [
  { what: 'start', line: `start ${values.starts}` },
  { what: '1', line: `send 1 ${Math.ceil(count / 4)}` },
  { what: `${IN_FLIGHT}`, line: `send ${IN_FLIGHT} ${count}` }
]

async function startPeer(name) {
  const [network, journal] = name.split('-')
  const script = fileURLToPath(new URL('loopback-peer.mjs', import.meta.url))
  const words = ['--network', network, '--journal', journal === undefined ? 'on' : 'off']
  const child = new LineProcess(name, process.execPath, [script, ...words])
  await child.json()
  return { name, child }
}

const started = new Date()
const machine = describeMachine()
const peers = await Promise.all(PEERS.map(startPeer))
const results = []
for (let round = -warmup; round < rounds; round += 1) {
  // There and back again, so that what drifts within a round does not favour one side; what is compared runs next to each other.
  const order = round % 2 === 0 ? peers : peers.toReversed()
  for (const { what, line } of WORK) {
    for (const { name, child } of order) {
      child.write(line)
      const result = await child.json(300_000)
      const id = `loopback/${name}/${what}`
      say(
        `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`} ${id.padEnd(32)} p50 ${result.p50Ms.toFixed(3)} ms, ${result.msgPerSec ?? '–'} msg/s, ${result.errors} errors`
      )
      if (round >= 0) results.push({ round, case: id, ...result })
    }
  }
}
await Promise.all(peers.map(({ child }) => child.stop('SIGKILL')))

const rows = WORK.flatMap(({ what }) =>
  PEERS.map((name) => {
    const found = results.filter((result) => result.case === `loopback/${name}/${what}`)
    const figures = (field, digits) => {
      if (found[0]?.[field] === undefined) return ['–', '–']
      const { q1, median, q3 } = quartiles(found.map((result) => result[field]))
      return [median.toFixed(digits), `${q1.toFixed(digits)}–${q3.toFixed(digits)}`]
    }
    return [
      `${name.startsWith('tcp') ? 'TCP' : 'memory'}${name.endsWith('nojournal') ? ', no journal' : ''}`,
      what === 'start' ? 'start to first acknowledgement' : `${what} in flight`,
      ...figures('p50Ms', 3),
      ...figures('msgPerSec', 0),
      figures('cpuMicrosPerMsg', 2)[0],
      found.reduce((sum, { errors }) => sum + errors, 0)
    ]
  })
)
const header = ['network', 'what', 'p50 ms', 'quartiles', 'msg/s', 'quartiles', 'CPU µs/msg', 'errors']
console.log(
  `\nBroker and producer in one process, 1024 bytes a body, ${rounds} alternating rounds, medians\n\n${markdownTable(header, rows)}`
)
const targets = LOOPBACK_TARGETS.map((target) => judge(target, results)).filter((verdict) => verdict !== undefined)
const verdict = ({ met, proven }) => `${met ? 'met' : 'MISSED'}${proven ? '' : ' (too few rounds)'}`
const lines = targets.map((target) => [target.name, target.wanted, target.measured, target.spread, verdict(target)])
console.log(`\n${markdownTable(['target', 'wanted', 'measured', 'quartiles', ''], lines)}`)

const directory = new URL('./results/', import.meta.url)
mkdirSync(directory, { recursive: true })
const file = new URL(`${started.toISOString().slice(0, 10)}-${values.name}.json`, directory)
const settings = { rounds, warmup, starts: Number(values.starts), count, size: 1024, inFlight: IN_FLIGHT, topicQueues: 4 }
const report = { date: started.toISOString(), machine, versions: describeVersions(), settings, targets, results }
writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`)
say(`\nraw results: ${file.pathname}`)
