import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { Message } from '../../../src/protocol/message.ts'
import { pause, seededRandom } from '../../support/faulty-lanes.ts'
import { closeAfterEach, startCluster, startProducer } from '../../support/producers.ts'

closeAfterEach()

const ROUNDS = 12
const SENDS = 150
const DIGEST = 20

const digest = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest()

describe('pooled bytes', () => {
  it('net-N18 hold the message they belong to while sends time out, are retried, and connections break', async () => {
    const clock = new HeldClock()
    const random = seededRandom(18)
    const cluster = await startCluster({ brokers: ['a', 'b'], clock })
    const producer = await startProducer(cluster, {
      topics: ['T'],
      compressMsgBodyOverHowmuch: 1e9,
      sendMsgMaxTimeoutPerRequest: 8
    })
    let mismatches = 0
    let seen = 0
    cluster.script(async (send, broker) => {
      seen++
      if (!digest(send.body.subarray(DIGEST)).equals(send.body.subarray(0, DIGEST))) mismatches++
      const chance = random()
      if (chance < 0.003) send.connection.close()
      else if (chance < 0.2) await pause(clock, 1 + random() * 20)
      return chance < 0.013 ? undefined : broker.ok(send)
    })
    /** One buffer for all, changed as soon as each call returns. */
    const shared = Buffer.alloc(80_000)
    const outcomes = new Map<string, number>()
    for (let round = 0; round < ROUNDS; round++) {
      const sends: Promise<void>[] = []
      for (let i = 0; i < SENDS; i++) {
        const length = DIGEST + 1 + Math.floor(random() ** 6 * 70_000)
        const body = shared.subarray(0, length)
        for (let at = DIGEST; at < length; at += 4) body[at] = random() * 256
        digest(body.subarray(DIGEST)).copy(body)
        const note = (code: string): void => void outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
        sends.push(
          producer.send(new Message({ topic: 'T', body }), { timeout: 1 + Math.floor(random() * 30) }).then(
            () => note('ok'),
            ({ code }: { code: string }) => note(code)
          )
        )
        body.fill(0xee)
      }
      await clock.advance(40)
      await Promise.all(sends)
    }
    expect(mismatches).toBe(0)
    expect(seen).toBeGreaterThan(ROUNDS * SENDS * 0.9)
    expect([...outcomes.values()].reduce((sum, n) => sum + n, 0)).toBe(ROUNDS * SENDS)
    expect(outcomes.get('ok')).toBeGreaterThan(ROUNDS * SENDS * 0.3)
    expect(outcomes.size).toBeGreaterThan(1)
  })
})
