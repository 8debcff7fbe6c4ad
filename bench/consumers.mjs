// The part of the benchmark that reads: a real Java push consumer draining our broker and the real one, and what consumers that only wait
// cost our broker and its senders. Runs as part of run.mjs, only when named.
import { fileURLToPath } from 'node:url'
import { startProgram, startRealCluster, temporaryDirectory } from '../test/interop/harness/java.js'
import { startOurBroker } from '../test/interop/harness/ours.js'
import { LineProcess } from '../test/interop/harness/processes.js'
import { cpuMicrosOf, residentBytes } from './support/machine.mjs'
import { startPeer } from './support/peers.mjs'
import { markdownTable, quartiles } from './support/statistics.mjs'

const TOPIC = 'Bench'
const QUEUES = 4
const HEAP = '1g'
const IN_FLIGHT = 256
const DRAIN = ['consumers/ours/drain', 'consumers/real/drain']
const IDLE = 'consumers/idle'
/** What waits, and for how long their cost is measured. */
const WAITING = 1000
const IDLE_MILLIS = 20_000
const SENDS = 3000
const idleConsumers = fileURLToPath(new URL('./support/idle-consumers.mjs', import.meta.url))

/** Which of these cases a list of parts of ids selects; none where there is no list. */
export function selectConsumerCases(only) {
  const wanted = (id) => only?.some((part) => part.startsWith('consumers') && id.startsWith(part)) ?? false
  const drain = DRAIN.some(wanted)
  const idle = wanted(IDLE)
  return { drain, idle, any: drain || idle }
}

/** `settings`: rounds, warmup, size, drainMessages, say. Gives result lines as run.mjs has them. */
export async function measureConsumers(selected, settings) {
  const results = []
  const context = { ...settings, add: (line) => results.push(line) }
  if (selected.drain) await measureDrain(context)
  if (selected.idle) await measureIdle(context)
  return results
}

async function fill(namesrvAddr, count, { size, home }) {
  const ceiling = await startPeer('ceiling', { namesrvAddr, topic: TOPIC, size, home })
  const { errors } = await ceiling.round({ mode: 'async', inFlight: IN_FLIGHT, count })
  await ceiling.stop()
  if (errors > 0) throw new Error(`${errors} of ${count} messages are missing`)
}

/** Both brokers hold the same messages; each round is a group of its own that begins at the first one. */
async function measureDrain(context) {
  const { rounds, warmup, drainMessages, say, add } = context
  const home = temporaryDirectory('bench-consumers')
  const servers = {}
  const consumers = {}
  try {
    const config = { flushDiskType: 'ASYNC_FLUSH', sendThreadPoolQueueCapacity: 200_000, waitTimeMillsInSendQueue: 10_000 }
    servers.real = await startRealCluster({ topics: { [TOPIC]: QUEUES }, heap: HEAP, quick: false, brokerConfig: config })
    servers.ours = await startOurBroker({ topics: { [TOPIC]: QUEUES }, args: ['--set', `maxBytes=${2 ** 30}`] })
    for (const [name, { namesrvAddr }] of Object.entries(servers)) {
      await fill(namesrvAddr, drainMessages, { ...context, home: home.path })
      const args = ['--namesrv', namesrvAddr, '--topic', TOPIC]
      consumers[name] = startProgram({ main: 'BenchConsumer', version: '5.3.3', args, home: home.path, quick: false, heap: HEAP })
      await consumers[name].json()
    }
    for (let round = -warmup; round < rounds; round += 1) {
      for (const id of round % 2 === 0 ? DRAIN : DRAIN.toReversed()) {
        const name = id.split('/')[1]
        const pid = servers[name].pids.at(-1)
        const cpuBefore = cpuMicrosOf(pid)
        consumers[name].write(`drain bench-${round + warmup} ${drainMessages}`)
        const line = await consumers[name].json(300_000)
        const brokerCpuMicrosPerMsg = Math.round(((cpuMicrosOf(pid) - cpuBefore) / drainMessages) * 100) / 100
        say(
          `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`} ${id.padEnd(22)} ${line.msgPerSec} msg/s, ${line.errors} twice`
        )
        if (round >= 0) add({ round, case: id, ...line, brokerCpuMicrosPerMsg })
      }
    }
  } finally {
    await Promise.all(Object.values(consumers).map((child) => child.stop('SIGKILL')))
    await Promise.all(Object.values(servers).map((server) => server.stop()))
    home.remove()
  }
}

/** Sends one at a time, alone and while the consumers wait, in turns; then what the waiting costs when nothing is sent. */
async function measureIdle({ rounds, warmup, size, say, add }) {
  const home = temporaryDirectory('bench-idle')
  const server = await startOurBroker({ topics: { [TOPIC]: QUEUES, Idle: QUEUES }, args: ['--set', 'whenFull=dropOldest'] })
  const [pid] = server.pids
  const waiting = new LineProcess('idle-consumers', process.execPath, [
    idleConsumers,
    '--broker',
    server.brokerAddr,
    '--topic',
    'Idle'
  ])
  let sender
  try {
    await waiting.json()
    sender = await startPeer('ours', { namesrvAddr: server.namesrvAddr, topic: TOPIC, size, home: home.path })
    const send = () => sender.round({ mode: 'sync', inFlight: 1, count: SENDS })
    const start = async () => {
      const before = residentBytes(pid)
      waiting.write(`start ${WAITING}`)
      await waiting.json(60_000)
      return (residentBytes(pid) - before) / WAITING / 1024
    }
    const stop = async () => {
      waiting.write('stop')
      const { errors } = await waiting.json(60_000)
      if (errors > 0) throw new Error(`${errors} polls of ${WAITING} consumers failed`)
    }
    // The first consumers make the broker's tables and code grow, once.
    const cost = { round: 0, case: `${IDLE}/cost`, count: WAITING, kibEach: Math.round((await start()) * 10) / 10 }
    const cpu = cpuMicrosOf(pid)
    await new Promise((resolve) => setTimeout(resolve, IDLE_MILLIS))
    cost.cpuPercent = Math.round(((cpuMicrosOf(pid) - cpu) / IDLE_MILLIS / 10) * 100) / 100
    await stop()
    say(`${WAITING} waiting consumers: ${cost.cpuPercent} % CPU, ${cost.kibEach} KiB each`)
    add(cost)
    for (let round = -warmup; round < rounds; round += 1) {
      for (const name of round % 2 === 0 ? ['alone', 'waiting'] : ['waiting', 'alone']) {
        if (name === 'waiting') await start()
        const line = await send()
        if (name === 'waiting') await stop()
        say(
          `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`} ${IDLE}/${name}: p50 ${line.p50Ms} ms, p99 ${line.p99Ms} ms`
        )
        if (round >= 0) add({ round, case: `${IDLE}/${name}`, ...line })
      }
    }
  } finally {
    await sender?.stop()
    await waiting.stop('SIGKILL')
    await server.stop()
    home.remove()
  }
}

/** Tables of these results. */
export function consumerTables(results) {
  const tables = []
  const median = (id, field, digits) =>
    quartiles(results.filter((line) => line.case === id).map((line) => line[field])).median.toFixed(digits)
  const has = (id) => results.some((line) => line.case === id)
  if (has(DRAIN[0])) {
    const rows = DRAIN.map((id) => [
      id.includes('ours') ? 'our broker' : 'RocketMQ 5.3.3',
      median(id, 'msgPerSec', 0),
      median(id, 'firstMs', 0),
      median(id, 'brokerCpuMicrosPerMsg', 2)
    ])
    tables.push(markdownTable(['Java push consumer drains', 'msg/s', 'first message, ms', 'broker CPU µs/msg'], rows))
  }
  if (has(`${IDLE}/cost`)) {
    const rows = ['alone', 'waiting'].map((name) => [
      name === 'alone' ? 'nobody waits' : `${WAITING} consumers wait`,
      median(`${IDLE}/${name}`, 'p50Ms', 3),
      median(`${IDLE}/${name}`, 'p99Ms', 3),
      name === 'alone' ? '–' : median(`${IDLE}/cost`, 'cpuPercent', 2),
      name === 'alone' ? '–' : median(`${IDLE}/cost`, 'kibEach', 1)
    ])
    tables.push(markdownTable(['sends one at a time', 'p50 ms', 'p99 ms', 'broker CPU % when idle', 'KiB each'], rows))
  }
  return tables
}
