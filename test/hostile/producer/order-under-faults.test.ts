import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { selectMessageQueueByHash } from '../../../src/producer/selectors.ts'
import { Message } from '../../../src/protocol/message.ts'
import { pause, seededRandom } from '../../support/faulty-lanes.ts'
import { closeAfterEach, startCluster, startProducer } from '../../support/producers.ts'

closeAfterEach()

const KEYS = 8
const EACH = 25

/**
 * Sends to each key in turn, one at a time, through brokers that refuse, break off before or after they store, or stay silent.
 * @param persist whether a failed send is sent again, under the same id, until it is acknowledged.
 */
async function run(persist: boolean): Promise<{ stored: Map<string, string[]>; acked: Map<string, string[]> }> {
  const clock = new HeldClock()
  const random = seededRandom(persist ? 20 : 21)
  const cluster = await startCluster({ brokers: ['a', 'b'], queues: 2, clock })
  const producer = await startProducer(cluster, { topics: ['T'] })
  const stored = new Map<string, string[]>()
  const acked = new Map<string, string[]>()
  const add = (to: Map<string, string[]>, key: string, value: string): void => void to.set(key, [...(to.get(key) ?? []), value])
  cluster.script(async (send, broker) => {
    const chance = random()
    if (chance < 0.1) return broker.refuse(send, 2)
    if (chance < 0.15) {
      send.connection.close()
      return undefined
    }
    add(stored, send.properties.get('KEYS') as string, send.body.toString())
    if (chance < 0.2) send.connection.close()
    if (chance < 0.25) return undefined
    await pause(clock, random() * 5)
    return broker.ok(send)
  })
  const lane = async (key: string): Promise<void> => {
    for (let i = 0; i < EACH; i++) {
      const message = new Message({ topic: 'T', body: `${i}`, keys: key, uniqKey: `${key}-${i}` })
      for (let done = false; !done; ) {
        done = !persist
        try {
          await producer.send(message, { selector: selectMessageQueueByHash, arg: key, timeout: 20 })
          add(acked, key, `${i}`)
          done = true
        } catch {
          // Not known to be stored.
        }
      }
    }
  }
  let running = KEYS
  const lanes = Array.from({ length: KEYS }, (_, i) => lane(`k${i}`).finally(() => running--))
  while (running > 0) await clock.advance(50)
  await Promise.all(lanes)
  return { stored, acked }
}

const isSubsequence = (part: readonly string[], whole: readonly string[]): boolean => {
  let at = 0
  for (const each of whole) if (each === part[at]) at++
  return at === part.length
}

describe('order of one key, one send at a time, under faults', () => {
  it('net-N20 what is acknowledged is stored in call order, when nobody sends again', async () => {
    const { stored, acked } = await run(false)
    for (const [key, values] of acked) {
      expect(values.length).toBeLessThan(EACH)
      expect(isSubsequence(values, stored.get(key) ?? [])).toBe(true)
      expect([...values].sort((a, b) => Number(a) - Number(b))).toEqual(values)
    }
    expect(acked.size).toBe(KEYS)
  })

  it('net-N20 sent again until acknowledged, the first copies of all stand in call order; further copies follow their own', async () => {
    const { stored, acked } = await run(true)
    const all = Array.from({ length: EACH }, (_, i) => `${i}`)
    let copies = 0
    for (const values of stored.values()) {
      expect([...new Set(values)]).toEqual(all)
      expect([...values].sort((a, b) => Number(a) - Number(b))).toEqual(values)
      copies += values.length - EACH
    }
    expect([...acked.values()]).toEqual(new Array(KEYS).fill(all))
    expect(copies).toBeGreaterThan(0)
  })
})
