// One way to run the loopback broker as tests run it: broker and producer in this process, through the published entries. It prints a ready
// line, then answers each line on standard input with one line: `start COUNT` starts broker and producer, sends one message and stops both,
// COUNT times; `send IN_FLIGHT COUNT` sends COUNT messages to a fresh broker with a callback each. The store is in memory,
// as it is by default.
//   --network tcp|memory   --journal on|off   [--size 1024]   [--dist DIR of the build to measure]
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { callbacks, lanes } from './support/lanes.mjs'
import { percentile, roundResult } from './support/statistics.mjs'

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'tcp' },
    journal: { type: 'string', default: 'on' },
    size: { type: 'string', default: '1024' },
    dist: { type: 'string' }
  }
})
const dist = values.dist === undefined ? new URL('../dist/', import.meta.url) : pathToFileURL(`${values.dist}/`)
const { DefaultMQProducer, Message } = await import(new URL('index.js', dist).href)
const { LoopbackBroker, MemoryNetwork } = await import(new URL('broker.js', dist).href)

const TOPIC = 'Bench'
const size = Number(values.size)
const body = Buffer.alloc(size, 'x')

function startBroker() {
  return LoopbackBroker.start({
    topics: { [TOPIC]: { queues: 4 } },
    ...(values.network === 'memory' ? { network: new MemoryNetwork() } : {}),
    ...(values.journal === 'off' ? { journal: false } : {})
  })
}

async function startProducer(broker) {
  const producer = new DefaultMQProducer({
    producerGroup: 'bench-loopback',
    compressMsgBodyOverHowmuch: Number.MAX_SAFE_INTEGER,
    ...broker.clientOptions()
  })
  await producer.start()
  return producer
}

/** From the call of start() to the acknowledgement of the first message. */
async function starts(count) {
  const took = []
  let errors = 0
  for (let run = 0; run < count; run += 1) {
    const begin = performance.now()
    const broker = await startBroker()
    const producer = await startProducer(broker)
    const { sendStatus } = await producer.send(new Message({ topic: TOPIC, body }))
    took.push(performance.now() - begin)
    if (sendStatus !== 'SEND_OK') errors += 1
    await producer.shutdown()
    await broker.close()
  }
  took.sort((a, b) => a - b)
  return { mode: 'start', count, p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99), errors }
}

async function sends(inFlight, count) {
  const broker = await startBroker()
  const producer = await startProducer(broker)
  const took = new Float64Array(count)
  let errors = 0
  const settle = (index, millis, result) => {
    took[index] = millis
    if (result?.sendStatus !== 'SEND_OK') errors += 1
  }
  const send = () => producer.send(new Message({ topic: TOPIC, body }))
  // connections and the route are there
  await lanes(send, 1, 100, (_index, _millis, result) => settle(0, 0, result))
  const cpu = process.cpuUsage()
  const begin = performance.now()
  // One at a time each send is awaited, as tests do; with more in flight they are callbacks.
  if (inFlight === 1) await lanes(send, 1, count, settle)
  else await callbacks((done) => void producer.send(new Message({ topic: TOPIC, body }), {}, done), inFlight, count, settle)
  const millis = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  await producer.shutdown()
  await broker.close()
  took.sort()
  return roundResult({
    mode: 'send',
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

console.log(JSON.stringify({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...numbers] = line.split(' ')
  if (word === 'start') console.log(JSON.stringify(await starts(...numbers.map(Number))))
  if (word === 'send') console.log(JSON.stringify(await sends(...numbers.map(Number))))
}
