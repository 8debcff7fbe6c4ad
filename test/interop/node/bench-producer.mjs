// The ali-ons side of the benchmark: a ready line, then a round for each line `round MODE IN_FLIGHT COUNT` on
// standard input, answered with one line. Both modes run IN_FLIGHT lanes that each await their answer, since this
// client's only send is a promise.
//   --namesrv A --topic T [--size 1024]
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import aliOns from 'ali-ons'

const { values } = parseArgs({
  options: { namesrv: { type: 'string' }, topic: { type: 'string' }, size: { type: 'string', default: '1024' } }
})
const body = Buffer.alloc(Number(values.size), 'x')
const producer = new aliOns.Producer({
  nameSrv: values.namesrv,
  producerGroup: 'bench-ali-ons',
  sendMsgTimeout: 10_000,
  compressMsgBodyOverHowmuch: Number.MAX_SAFE_INTEGER,
  logger: { info() {}, debug() {}, warn() {}, error: console.error },
  httpclient: {} // asserted to be there; used only without a name server address
})
await producer.ready()

async function round(mode, inFlight, count) {
  const took = new Float64Array(count)
  let errors = 0
  let next = 0
  const lane = async () => {
    while (next < count) {
      const index = next++
      const sent = performance.now()
      try {
        const { sendStatus } = await producer.send(new aliOns.Message(values.topic, body))
        if (sendStatus !== 'SEND_OK') errors += 1
      } catch {
        errors += 1
      }
      took[index] = performance.now() - sent
    }
  }
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await Promise.all(Array.from({ length: inFlight }, lane))
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  took.sort()
  return {
    peer: 'ali-ons',
    mode,
    inFlight,
    size: body.length,
    count,
    msgPerSec: Math.round(count / seconds),
    cpuMicrosPerMsg: Math.round(((user + system) * 100) / count) / 100,
    p50Ms: took[Math.floor(count * 0.5)],
    p99Ms: took[Math.floor(count * 0.99)],
    errors
  }
}

console.log(JSON.stringify({ ready: true, peer: 'ali-ons' }))
for await (const line of createInterface({ input: process.stdin })) {
  const [word, mode, inFlight, count] = line.split(' ')
  if (word === 'round') console.log(JSON.stringify(await round(mode, Number(inFlight), Number(count))))
}
process.exit(0)
