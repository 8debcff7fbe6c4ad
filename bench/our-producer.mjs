// This package's side of the benchmark, through its published entry. It prints a ready line, then runs a round for
// each line `round MODE IN_FLIGHT COUNT` on standard input and answers each with one line. Mode `async` keeps IN_FLIGHT
// callbacks open, `sync` runs IN_FLIGHT lanes that each await their answer, `batch100` sends batches of 100 with about as many messages
// in flight, `oneway` runs lanes whose messages the broker has to show before the round is over.
//   --namesrv A --topic T [--size 1024] [--with autobatch|hook|trace] [--dist DIR of the build to measure]
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { callbacks, lanes } from './support/lanes.mjs'
import { percentile, roundResult } from './support/statistics.mjs'

const { values } = parseArgs({
  options: {
    namesrv: { type: 'string' },
    topic: { type: 'string' },
    size: { type: 'string', default: '1024' },
    with: { type: 'string' },
    dist: { type: 'string' }
  }
})
const dist = values.dist === undefined ? new URL('../dist/', import.meta.url) : pathToFileURL(`${values.dist}/`)
const { DefaultMQProducer, Message } = await import(new URL('index.js', dist).href)
const { topic } = values
const size = Number(values.size)
const body = Buffer.alloc(size, 'x')
const producer = new DefaultMQProducer({
  producerGroup: 'bench-ours',
  namesrvAddr: values.namesrv,
  sendMsgTimeout: 10_000,
  compressMsgBodyOverHowmuch: Number.MAX_SAFE_INTEGER,
  autoBatch: values.with === 'autobatch',
  enableTrace: values.with === 'trace'
})
let hooked = 0
if (values.with === 'hook') {
  producer.registerSendMessageHook({
    hookName: 'bench',
    sendMessageBefore(context) {
      context.mqTraceContext = context.brokerAddr
    },
    sendMessageAfter(context) {
      if (context.sendResult !== undefined) hooked += 1
    }
  })
}
await producer.start()

const BATCH = 100

/** What a message of a batch took is what its batch took. */
async function batches(inFlight, count, settle) {
  let next = 0
  const lane = async () => {
    while (next < count) {
      const from = next
      next = Math.min(count, from + BATCH)
      const messages = Array.from({ length: next - from }, () => new Message({ topic, body }))
      const begin = performance.now()
      let result
      try {
        result = await producer.send(messages)
      } catch {
        // counted by settle
      }
      const millis = performance.now() - begin
      for (let i = 0; i < messages.length; i += 1) settle(from + i, millis, result)
    }
  }
  await Promise.all(Array.from({ length: Math.ceil(inFlight / BATCH) }, lane))
}

async function storedMessages() {
  const queues = await producer.fetchPublishMessageQueues(topic)
  const offsets = await Promise.all(queues.map((queue) => producer.maxOffset(queue)))
  return offsets.reduce((sum, offset) => sum + offset, 0)
}

/** When nobody's messages are on their way into the queues any more: a real broker fills them behind its log. */
async function settledMessages() {
  for (let last = -1; ; await sleep(50)) {
    const stored = await storedMessages()
    if (stored === last) return stored
    last = stored
  }
}

/** Ends when the broker has them all, or after 10 s. @returns how many are missing. */
async function oneway(inFlight, count, settle, before) {
  await lanes(() => producer.sendOneway(new Message({ topic, body })), inFlight, count, settle)
  const deadline = performance.now() + 10_000
  let stored = 0
  while (stored < count && performance.now() < deadline) {
    await sleep(1)
    stored = (await storedMessages().catch(() => before)) - before
  }
  return count - stored
}

const WAYS = {
  async: (inFlight, count, settle) =>
    callbacks((done) => void producer.send(new Message({ topic, body }), {}, done), inFlight, count, settle),
  sync: (inFlight, count, settle) => lanes(() => producer.send(new Message({ topic, body })), inFlight, count, settle),
  batch100: batches,
  oneway
}

async function round(mode, inFlight, count) {
  const took = new Float64Array(count)
  let errors = 0
  const settle = (index, millis, result) => {
    took[index] = millis
    if (result?.sendStatus !== 'SEND_OK') errors += 1
  }
  const before = mode === 'oneway' ? await settledMessages() : undefined
  const cpu = process.cpuUsage()
  const begin = performance.now()
  hooked = 0
  const missing = await WAYS[mode](inFlight, count, settle, before)
  if (missing !== undefined) errors = missing
  if (values.with === 'hook') errors += count - hooked
  const millis = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  took.sort()
  return roundResult({
    peer: values.with === undefined ? 'ours' : `ours-${values.with}`,
    mode,
    inFlight,
    size,
    count,
    millis,
    cpuMicros: user + system,
    p50Ms: percentile(took, 0.5),
    p99Ms: percentile(took, 0.99),
    errors
  })
}

console.log(JSON.stringify({ ready: true, peer: 'ours' }))
for await (const line of createInterface({ input: process.stdin })) {
  const [word, mode, inFlight, count] = line.split(' ')
  if (word === 'round') console.log(JSON.stringify(await round(mode, Number(inFlight), Number(count))))
}
await producer.shutdown()
