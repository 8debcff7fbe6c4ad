import { describe, expect, it } from 'vitest'
import { run } from '../package/support/run.ts'

const PROCESSES = 4
const THREADS = 2
const BATCHES = 25
const BATCH = 5000
/** All of them make their ids in the same milliseconds. */
const NOW = Date.now()

/**
 * Prints the ids of its messages, which no broker ever gets: the error of a send that found no name server names them. Every process has
 * the same pid, as in containers with the same address, and the clock is set back an hour for each second batch.
 */
const program = `
  const { isMainThread, Worker } = require('node:worker_threads')
  Object.defineProperty(process, 'pid', { value: 1 })
  const { DefaultMQProducer, Message } = require('./dist/index.cjs')
  let step = 0
  const clock = {
    now: () => ${NOW} - (step % 2) * 3600_000,
    monotonic: () => performance.now(),
    setTimeout: (callback, millis) => { const timer = setTimeout(callback, millis); return { cancel: () => clearTimeout(timer) } }
  }
  async function main() {
    const producer = new DefaultMQProducer({ producerGroup: 'ids', clock })
    await producer.start()
    const messages = Array.from({ length: ${BATCH} }, () => new Message({ topic: 'T', body: 'x' }))
    for (; step < ${BATCHES}; step++) {
      const error = await producer.send(messages).catch((error) => error)
      process.stdout.write(error.uniqKey + ',')
    }
    await producer.shutdown()
  }
  if (isMainThread) for (let i = 1; i < ${THREADS}; i++) new Worker(process.argv[1] ?? __filename, { eval: true, argv: [process.argv[1]] })
  main()`

describe('unique ids', () => {
  it('net-N19 a million ids of processes with one address and pid, of threads, and of clocks set back, are all different', async () => {
    const starter = `process.argv[1] = ${JSON.stringify(program)}; eval(process.argv[1])`
    const env = { NAMESRV_ADDR: undefined }
    const runs = await Promise.all(Array.from({ length: PROCESSES }, () => run(process.execPath, ['-e', starter], { env })))
    expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(PROCESSES).fill({ code: 0, stderr: '' }))
    const seen = new Set<string>()
    let count = 0
    for (const { stdout } of runs) {
      for (const id of stdout.split(',')) {
        if (id === '') continue
        count++
        seen.add(id)
      }
    }
    expect([count, seen.size]).toEqual([1_000_000, 1_000_000])
    const [first = ''] = seen
    // Address, then the pid they share.
    expect(first).toMatch(/^[0-9A-F]{32}$|^[0-9A-F]{56}$/)
    expect(first.slice(first.length - 24, first.length - 20)).toBe('0001')
  }, 60_000)
})
