import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProgram } from '../../test/interop/harness/java.js'
import { LineProcess } from '../../test/interop/harness/processes.js'
import { goProgram, nodePeerDirectory } from '../../test/interop/harness/tools.js'

const benchDirectory = fileURLToPath(new URL('../', import.meta.url))

export const hasDist = (...files) => files.every((file) => existsSync(join(benchDirectory, '..', 'dist', file)))

const java = (flags) => (args, home) =>
  startProgram({ main: 'BenchProducer', version: '5.3.3', args, home, quick: false, heap: '1g', flags })
const ours =
  (...words) =>
  (args) =>
    new LineProcess('ours', process.execPath, [join(benchDirectory, 'our-producer.mjs'), ...args, ...words])
const ceiling = (header) => (args) =>
  new LineProcess('ceiling', process.execPath, [join(benchDirectory, 'ceiling.mjs'), ...args, '--header', header])

/**
 * How each peer is started; all speak the same lines on standard input and output. The ceiling sends what our producer sends: requests
 * with binary headers. Java can do so too, which is its best.
 */
const START = {
  ceiling: ceiling('binary'),
  'ceiling-json': ceiling('json'),
  ours: ours(),
  'ours-autobatch': ours('--with', 'autobatch'),
  'ours-hook': ours('--with', 'hook'),
  'ours-trace': ours('--with', 'trace'),
  java: java([]),
  'java-binary': java(['-Drocketmq.serialize.type=ROCKETMQ']),
  go: (args) => new LineProcess('go', goProgram('bench'), args),
  'ali-ons': (args) => new LineProcess('ali-ons', process.execPath, [join(nodePeerDirectory, 'bench-producer.mjs'), ...args])
}

/** Starts a peer against a server; `round` runs one round and gives the line that it printed. */
export async function startPeer(name, { namesrvAddr, topic, size, home }) {
  const child = START[name](['--namesrv', namesrvAddr, '--topic', topic, '--size', String(size)], home)
  await child.json()
  return {
    name,
    async round({ mode, inFlight, count }) {
      child.write(`round ${mode} ${inFlight} ${count}`)
      return await child.json(300_000)
    },
    stop: () => child.stop('SIGKILL')
  }
}
