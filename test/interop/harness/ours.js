import { fileURLToPath } from 'node:url'
import { LineProcess } from './processes.js'

/** The command line as built. */
export const cliPath = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

/** This package's broker as a process of its own; resolves with what its ready line says. */
export async function startOurBroker({ topics, args = [], env = process.env }) {
  const topicArgs = Object.entries(topics).flatMap(([name, queues]) => ['--topic', `${name}:${queues}`])
  const child = new LineProcess(
    'our broker',
    process.execPath,
    [cliPath, 'broker', '--json', '--namesrv-port', '0', '--port', '0', ...topicArgs, ...args],
    { env }
  )
  const begin = performance.now()
  const line = await child.json(30_000)
  return {
    namesrvAddr: line.namesrvAddr,
    brokerAddr: line.brokers[0].addr,
    ready: line,
    readyMillis: performance.now() - begin,
    pids: [child.pid],
    stderr: () => child.stderr,
    stop: (signal) => child.stop(signal)
  }
}
