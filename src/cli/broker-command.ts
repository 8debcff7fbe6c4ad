import { parseBrokerProperties } from '../broker/broker-properties.ts'
import { LoopbackBroker } from '../loopback/loopback-broker.ts'
import type { LoopbackTopicOptions } from '../loopback/loopback-options.ts'
import { DEFAULT_NAMESRV_CONFIG } from '../nameserver/namesrv-config.ts'
import { fileContents, oneOf, parseOptions, required, UsageError, wholeNumber } from './arguments.ts'
import { stderrLogger } from './stderr-logger.ts'

const HELP = `rocketmq-producer broker [options]
  --host ADDRESS                 address to bind (127.0.0.1)
  --namesrv-port PORT            name server's port, 0 for any free one (9876)
  --port PORT                    broker's port, 0 for any free one (10911)
  --store memory|file            where messages are kept (memory)
  --data-dir DIR                 folder of --store file; made when it is not there
  --flush async|sync             ASYNC_FLUSH or SYNC_FLUSH (async)
  --commitlog-file-size BYTES    size of a commit log segment
  --consumequeue-file-size BYTES size of a consume queue file; without effect in memory
  --repair stop|truncate         about damage in the log: refuse to start, or end the log there (stop)
  --topic NAME[:QUEUES]          a topic to create; may be given again
  --config FILE                  RocketMQ's own settings, NAME=VALUE a line
  --set NAME=VALUE               one of them; may be given again; namesrvAddr=HOST:PORT;... joins other name servers
  --json                         the ready line as JSON
SIGTERM or SIGINT finishes what is in flight and exits 0.`

export async function brokerCommand(args: readonly string[]): Promise<number> {
  const values = parseOptions(args, {
    host: { type: 'string' },
    'namesrv-port': { type: 'string' },
    port: { type: 'string' },
    store: { type: 'string' },
    'data-dir': { type: 'string' },
    flush: { type: 'string' },
    repair: { type: 'string' },
    'commitlog-file-size': { type: 'string' },
    'consumequeue-file-size': { type: 'string' },
    topic: { type: 'string', multiple: true },
    config: { type: 'string' },
    set: { type: 'string', multiple: true },
    json: { type: 'boolean' }
  })
  if (values['help']) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  const store = oneOf('store', values['store'], ['memory', 'file'], 'memory')
  if (store === 'memory' && values['data-dir'] !== undefined) {
    throw new UsageError('--data-dir needs --store file: without it messages are kept in memory')
  }
  const dataDir = store === 'file' ? required('data-dir', values['data-dir']) : undefined
  const host = typeof values['host'] === 'string' ? values['host'] : '127.0.0.1'
  const entries = settings(values['config'], (values['set'] as string[] | undefined) ?? [])
  const segment = values['commitlog-file-size']
  if (segment !== undefined) {
    entries.push(['mappedFileSizeCommitLog', String(wholeNumber('commitlog-file-size', segment, 0, 512, 0x7fff_ffff))])
  }
  const queueFile = values['consumequeue-file-size']
  if (queueFile !== undefined) {
    entries.push(['mappedFileSizeConsumeQueue', String(wholeNumber('consumequeue-file-size', queueFile, 0, 1, 2 ** 31 - 1))])
  }
  const flush = oneOf('flush', values['flush'], ['async', 'sync'], 'async')
  if (values['flush'] !== undefined) entries.push(['flushDiskType', flush === 'sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH'])
  const broker = await LoopbackBroker.start({
    host,
    namesrvPort: wholeNumber('namesrv-port', values['namesrv-port'], 9876, 0, 65535),
    port: wholeNumber('port', values['port'], 10911, 0, 65535),
    topics: topics((values['topic'] as string[] | undefined) ?? []),
    logger: stderrLogger,
    journal: false,
    ...(dataDir === undefined
      ? {}
      : { dataDir, repair: oneOf('repair', values['repair'], ['stop', 'truncate'] as const, 'stop') }),
    ...parseBrokerProperties(entries, { namesrv: DEFAULT_NAMESRV_CONFIG })
  }).catch(namePorts)
  const ready = {
    ready: true,
    namesrvAddr: broker.namesrvAddr,
    brokers: broker.brokers.map(({ brokerName, brokerId, addr }) => ({ brokerName, brokerId, addr })),
    startMillis: Math.round(performance.now())
  }
  const line = values['json']
    ? JSON.stringify(ready)
    : `name server ${ready.namesrvAddr}, ${ready.brokers.map((b) => `${b.brokerName} ${b.addr}`).join(', ')}: ready in ${ready.startMillis} ms`
  // Who reads the line may send a signal at once.
  const stopped = stopSignal()
  process.stdout.write(`${line}\n`)
  await stopped
  await broker.close()
  return 0
}

/** Most often it is a broker that was started before and forgotten. */
function namePorts(error: NodeJS.ErrnoException): never {
  if (error.code !== 'EADDRINUSE') throw error
  throw new Error(`${error.message}: something runs there already; --namesrv-port 0 and --port 0 take any free port`, {
    cause: error
  })
}

/** The first SIGTERM or SIGINT. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGTERM', stop)
      process.off('SIGINT', stop)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

function topics(specifications: readonly string[]): Record<string, LoopbackTopicOptions> {
  const table: Record<string, LoopbackTopicOptions> = Object.create(null)
  for (const text of specifications) {
    const match = /^([%|\w-]+)(?::(\d{1,4}))?$/.exec(text)
    if (match === null)
      throw new UsageError(`--topic is "${text}": expected NAME or NAME:QUEUES, the name of letters, digits and %|_-`)
    table[match[1]] = match[2] === undefined ? {} : { queues: wholeNumber('topic', match[2], 4, 1, 1024) }
  }
  return table
}

function settings(file: unknown, assignments: readonly string[]): Array<[string, string]> {
  const lines = typeof file === 'string' ? fileContents('config', file).toString('utf8').split(/\r?\n/) : []
  const entries: Array<[string, string]> = []
  for (const line of lines) {
    const text = line.trim()
    if (text !== '' && !text.startsWith('#') && !text.startsWith('!')) entries.push(assignment(text, `a line of ${String(file)}`))
  }
  for (const text of assignments) entries.push(assignment(text, '--set'))
  return entries
}

function assignment(text: string, where: string): [string, string] {
  const at = text.search(/[=:]/)
  if (at <= 0) throw new UsageError(`${where} is "${text}": expected NAME=VALUE`)
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}
