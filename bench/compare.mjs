// Two builds by turns: whether a change is one, on a machine whose figures swing by more than most changes are worth.
//   node bench/compare.mjs --of DIST --to DIST --what broker [--rounds 13] [--warmup 3] [--count 40000]
//   --of, --to     the folders of two builds, as `npm run build` makes them: the new one and the old one
//   --what         broker: the ceiling client against each build's broker; loopback: broker and producer in one process
//                  (loopback-peer.mjs); producer: each build's producer against the broker of --to
//   --store        of a broker: memory or file (memory)     --network  of loopback: tcp or memory (memory)
// The medians of the paired ratios and their quartiles go to standard output, rounds to standard error.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { temporaryDirectory } from '../test/interop/harness/java.js'
import { LineProcess } from '../test/interop/harness/processes.js'
import { cpuMicrosOf } from './support/machine.mjs'
import { startPeer } from './support/peers.mjs'
import { quartiles } from './support/statistics.mjs'

const { values } = parseArgs({
  options: {
    of: { type: 'string' },
    to: { type: 'string' },
    what: { type: 'string', default: 'broker' },
    store: { type: 'string', default: 'memory' },
    network: { type: 'string', default: 'memory' },
    rounds: { type: 'string', default: '13' },
    warmup: { type: 'string', default: '3' },
    count: { type: 'string', default: '40000' }
  }
})
const { what, store, network } = values
const rounds = Number(values.rounds)
const count = Number(values.count)
const IN_FLIGHT = 256
const script = (name) => fileURLToPath(new URL(name, import.meta.url))
const home = temporaryDirectory('bench-compare')
const running = []

async function startBroker(name, dist) {
  const files = ['--store', 'file', '--data-dir', `${home.path}/${name}`, '--set', 'diskMaxUsedSpaceRatio=99']
  const words = store === 'file' ? files : ['--store', 'memory', '--set', 'whenFull=dropOldest']
  const line = [`${dist}/cli.js`, 'broker', '--json', '--namesrv-port', '0', '--port', '0', '--topic', 'Bench:4', ...words]
  const child = new LineProcess(name, process.execPath, line)
  running.push(child)
  return { child, ...(await child.json(30_000)) }
}

/** Each gives a function that runs one round and says what it cost. */
const START = {
  async broker(name, dist) {
    const { child, namesrvAddr } = await startBroker(name, dist)
    const peer = await startPeer('ceiling', { namesrvAddr, topic: 'Bench', size: 1024, home: home.path })
    running.push(peer)
    return async () => {
      const before = cpuMicrosOf(child.pid)
      const line = await peer.round({ mode: 'async', inFlight: IN_FLIGHT, count })
      return { ...line, cpuMicrosPerMsg: (cpuMicrosOf(child.pid) - before) / count }
    }
  },
  async producer(name, dist, shared) {
    const { namesrvAddr } = await shared
    const child = new LineProcess(name, process.execPath, [
      script('our-producer.mjs'),
      '--dist',
      dist,
      '--namesrv',
      namesrvAddr,
      '--topic',
      'Bench'
    ])
    return answering(child, `round async ${IN_FLIGHT} ${count}`)
  },
  async loopback(name, dist) {
    const child = new LineProcess(name, process.execPath, [script('loopback-peer.mjs'), '--dist', dist, '--network', network])
    return answering(child, `send ${IN_FLIGHT} ${count}`)
  }
}

async function answering(child, line) {
  running.push(child)
  await child.json(30_000)
  return async () => {
    child.write(line)
    return await child.json(300_000)
  }
}

try {
  const shared = what === 'producer' ? startBroker('shared', values.to) : undefined
  const sides = { of: await START[what]('of', values.of, shared), to: await START[what]('to', values.to, shared) }
  const results = []
  for (let round = -Number(values.warmup); round < rounds; round += 1) {
    const result = {}
    for (const side of round % 2 === 0 ? ['of', 'to'] : ['to', 'of']) {
      result[side] = await sides[side]()
      const { msgPerSec, cpuMicrosPerMsg, errors } = result[side]
      console.error(
        `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`} ${side} ${msgPerSec} msg/s, ${cpuMicrosPerMsg.toFixed(2)} µs, ${errors} errors`
      )
    }
    if (round >= 0) results.push(result)
  }
  for (const field of ['msgPerSec', 'cpuMicrosPerMsg']) {
    const [of, to, ratio] = [({ of }) => of[field], ({ to }) => to[field], ({ of, to }) => of[field] / to[field]].map((figure) =>
      quartiles(results.map(figure))
    )
    console.log(
      `${field}: ${of.median.toFixed(2)} : ${to.median.toFixed(2)}, ratio ${ratio.median.toFixed(3)} (${ratio.q1.toFixed(3)}–${ratio.q3.toFixed(3)})`
    )
  }
} finally {
  await Promise.all(running.map((child) => child.stop('SIGKILL')))
  home.remove()
}
