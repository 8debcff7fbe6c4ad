import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'
import { heapWithoutCompiledCode, liveHeap } from '../support/live-heap.ts'
import { tempFolder } from '../support/temp-folder.ts'

const KIB = 1024
const TORTURE = process.env.TORTURE === '1'
/** A thousand by `npm run torture`, 300 of those with files, which wait for the disk. The first ones warm up what is compiled. */
const MEMORY = TORTURE ? { first: 250, count: 1000 } : { first: 10, count: 25 }
const FILES = TORTURE ? { first: 100, count: 300 } : { first: 2, count: 3 }
/** Of the heap over all of them, bytes. */
const MOST_GROWTH = 256 * KIB
const TIMEOUT = TORTURE ? 1_200_000 : 20_000

/** Open files and sockets of this process; where the system has no such folder, always none. */
function descriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

const files = (dataDir: string): object => ({ dataDir, storeConfig: { mappedFileSizeCommitLog: 256 * 1024 } })
const kinds: Array<[string, typeof MEMORY, (dataDir: string) => object]> = [
  ['TCP, messages in memory', MEMORY, () => ({})],
  ['in memory, messages in memory', MEMORY, () => ({ network: new MemoryNetwork() })],
  ['TCP, messages in files', FILES, files],
  ['in memory, messages in files', FILES, (dataDir) => ({ network: new MemoryNetwork(), ...files(dataDir) })]
]

describe('starting and closing again and again', () => {
  heapWithoutCompiledCode()

  for (const [name, { first, count }, options] of kinds) {
    it(`loopback-16 process-R2 leaves no handle and no memory: ${name}`, { timeout: TIMEOUT }, async () => {
      const folder = tempFolder()
      let cycle = 0
      const cycles = async (times: number): Promise<void> => {
        for (let i = 0; i < times; i++) {
          const dataDir = path.join(folder, `${cycle++}`)
          const broker = await LoopbackBroker.start({ topics: { Orders: {} }, ...options(dataDir) })
          const producer = new DefaultMQProducer({ producerGroup: `orders-${cycle}`, ...broker.clientOptions() })
          await producer.start()
          await producer.send(new Message({ topic: 'Orders', body: 'x'.repeat(1000) }), { timeout: 30_000 })
          expect(broker.messageCount('Orders')).toBe(1)
          await producer.shutdown()
          await broker.close()
          rmSync(dataDir, { recursive: true, force: true })
        }
      }
      await cycles(first)
      const [heap, open] = [await liveHeap(), descriptors()]
      await leavesNoHandle(() => cycles(count))
      const grown = (await liveHeap()) - heap
      if (TORTURE) console.log(`${name}: ${count} starts and stops, heap ${(grown / KIB).toFixed(0)} KiB`)
      expect(grown).toBeLessThan(MOST_GROWTH)
      expect(descriptors()).toBeLessThanOrEqual(open)
    })
  }
})
