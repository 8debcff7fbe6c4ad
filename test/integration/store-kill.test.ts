import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { storeFolders } from '../support/store-folder.ts'

const folder = storeFolders()
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

const script = fileURLToPath(new URL('../torture/store-kill.mjs', import.meta.url))
const CYCLES = 1

/** The counts that prove something run in CI and with `npm run torture`; this shows on each run that the rig and the store work. */
describe('a broker that is killed under load', () => {
  it.each([
    ['fault-S1', 'sync'],
    ['fault-S2', 'async']
  ])(
    '%s with --flush %s has everything it acknowledged, once and whole, and nothing else',
    { timeout: 60_000 },
    async (_, flush) => {
      const args = [script, '--cycles', String(CYCLES), '--flush', flush, '--seed', String(process.env.TEST_SEED)]
      const { stdout } = await promisify(execFile)(process.execPath, args)
      const match = /(\d+) acknowledged, (\d+) failures/.exec(stdout)
      expect(match?.[2], stdout).toBe('0')
      expect(Number(match?.[1])).toBeGreaterThan(0)
    }
  )
})

describe('a folder with many messages', () => {
  it('fault-S20 is recovered in full, with its queues and index and without them, in little memory', {
    timeout: 60_000
  }, async () => {
    const rig = fileURLToPath(new URL('../torture/store-recovery.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [rig, '--messages', '5000', '--resident', '200'])
    expect(stdout).toMatch(/^fault-S20 recovery of 5000 messages of 1024 bytes: .*; 0 failures/)
  })
})

describe('a broker that acknowledges before it has written', () => {
  it('fault-S2 is caught by the same rig', { timeout: 60_000 }, async () => {
    const args = [script, '--cycles', '1', '--flush', 'async', '--control', '--seed', String(process.env.TEST_SEED)]
    const failed = (await promisify(execFile)(process.execPath, args).catch((error: unknown) => error)) as { stdout: string }
    expect(failed.stdout).toMatch(/cycle 0: \d+ wrong, lost: /)
    expect(failed).toMatchObject({ code: 1 })
  })
})

describe('a folder with a broker in it', () => {
  it('fault-S14 a second opener in another process fails at once and says why; after a kill the next start works at once', async () => {
    const dataDir = folder()
    const args = ['broker', '--json', '--port', '0', '--namesrv-port', '0', '--store', 'file', '--data-dir', dataDir]
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    try {
      await Promise.race([new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve)), exited])
      await expect(LoopbackBroker.start({ dataDir, network: new MemoryNetwork() })).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: `${dataDir} is open in another store: close that one, or use another folder`
      })
    } finally {
      child.kill('SIGKILL')
      await exited
    }
    const broker = await LoopbackBroker.start({ dataDir, network: new MemoryNetwork() })
    await broker.close()
  })

  it('fault-S15 closing under load answers everything in flight first; the mark of an open store is gone', async () => {
    const dataDir = folder()
    const options = {
      dataDir,
      network: new MemoryNetwork(),
      topics: { T: {} },
      storeConfig: { flushDiskType: 'SYNC_FLUSH' } as const
    }
    const broker = await LoopbackBroker.start(options)
    const producer = new DefaultMQProducer({ producerGroup: 'g', retryTimesWhenSendFailed: 0, ...broker.clientOptions() })
    await producer.start()
    await producer.send(new Message({ topic: 'T', body: 'first' }))
    const sends = Array.from({ length: 500 }, (_, i) => producer.send(new Message({ topic: 'T', body: `${i}` })))
    const closed = broker.close()
    const outcomes = await Promise.allSettled(sends)
    await closed
    const acknowledged = outcomes.filter((outcome) => outcome.status === 'fulfilled').length
    await producer.shutdown()
    expect(existsSync(path.join(dataDir, 'abort'))).toBe(false)
    const again = await LoopbackBroker.start(options)
    expect(again.messageCount('T')).toBeGreaterThanOrEqual(1 + acknowledged)
    expect(again.messageCount('T')).toBeLessThanOrEqual(501)
    await again.close()
  })
})
