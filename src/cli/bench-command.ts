import { createHistogram } from 'node:perf_hooks'
import { DefaultMQProducer } from '../producer/default-mq-producer.ts'
import { Message } from '../protocol/message.ts'
import { oneOf, parseOptions, required, wholeNumber } from './arguments.ts'

const HELP = `rocketmq-producer bench --namesrv ADDRESS --topic TOPIC [options]
  --mode sync|async|oneway|batch  sync: each lane awaits its answer before its next send (async)
  --size BYTES                    body of each message (1024)
  --count N                       messages a round (100000)
  --concurrency N                 lanes, or sends in flight (256)
  --batch N                       messages a batch, in mode batch (32)
  --rounds N                      rounds after a warm-up round (3)
  --json                          a JSON line a round`

const modes = ['sync', 'async', 'oneway', 'batch'] as const
type Mode = (typeof modes)[number]

interface Load {
  producer: DefaultMQProducer
  topic: string
  mode: Mode
  size: number
  count: number
  concurrency: number
  batch: number
}

export async function benchCommand(args: readonly string[]): Promise<number> {
  const values = parseOptions(args, {
    namesrv: { type: 'string' },
    topic: { type: 'string' },
    mode: { type: 'string' },
    size: { type: 'string' },
    count: { type: 'string' },
    concurrency: { type: 'string' },
    batch: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'boolean' }
  })
  if (values['help']) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  const load: Omit<Load, 'producer'> = {
    topic: required('topic', values['topic']),
    mode: oneOf('mode', values['mode'], modes, 'async'),
    size: wholeNumber('size', values['size'], 1024, 1, 4 * 1024 * 1024),
    count: wholeNumber('count', values['count'], 100_000, 1, 1_000_000_000),
    concurrency: wholeNumber('concurrency', values['concurrency'], 256, 1, 10_000),
    batch: wholeNumber('batch', values['batch'], 32, 1, 4096)
  }
  const rounds = wholeNumber('rounds', values['rounds'], 3, 1, 1000)
  const producer = new DefaultMQProducer({
    producerGroup: 'rocketmq-producer-bench',
    namesrvAddr: required('namesrv', values['namesrv']),
    compressMsgBodyOverHowmuch: 64 * 1024 * 1024
  })
  await producer.start()
  let errors = 0
  try {
    for (let round = 0; round <= rounds; round++) {
      const figures = await runRound({ ...load, producer })
      if (round === 0) continue
      errors += figures.errors
      process.stdout.write(values['json'] ? `${JSON.stringify(figures)}\n` : `${describe(figures)}\n`)
    }
  } finally {
    await producer.shutdown()
  }
  return errors === 0 ? 0 : 1
}

type Figures = Awaited<ReturnType<typeof runRound>>

async function runRound(load: Load) {
  const { mode, size, count, concurrency, topic, producer } = load
  const latency = createHistogram()
  const body = Buffer.alloc(size, 'x')
  const step = mode === 'batch' ? load.batch : 1
  let left = count
  let errors = 0
  const lane = async (): Promise<void> => {
    while (left > 0) {
      const messages = Math.min(step, left)
      left -= messages
      const begin = process.hrtime.bigint()
      try {
        if (mode === 'oneway') await producer.sendOneway(new Message({ topic, body }))
        else if (mode === 'batch') await producer.send(Array.from({ length: messages }, () => new Message({ topic, body })))
        else if (mode === 'sync') await producer.send(new Message({ topic, body }))
        else await sendWithCallback(producer, new Message({ topic, body }))
      } catch {
        errors += messages
      }
      latency.record(process.hrtime.bigint() - begin + 1n)
    }
  }
  const cpu = process.cpuUsage()
  const begin = process.hrtime.bigint()
  await Promise.all(Array.from({ length: concurrency }, lane))
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9
  const { user, system } = process.cpuUsage(cpu)
  return {
    mode,
    count,
    size,
    concurrency,
    msgPerSec: Math.round(count / seconds),
    cpuMicrosPerMsg: round((user + system) / count),
    p50Ms: round(latency.percentile(50) / 1e6),
    p99Ms: round(latency.percentile(99) / 1e6),
    errors
  }
}

function sendWithCallback(producer: DefaultMQProducer, message: Message): Promise<void> {
  return new Promise((resolve, reject) => {
    producer.send(message, {}, (error) => (error ? reject(error) : resolve()))
  })
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

function describe(f: Figures): string {
  return `${f.mode} ${f.count} x ${f.size} B, ${f.concurrency} at a time: ${f.msgPerSec}/s, ${f.cpuMicrosPerMsg} us CPU each, p50 ${f.p50Ms} ms, p99 ${f.p99Ms} ms, ${f.errors} errors`
}
