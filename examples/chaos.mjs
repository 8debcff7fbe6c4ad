// A broker dies under load, again and again: a process of its own that keeps its messages in files is killed (SIGKILL) and started anew
// on the same files. No message that was acknowledged may be missing at the end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DefaultMQProducer, Message } from 'rocketmq-producer'
import { LoopbackBroker } from 'rocketmq-producer/broker'

const KILLS = Number(process.env.KILLS ?? 2)
const LANES = 16
const dataDir = mkdtempSync(path.join(tmpdir(), 'chaos-'))
const cli = path.join(path.dirname(createRequire(import.meta.url).resolve('rocketmq-producer/package.json')), 'dist/cli.js')

/** The command line's broker; resolves when it accepts. */
async function startBroker(namesrvPort = 0, port = 0) {
  const args = ['broker', '--json', '--topic', 'Orders:4', '--store', 'file', '--data-dir', dataDir]
  const ports = ['--namesrv-port', String(namesrvPort), '--port', String(port)]
  const child = spawn(process.execPath, [cli, ...args, ...ports], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the broker ended with ${code}`)))
  ])
  return { child, ...JSON.parse(line) }
}
const stop = async ({ child }, signal) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}
const portOf = (addr) => Number(addr.split(':').at(-1))

let broker = await startBroker()
const { namesrvAddr, brokers } = broker
const producer = new DefaultMQProducer({ producerGroup: 'chaos', namesrvAddr })
await producer.start()

const acknowledged = new Set()
let refused = 0
let running = true
async function lane(name) {
  for (let i = 0; running; i++) {
    try {
      const { msgId } = await producer.send(new Message({ topic: 'Orders', body: `${name}-${i}` }), { timeout: 500 })
      acknowledged.add(msgId)
    } catch {
      refused++
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
const acknowledgedSince = async (count) => {
  while (acknowledged.size < count) await new Promise((resolve) => setTimeout(resolve, 5))
}

try {
  const lanes = Array.from({ length: LANES }, (_, i) => lane(`lane-${i}`))
  for (let kill = 0; kill < KILLS; kill++) {
    await acknowledgedSince(acknowledged.size + 200)
    await stop(broker, 'SIGKILL')
    broker = await startBroker(portOf(namesrvAddr), portOf(brokers[0].addr))
  }
  await acknowledgedSince(acknowledged.size + 200)
  running = false
  await Promise.all(lanes)

  // Everything that is in the files, read by a broker in this process.
  await stop(broker, 'SIGTERM')
  const reader = await LoopbackBroker.start({ dataDir })
  const stored = new Set(reader.messages('Orders').map(({ msgId }) => msgId))
  await reader.close()
  const missing = [...acknowledged].filter((msgId) => !stored.has(msgId))
  console.log(`${KILLS} kills, ${acknowledged.size} acknowledged, ${refused} refused, ${missing.length} missing`)
  if (missing.length > 0) throw new Error(`acknowledged and missing: ${missing.slice(0, 5).join(', ')}`)
} finally {
  running = false
  await producer.shutdown()
  await stop(broker, 'SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
}
