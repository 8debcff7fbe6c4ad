import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type PullReader, startPullReader } from './harness/java.js'
import { pullTopic } from './harness/remoting.js'
import { expectAllAcknowledged, expectSameMessages, PEERS, QUEUES, sendAs, topicOf } from './support.ts'

// The control: foreign producers, the real broker, the real consumer, and nothing of this package. When this fails, the
// other files of the suite prove nothing.
const real = inject('real')
let reader: PullReader

beforeAll(async () => {
  reader = await startPullReader(real)
})
afterAll(() => reader?.stop())

describe.each(PEERS)('%s → RocketMQ', (peer) => {
  test('what was sent is read back by the Java consumer and by a plain pull', async () => {
    const topic = topicOf(peer)
    const sent = await sendAs(peer, real, topic)
    expectAllAcknowledged(sent)
    const { messages, queues } = await reader.read(topic, sent.length)
    expect(queues).toBe(QUEUES)
    expectSameMessages(sent, messages)
    const stored = await pullTopic(real.brokerAddr, topic, QUEUES)
    expectSameMessages(sent, stored)
    expect(stored.filter(({ crcMatches }) => !crcMatches)).toEqual([])
  })
})
