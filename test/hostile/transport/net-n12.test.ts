import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'
import { Message } from '../../../src/protocol/message.ts'
import { run } from '../../package/support/run.ts'
import { type ScriptedPeer, scriptedClient } from '../../support/scripted-server.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))
const fixture = fileURLToPath(new URL('./fixtures/few-descriptors.mjs', import.meta.url))
/** What a process may open; Node itself needs some twenty. */
const DESCRIPTORS = 96
const SEGMENT = 16 * 1024

const children: ChildProcess[] = []

afterEach(async () => {
  await Promise.all(
    children.splice(0).map((child) => {
      if (child.exitCode !== null) return undefined
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      return exited
    })
  )
})

/** The shell's limit is that of the process it becomes. */
const limited = (args: readonly string[]): string[] => [
  '-c',
  `ulimit -n ${DESCRIPTORS} && exec "$@"`,
  'sh',
  process.execPath,
  ...args
]

interface BrokerProcess {
  child: ChildProcess
  namesrvAddr: string
  port: number
  stderr: () => string
}

async function startBroker(dataDir: string): Promise<BrokerProcess> {
  const args = [cli, 'broker', '--json', '--port', '0', '--namesrv-port', '0', '--store', 'file', '--data-dir', dataDir]
  const child = spawn('sh', limited([...args, '--commitlog-file-size', String(SEGMENT), '--topic', 'T:1']), {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  children.push(child)
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${stderr}`)))
  })
  const { namesrvAddr, brokers } = JSON.parse(line) as { namesrvAddr: string; brokers: Array<{ addr: string }> }
  return { child, namesrvAddr, port: Number(brokers[0].addr.split(':')[1]), stderr: () => stderr }
}

const onLinux = process.platform === 'linux' && existsSync('/proc/self/limits')

describe.runIf(onLinux)('a process that runs out of file descriptors', { timeout: 30_000 }, () => {
  it('net-N12 a broker refuses more connections, goes on to serve those it has, and its store still opens files', async () => {
    const dataDir = path.join(tempFolder(), 'store')
    const broker = await startBroker(dataDir)
    const producer = new DefaultMQProducer({ producerGroup: 'g', namesrvAddr: broker.namesrvAddr })
    await producer.start()
    const send = (): Promise<unknown> => producer.send(new Message({ topic: 'T', body: Buffer.alloc(2000) }))
    await send()
    const peers: ScriptedPeer[] = []
    let closed = 0
    for (let i = 0; i < 2 * DESCRIPTORS; i++) {
      const peer = await scriptedClient(broker.port)
      peers.push(peer)
      void peer.closed.then(() => closed++)
    }
    // Those beyond the limit are closed at once, and some of the others stay.
    await expect.poll(() => closed).toBeGreaterThan(DESCRIPTORS)
    expect(closed).toBeLessThan(2 * DESCRIPTORS)
    // Some ten files of the log, and units of the queue, are written meanwhile.
    for (let i = 0; i < 80; i++) await send()
    await expect.poll(() => readdirSync(path.join(dataDir, 'commitlog')).length).toBeGreaterThanOrEqual(10)
    await expect
      .poll(() => readdirSync(path.join(dataDir, 'consumequeue', 'T', '0')).length, { timeout: 5000 })
      .toBeGreaterThan(0)
    // When some are free again it listens as before.
    for (const peer of peers) peer.destroy()
    const other = new DefaultMQProducer({ producerGroup: 'h', namesrvAddr: broker.namesrvAddr })
    await other.start()
    await other.send(new Message({ topic: 'T', body: 'after' }), { timeout: 5000 })
    await Promise.all([producer.shutdown(), other.shutdown()])
    const exited = new Promise((resolve) => broker.child.once('exit', resolve))
    broker.child.kill('SIGTERM')
    expect(await exited).toBe(0)
    expect(broker.stderr()).toContain(`this process may open ${DESCRIPTORS} files and connections`)
    expect(broker.stderr()).not.toMatch(/EMFILE|Uncaught|Unhandled/)
    // Orderly ended, with everything in it.
    const again = await LoopbackBroker.start({ dataDir, storeConfig: { mappedFileSizeCommitLog: SEGMENT } })
    expect((await again.messages('T')).length).toBe(82)
    await again.close()
  })

  it('net-N12 a producer says what is wrong, and sends when it can', async () => {
    const broker = await LoopbackBroker.start({ topics: { T: {} } })
    const { code, stdout, stderr } = await run('sh', limited([fixture, broker.namesrvAddr]))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'EMFILE',
      refused: { isError: true, text: expect.stringContaining('EMFILE') },
      sendStatus: 'SEND_OK'
    })
    await broker.close()
  })
})
