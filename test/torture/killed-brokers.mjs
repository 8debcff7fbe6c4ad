// Kills one of two broker processes every few seconds, starts it again, and sends all the while (net-N1).
//
//   node test/torture/killed-brokers.mjs [--minutes 10] [--every 5000] [--seed N]
//
// Name server, brokers (dist/cli.js, with files) and sender are processes of their own; this one sends. At the end both folders are opened
// and compared with what was acknowledged. Prints one line; ends with 1 when something is lost, too many sends failed, or a copy was not
// counted as a possible duplicate.
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startOurBroker } from '../interop/harness/ours.js'
import { mulberry } from './support/rig.mjs'

const dist = (file) => new URL(`../../dist/${file}`, import.meta.url).href
const { DefaultMQProducer, Message } = await import(dist('index.js'))
const { LoopbackBroker, MemoryNetwork } = await import(dist('broker.js'))

const TOPIC = 'Torture'
const QUEUES = 4
const LANES = 32
const PAUSE_MILLIS = 50
/** Throughput is counted in windows of so many ms. */
const WINDOW_MILLIS = 100
/** Of all sends, after retries. */
const MOST_FAILURES = 0.001

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, every: { type: 'string', default: '5000' }, seed: { type: 'string' } }
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const every = Number(values.every)
const end = performance.now() + Number(values.minutes) * 60_000
const random = mulberry(seed)
const root = mkdtempSync(path.join(tmpdir(), 'killed-brokers-'))

const nameServer = await startOurBroker({ topics: {}, args: ['--set', 'brokerName=name-server'] })
const start = (name, port = 0) =>
  startOurBroker({
    topics: { [TOPIC]: QUEUES },
    args: [
      ...[
        '--port',
        String(port),
        '--store',
        'file',
        '--data-dir',
        path.join(root, name),
        '--commitlog-file-size',
        String(2 ** 24)
      ],
      ...['--set', `brokerName=${name}`, '--set', `namesrvAddr=${nameServer.namesrvAddr}`]
    ]
  })
const names = ['broker-a', 'broker-b']
const brokers = await Promise.all(names.map((name) => start(name)))
const ports = brokers.map(({ brokerAddr }) => Number(brokerAddr.split(':')[1]))

const producer = new DefaultMQProducer({ producerGroup: 'torture', namesrvAddr: nameServer.namesrvAddr, topics: [TOPIC] })
await producer.start()
/** Number of the message by its id, and acknowledgements in the order they came. */
const acked = new Map()
const acks = []
let sent = 0
let failed = 0
let over = false
const lane = async () => {
  while (!over) {
    const body = `m-${sent++}`
    try {
      const { msgId, messageQueue } = await producer.send(new Message({ topic: TOPIC, body }))
      acked.set(body, msgId)
      acks.push({ at: performance.now(), brokerName: messageQueue.brokerName })
    } catch {
      failed++
    }
    await sleep(PAUSE_MILLIS)
  }
}
const lanes = Array.from({ length: LANES }, lane)
const ackedIn = (from, to) => acks.filter(({ at }) => at >= from && at < to).length

const recoveries = []
const firstAcks = []
let kills = 0
for (let turn = 0; performance.now() < end; turn++) {
  const at = turn % names.length
  await sleep(every * (0.8 + 0.4 * random()))
  const before = performance.now()
  const usual = (ackedIn(before - 2000, before) / 2000) * WINDOW_MILLIS
  await brokers[at].stop('SIGKILL')
  kills++
  await sleep(300 + 700 * random())
  brokers[at] = await start(names[at], ports[at])
  const listening = performance.now()
  await sleep(3000)
  const back = acks.find((ack) => ack.at >= listening && ack.brokerName === names[at])
  firstAcks.push((back?.at ?? Number.POSITIVE_INFINITY) - listening)
  let window = 0
  while (window < 3000 && ackedIn(listening + window, listening + window + WINDOW_MILLIS) < 0.9 * usual) window += WINDOW_MILLIS
  recoveries.push(window)
  acks.splice(0, Math.max(0, acks.length - 20_000))
}
over = true
await Promise.all(lanes)
const { possibleDuplicates } = producer.stats
await producer.shutdown()
await Promise.all([...brokers, nameServer].map((broker) => broker.stop()))

const stored = new Map()
for (const name of names) {
  const broker = await LoopbackBroker.start({
    network: new MemoryNetwork(),
    dataDir: path.join(root, name),
    brokers: [{ brokerName: name }],
    storeConfig: { mappedFileSizeCommitLog: 2 ** 24 }
  })
  for (const { body } of broker.messages(TOPIC)) {
    const text = body.toString()
    stored.set(text, (stored.get(text) ?? 0) + 1)
  }
  await broker.close()
}
const lost = [...acked.keys()].filter((body) => !stored.has(body)).length
const twice = [...stored.values()].filter((times) => times > 1).length
const most = (list) => (Math.max(...list) === Number.POSITIVE_INFINITY ? 'over 3000' : Math.round(Math.max(...list)))
const middle = (list) => Math.round([...list].sort((a, b) => a - b)[Math.floor(list.length / 2)])
console.log(
  `net-N1 kill -9 of two brokers in turn: ${kills} kills in ${values.minutes} min, ${sent} sent, ${acked.size} acknowledged, ${lost} lost, ${failed} failed, ` +
    `${twice} stored twice of ${possibleDuplicates} possible duplicates, from listening to 90 % of the throughput ${middle(recoveries)} ms (longest ${most(recoveries)} ms), ` +
    `to the first answer of the restarted one ${middle(firstAcks)} ms (longest ${most(firstAcks)} ms), seed ${seed}, ${new Date().toISOString().slice(0, 10)}`
)
const passed = lost === 0 && failed <= sent * MOST_FAILURES && twice <= possibleDuplicates
if (passed) rmSync(root, { recursive: true, force: true })
else console.log(`failed; the stores are kept in ${root}`)
process.exitCode = passed ? 0 : 1
