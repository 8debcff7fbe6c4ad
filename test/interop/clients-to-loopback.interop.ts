import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type PullReader, startPullReader, temporaryDirectory } from './harness/java.js'
import { type OurBroker, startOurBroker } from './harness/ours.js'
import { pullTopic, type StoredMessage } from './harness/remoting.js'
import { comparedWith, expectAllAcknowledged, expectSameMessages, keptOf, PEERS, QUEUES, sendAs, topicOf } from './support.ts'

// Foreign producers, this package's broker, and the real consumer.
const real = inject('real')
const home = temporaryDirectory('rocketmq-clients')
const topics = Object.fromEntries(PEERS.map((peer) => [topicOf(peer), QUEUES]))

let broker: OurBroker
let reader: PullReader

beforeAll(async () => {
  broker = await startOurBroker({ topics })
  reader = await startPullReader({ namesrvAddr: broker.namesrvAddr, home: home.path })
})
afterAll(async () => {
  await reader?.stop()
  const exit = await broker?.stop()
  home.remove()
  expect(exit).toMatchObject({ code: 0 })
})

/** The real broker answers a send before its dispatch shows the message: pulls again, at most 10 s, until it holds all of them. */
async function pullWhole(topic: string, count: number): Promise<StoredMessage[]> {
  let messages = await pullTopic(real.brokerAddr, topic, QUEUES)
  for (let tries = 0; messages.length < count && tries < 100; tries++) {
    await setTimeout(100)
    messages = await pullTopic(real.brokerAddr, topic, QUEUES)
  }
  return messages
}

describe.each(PEERS)('%s → our broker', (peer) => {
  test('every send is acknowledged, read back by the Java consumer and by a plain pull, and kept as RocketMQ keeps it', async () => {
    const topic = topicOf(peer)
    const sent = await sendAs(peer, { namesrvAddr: broker.namesrvAddr, home: home.path }, topic)
    expectAllAcknowledged(sent)
    const { messages, queues } = await reader.read(topic, sent.length)
    expect(queues).toBe(QUEUES)
    expectSameMessages(sent, messages)
    const stored = await pullTopic(broker.brokerAddr, topic, QUEUES)
    expectSameMessages(sent, stored)
    expect(stored.filter(({ crcMatches }) => !crcMatches)).toEqual([])

    const compared = topicOf(comparedWith(peer))
    expectAllAcknowledged(await sendAs(peer, real, compared))
    expect(keptOf(stored)).toEqual(keptOf(await pullWhole(compared, sent.length)))
  })
})
