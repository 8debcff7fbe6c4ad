// Kills a broker that holds many messages and opens its folder again, with its queues and index and without them (fault-S20).
//
//   node test/torture/store-recovery.mjs [--messages 1000000] [--size 1024] [--resident 300]
//
// A message in a hundred has a key. Prints a line: the time from the start of the process to its first answer, and the most memory that it had
// resident, both times. Ends with 1 when a message or a key is missing, or when it had more than `--resident` MB; the time is only said: what
// it is compared with is Java on the same files (`node bench/run.mjs --only store-reopen`).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { DefaultMQProducer, Message, startBroker, TOPIC } from './support/rig.mjs'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    size: { type: 'string', default: '1024' },
    resident: { type: 'string', default: '300' }
  }
})
const messages = Number(values.messages)
const IN_FLIGHT = 256
/** A message in so many has a key. */
const KEY_EVERY = 100
const FILE_SIZE = 1024 * 1024 * 1024

async function withProducer({ ready }, work) {
  const producer = new DefaultMQProducer({ producerGroup: 'recovery', namesrvAddr: ready.namesrvAddr })
  await producer.start()
  try {
    return await work(producer)
  } finally {
    await producer.shutdown()
  }
}

async function fill(producer) {
  const body = Buffer.alloc(Number(values.size), 'x')
  let next = 0
  const lane = async () => {
    while (next < messages) {
      const seq = next++
      const keys = seq % KEY_EVERY === 0 ? [`key-${seq}`] : []
      await producer.send(new Message({ topic: TOPIC, body, keys }))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
}

/** Messages in the queues, and the keys of a sample that the index does not find. */
async function look(producer) {
  let found = 0
  for (const queue of await producer.fetchPublishMessageQueues(TOPIC)) found += await producer.maxOffset(queue)
  const missing = []
  for (let i = 0; i < 20; i++) {
    const key = `key-${Math.floor((i * (messages - 1)) / 20 / KEY_EVERY) * KEY_EVERY}`
    const { length } = (await producer.queryMessage(TOPIC, key, 8, 0, Date.now() + 60_000)).messageList
    if (length !== 1) missing.push(key)
  }
  return { found, missing }
}

/** MB; undefined where the system does not say. */
function peakResident(pid) {
  try {
    return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000)
  } catch {
    return undefined
  }
}

const home = mkdtempSync(path.join(tmpdir(), 'store-recovery-'))
const dir = path.join(home, 'store')
const running = new Set()
async function broker() {
  const started = await startBroker(dir, 'async', {}, FILE_SIZE)
  running.add(started)
  return started
}
async function kill(started) {
  started.child.kill('SIGKILL')
  await started.exited
  running.delete(started)
}

const wrong = []
const said = []
try {
  const filled = await broker()
  await withProducer(filled, fill)
  await kill(filled)
  let expected = messages
  for (const without of ['', 'consumequeue and index']) {
    for (const folder of without === '' ? [] : ['consumequeue', 'index'])
      rmSync(path.join(dir, folder), { recursive: true, force: true })
    const began = performance.now()
    const started = await broker()
    await withProducer(started, async (producer) => {
      await producer.send(new Message({ topic: TOPIC, body: 'after' }))
      const millis = Math.round(performance.now() - began)
      expected++
      const { found, missing } = await look(producer)
      const peak = peakResident(started.child.pid)
      said.push(`${without === '' ? 'as it was left' : `without ${without}`} ${millis} ms, at most ${peak} MB resident`)
      if (found !== expected) wrong.push(`${found} messages of ${expected}`)
      if (missing.length > 0) wrong.push(`keys not found: ${missing.join(', ')}`)
      if (peak > Number(values.resident)) wrong.push(`${peak} MB resident`)
    })
    await kill(started)
  }
} finally {
  for (const started of running) await kill(started)
  rmSync(home, { recursive: true, force: true })
}
for (const what of wrong) console.log(what)
const date = new Date().toISOString().slice(0, 10)
console.log(
  `fault-S20 recovery of ${messages} messages of ${values.size} bytes: ${said.join('; ')}; ${wrong.length} failures, ${date}`
)
process.exitCode = wrong.length === 0 ? 0 : 1
