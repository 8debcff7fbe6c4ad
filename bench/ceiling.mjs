// The ceiling: what one socket and one Node process can carry when a producer has no work of its own. One send request
// (code 310) for each queue is encoded once; a window of unanswered frames is kept open; whatever the window allows is
// written per event-loop turn under one cork; answers are counted by their length prefix and not decoded. After each
// round the queues' offsets must have grown by as many messages.
//   --namesrv A --topic T [--size 1024] [--header json|binary]
// It prints a ready line, then answers each line `round MODE IN_FLIGHT COUNT` on standard input with one line.
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { awaitRoute, encodeFrame, openRemoting } from '../test/interop/harness/remoting.js'
import { percentile, roundResult } from './support/statistics.mjs'

const { values } = parseArgs({
  options: {
    namesrv: { type: 'string' },
    topic: { type: 'string' },
    size: { type: 'string', default: '1024' },
    header: { type: 'string', default: 'json' }
  }
})
const size = Number(values.size)
const binary = values.header === 'binary'
const route = await awaitRoute(values.namesrv, values.topic)
const queueData = route.queueDatas[0]
const brokerData = route.brokerDatas.find(({ brokerName }) => brokerName === queueData.brokerName)
const [host, port] = brokerData.brokerAddrs['0'].split(':')

const frames = Array.from({ length: queueData.writeQueueNums }, (_, queueId) =>
  encodeFrame({
    code: 310,
    opaque: queueId,
    binary,
    extFields: {
      a: 'bench-ceiling',
      b: values.topic,
      c: 'TBW102',
      d: '4',
      e: String(queueId),
      f: '0',
      g: String(Date.now()),
      h: '0',
      // a real producer's message has its unique id, and so has this one
      i: 'UNIQ_KEY\u00017F00000100014E0E2F2A6FEAE3560000\u0002WAIT\u0001true\u0002',
      j: '0',
      k: 'false',
      m: 'false',
      n: queueData.brokerName
    },
    body: Buffer.alloc(size, 'x')
  })
)

const socket = connect({ host, port: Number(port), noDelay: true })
await once(socket, 'connect')
socket.on('error', fail)
socket.on('close', () => fail(new Error('the broker closed the connection')))

function fail(error) {
  console.error(error)
  process.exit(1)
}

let answered = 0
let onAnswers = () => {}

// Splitting: bytes still missing of the frame being read, and what has been read of its length prefix.
let missing = 0
let prefix = 0
let prefixBytes = 0
socket.on('data', (chunk) => {
  let at = 0
  let count = 0
  while (at < chunk.length) {
    if (missing > 0) {
      const taken = Math.min(missing, chunk.length - at)
      at += taken
      missing -= taken
      if (missing === 0) count += 1
    } else if (prefixBytes === 0 && chunk.length - at >= 4) {
      missing = chunk.readUInt32BE(at)
      at += 4
    } else {
      prefix = prefix * 256 + chunk[at]
      at += 1
      prefixBytes += 1
      if (prefixBytes === 4) {
        missing = prefix
        prefix = 0
        prefixBytes = 0
      }
    }
  }
  answered += count
  if (count > 0) onAnswers(count)
})

const control = await openRemoting(`${host}:${port}`)

/** How many messages the queues have had so far: what an answer claims, this proves. */
async function storedMessages() {
  let sum = 0
  for (let queueId = 0; queueId < frames.length; queueId += 1) {
    const { extFields } = await control.invoke({ code: 30, extFields: { topic: values.topic, queueId: String(queueId) } })
    sum += Number(extFields.offset)
  }
  return sum
}

/** Messages become visible shortly after they were acknowledged. */
async function missingFrom(expected) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const missingNow = expected - (await storedMessages())
    if (missingNow <= 0) return 0
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return expected - (await storedMessages())
}

function round(mode, inFlight, count) {
  return new Promise((resolve) => {
    const oneAtATime = inFlight === 1
    const took = new Float64Array(oneAtATime ? count : 0)
    let written = 0
    let sentAt = 0
    answered = 0
    const write = (allowed) => {
      const until = Math.min(count, written + allowed)
      if (until === written) return
      socket.cork()
      sentAt = performance.now()
      for (; written < until; written += 1) socket.write(frames[written % frames.length])
      socket.uncork()
    }
    const cpu = process.cpuUsage()
    const begin = performance.now()
    onAnswers = (settled) => {
      if (oneAtATime) took[answered - 1] = performance.now() - sentAt
      if (answered < count) return write(settled)
      const millis = performance.now() - begin
      const { user, system } = process.cpuUsage(cpu)
      took.sort()
      resolve(
        roundResult({
          peer: 'ceiling',
          mode,
          inFlight,
          size,
          count,
          millis,
          cpuMicros: user + system,
          // answers are not matched with their requests, so there is a latency only where one is open at a time
          p50Ms: oneAtATime ? percentile(took, 0.5) : null,
          p99Ms: oneAtATime ? percentile(took, 0.99) : null
        })
      )
    }
    write(inFlight)
  })
}

console.log(JSON.stringify({ ready: true, peer: 'ceiling', header: values.header }))
for await (const line of createInterface({ input: process.stdin })) {
  const [word, mode, inFlight, count] = line.split(' ')
  if (word !== 'round') continue
  const before = await storedMessages()
  const result = await round(mode, Number(inFlight), Number(count))
  console.log(JSON.stringify({ ...result, errors: await missingFrom(before + Number(count)) }))
}
process.exit(0)
