// This package's side of the benchmark, through its published entry. It prints a ready line, then runs a round for
// each line `round MODE IN_FLIGHT COUNT` on standard input and answers each with one line. Mode `async` keeps IN_FLIGHT
// callbacks open, `sync` runs IN_FLIGHT lanes that each await their answer.
//   --namesrv A --topic T [--size 1024]
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { DefaultMQProducer, Message } from '../dist/index.js'
import { percentile, roundResult } from './support/statistics.mjs'

const { values } = parseArgs({
  options: { namesrv: { type: 'string' }, topic: { type: 'string' }, size: { type: 'string', default: '1024' } }
})
const { topic } = values
const size = Number(values.size)
const body = Buffer.alloc(size, 'x')
const producer = new DefaultMQProducer({
  producerGroup: 'bench-ours',
  namesrvAddr: values.namesrv,
  sendMsgTimeout: 10_000,
  compressMsgBodyOverHowmuch: Number.MAX_SAFE_INTEGER
})
await producer.start()

function callbacks(inFlight, count, settle) {
  return new Promise((resolve) => {
    let sent = 0
    let settled = 0
    const next = () => {
      const index = sent
      const begin = performance.now()
      sent += 1
      producer.send(new Message({ topic, body }), {}, (error, result) => {
        settle(index, performance.now() - begin, error === null || error === undefined ? result : undefined)
        settled += 1
        if (sent < count) next()
        else if (settled === count) resolve()
      })
    }
    for (let lane = 0; lane < Math.min(inFlight, count); lane += 1) next()
  })
}

async function lanes(inFlight, count, settle) {
  let next = 0
  const lane = async () => {
    while (next < count) {
      const index = next
      next += 1
      const begin = performance.now()
      let result
      try {
        result = await producer.send(new Message({ topic, body }))
      } catch {
        // counted by settle
      }
      settle(index, performance.now() - begin, result)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

async function round(mode, inFlight, count) {
  const took = new Float64Array(count)
  let errors = 0
  const settle = (index, millis, result) => {
    took[index] = millis
    if (result?.sendStatus !== 'SEND_OK') errors += 1
  }
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await (mode === 'async' ? callbacks : lanes)(inFlight, count, settle)
  const millis = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  took.sort()
  return roundResult({
    peer: 'ours',
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
