import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { Message } from '../../../src/protocol/message.ts'
import { pause } from '../../support/faulty-lanes.ts'
import { closeAfterEach, startCluster, startProducer } from '../../support/producers.ts'

closeAfterEach()

const KILLS = 6
const LANES = 8

describe('brokers that are killed and come back', () => {
  it('net-N1 lose nothing acknowledged, serve again at once, and every possible duplicate is counted', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], clock })
    const producer = await startProducer(cluster, { topics: ['T'] })
    /** What the disks hold: it survives. */
    const stored = new Map<string, number>()
    cluster.script(async (send, broker) => {
      const id = send.properties.get('UNIQ_KEY') as string
      stored.set(id, (stored.get(id) ?? 0) + 1)
      // A kill within this time loses the answer of a message that is stored.
      await pause(clock, 2)
      return broker.ok(send)
    })
    const acked: Array<{ msgId: string; brokerName: string; at: number }> = []
    let failed = 0
    let over = false
    const lane = async (): Promise<void> => {
      while (!over) {
        try {
          const { msgId, messageQueue } = await producer.send(new Message({ topic: 'T', body: 'x' }))
          acked.push({ msgId, brokerName: messageQueue.brokerName, at: clock.monotonic() })
        } catch {
          failed++
        }
        await pause(clock, 5)
      }
    }
    const lanes = Array.from({ length: LANES }, lane)
    await clock.advance(100)
    for (let kill = 0; kill < KILLS; kill++) {
      const broker = cluster.brokers[kill % 2]
      await broker.kill()
      await clock.advance(200)
      const back = clock.monotonic()
      await broker.restart()
      await clock.advance(1000)
      const first = acked.find(({ brokerName, at }) => brokerName === broker.brokerName && at > back)
      expect((first?.at ?? Number.POSITIVE_INFINITY) - back).toBeLessThan(800)
    }
    over = true
    await clock.advance(4000)
    await Promise.all(lanes)

    expect(acked.length).toBeGreaterThan(1500)
    expect(failed).toBe(0)
    expect(acked.filter(({ msgId }) => !stored.has(msgId))).toEqual([])
    expect(new Set(acked.map(({ msgId }) => msgId)).size).toBe(acked.length)
    const twice = [...stored.values()].filter((times) => times > 1).length
    expect(twice).toBeGreaterThan(0)
    expect(producer.stats.possibleDuplicates).toBeGreaterThanOrEqual(twice)
  })

  it('net-N4 a silent broker does not hold up the sends to another, nor more than its share of those that meet it', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: 1, clock })
    const producer = await startProducer(cluster, { topics: ['T'] })
    await Promise.all(Array.from({ length: 4 }, () => producer.send(new Message({ topic: 'T', body: 'x' }))))
    const [silent] = cluster.brokers
    silent.script = () => undefined
    const took: number[] = []
    const begin = clock.monotonic()
    const sends = Array.from({ length: 200 }, () =>
      producer.send(new Message({ topic: 'T', body: 'x' })).then(() => took.push(clock.monotonic() - begin))
    )
    await clock.advance(0)
    // Half of them go to the other broker: not a millisecond later than without the silent one.
    expect(took).toEqual(new Array(100).fill(0))
    await clock.advance(1000)
    await Promise.all(sends)
    expect(took.slice(100)).toEqual(new Array(100).fill(1000))
    // Two requests in a row were not answered: the connection was given up, and the next sends open another.
    silent.script = (send) => silent.ok(send)
    const after = Array.from({ length: 20 }, () => producer.send(new Message({ topic: 'T', body: 'x' })))
    await clock.advance(1)
    const brokers = (await Promise.all(after)).map(({ messageQueue }) => messageQueue.brokerName)
    expect(new Set(brokers)).toEqual(new Set(['a', 'b']))
  })
})
