// Kills a broker under load, again and again, and looks at what its store holds afterwards (fault-S1, fault-S2).
//
//   node test/torture/store-kill.mjs [--cycles 25] [--flush sync|async|both] [--seed N]
//
// The broker is a process of its own (dist/cli.js) with files of 256 KiB; the sender and its journal are this process. After each kill the
// folder is opened here, and every message is compared with what was sent. Prints a line a mode; ends with 1 when one of them fails.
import { spawn } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const dist = (file) => new URL(`../../dist/${file}`, import.meta.url).href
const { DefaultMQProducer, Message } = await import(dist('index.js'))
const { LoopbackBroker, MemoryNetwork } = await import(dist('broker.js'))
const cli = fileURLToPath(dist('cli.js'))

const TOPIC = 'Torture'
const QUEUES = 4
const LANES = 64
const FILE_SIZE = 256 * 1024
/** A folder serves so many cycles: the log is read as a whole after each. */
const CYCLES_A_FOLDER = 5

/** A generator that a seed repeats. */
function mulberry(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The body of a number: whoever reads it can tell whether it is whole. */
function bodyOf(seq) {
  const length = 100 + ((seq * 7919) % 2000)
  const hash = createHash('sha256').update(`${seq}`).digest('hex').slice(0, 16)
  return `${seq}:${length}:${hash}:`.padEnd(length, hash)
}

async function startBroker(dir, flush) {
  const args = ['broker', '--json', '--port', '0', '--namesrv-port', '0', '--store', 'file', '--data-dir', dir]
  const more = ['--flush', flush, '--commitlog-file-size', String(FILE_SIZE), '--topic', `${TOPIC}:${QUEUES}`]
  const child = spawn(process.execPath, [cli, ...args, ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(-4000)
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const line = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
    exited.then(() => undefined)
  ])
  if (line === undefined) throw new Error(`the broker did not start: ${stderr}`)
  return { child, exited, ready: JSON.parse(line) }
}

/** Sends until the broker is dead. Puts what it knows into the journal. */
async function load(namesrvAddr, journal, killed) {
  const producer = new DefaultMQProducer({
    producerGroup: 'torture',
    namesrvAddr,
    retryTimesWhenSendFailed: 0,
    sendMsgTimeout: 3000
  })
  await producer.start()
  let firstAck
  const lane = async () => {
    while (!killed.done) {
      const seq = journal.intents++
      try {
        const result = await producer.send(new Message({ topic: TOPIC, body: bodyOf(seq) }))
        if (result.sendStatus !== 'SEND_OK') continue
        killed.answered()
        firstAck ??= performance.now()
        journal.acked.set(seq, result)
      } catch {
        // Not acknowledged: it may be there or not.
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await producer.shutdown()
  return firstAck
}

/** Opens the folder in this process and compares. Returns what is wrong. */
async function check(dir, flush, journal) {
  const broker = await LoopbackBroker.start({
    network: new MemoryNetwork(),
    dataDir: dir,
    topics: { [TOPIC]: { queues: QUEUES } },
    storeConfig: { mappedFileSizeCommitLog: FILE_SIZE, flushDiskType: flush === 'sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH' }
  })
  const wrong = []
  try {
    const seen = new Map()
    const next = new Map()
    for (const message of broker.messages(TOPIC)) {
      const { queueId, queueOffset, body } = message
      const text = body.toString()
      const seq = Number.parseInt(text, 10)
      if (text !== bodyOf(seq)) wrong.push(`corrupt: ${text.slice(0, 40)}`)
      if (!(seq < journal.intents)) wrong.push(`never sent: ${seq}`)
      if (seen.has(seq)) wrong.push(`twice: ${seq}`)
      seen.set(seq, message)
      if (queueOffset !== (next.get(queueId) ?? 0)) wrong.push(`queue ${queueId}: ${queueOffset} after ${next.get(queueId)}`)
      next.set(queueId, queueOffset + 1)
    }
    for (const [seq, { messageQueue, queueOffset, offsetMsgId }] of journal.acked) {
      const message = seen.get(seq)
      if (message === undefined) wrong.push(`lost: ${seq}`)
      else if (
        message.queueId !== messageQueue.queueId ||
        message.queueOffset !== queueOffset ||
        message.offsetMsgId !== offsetMsgId
      ) {
        wrong.push(`moved: ${seq}`)
      }
    }
    return { wrong, held: seen.size }
  } finally {
    await broker.close()
  }
}

async function torture(flush, cycles, seed) {
  const random = mulberry(seed)
  const restarts = []
  let acked = 0
  let failures = 0
  let dir
  let journal
  for (let cycle = 0; cycle < cycles; cycle++) {
    if (cycle % CYCLES_A_FOLDER === 0) {
      if (dir !== undefined) rmSync(path.dirname(dir), { recursive: true, force: true })
      dir = path.join(mkdtempSync(path.join(tmpdir(), 'store-kill-')), 'store')
      journal = { intents: 0, acked: new Map() }
    }
    const began = performance.now()
    const before = journal.acked.size
    const { child, exited, ready } = await startBroker(dir, flush)
    let answered
    const first = new Promise((resolve) => {
      answered = resolve
    })
    const killed = { done: false, answered }
    const loading = load(ready.namesrvAddr, journal, killed)
    // It is killed under load, and all the same when it never answers.
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 5000))])
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 450))
    child.kill('SIGKILL')
    killed.done = true
    await exited
    const firstAck = await loading
    if (firstAck !== undefined) restarts.push(firstAck - began)
    acked += journal.acked.size - before
    const { wrong } = await check(dir, flush, journal)
    if (wrong.length > 0) {
      failures++
      console.log(`cycle ${cycle}: ${wrong.length} wrong, ${wrong.slice(0, 5).join('; ')}; kept in ${dir}`)
      dir = undefined
      cycle += CYCLES_A_FOLDER - 1 - (cycle % CYCLES_A_FOLDER)
    }
  }
  if (dir !== undefined) rmSync(path.dirname(dir), { recursive: true, force: true })
  restarts.sort((a, b) => a - b)
  const p99 = restarts[Math.min(Math.floor(restarts.length * 0.99), restarts.length - 1)] ?? Number.NaN
  console.log(
    `kill -9, ${flush}: ${cycles} cycles, ${acked} acknowledged, ${failures} failures, process start to first answer p99 ${Math.round(p99)} ms, seed ${seed}`
  )
  return failures
}

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '25' }, flush: { type: 'string', default: 'both' }, seed: { type: 'string' } }
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
let failures = 0
for (const flush of values.flush === 'both' ? ['sync', 'async'] : [values.flush]) {
  failures += await torture(flush, Number(values.cycles), seed)
}
process.exitCode = failures === 0 ? 0 : 1
