import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { createHistogram } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { realClock } from '../internal/clock.ts'
import { hostAddress } from '../protocol/host-address.ts'
import { decodeProperties, encodeProperties } from '../protocol/properties.ts'
import { DefaultMessageStore } from '../store/default-message-store.ts'
import type { MessageExtBrokerInner } from '../store/types.ts'
import { oneOf, parseOptions, required, wholeNumber } from './arguments.ts'
import { stderrLogger } from './stderr-logger.ts'

const HELP = `rocketmq-producer bench-store --data-dir DIR [options]
  --flush async|sync  ASYNC_FLUSH or SYNC_FLUSH (async)
  --size BYTES        body of each message (1024)
  --count N           messages a round (300000)
  --concurrency N     puts in flight (256)
  --rounds N          rounds after a warm-up round (3)
  --json              a JSON line a round
With --flush sync --concurrency 1 each line also says what a bare loop of write and fdatasync of the same bytes reached in the same round.`

const QUEUES = 4
/** Puts between two turns of the bare loop. */
const TURN_PUTS = 100

interface Load {
  store: DefaultMessageStore
  flush: 'async' | 'sync'
  size: number
  count: number
  concurrency: number
}

export async function benchStoreCommand(args: readonly string[]): Promise<number> {
  const values = parseOptions(args, {
    'data-dir': { type: 'string' },
    flush: { type: 'string' },
    size: { type: 'string' },
    count: { type: 'string' },
    concurrency: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'boolean' }
  })
  if (values['help']) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  const root = required('data-dir', values['data-dir'])
  const flush = oneOf('flush', values['flush'], ['async', 'sync'] as const, 'async')
  const size = wholeNumber('size', values['size'], 1024, 1, 4 * 1024 * 1024)
  const count = wholeNumber('count', values['count'], 300_000, 1, 1_000_000_000)
  const concurrency = wholeNumber('concurrency', values['concurrency'], 256, 1, 100_000)
  const rounds = wholeNumber('rounds', values['rounds'], 3, 1, 1000)
  const store = new DefaultMessageStore(
    { flushDiskType: flush === 'sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH' },
    { clock: realClock, logger: stderrLogger, files: { root } }
  )
  await store.start()
  const bare = flush === 'sync' && concurrency === 1 ? await BareLoop.open(path.join(root, 'bench-bare')) : undefined
  let errors = 0
  try {
    for (let round = 0; round <= rounds; round++) {
      const load = { store, flush, size, count, concurrency }
      const figures = bare === undefined ? await runRound(load) : await besideBareLoop(load, bare)
      if (round === 0) continue
      errors += figures.errors
      process.stdout.write(values['json'] ? `${JSON.stringify(figures)}\n` : `${describe(figures)}\n`)
    }
  } finally {
    await bare?.close()
    await store.shutdown()
  }
  return errors === 0 ? 0 : 1
}

/** Both in turn, a few at a time: what else the disk has to do meets both. */
async function besideBareLoop(load: Load, bare: BareLoop): Promise<Figures> {
  const parts: Figures[] = []
  let bareSeconds = 0
  for (let left = load.count; left > 0; left -= TURN_PUTS) {
    const count = Math.min(TURN_PUTS, left)
    parts.push(await runRound({ ...load, count }))
    bareSeconds += count / (await bare.run(load.size, count)).bareMsgPerSec
  }
  const mean = (of: (part: Figures) => number): number =>
    round(parts.reduce((sum, part) => sum + of(part) * part.count, 0) / load.count)
  const seconds = parts.reduce((sum, part) => sum + part.count / part.msgPerSec, 0)
  return {
    ...parts[0]!,
    count: load.count,
    msgPerSec: Math.round(load.count / seconds),
    cpuMicrosPerMsg: mean((part) => part.cpuMicrosPerMsg),
    p50Ms: mean((part) => part.p50Ms),
    p99Ms: mean((part) => part.p99Ms),
    errors: parts.reduce((sum, part) => sum + part.errors, 0),
    bareMsgPerSec: Math.round(load.count / bareSeconds)
  }
}

async function runRound({ store, flush, size, count, concurrency }: Load) {
  const latency = createHistogram()
  const body = randomBytes(size)
  const host = hostAddress('127.0.0.1', 10911)
  const propertiesString = encodeProperties(new Map([['UNIQ_KEY', '7F0000010001000000000000000000000']]))
  const properties = decodeProperties(propertiesString)
  let sent = 0
  let errors = 0
  const lane = async (): Promise<void> => {
    while (sent < count) {
      const message: MessageExtBrokerInner = {
        topic: 'BenchmarkTest',
        queueId: sent++ % QUEUES,
        flag: 0,
        sysFlag: 0,
        body,
        propertiesString,
        properties,
        bornTimestamp: Date.now(),
        bornHost: host,
        storeHost: host,
        reconsumeTimes: 0,
        preparedTransactionOffset: 0
      }
      const begin = performance.now()
      const { status } = await store.asyncPutMessage(message)
      if (status !== 'PUT_OK') errors++
      latency.record(Math.max(Math.round((performance.now() - begin) * 1e6), 1))
    }
  }
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await Promise.all(Array.from({ length: concurrency }, lane))
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    mode: 'store',
    flush,
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

/** What a put under SYNC_FLUSH cannot be better than: a write and a sync of the same bytes, awaited one after the other. */
class BareLoop {
  readonly #file: string
  readonly #fd: number
  #position = 0

  private constructor(file: string, fd: number) {
    this.#file = file
    this.#fd = fd
  }

  static async open(file: string): Promise<BareLoop> {
    const fd = fs.openSync(file, 'w', 0o600)
    fs.ftruncateSync(fd, 1024 * 1024 * 1024)
    fs.fsyncSync(fd)
    return new BareLoop(file, fd)
  }

  async run(size: number, count: number): Promise<{ bareMsgPerSec: number }> {
    const write = promisify(fs.write)
    const fdatasync = promisify(fs.fdatasync)
    const bytes = randomBytes(size + 150)
    const begin = performance.now()
    for (let i = 0; i < count; i++) {
      await write(this.#fd, bytes, 0, bytes.length, this.#position)
      await fdatasync(this.#fd)
      this.#position += bytes.length
    }
    return { bareMsgPerSec: Math.round((count * 1000) / (performance.now() - begin)) }
  }

  async close(): Promise<void> {
    fs.closeSync(this.#fd)
    fs.unlinkSync(this.#file)
  }
}

type Figures = Awaited<ReturnType<typeof runRound>> & { bareMsgPerSec?: number }

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

function describe(f: Figures): string {
  const bare = f.bareMsgPerSec === undefined ? '' : `, ${round(f.msgPerSec / f.bareMsgPerSec)} of the bare loop`
  return `${f.flush} ${f.count} x ${f.size} B, ${f.concurrency} at a time: ${f.msgPerSec}/s${bare}, ${f.cpuMicrosPerMsg} us CPU each, p50 ${f.p50Ms} ms, p99 ${f.p99Ms} ms, ${f.errors} errors`
}
