import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import { DefaultMessageStore } from '../../src/store/default-message-store.ts'
import { storeFolders } from '../support/store-folder.ts'

const folder = storeFolders()
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
/** Masters that are killed under load; more of them with `npm run torture`. */
const KILLS = Number(process.env.PROCESS_FAILOVERS ?? 1)
const SEGMENT = 256 * 1024
const LANES = 32
/** Of a run whose slave never came. */
const MOST_SENDS = 20_000

const children: ChildProcess[] = []
const closing: Array<() => Promise<unknown> | unknown> = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  for (const child of children.splice(0)) {
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve))
  }
})

interface BrokerProcess {
  child: ChildProcess
  exited: Promise<unknown>
  namesrvAddr: string
}

async function broker(dir: string, settings: string[]): Promise<BrokerProcess> {
  const args = ['broker', '--json', '--port', '0', '--namesrv-port', '0', '--store', 'file', '--data-dir', dir]
  const more = ['--commitlog-file-size', String(SEGMENT), '--topic', 'T:4', ...settings.flatMap((text) => ['--set', text])]
  const child = spawn(process.execPath, [cli, ...args, ...more], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const line = new Promise<string>((resolve) => createInterface({ input: child.stdout! }).once('line', resolve))
  const ready = await Promise.race([line, exited.then(() => undefined)])
  if (ready === undefined) throw new Error('the broker did not start')
  const { namesrvAddr } = JSON.parse(ready) as { namesrvAddr: string }
  return { child, exited, namesrvAddr }
}

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Stands between slave and master: passes bytes on, slowly, or not at all. */
class Link {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  mode: 'open' | 'slow' | 'silent' = 'open'
  target = 0

  constructor() {
    this.#server = createServer((near) => {
      const far = connect(this.target, '127.0.0.1')
      for (const [from, to] of [
        [near, far],
        [far, near]
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.on('data', (bytes) => void this.#pass(from, to, bytes))
      }
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  set(mode: Link['mode']): void {
    this.mode = mode
    if (mode !== 'silent') for (const socket of this.#sockets) socket.resume()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #pass(from: Socket, to: Socket, bytes: Buffer): Promise<void> {
    from.pause()
    while (this.mode === 'silent' && !from.destroyed) await new Promise((resolve) => setTimeout(resolve, 5))
    if (this.mode === 'slow') await new Promise((resolve) => setTimeout(resolve, 30))
    if (!to.destroyed) to.write(bytes)
    from.resume()
  }
}

async function producerFor(namesrvAddr: string): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'PG', namesrvAddr, retryTimesWhenSendFailed: 0 })
  await producer.start()
  closing.push(() => producer.shutdown())
  return producer
}

/** What is in a store's log, file after file, up to the last byte that is not zero. */
function logOf(dir: string): Buffer {
  const log = path.join(dir, 'commitlog')
  const bytes = Buffer.concat(readdirSync(log).map((name) => readFileSync(path.join(log, name))))
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}

async function bodiesIn(dir: string): Promise<Set<string>> {
  const store = new DefaultMessageStore(
    { mappedFileSizeCommitLog: SEGMENT },
    { clock: new HeldClock(), logger: silentLogger, files: { root: dir } }
  )
  await store.start()
  const found = new Set<string>()
  for (let queueId = 0; queueId < 4; queueId++) {
    for (let offset = 0; offset < store.getMaxOffsetInQueue('T', queueId); offset++) {
      found.add(decodeMessage(store.getMessage('g', 'T', queueId, offset, 1)!.messages[0]!).body.toString())
    }
  }
  await store.shutdown()
  return found
}

async function masterAndSlave(): Promise<{ master: BrokerProcess; slave: BrokerProcess; proxy: Link; dirs: [string, string] }> {
  const dirs: [string, string] = [folder(), folder()]
  const proxy = new Link()
  const haMasterAddress = await proxy.listen()
  closing.push(() => proxy.close())
  proxy.target = await freePort()
  const master = await broker(dirs[0], ['brokerRole=SYNC_MASTER', 'slaveTimeout=400', `haListenPort=${proxy.target}`])
  const slave = await broker(dirs[1], ['brokerRole=SLAVE', 'brokerId=1', `haMasterAddress=${haMasterAddress}`])
  return { master, slave, proxy, dirs }
}

describe('a master and its slave in processes of their own, with a proxy between them', () => {
  it('fault-S17 a send is answered by what the slave has: silent, stopped and slow links tell', { timeout: 60_000 }, async () => {
    const { master, slave, proxy } = await masterAndSlave()
    const producer = await producerFor(master.namesrvAddr)
    const send = async (): Promise<string> => (await producer.send(new Message({ topic: 'T', body: 'x' }))).sendStatus
    await expect.poll(send, { timeout: 10_000 }).toBe('SEND_OK')
    proxy.set('silent')
    expect(await send()).toBe('FLUSH_SLAVE_TIMEOUT')
    proxy.set('slow')
    await expect.poll(send, { timeout: 10_000 }).toBe('SEND_OK')
    slave.child.kill('SIGSTOP')
    expect(await send()).toBe('FLUSH_SLAVE_TIMEOUT')
    slave.child.kill('SIGCONT')
    await expect.poll(send, { timeout: 10_000 }).toBe('SEND_OK')
    slave.child.kill('SIGKILL')
    await slave.exited
    await expect.poll(send, { timeout: 10_000 }).toBe('SLAVE_NOT_AVAILABLE')
  })

  it('fault-S17 a master that is killed under load has acknowledged nothing that its slave lacks, and their logs are the same', {
    timeout: 3_600_000
  }, async () => {
    let acknowledgedInAll = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const { master, slave, dirs } = await masterAndSlave()
      const producer = await producerFor(master.namesrvAddr)
      const acknowledged: string[] = []
      let killed = false
      let sent = 0
      const lane = async (): Promise<void> => {
        while (!killed && sent < MOST_SENDS) {
          const body = `${kill} ${sent++}`
          try {
            const { sendStatus } = await producer.send(new Message({ topic: 'T', body }))
            if (sendStatus === 'SEND_OK') acknowledged.push(body)
          } catch {
            // Not acknowledged: it may be there or not.
          }
          if (acknowledged.length >= 300 && !killed) {
            killed = true
            master.child.kill('SIGKILL')
          }
        }
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      expect(killed, `${sent} sends, ${acknowledged.length} acknowledged`).toBe(true)
      await master.exited
      slave.child.kill('SIGTERM')
      await slave.exited
      const [ofMaster, ofSlave] = dirs.map(logOf) as [Buffer, Buffer]
      expect(
        ofMaster.subarray(0, ofSlave.length).equals(ofSlave),
        `kill ${kill}: a slave's log is the beginning of its master's`
      ).toBe(true)
      const held = await bodiesIn(dirs[1])
      expect(
        acknowledged.filter((body) => !held.has(body)),
        `kill ${kill}`
      ).toEqual([])
      acknowledgedInAll += acknowledged.length
      for (const close of closing.splice(0).reverse()) await close()
    }
    console.log(
      `fault-S17 with processes: ${KILLS} masters killed, ${acknowledgedInAll} acknowledged, 0 of them missing on the slave`
    )
  })
})
