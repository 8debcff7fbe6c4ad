// An application's producer, its audit hook and a broker, end to end over TCP: sends in every way there is, then checks that the
// broker holds exactly what the hook saw. Run it with `npm start`; `MESSAGES=20000 npm start` sends more.
import { createHash } from 'node:crypto'
import { createHistogram } from 'node:perf_hooks'
import { DefaultMQProducer, Message, MessageQueue } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const PER_WAY = Math.ceil(Number(process.env.MESSAGES ?? 6000) / 6)
const LANES = 64
const BATCH = 20
const ORDERS = 'Orders'
const PAYMENTS = 'Payments'

const broker = await LoopbackBroker.start({ topics: { [ORDERS]: { queues: 4 }, [PAYMENTS]: { queues: 2 } } })
const producer = new DefaultMQProducer({ producerGroup: 'shop', ...broker.clientOptions() })

/** `topic/queueId` -> messages; what the audit hook counted as stored, or handed over for oneway. */
const audited = new Map()
producer.registerSendMessageHook({
  hookName: 'audit',
  sendMessageBefore() {},
  sendMessageAfter({ mq, sendResult, exception }) {
    if (exception) return
    const stored = sendResult ? sendResult.msgId.split(',').length : 1
    const queue = `${mq.topic}/${mq.queueId}`
    audited.set(queue, (audited.get(queue) ?? 0) + stored)
  }
})
await producer.start()

/** Digest of each body that was sent, by its order number. */
const sent = new Map()
let number = 0

function nextMessage(topic) {
  const id = `o-${++number}`
  // Every hundredth body is large enough to travel compressed.
  const body = Buffer.from(JSON.stringify({ id, amount: number * 7, note: 'x'.repeat(number % 100 === 0 ? 8000 : number % 900) }))
  sent.set(id, digest(body))
  return new Message({ topic, tags: number % 2 ? 'odd' : 'even', keys: id, body, properties: { shop: 'berlin' } })
}

function digest(body) {
  return createHash('sha1').update(body).digest('base64')
}

const ways = {
  await: () => producer.send(nextMessage(ORDERS)),
  callback: () =>
    new Promise((resolve, reject) => {
      producer.send(nextMessage(ORDERS), {}, (error, result) => (error ? reject(error) : resolve(result)))
    }),
  oneway: () => producer.sendOneway(nextMessage(PAYMENTS)),
  'chosen queue': () => producer.send(nextMessage(PAYMENTS), { queue: new MessageQueue(PAYMENTS, 'broker-a', number % 2) }),
  selector: () =>
    producer.send(nextMessage(ORDERS), {
      selector: (queues, _message, customer) => queues[customer % queues.length],
      arg: number
    }),
  batch: () => producer.send(Array.from({ length: BATCH }, () => nextMessage(ORDERS)))
}

const figures = []
for (const [way, sendOne] of Object.entries(ways)) {
  const calls = way === 'batch' ? Math.ceil(PER_WAY / BATCH) : PER_WAY
  const latency = createHistogram()
  const begin = process.hrtime.bigint()
  let started = 0
  let done = 0
  const progress = setInterval(() => show(way, done, calls), 100)
  const lane = async () => {
    while (started++ < calls) {
      const callBegin = process.hrtime.bigint()
      await sendOne()
      latency.record(process.hrtime.bigint() - callBegin)
      done++
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  clearInterval(progress)
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9
  const messages = way === 'batch' ? calls * BATCH : calls
  show(way, calls, calls, '\n')
  figures.push([way, messages, ms(latency.percentile(50)), ms(latency.percentile(99)), Math.round(messages / seconds)])
}

function show(way, done, calls, end = '') {
  if (end === '' && !process.stdout.isTTY) return
  const bar = '#'.repeat(Math.round((20 * done) / calls)).padEnd(20, '.')
  process.stdout.write(`\r${way.padEnd(14)} ${bar} ${String(done).padStart(6)} of ${calls} calls${end}`)
}

function ms(nanos) {
  return (nanos / 1e6).toFixed(2)
}

// Oneway sends are not answered: wait until the broker has all it will get.
const counted = (topic) => [...audited].reduce((sum, [queue, n]) => (queue.startsWith(`${topic}/`) ? sum + n : sum), 0)
for (const topic of [ORDERS, PAYMENTS]) {
  await broker.waitForMessages(topic, counted(topic), { signal: AbortSignal.timeout(5000) }).catch(() => {})
}

const held = new Map()
const problems = []
for (const topic of [ORDERS, PAYMENTS]) {
  for (const message of broker.messages(topic)) {
    const queue = `${topic}/${message.queueId}`
    held.set(queue, (held.get(queue) ?? 0) + 1)
    const id = message.properties.get('KEYS')
    if (!sent.has(id)) problems.push(`${queue} holds ${id} twice, or it was never sent`)
    else if (sent.get(id) !== digest(message.body)) problems.push(`${queue}: the body of ${id} is not the one that was sent`)
    sent.delete(id)
  }
}
for (const id of sent.keys()) problems.push(`${id} was sent and is not in the broker`)

const rows = [...new Set([...audited.keys(), ...held.keys()])].sort().map((queue) => {
  const [topic, queueId] = queue.split('/')
  const agree = held.get(queue) === audited.get(queue)
  if (!agree) problems.push(`${queue}: broker holds ${held.get(queue) ?? 0}, hook counted ${audited.get(queue) ?? 0}`)
  return [topic, queueId, held.get(queue) ?? 0, audited.get(queue) ?? 0, agree ? 'yes' : 'NO']
})
const total = (column) => rows.reduce((sum, row) => sum + row[column], 0)

table(['topic', 'queue', 'broker holds', 'hook counted', 'agree'], [...rows, ['total', '', total(2), total(3), '']])
table(['way', 'messages', 'p50 ms', 'p99 ms', 'messages/s'], figures)

await producer.shutdown()
await broker.close()

if (problems.length === 0 && total(2) === number) {
  console.log(`\n${number} messages: broker and hook agree, every body is the one that was sent.`)
} else {
  console.error(`\n${problems.length} problems, ${number} messages sent:\n  ${problems.slice(0, 10).join('\n  ')}`)
  process.exitCode = 1
}

function table(head, body) {
  const widths = head.map((name, i) => Math.max(name.length, ...body.map((row) => String(row[i]).length)))
  const line = (row) =>
    row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('   ')
  console.log(`\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('   ')}`)
  for (const row of body) console.log(line(row))
}
