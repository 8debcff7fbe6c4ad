// What the runs that end a broker's life share: the broker as a process, the load with its journal, and the comparison afterwards.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const dist = (file) => new URL(`../../../dist/${file}`, import.meta.url).href
export const { DefaultMQProducer, Message } = await import(dist('index.js'))
const { LoopbackBroker, MemoryNetwork } = await import(dist('broker.js'))
const cli = fileURLToPath(dist('cli.js'))

export const TOPIC = 'Torture'
const QUEUES = 4
const LANES = 64
const FILE_SIZE = 256 * 1024

/** A generator that a seed repeats. */
export function mulberry(seed) {
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

/** What was begun, and what was acknowledged: the result and when, by number. */
export const newJournal = () => ({ intents: 0, acked: new Map() })

export async function startBroker(dir, flush, env = {}, fileSize = FILE_SIZE) {
  const args = ['broker', '--json', '--port', '0', '--namesrv-port', '0', '--store', 'file', '--data-dir', dir]
  const more = ['--flush', flush, '--commitlog-file-size', String(fileSize), '--topic', `${TOPIC}:${QUEUES}`]
  const child = spawn(process.execPath, [cli, ...args, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env }
  })
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

/** Sends until `killed.done`. Puts what it knows into the journal. */
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
        const at = performance.now()
        firstAck ??= at
        journal.acked.set(seq, { result, at })
      } catch {
        // Not acknowledged: it may be there or not.
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await producer.shutdown()
  return firstAck
}

/** Loads a broker for so many ms behind its first answer, then calls `end`, and ends it. Resolves with the time of the first answer. */
export async function loadUntil({ child, exited, ready }, journal, millis, end) {
  let answered
  const first = new Promise((resolve) => {
    answered = resolve
  })
  const killed = { done: false, answered }
  const loading = load(ready.namesrvAddr, journal, killed)
  // It ends under load, and all the same when it never answers.
  const enough = setTimeout(answered, 5000)
  await first
  clearTimeout(enough)
  await new Promise((resolve) => setTimeout(resolve, millis))
  await end()
  killed.done = true
  child.kill('SIGKILL')
  await exited
  return await loading
}

/**
 * Opens the folder in this process and compares it with the journal. `wrong` is what must never be; `lost` are the numbers that were
 * acknowledged and are not there. `end` is the physical offset of the last message that is there.
 */
export async function check(dir, flush, journal) {
  const broker = await LoopbackBroker.start({
    network: new MemoryNetwork(),
    dataDir: dir,
    topics: { [TOPIC]: { queues: QUEUES } },
    storeConfig: { mappedFileSizeCommitLog: FILE_SIZE, flushDiskType: flush === 'sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH' }
  })
  const wrong = []
  const lost = []
  let end = -1
  try {
    const seen = new Map()
    const next = new Map()
    for (const message of broker.messages(TOPIC)) {
      const { queueId, queueOffset, body, offsetMsgId } = message
      const text = body.toString()
      const seq = Number.parseInt(text, 10)
      if (text !== bodyOf(seq)) wrong.push(`corrupt: ${text.slice(0, 40)}`)
      if (!(seq < journal.intents)) wrong.push(`never sent: ${seq}`)
      if (seen.has(seq)) wrong.push(`twice: ${seq}`)
      seen.set(seq, message)
      if (queueOffset !== (next.get(queueId) ?? 0)) wrong.push(`queue ${queueId}: ${queueOffset} after ${next.get(queueId)}`)
      next.set(queueId, queueOffset + 1)
      end = Math.max(end, physicalOffset(offsetMsgId))
    }
    for (const [seq, { result }] of journal.acked) {
      const { messageQueue, queueOffset, offsetMsgId } = result
      const message = seen.get(seq)
      if (message === undefined) lost.push(seq)
      else if (
        message.queueId !== messageQueue.queueId ||
        message.queueOffset !== queueOffset ||
        physicalOffset(message.offsetMsgId) !== physicalOffset(offsetMsgId)
      ) {
        wrong.push(`moved: ${seq}`)
      }
    }
    return { wrong, lost, end }
  } finally {
    await broker.close()
  }
}

/** The last 8 bytes of an offset message id. */
export const physicalOffset = (offsetMsgId) => Number.parseInt(offsetMsgId.slice(-16), 16)
