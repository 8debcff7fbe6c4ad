import { setTimeout as delay } from 'node:timers/promises'
import type { Operation } from './consumer-operations.ts'
import { pullTopic } from './harness/remoting.js'
import { bodiesOf, eventually, invoke, offsetsOf, QUEUES, type Rig, send } from './operation-rig.ts'

// What Java's push consumer does in POP mode: it leaves the assignment of queues to the broker, and the broker says that it pops.

const SET_MESSAGE_REQUEST_MODE = 401
/** Ms; the client takes no less than 5000. */
const INVISIBLE = 6000
/** How much later than that the real broker gives a message back at most, ms. */
const REVIVED_LATER = 14_000

const NO_POP = 'it has no POP mode'
const not = { '4.9.8': NO_POP, '4.7.1': NO_POP, go: NO_POP, 'ali-ons': NO_POP }

async function popMode({ brokerAddr, topic }: Rig): Promise<void> {
  const body = Buffer.from(JSON.stringify({ topic, consumerGroup: topic, mode: 'POP', popShareQueueNum: -1 }))
  const { code, remark } = await invoke(brokerAddr, SET_MESSAGE_REQUEST_MODE, {}, body)
  if (code !== 0) throw new Error(`mode of ${topic}: ${code} ${remark}`)
}

/** The group's offsets in all queues, as soon as they are `wanted`. */
const consumed = ({ brokerAddr, topic }: Rig, wanted: number): Promise<number[]> =>
  eventually(
    () => offsetsOf(brokerAddr, topic),
    (all) => all.every((offset) => offset === wanted)
  )

const bodiesWhere = (count: number, wanted: (index: number) => boolean): string[] =>
  Array.from({ length: count }, (_, index) => index)
    .filter(wanted)
    .map((index) => `m-${String(index).padStart(3, '0')}`)

export const POP_OPERATIONS: Record<string, Operation> = {
  'store-194 pop, clustering: two members share all queues, each message is acknowledged': {
    async run(rig) {
      const { consumers, topic } = rig
      await popMode(rig)
      const [a, b] = [`${topic}-a`, `${topic}-b`]
      await consumers.push(a, { group: topic, topic, pop: INVISIBLE })
      await consumers.push(b, { group: topic, topic, pop: INVISIBLE })
      const sent: string[] = []
      for (let round = 0; round < 20; round++) {
        sent.push(...(await send(rig, round * 8, round * 8 + 8)))
        await consumers.received([a, b], sent.length, (all) => bodiesOf(all).length === sent.length)
        if (consumers.of(a).length > 0 && consumers.of(b).length > 0) break
      }
      const offsets = await consumed(rig, sent.length / QUEUES)
      await delay(INVISIBLE + REVIVED_LATER)
      const messages = consumers.of(a, b)
      return {
        all: bodiesOf(messages).length === sent.length,
        again: messages.filter(({ reconsumeTimes }) => reconsumeTimes > 0).length,
        both: consumers.of(a).length * consumers.of(b).length > 0,
        behind: offsets.map((offset) => sent.length / QUEUES - offset),
        proofs: [...new Set(messages.map(({ properties }) => properties['POP_CK']?.split(' ').length))]
      }
    },
    expected: () => ({ all: true, again: 0, both: true, behind: [0, 0, 0, 0], proofs: [8] }),
    not
  },

  'store-194 pop: a message that failed comes back after its delay, consumed once more': {
    async run(rig) {
      const { consumers, topic } = rig
      await popMode(rig)
      await consumers.push(topic, { group: topic, topic, fail: 1, pop: 60_000 })
      await send(rig, 0, 1)
      const messages = await consumers.received([topic], 2)
      return {
        times: messages.map(({ reconsumeTimes }) => reconsumeTimes),
        topics: messages.map((message) => message.topic === topic),
        marks: messages.map(({ properties }) => properties['POP_CK']?.split(' ')[4]),
        firstPopped: messages.map(({ properties }) => properties['1ST_POP_TIME'] !== undefined),
        delayed: (messages[1]?.at ?? 0) - (messages[0]?.at ?? 0) >= 9500
      }
    },
    expected: () => ({ times: [0, 1], topics: [true, true], marks: ['0', '1'], firstPopped: [true, true], delayed: true }),
    not
  },

  'store-194 pop: what a member held that was killed comes back to another': {
    async run(rig) {
      const { consumers, topic } = rig
      await popMode(rig)
      const dying = await rig.patient()
      try {
        await dying.push(`${topic}-a`, { group: topic, topic, hang: true, pop: INVISIBLE })
        await send(rig, 0, 1)
        await dying.received([`${topic}-a`], 1)
      } finally {
        await dying.close()
      }
      await consumers.push(`${topic}-b`, { group: topic, topic, pop: INVISIBLE })
      const messages = await consumers.received([`${topic}-b`], 1)
      return messages.map(({ body, reconsumeTimes }) => [body, reconsumeTimes])
    },
    expected: () => [['m-000', 1]],
    not
  },

  'store-194 pop: a message that fails too often is left out, and not dead': {
    async run(rig) {
      const { consumers, topic, brokerAddr } = rig
      await popMode(rig)
      await consumers.push(topic, { group: topic, topic, fail: 99, max: 0, pop: INVISIBLE })
      await send(rig, 0, 1)
      await consumers.received([topic], 1)
      // The second time the client acknowledges it without a word.
      await consumers.received([topic], 2, undefined, INVISIBLE + REVIVED_LATER)
      const dead = await pullTopic(brokerAddr, `%DLQ%${topic}`, 1).catch(() => [])
      return { times: consumers.of(topic).map(({ reconsumeTimes }) => reconsumeTimes), dead: dead.length }
    },
    expected: () => ({ times: [0], dead: 0 }),
    not
  },

  'store-194 pop: tag filter': {
    async run(rig) {
      const { consumers, topic } = rig
      await popMode(rig)
      await consumers.push(topic, { group: topic, topic, tags: 'a || c', pop: 60_000 })
      await send(rig, 0, 24)
      return { received: bodiesOf(await consumers.received([topic], 16)), consumed: await consumed(rig, 6) }
    },
    expected: () => ({ received: bodiesWhere(24, (index) => index % 3 !== 1), consumed: [6, 6, 6, 6] }),
    not
  },

  'store-194 pop: SQL92 filter': {
    async run(rig) {
      const { consumers, topic } = rig
      await popMode(rig)
      await consumers.push(topic, { group: topic, topic, sql: "kind = 'even' AND n > 3", pop: 60_000 })
      await send(rig, 0, 24)
      return { received: bodiesOf(await consumers.received([topic], 10)), consumed: await consumed(rig, 6) }
    },
    expected: () => ({ received: bodiesWhere(24, (index) => index % 2 === 0 && index > 3), consumed: [6, 6, 6, 6] }),
    not
  },

  'store-194 pop: queues that the broker assigns are pulled until it says pop': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(topic, { group: topic, topic, pop: 60_000 })
      const pulled = await send(rig, 0, 8)
      await consumers.received([topic], pulled.length)
      await popMode(rig)
      await delay(4000)
      const sent = await send(rig, 8, 16)
      const all = await consumers.received([topic], 16, (some) => sent.every((body) => bodiesOf(some).includes(body)))
      const popped = all.filter(({ properties }) => properties['POP_CK'] !== undefined)
      return { all: bodiesOf(all).length, popped: sent.filter((body) => bodiesOf(popped).includes(body)).length }
    },
    expected: () => ({ all: 16, popped: 8 }),
    not
  }
}
