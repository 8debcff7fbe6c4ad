// How long `rocketmq-producer broker` takes from exec to its ready line and what it then holds in memory, beside
// `node -e 0` as the control; and LoopbackBroker.start() in a warm process.
//   --runs N   (20)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { startOurBroker } from '../test/interop/harness/ours.js'
import { LineProcess } from '../test/interop/harness/processes.js'
import { residentBytes } from './support/machine.mjs'
import { markdownTable, quartiles } from './support/statistics.mjs'

const TOPICS = { Bench: 4 }

async function controlMillis() {
  const begin = performance.now()
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' })
  await once(child, 'exit')
  return performance.now() - begin
}

async function brokerRun() {
  const begin = performance.now()
  const broker = await startOurBroker({ topics: TOPICS })
  const readyMillis = performance.now() - begin
  const resident = residentBytes(broker.pids[0])
  await broker.stop()
  return { readyMillis, residentMB: resident === null ? null : resident / 1e6, startMillis: broker.ready.startMillis }
}

const LOOPBACK_SCRIPT = `
  const { LoopbackBroker } = await import(process.argv[1])
  for (let run = 0; run < 60; run += 1) {
    const begin = performance.now()
    const broker = await LoopbackBroker.start({ topics: { Bench: { queues: 4 } } })
    const millis = performance.now() - begin
    await broker.close()
    console.log(JSON.stringify({ millis }))
  }
`

async function loopbackRuns(runs) {
  const entry = new URL('../dist/broker.js', import.meta.url).href
  const child = new LineProcess('loopback', process.execPath, ['--input-type=module', '-e', LOOPBACK_SCRIPT, entry])
  const lines = await child.jsonUntilExit()
  return lines.slice(-runs).map(({ millis }) => millis)
}

export async function measureStartup({ runs = 20, say = () => {} } = {}) {
  const broker = []
  const control = []
  for (let run = 0; run < runs; run += 1) {
    control.push(await controlMillis())
    broker.push(await brokerRun())
    say(
      `startup ${run + 1}/${runs}: ready after ${broker.at(-1).readyMillis.toFixed(0)} ms, node -e 0 took ${control.at(-1).toFixed(0)} ms`
    )
  }
  return { control, broker, loopback: await loopbackRuns(runs) }
}

export function startupTable({ control, broker, loopback }) {
  const row = (name, values, digits) => {
    const { q1, median, q3 } = quartiles(values)
    return [name, median.toFixed(digits), `${q1.toFixed(digits)}–${q3.toFixed(digits)}`]
  }
  return markdownTable(
    ['start-up', 'median', 'quartiles'],
    [
      row(
        'broker, exec to ready line, ms',
        broker.map(({ readyMillis }) => readyMillis),
        0
      ),
      row(
        'broker, its own startMillis',
        broker.map(({ startMillis }) => startMillis),
        0
      ),
      row(
        'broker, resident at ready, MB',
        broker.map(({ residentMB }) => residentMB),
        1
      ),
      row('control: node -e 0, ms', control, 0),
      row('LoopbackBroker.start(), warm, ms', loopback, 2)
    ]
  )
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } })
  const startup = await measureStartup({ runs: Number(values.runs), say: (text) => console.error(text) })
  console.log(startupTable(startup))
}
