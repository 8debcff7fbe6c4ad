import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { LoopbackFaultAction } from '../../src/loopback/fault-kinds.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { liveHeap } from '../support/live-heap.ts'

const KIB = 1024
const SENDS = 6000
/** What V8 compiles meanwhile is up to 400 KiB; whatever is kept of a send has several objects: 900 bytes and more. */
const MOST_BYTES_A_SEND = 256
const LANES = 200

const undone: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const undo of undone.splice(0).reverse()) await undo()
})

const kinds: LoopbackFaultAction[] = [
  { kind: 'delay', millis: 1 },
  { kind: 'queue', millis: 1 },
  { kind: 'late', millis: 1 },
  { kind: 'duplicate' },
  { kind: 'slowSync', millis: 1 },
  { kind: 'storeStatus', status: 'FLUSH_DISK_TIMEOUT' }
]

// On one connection and in one store, which both live on.
describe('a fault that has struck leaves nothing behind', () => {
  beforeAll(() => expect(globalThis.gc).toBeDefined())

  it.each(kinds)('process-R9 $kind', async (then) => {
    const broker = await LoopbackBroker.start({
      network: new MemoryNetwork(),
      topics: { Orders: {} },
      storeConfig: { flushDiskType: 'SYNC_FLUSH', maxBytes: KIB * KIB, whenFull: 'dropOldest' },
      journal: false
    })
    undone.push(() => broker.close())
    const producer = new DefaultMQProducer({ producerGroup: 'orders', ...broker.clientOptions() })
    undone.push(() => producer.shutdown())
    await producer.start()
    const send = async (count: number): Promise<void> => {
      let left = count
      const lane = async (): Promise<void> => {
        while (left-- > 0) await producer.send(new Message({ topic: 'Orders', body: 'x' }))
      }
      await Promise.all(Array.from({ length: LANES }, lane))
    }
    const fault = broker.faults.add({ when: { topic: 'Orders' }, then })
    await send(SENDS / 2)
    const [heap, hits] = [await liveHeap(), fault.hits]
    await send(SENDS)
    const grown = (await liveHeap()) - heap
    expect(fault.hits - hits).toBeGreaterThanOrEqual(SENDS)
    expect(grown / SENDS).toBeLessThan(MOST_BYTES_A_SEND)
  })
})
