// The part of the benchmark that needs a disk: the store alone beside Java's DefaultMessageStore and a bare loop, brokers with files under
// the ceiling client, reopening after kill -9, and the event loop's delay meanwhile. Runs as part of run.mjs.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { classPath, SERVER_FLAGS, SERVER_VERSION, startRealCluster, temporaryDirectory } from '../test/interop/harness/java.js'
import { cliPath, startOurBroker } from '../test/interop/harness/ours.js'
import { LineProcess, run } from '../test/interop/harness/processes.js'
import { openRemoting } from '../test/interop/harness/remoting.js'
import { cpuMicrosOf, residentBytes } from './support/machine.mjs'
import { startPeer } from './support/peers.mjs'
import { markdownTable, quartiles } from './support/statistics.mjs'

const TOPIC = 'Bench'
const QUEUES = 4
const HEAP = '1g'
const javaDirectory = fileURLToPath(new URL('../test/interop/java/', import.meta.url))
const javaClasses = join(javaDirectory, 'target', 'bench')
const loopDelay = fileURLToPath(new URL('./support/loop-delay.cjs', import.meta.url))

const alone = (peer, flush, inFlight) => ({ id: `store/${peer}/${flush}${inFlight}`, peer, flush, inFlight })
const ALONE = [
  alone('ours', 'async', 256),
  alone('java', 'async', 256),
  alone('ours', 'sync', 256),
  alone('java', 'sync', 256),
  // the bare loop takes turns with ours within the same process: store/bare/sync1
  alone('ours', 'sync', 1),
  alone('java', 'sync', 1)
]
const broker = (peer, flush) => ({ id: `store-broker/${peer}/${flush}256`, peer, flush, inFlight: 256 })
const BROKERS = [broker('ours', 'async'), broker('real', 'async'), broker('ours', 'sync'), broker('real', 'sync')]
const REOPEN = ['store-reopen/ours', 'store-reopen/java']
const LOOP = 'store-loop'

/** Which of the store's cases a list of parts of ids selects; all of them where there is no list. */
export function selectStoreCases(only) {
  const wanted = (id) => only === undefined || only.some((part) => part.startsWith('store') && id.startsWith(part))
  const selected = {
    alone: ALONE.filter(({ id }) => wanted(id)),
    brokers: BROKERS.filter(({ id }) => wanted(id)),
    reopen: REOPEN.some(wanted),
    loop: wanted(LOOP)
  }
  return { ...selected, any: selected.alone.length + selected.brokers.length > 0 || selected.reopen || selected.loop }
}

/**
 * `settings`: rounds, warmup, count (a round with 256 in flight; one at a time a twentieth of it), size, reopenMessages, say. Gives result
 * lines as run.mjs has them.
 */
export async function measureStore(selected, settings) {
  const home = temporaryDirectory('bench-store')
  const results = []
  const context = { ...settings, home: home.path, add: (line) => results.push(line) }
  try {
    mkdirSync(javaClasses, { recursive: true })
    const source = join(javaDirectory, 'store', 'BenchStore.java')
    await run('javac', 'javac', ['-nowarn', '-d', javaClasses, '-cp', classPath(SERVER_VERSION), source])
    if (selected.alone.length > 0) await measureAlone(selected.alone, context)
    for (const flush of ['async', 'sync']) {
      const cases = selected.brokers.filter((one) => one.flush === flush)
      if (cases.length > 0) await measureBrokers(cases, flush, context)
    }
    if (selected.reopen) await measureReopening(context)
    if (selected.loop) await measureLoopDelay(context)
    return results
  } finally {
    home.remove()
  }
}

/** Rounds there and back again, so that what drifts within one does not favour one side. */
async function alternate(cases, { rounds, warmup, say, add }, play) {
  for (let round = -warmup; round < rounds; round += 1) {
    for (const one of round % 2 === 0 ? cases : cases.toReversed()) {
      const lines = await play(one)
      for (const line of lines) {
        const { case: id, msgPerSec, reopenMillis, ...rest } = line
        const figure =
          msgPerSec === undefined ? `${reopenMillis} ms` : `${msgPerSec} msg/s, ${rest.cpuMicrosPerMsg} µs, ${rest.errors} errors`
        say(`${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`} ${id.padEnd(26)} ${figure}`)
        if (round >= 0) add({ round, ...line })
      }
    }
  }
}

const javaStore = (args, home) => {
  const flags = [`-Xmx${HEAP}`, ...SERVER_FLAGS, `-Duser.home=${home}`, '-cp', `${javaClasses}:${classPath(SERVER_VERSION)}`]
  return new LineProcess('BenchStore', 'java', [...flags, 'BenchStore', ...args], { cwd: home })
}

/**
 * Each round is a new process on an empty folder, which measures after a warm-up of as many messages as count; Java's compiler gets twice
 * as many.
 */
async function measureAlone(cases, context) {
  await alternate(cases, { ...context, warmup: 0 }, async ({ id, peer, flush, inFlight }) => {
    const count =
      inFlight === 1
        ? Math.max(1, Math.round(context.count / 20))
        : flush === 'sync'
          ? Math.round(context.count / 3)
          : context.count
    const root = join(context.home, 'alone')
    const size = String(context.size)
    const child =
      peer === 'java'
        ? javaStore([root, 'put', flush, size, String(inFlight), String(2 * count), String(count)], context.home)
        : new LineProcess('bench-store', process.execPath, [
            cliPath,
            ...['bench-store', '--json', '--data-dir', root, '--flush', flush, '--size', size],
            ...['--count', String(count), '--concurrency', String(inFlight), '--rounds', '1']
          ])
    try {
      const { bareMsgPerSec, ...line } = await child.json(300_000)
      const lines = [{ ...line, case: id, count, inFlight }]
      if (bareMsgPerSec !== undefined)
        lines.push({ ...line, case: 'store/bare/sync1', msgPerSec: bareMsgPerSec, count, inFlight, cpuMicrosPerMsg: null })
      await child.exited
      return lines
    } finally {
      await child.stop('SIGKILL')
      // files that are gone are not written back in somebody else's round
      rmSync(root, { recursive: true, force: true })
    }
  })
}

const fileBroker = (root, flush, more = [], env = {}) =>
  startOurBroker({
    topics: { [TOPIC]: QUEUES },
    args: ['--store', 'file', '--data-dir', root, '--flush', flush, '--set', 'diskMaxUsedSpaceRatio=99', ...more],
    ...env
  })

async function measureBrokers(cases, flush, context) {
  const root = join(context.home, `broker-${flush}`)
  const flushDiskType = flush === 'sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH'
  const start = {
    ours: () => fileBroker(root, flush),
    real: () =>
      startRealCluster({
        topics: { [TOPIC]: QUEUES },
        heap: HEAP,
        quick: false,
        brokerConfig: { flushDiskType, waitTimeMillsInSendQueue: 10_000 }
      })
  }
  const servers = {}
  const peers = {}
  try {
    for (const { peer } of cases) {
      servers[peer] = await start[peer]()
      peers[peer] = await startPeer('ceiling', {
        namesrvAddr: servers[peer].namesrvAddr,
        topic: TOPIC,
        size: context.size,
        home: context.home
      })
    }
    await alternate(cases, context, async ({ id, peer, inFlight }) => {
      const pid = servers[peer].pids.at(-1)
      const cpu = cpuMicrosOf(pid)
      const line = await peers[peer].round({ mode: 'async', inFlight, count: context.count })
      const brokerCpuMicrosPerMsg = cpu === null ? null : Math.round(((cpuMicrosOf(pid) - cpu) / context.count) * 100) / 100
      return [{ ...line, case: id, brokerCpuMicrosPerMsg, brokerResidentBytes: residentBytes(pid) }]
    })
  } finally {
    await Promise.all(Object.values(peers).map((peer) => peer.stop()))
    await Promise.all(Object.values(servers).map((server) => server.stop()))
    rmSync(root, { recursive: true, force: true })
  }
}

async function send(brokerAddr, body) {
  const connection = await openRemoting(brokerAddr)
  try {
    const fields = {
      a: 'bench',
      b: TOPIC,
      c: 'TBW102',
      d: '4',
      e: '0',
      f: '0',
      g: String(Date.now()),
      h: '0',
      i: '',
      j: '0',
      k: 'false',
      m: 'false'
    }
    const { code, remark } = await connection.invoke({ code: 310, extFields: fields, body })
    if (code !== 0) throw new Error(`the first send was answered with ${code}: ${remark}`)
  } finally {
    connection.close()
  }
}

/** Puts `count` messages into the broker at `namesrvAddr`. */
async function fill(namesrvAddr, count, context) {
  const peer = await startPeer('ceiling', { namesrvAddr, topic: TOPIC, size: context.size, home: context.home })
  const line = await peer.round({ mode: 'async', inFlight: 256, count })
  await peer.stop()
  return line
}

const killed = (server) => server.stop('SIGKILL')

/** From the start of the process to the first answered send: our whole broker over TCP, and Java's store alone, in process. */
async function measureReopening(context) {
  const { reopenMessages, say } = context
  const image = join(context.home, 'image')
  const filled = await fileBroker(image, 'async')
  await fill(filled.namesrvAddr, reopenMessages, context)
  await killed(filled)
  say(`a store of ${reopenMessages} messages, killed`)
  const copy = join(context.home, 'copy')
  const play = {
    async ours() {
      const begin = performance.now()
      const server = await fileBroker(copy, 'async')
      await send(server.brokerAddr, Buffer.alloc(context.size))
      const reopenMillis = Math.round(performance.now() - begin)
      const peakMB = peakResidentMB(server.pids[0])
      await killed(server)
      return { reopenMillis, peakMB }
    },
    async java() {
      const begin = performance.now()
      const child = javaStore([copy, 'reopen', TOPIC, String(QUEUES)], context.home)
      try {
        const { ok, messages } = await child.json(300_000)
        const reopenMillis = Math.round(performance.now() - begin)
        if (!ok || messages !== reopenMessages) throw new Error(`Java found ${messages} messages of ${reopenMessages}`)
        return { reopenMillis }
      } finally {
        await child.stop('SIGKILL')
      }
    }
  }
  await alternate(REOPEN, { ...context, warmup: 1 }, async (id) => {
    // a copy without holes would be slower for both
    await run('cp', 'cp', ['-a', '--sparse=always', image, copy])
    await run('sync', 'sync', ['-f', copy])
    try {
      return [{ case: id, ...(await play[id.split('/')[1]]()) }]
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  })
  rmSync(image, { recursive: true, force: true })
}

/** The most that a process had resident so far, MB; null where the system does not say. */
function peakResidentMB(pid) {
  try {
    return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000)
  } catch {
    return null
  }
}

/** Delay of our broker's event loop beside that of an idle process, under load, while it recovers, and while old files are deleted. */
async function measureLoopDelay(context) {
  const root = join(context.home, 'loop')
  const watched = async (name, start) => {
    const file = join(context.home, `${name}.delay`)
    const server = await start({ ...process.env, NODE_OPTIONS: `--require ${loopDelay}`, LOOP_DELAY_FILE: file })
    let seen = 0
    return {
      server,
      async take() {
        process.kill(server.pids[0], 'SIGUSR2')
        for (;;) {
          const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
          if (lines.length > seen) {
            seen = lines.length
            return JSON.parse(lines.at(-1))
          }
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    }
  }
  const idle = await watched('idle', async (env) => {
    const child = new LineProcess('idle', process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("{}")'], { env })
    await child.json()
    return { pids: [child.pid], stop: () => child.stop('SIGKILL') }
  })
  let runs = 0
  const start = (flush, more) =>
    watched(`broker-${runs++}`, (env) =>
      fileBroker(root, flush, ['--commitlog-file-size', String(64 * 1024 * 1024), ...more], { env })
    )
  const phase = async (id, broker, work) => {
    await idle.take()
    if (work !== undefined) {
      await broker.take()
      await work()
    }
    const [{ p50, p99, max }, control] = [await broker.take(), await idle.take()]
    const line = {
      round: 0,
      case: `${LOOP}/${id}`,
      p50DelayMs: p50,
      p99DelayMs: p99,
      maxDelayMs: max,
      controlP99Ms: control.p99,
      excessMs: Math.round((p99 - control.p99) * 100) / 100
    }
    context.say(`event loop, ${id}: p99 ${p99} ms, longest ${max} ms, idle control ${control.p99} ms`)
    context.add(line)
  }
  try {
    for (const flush of ['async', 'sync']) {
      const broker = await start(flush, [])
      await phase(`load-${flush}`, broker, () => fill(broker.server.namesrvAddr, context.count, context))
      if (flush === 'async') await fill(broker.server.namesrvAddr, context.reopenMessages, context)
      await killed(broker.server)
    }
    const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0')).join(';')
    const broker = await start('async', ['--set', 'fileReservedTime=0', '--set', `deleteWhen=${hours}`])
    await phase('recovery', broker)
    const logFiles = () => readdirSync(join(root, 'commitlog')).length
    const before = logFiles()
    // old files are looked for a minute after the start
    await phase('clean-up', broker, async () => {
      for (let i = 0; i < 90 && logFiles() > Math.max(before - 8, 1); i += 1)
        await new Promise((resolve) => setTimeout(resolve, 1000))
    })
    context.say(`clean-up deleted ${before - logFiles()} of ${before} files`)
    await broker.server.stop()
  } finally {
    await idle.server.stop()
    rmSync(root, { recursive: true, force: true })
  }
}

/** The tables of what was measured. */
export function storeTables(results) {
  const of = (id, field) =>
    results
      .filter((line) => line.case === id)
      .map((line) => line[field])
      .filter((value) => value !== null && value !== undefined)
  const ids = [...new Set(results.map((line) => line.case))]
  const spread = (id, field, digits) => {
    const values = of(id, field)
    if (values.length === 0) return ['–', '–']
    const { q1, median, q3 } = quartiles(values)
    return [median.toFixed(digits), `${q1.toFixed(digits)}–${q3.toFixed(digits)}`]
  }
  const tables = []
  const rates = ids.filter((id) => of(id, 'msgPerSec').length > 0)
  if (rates.length > 0) {
    tables.push(
      markdownTable(
        ['files', 'msg/s', 'quartiles', 'CPU µs/msg', 'p50 ms', 'p99 ms', 'broker CPU µs/msg', 'errors'],
        rates.map((id) => [
          id,
          ...spread(id, 'msgPerSec', 0),
          spread(id, 'cpuMicrosPerMsg', 2)[0],
          spread(id, 'p50Ms', 3)[0],
          spread(id, 'p99Ms', 3)[0],
          spread(id, 'brokerCpuMicrosPerMsg', 2)[0],
          of(id, 'errors').reduce((sum, errors) => sum + errors, 0)
        ])
      )
    )
  }
  const reopened = REOPEN.filter((id) => of(id, 'reopenMillis').length > 0)
  if (reopened.length > 0) {
    const row = (id) => [id, ...spread(id, 'reopenMillis', 0), spread(id, 'peakMB', 0)[0]]
    tables.push(
      markdownTable(['after kill -9, process start to first answer', 'ms', 'quartiles', 'peak resident MB'], reopened.map(row))
    )
  }
  const loops = ids.filter((id) => id.startsWith(LOOP))
  if (loops.length > 0) {
    const row = (id) => [
      id,
      ...['p50DelayMs', 'p99DelayMs', 'maxDelayMs', 'controlP99Ms'].map((field) => spread(id, field, 2)[0])
    ]
    tables.push(markdownTable(['event-loop delay, ms', 'p50', 'p99', 'max', 'idle control p99'], loops.map(row)))
  }
  return tables
}
