// Hours of mixed load with faults (process-R9): nothing that was acknowledged may be missing, and a message may cost no more at the end than
// it did at the beginning.
//
//   node --expose-gc test/torture/soak.mjs [--minutes 120] [--round-seconds 10] [--lanes 32] [--seed N]
//
// Producer and two brokers are this process, over TCP. A round is load of every kind under some faults drawn by the seed, then some messages
// without faults, which are measured; then every acknowledged id has to be there (delayed and transactional ones as soon as they are due), and
// the broker is reset. Cost is processor time a message, so that other work on the machine counts as little as can be. Prints a line a round;
// ends with 1 when something failed.
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { LoopbackBroker } from '../../dist/broker.js'
import { LocalTransactionState, Message, selectMessageQueueByHash, TransactionMQProducer } from '../../dist/index.js'
import { mulberry } from './support/rig.mjs'

/** The median of the last tenth of the rounds may cost so many times what that of the first tenth did. */
const MOST_COST = 1.25
/** What is measured: as many messages however slow the machine is, so that what a round costs by itself has the same share. */
const CALM_MESSAGES = 4000
/** No more in a round: all of it has to fit into the stores. */
const MOST_MESSAGES = 100_000
/** Heap after a collection may grow so many KiB a round, by least squares over the second half; told by fewer rounds than that, nothing. */
const MOST_HEAP_SLOPE = 64
const LEAST_ROUNDS = 20
/** Delayed messages and open transactions are due by then, and who has taken the port of a killed broker is expected to be gone, ms. */
const SETTLE_MILLIS = 150_000
/**
 * A half-open connection counts as a producer for 120 s. By default that is two checks of a transaction; here a check comes every second, and
 * no more than a few may be lost there of all that there are.
 */
const CHECKS = { transactionCheckInterval: 1000, transactionTimeOut: 500, transactionCheckMax: 150 }

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '120' },
    'round-seconds': { type: 'string', default: '10' },
    lanes: { type: 'string', default: '32' },
    seed: { type: 'string' }
  }
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const random = mulberry(seed)
const pick = (list) => list[Math.floor(random() * list.length)]
const endAt = performance.now() + Number(values.minutes) * 60_000
const roundMillis = Number(values['round-seconds']) * 1000
const lanes = Number(values.lanes)

const broker = await LoopbackBroker.start({
  brokers: 2,
  seed,
  topics: { Orders: { queues: 4 } },
  storeConfig: { maxBytes: 128 * 1024 * 1024, whenFull: 'dropOldest', flushDiskType: 'SYNC_FLUSH' },
  brokerConfig: CHECKS
})
const producer = new TransactionMQProducer({
  producerGroup: 'soak',
  ...broker.clientOptions(),
  retryTimesWhenSendFailed: 5,
  transactionListener: {
    executeLocalTransaction: () => LocalTransactionState.COMMIT_MESSAGE,
    checkLocalTransaction: () => LocalTransactionState.COMMIT_MESSAGE
  }
})
await producer.start()

const message = (more = {}) =>
  new Message({ topic: 'Orders', tags: 't', keys: ['k'], body: 'x'.repeat(100 + Math.floor(random() * 900)), ...more })
const idOf = ({ msgId }) => [msgId]
const callback = (options) =>
  new Promise((resolve, reject) =>
    producer.send(message(), options, (error, result) => (error ? reject(error) : resolve(result)))
  )
/** What a lane does, and how often among 100. Each resolves to the ids that the broker has acknowledged and has to deliver. */
const KINDS = [
  [50, 'awaited', () => producer.send(message()).then(idOf)],
  [15, 'with a callback', () => callback({}).then(idOf)],
  [15, 'batch', () => producer.send([message(), message(), message()]).then(({ msgId }) => msgId.split(','))],
  [10, 'selected', () => producer.send(message(), { selector: selectMessageQueueByHash, arg: pick(['a', 'b', 'c']) }).then(idOf)],
  [5, 'oneway', () => producer.sendOneway(message()).then(() => [])],
  [3, 'delayed', () => producer.send(message({ delayTimeLevel: 1 })).then(idOf)],
  [2, 'transaction', () => producer.sendMessageInTransaction(message(), undefined).then(committed)]
].flatMap(([share, name, send]) => Array(share).fill({ name, send }))
function committed(result) {
  return result.localTransactionState === LocalTransactionState.COMMIT_MESSAGE ? idOf(result) : []
}

const sends = { code: ['SEND_MESSAGE_V2', 'SEND_BATCH_MESSAGE'] }
const FAULTS = [
  () => ({
    when: { ...sends, probability: 0.02 },
    then: { kind: 'respond', code: pick(['SYSTEM_BUSY', 'SYSTEM_ERROR', 'TOPIC_NOT_EXIST']) }
  }),
  () => ({ when: { ...sends, probability: 0.02 }, then: { kind: 'delay', millis: 1 + Math.floor(random() * 50) } }),
  () => ({ when: { ...sends, probability: 0.002 }, then: { kind: 'drop', when: pick(['before', 'after']) } }),
  () => ({ when: { ...sends, probability: 0.002 }, then: { kind: 'close', when: pick(['before', 'insteadOfReply', 'after']) } }),
  () => ({
    when: { ...sends, probability: 0.002 },
    then: { kind: pick(['truncate', 'garbageHeader', 'oversizedLength', 'wrongOpaque']) }
  }),
  () => ({ when: { ...sends, probability: 0.02 }, then: { kind: 'duplicate' } }),
  () => ({ when: { ...sends, nth: 500 }, then: { kind: 'halfOpen' } }),
  () => ({ when: { ...sends, nth: 1000 }, then: { kind: 'kill', restartAfter: 200 } }),
  () => ({ when: { topic: 'Orders', probability: 0.02 }, then: { kind: 'diskFull' } }),
  () => ({ when: { topic: 'Orders', probability: 0.05 }, then: { kind: 'slowSync', millis: 5 } }),
  () => ({
    when: { topic: 'Orders', probability: 0.02 },
    then: { kind: 'storeStatus', status: pick(['FLUSH_DISK_TIMEOUT', 'SLAVE_NOT_AVAILABLE']) }
  }),
  () => ({ then: { kind: pick(['staleRoute', 'nameServerDown']) } })
]

/** Adds the ids that are acknowledged to `acknowledged`, with how they were sent. */
async function load(acknowledged, messages, millis = Number.POSITIVE_INFINITY) {
  let failed = 0
  const most = acknowledged.size + messages
  const until = performance.now() + millis
  const cpu = process.cpuUsage()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (performance.now() < until && acknowledged.size < most) {
        const { name, send } = pick(KINDS)
        try {
          for (const id of await send()) acknowledged.set(id, name)
        } catch {
          failed++
          await sleep(5)
        }
      }
    })
  )
  const { user, system } = process.cpuUsage(cpu)
  return { failed, cost: (user + system) / messages }
}

/** Ports are any free ones: while a broker is down another process of this machine may take its own, and the fault cannot bring it back. */
async function bringBack() {
  const until = performance.now() + SETTLE_MILLIS
  for (const { brokerName } of broker.brokers.filter(({ suspended }) => suspended)) {
    for (;;) {
      try {
        await broker.restart(brokerName)
        break
      } catch (error) {
        if (error.code !== 'EADDRINUSE' || performance.now() > until) throw error
        console.log(`${brokerName} waits for its port: ${error.message}`)
        await sleep(1000)
      }
    }
  }
}

/** The acknowledged ids that nobody can consume, once everything that waits is due. */
async function missing(acknowledged) {
  const until = performance.now() + SETTLE_MILLIS
  for (;;) {
    const stored = new Set(broker.messages('Orders').map(({ msgId }) => msgId))
    const lost = [...acknowledged.keys()].filter((id) => !stored.has(id))
    if (lost.length === 0 || performance.now() > until) return { lost, copies: broker.messageCount('Orders') - stored.size }
    await sleep(250)
  }
}

/** A round, in figures only: what it held must be gone when the heap is measured. */
async function round() {
  const faults = Array.from({ length: 1 + Math.floor(random() * 4) }, () => broker.faults.add(pick(FAULTS)()))
  const acknowledged = new Map()
  const { failed } = await load(acknowledged, MOST_MESSAGES, roundMillis)
  const struck = faults.map(({ fault, hits }) => `${fault.then.kind} ${hits}`).join(', ')
  broker.faults.clear()
  // What was cut off comes back before it is measured.
  await sleep(500)
  await bringBack()
  const { cost } = await load(acknowledged, CALM_MESSAGES)
  const { lost, copies } = await missing(acknowledged)
  for (const id of lost) console.log(`lost: ${id}, ${acknowledged.get(id)}`)
  await broker.reset({ keepTopics: true })
  return { acknowledged: acknowledged.size, failed, lost: lost.length, copies, cost, struck }
}

/** Memory in use: where the heap is least after one of three collections. */
async function settledMemory() {
  const samples = []
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await sleep(1)
    samples.push(process.memoryUsage())
  }
  return samples.sort((a, b) => a.heapUsed - b.heapUsed)[0]
}

const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const rounds = []
do {
  const { struck, ...figures } = await round()
  const { heapUsed, arrayBuffers, rss } = await settledMemory()
  rounds.push({ ...figures, heap: heapUsed / 1024 })
  const { acknowledged, failed, lost, copies, cost } = figures
  console.log(
    `round ${rounds.length}: ${acknowledged} acknowledged, ${failed} failed, ${lost} lost, ${copies} copies, ${cost.toFixed(1)} µs a message, heap ${mib(heapUsed)}, buffers ${mib(arrayBuffers)}, resident ${mib(rss)}; ${struck}`
  )
} while (performance.now() < endAt)

const median = (list) => list.map(({ cost }) => cost).sort((a, b) => a - b)[list.length >> 1]
const tenth = Math.max(1, Math.floor(rounds.length / 10))
// The first round compiles.
const early = rounds.slice(rounds.length > 2 ? 1 : 0)
const [firstCost, lastCost] = [early.slice(0, tenth), early.slice(-tenth)].map(median)
const half = rounds.slice(Math.floor(rounds.length / 2))
const at = (half.length - 1) / 2
const spread = half.reduce((sum, _, i) => sum + (i - at) ** 2, 0)
const slope = spread === 0 ? 0 : half.reduce((sum, { heap }, i) => sum + (i - at) * heap, 0) / spread
await producer.shutdown()
await broker.close()
const sum = (of) => rounds.reduce((all, each) => all + of(each), 0)
const lost = sum((each) => each.lost)
console.log(
  `process-R9 soak, ${values.minutes} minutes: ${rounds.length} rounds, ${sum(({ acknowledged }) => acknowledged)} acknowledged, ${lost} lost, ${firstCost.toFixed(1)} µs a message in the first tenth and ${lastCost.toFixed(1)} in the last, heap ${slope.toFixed(1)} KiB a round, seed ${seed}, ${new Date().toISOString().slice(0, 10)}`
)
const slower = rounds.length >= LEAST_ROUNDS && (lastCost > firstCost * MOST_COST || slope > MOST_HEAP_SLOPE)
if (lost > 0 || slower) process.exitCode = 1
