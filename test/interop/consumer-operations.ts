import { setTimeout as delay } from 'node:timers/promises'
import type { ConsumedMessage } from './harness/consumers.ts'
import { pullTopic } from './harness/remoting.js'
import { bodiesOf, eventually, invoke, offsetsOf, QUEUES, type Rig, send, sendOne } from './operation-rig.ts'

// What consumers do, each with what has to come of it, whichever broker they do it at.

export interface Operation {
  run(rig: Rig): Promise<unknown>
  /** @param client as {@link Rig.client} */
  expected(client: string): unknown
  /** Clients that cannot be asked to do it, and why: a version, `Java`, `go` or `ali-ons`. */
  not?: Record<string, string>
  /** Clients that cannot do it at RocketMQ itself either, and why: they have to come to the same here. */
  red?: Record<string, string>
}

const RESET_OFFSET = 222
const RUNNING_INFO = 307
const CONSUME_DIRECTLY = 309
const CONNECTIONS = 203
const CONSUMER_LIST = 38
const PULL = 11

const NO_ORDERLY = 'it consumes concurrently only'
const NO_PULL = 'it has a push consumer only'
const bodies = (...indices: number[]): string[] => indices.map((index) => `m-${String(index).padStart(3, '0')}`)
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)
/** How often a message may fail before it is dead; ali-ons cannot choose the delay, and the broker's are 10 s, 30 s, ... */
const timesOf = (client: string): number => (client === 'ali-ons' ? 1 : 2)

export const OPERATIONS: Record<string, Operation> = {
  'push, clustering: two members share the queues': {
    async run(rig) {
      const { consumers, topic } = rig
      const [a, b] = [`${topic}-a`, `${topic}-b`]
      await consumers.push(a, { group: topic, topic })
      await consumers.push(b, { group: topic, topic })
      const sent: string[] = []
      for (let round = 0; round < 20; round++) {
        sent.push(...(await send(rig, round * 8, round * 8 + 8)))
        await consumers.received([a, b], sent.length, (all) => bodiesOf(all).length === sent.length)
        if (consumers.of(a).length > 0 && consumers.of(b).length > 0) break
      }
      return {
        all: bodiesOf(consumers.of(a, b)).length === sent.length,
        both: consumers.of(a).length * consumers.of(b).length > 0
      }
    },
    expected: () => ({ all: true, both: true })
  },

  'push, clustering: who joins or leaves is known at once': {
    async run(rig) {
      const { topic } = rig
      const [a, b] = [`${topic}-a`, `${topic}-b`]
      // Left to itself it looks who is there every 20 s, the first time 20 s after its start.
      const consumers = await rig.patient()
      try {
        await consumers.push(a, { group: topic, topic })
        await consumers.received([a], 4, () => true, 1)
        await send(rig, 0, 4)
        await consumers.received([a], 4)
        await consumers.push(b, { group: topic, topic })
        const joined = performance.now()
        let next = 4
        while (consumers.of(b).length === 0 && performance.now() - joined < 12_000) {
          await send(rig, next, next + 4)
          next += 4
          await consumers.received([b], 1, undefined, 500)
        }
        await consumers.stop(b)
        const left = performance.now()
        const later = await send(rig, next, next + 4)
        const alone = (all: ConsumedMessage[]) => later.every((body) => bodiesOf(all).includes(body))
        await consumers.received([a], 1, alone, 12_000)
        return { joined: consumers.of(b).length > 0, left: alone(consumers.of(a)) && performance.now() - left < 12_000 }
      } finally {
        await consumers.close()
      }
    },
    expected: () => ({ joined: true, left: true })
  },

  'push, orderly: each queue in order, suspended where it fails': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(topic, { group: topic, topic, orderly: true, fail: 1 })
      const sent = await send(rig, 0, 12)
      const messages = await consumers.received([topic], 2 * sent.length, (all) => bodiesOf(all).length === sent.length)
      const orders = Array.from({ length: QUEUES }, (_, queueId) =>
        messages.filter((message) => message.queueId === queueId).map(({ body }) => body)
      )
      const members = await invoke(rig.brokerAddr, CONSUMER_LIST, { consumerGroup: topic })
      return {
        members: JSON.parse(members.body.toString()).consumerIdList.length,
        orders: orders.map((all) => all.filter((body, index) => body !== all[index - 1]))
      }
    },
    expected: () => ({ members: 1, orders: range(0, QUEUES).map((queue) => bodies(queue, queue + 4, queue + 8)) }),
    not: { 'ali-ons': NO_ORDERLY }
  },

  'push, orderly: a message that fails too often is dead, and its queue goes on': {
    async run(rig) {
      const { consumers, topic, brokerAddr } = rig
      await consumers.push(topic, { group: topic, topic, orderly: true, fail: 99, max: 2 })
      await send(rig, 0, 1)
      await send(rig, 4, 5)
      const messages = await consumers.received([topic], 1, (all) => bodiesOf(all).length === 2)
      const dead = await eventually(
        () => pullTopic(brokerAddr, `%DLQ%${topic}`, 1).catch(() => []),
        ({ length }) => length === 2
      )
      return {
        order: messages.map(({ body }) => body).filter((body, index, all) => body !== all[index - 1]),
        dead: dead.map(({ body }) => Buffer.from(body, 'base64').toString()).toSorted()
      }
    },
    expected: () => ({ order: bodies(0, 4), dead: bodies(0, 4) }),
    not: { 'ali-ons': NO_ORDERLY }
  },

  'push, broadcasting: every member gets everything': {
    async run(rig) {
      const { consumers, topic } = rig
      const [a, b] = [`${topic}-a`, `${topic}-b`]
      for (const name of [a, b]) await consumers.push(name, { group: topic, topic, model: 'BROADCASTING' })
      const sent = await send(rig, 0, 8)
      await consumers.received([a, b], 2 * sent.length)
      return [bodiesOf(consumers.of(a)), bodiesOf(consumers.of(b))]
    },
    expected: () => [bodies(...range(0, 8)), bodies(...range(0, 8))]
  },

  'push, tags a || c': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(topic, { group: topic, topic, tags: 'a || c' })
      await send(rig, 0, 12)
      return bodiesOf(await consumers.received([topic], 8))
    },
    expected: () => bodies(0, 2, 3, 5, 6, 8, 9, 11)
  },

  'push, SQL92': {
    async run(rig) {
      const { consumers, topic } = rig
      const sql = "(n BETWEEN 2 AND 9 AND kind = 'even') OR TAGS IN ('c') AND n > 10"
      await consumers.push(topic, { group: topic, topic, sql })
      await send(rig, 0, 12)
      return bodiesOf(await consumers.received([topic], 5))
    },
    expected: () => bodies(2, 4, 6, 8, 11)
  },

  'push: a message that fails once comes again': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(topic, { group: topic, topic, fail: 1, level: 1 })
      await send(rig, 0, 1)
      return timesAndGap(topic, await consumers.received([topic], 2), 900)
    },
    expected: () => ({ times: [0, 1], topics: [true, true], delayed: true, level: '1' }),
    not: { 'ali-ons': 'it leaves the delay to the broker' }
  },

  'push: the broker backs off where the consumer does not choose a delay': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(topic, { group: topic, topic, fail: 1, level: 0 })
      await send(rig, 0, 1)
      return timesAndGap(topic, await consumers.received([topic], 2), 9900)
    },
    expected: () => ({ times: [0, 1], topics: [true, true], delayed: true, level: '3' })
  },

  'push: a message that fails too often is dead': {
    async run(rig) {
      const { consumers, topic, brokerAddr, client } = rig
      const max = timesOf(client)
      await consumers.push(topic, { group: topic, topic, fail: 99, level: 1, max })
      await send(rig, 0, 1)
      const messages = await consumers.received([topic], max + 1)
      const dead = await eventually(
        () => pullTopic(brokerAddr, `%DLQ%${topic}`, 1).catch(() => []),
        ({ length }) => length > 0
      )
      const { UNIQ_KEY: uniqKey, ORIGIN_MESSAGE_ID: id, RETRY_TOPIC: retryTopic, DELAY: level } = dead[0]?.properties ?? {}
      return {
        times: messages.map(({ reconsumeTimes }) => reconsumeTimes),
        dead: dead.map(({ body }) => Buffer.from(body, 'base64').toString()),
        properties: Object.keys(dead[0]?.properties ?? {}).toSorted(),
        ids: [uniqKey !== undefined, id !== undefined, retryTopic === topic, level]
      }
    },
    expected: (client) => ({
      times: range(0, timesOf(client) + 1),
      dead: bodies(0),
      properties: DEAD_PROPERTIES,
      ids: [true, true, true, '0']
    })
  },

  'push: goes on where it stopped': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(`${topic}-a`, { group: topic, topic })
      await send(rig, 0, 8)
      await consumers.received([`${topic}-a`], 8)
      // What it has printed is committed a moment later.
      await eventually(() => offsetsOf(rig.brokerAddr, topic), atEnd)
      await consumers.stop(`${topic}-a`)
      const later = await send(rig, 8, 16)
      await consumers.push(`${topic}-b`, { group: topic, topic })
      return bodiesOf(await consumers.received([`${topic}-b`], later.length))
    },
    expected: () => bodies(...range(8, 16))
  },

  'push: from the first message': {
    run: (rig) => startFrom(rig, 'CONSUME_FROM_FIRST_OFFSET'),
    expected: () => bodies(...range(0, 12))
  },

  'push: from the last message': {
    run: (rig) => startFrom(rig, 'CONSUME_FROM_LAST_OFFSET'),
    // Java and Go take the first message of a queue that is all in memory; see the answer to 14.
    expected: () => bodies(...range(0, 12))
  },

  'push: from a point in time': {
    run: (rig) => startFrom(rig, 'CONSUME_FROM_TIMESTAMP'),
    expected: () => bodies(...range(0, 12))
  },

  'push: woken by a message while its pulls wait': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.push(topic, { group: topic, topic })
      await send(rig, 0, 4)
      await consumers.received([topic], 4)
      await delay(1000)
      const begin = Date.now()
      await send(rig, 4, 8)
      const messages = await consumers.received([topic], 8)
      // They would wait for 15 s and longer.
      return Math.max(...messages.map(({ at }) => at)) - begin < 8000
    },
    expected: () => true
  },

  'push: offsets are set back while it runs': {
    async run(rig) {
      const { consumers, topic, brokerAddr } = rig
      await consumers.push(topic, { group: topic, topic })
      await send(rig, 0, 8)
      await consumers.received([topic], 8)
      const committed = await eventually(() => offsetsOf(brokerAddr, topic), atEnd)
      const setBack = () => invoke(brokerAddr, RESET_OFFSET, { topic, group: topic, timestamp: '0', isForce: 'true' })
      const reset = await setBack()
      let messages = await consumers.received([topic], 16, undefined, RESET_MILLIS)
      if (messages.length < 16) {
        // Go's client takes 10 s for it, and may write its old positions back in between: it is told once more.
        await setBack()
        messages = await consumers.received([topic], 16, undefined, RESET_MILLIS)
      }
      const again = await eventually(() => offsetsOf(brokerAddr, topic), atEnd)
      return { committed, code: reset.code, twice: messages.length >= 16, again }
    },
    expected: () => ({ committed: [2, 2, 2, 2], code: 0, twice: true, again: [2, 2, 2, 2] })
  },

  'push: offsets are set back while it is away': {
    async run(rig) {
      const { consumers, topic, brokerAddr } = rig
      await consumers.push(`${topic}-a`, { group: topic, topic })
      await send(rig, 0, 8)
      await consumers.received([`${topic}-a`], 8)
      const committed = await eventually(() => offsetsOf(brokerAddr, topic), atEnd)
      await consumers.stop(`${topic}-a`)
      const reset = await invoke(brokerAddr, RESET_OFFSET, { topic, group: topic, timestamp: '0', isForce: 'true' })
      const after = await offsetsOf(brokerAddr, topic)
      await consumers.push(`${topic}-b`, { group: topic, topic })
      const messages = await consumers.received([`${topic}-b`], 8)
      return { committed, code: reset.code, after, again: bodiesOf(messages) }
    },
    expected: () => ({ committed: [2, 2, 2, 2], code: 0, after: [0, 0, 0, 0], again: bodies(...range(0, 8)) })
  },

  'push: running info, direct consumption and connections through the broker': {
    async run(rig) {
      const { consumers, topic, brokerAddr } = rig
      await consumers.push(topic, { group: topic, topic })
      const sent = await sendOne(rig, 0)
      await consumers.received([topic], 1)
      const connections = await invoke(brokerAddr, CONNECTIONS, { consumerGroup: topic })
      const { connectionSet, subscriptionTable } = JSON.parse(connections.body.toString())
      const clientId = String(connectionSet[0].clientId)
      const info = await invoke(brokerAddr, RUNNING_INFO, { consumerGroup: topic, clientId, jstackEnable: 'false' })
      const direct = await invoke(brokerAddr, CONSUME_DIRECTLY, {
        consumerGroup: topic,
        clientId,
        msgId: sent.offsetMsgId as string,
        brokerName: 'broker-a'
      })
      const absent = await invoke(brokerAddr, RUNNING_INFO, { consumerGroup: topic, clientId: 'nobody', jstackEnable: 'false' })
      return {
        codes: [connections.code, info.code, direct.code, absent.code],
        topics: Object.keys(subscriptionTable)
          .map((name) => name.replace(topic, 'T'))
          .toSorted(),
        runs: info.body.toString().includes('"mqTable"'),
        result: /"consumeResult":"?(\w+)"?/.exec(direct.body.toString())?.[1],
        remark: absent.remark?.replaceAll(topic, 'T')
      }
    },
    expected: (client) => ({
      codes: [0, 0, 0, 1],
      topics: ['%RETRY%T', 'T'],
      runs: true,
      result: client === 'go' ? '0' : 'CR_SUCCESS',
      remark: 'The Consumer <T> <nobody> not online'
    }),
    not: { 'ali-ons': 'it answers neither question' }
  },

  'push over the VIP channel': {
    async run(rig) {
      const { consumers, topic, brokerAddr } = rig
      await consumers.push(topic, { group: topic, topic, vip: true })
      await send(rig, 0, 8)
      const got = bodiesOf(await consumers.received([topic], 8))
      const committed = await eventually(() => offsetsOf(brokerAddr, topic), atEnd)
      const [host, port] = brokerAddr.split(':')
      const fast = `${host}:${Number(port) - 2}`
      const members = await invoke(fast, CONSUMER_LIST, { consumerGroup: topic })
      const pull = await invoke(fast, PULL, { consumerGroup: topic, topic, queueId: '0', queueOffset: '0', maxMsgNums: '1' })
      return { got, committed, members: members.code, pull: pull.code }
    },
    expected: () => ({ got: bodies(...range(0, 8)), committed: [2, 2, 2, 2], members: 0, pull: 3 }),
    not: { go: 'its option does nothing', 'ali-ons': 'only its producer has one' }
  },

  'lite pull: subscribes, commits, goes on where it stopped': {
    async run(rig) {
      const { consumers, topic } = rig
      await consumers.lite(`${topic}-a`, { group: topic, topic })
      const first = await send(rig, 0, 8)
      const got = bodiesOf(await consumers.received([`${topic}-a`], first.length))
      await consumers.stop(`${topic}-a`)
      const later = await send(rig, 8, 12)
      await consumers.lite(`${topic}-b`, { group: topic, topic })
      const all = (messages: ConsumedMessage[]) => later.every((body) => bodiesOf(messages).includes(body))
      const again = bodiesOf(await consumers.received([`${topic}-b`], later.length, all))
      return [got, again.filter((body) => later.includes(body))]
    },
    expected: () => [bodies(...range(0, 8)), bodies(...range(8, 12))],
    not: { 'ali-ons': NO_PULL }
  },

  'lite pull: queues of its choice, back and forth, committed by hand': {
    async run(rig) {
      const { consumers, topic } = rig
      const sent = await send(rig, 0, 12)
      const { ends, ...rest } = await consumers.seek(topic, { group: topic, topic, count: sent.length })
      return {
        ...rest,
        read: undefined,
        ends,
        got: bodiesOf(consumers.of(topic)),
        committed: await eventually(() => offsetsOf(rig.brokerAddr, topic), readAll)
      }
    },
    expected: () => ({
      ends: [3, 3, 3, 3],
      found: [0, 0, 0, 0],
      polled: [12, 8, 0],
      got: bodies(...range(0, 12)),
      committed: [3, 3, 3, 3]
    }),
    not: { go: 'it has nothing of that kind', 'ali-ons': NO_PULL }
  },

  'pull: each queue by positions of its own, committed and asked for': {
    async run(rig) {
      const { consumers, topic, client } = rig
      const sent = await send(rig, 0, 12)
      const { ends, ...rest } = await consumers.read(topic, { group: topic, topic, queues: QUEUES })
      const committed = client === 'go' ? undefined : await eventually(() => offsetsOf(rig.brokerAddr, topic), readAll)
      const got = bodiesOf(consumers.of(topic))
      return { ...rest, read: undefined, ends, got: got.length === sent.length, committed }
    },
    expected: (client) =>
      client === 'go'
        ? { ends: [3, 3, 3, 3], got: true }
        : { ends: [3, 3, 3, 3], statuses: PULL_STATUSES, got: true, committed: [3, 3, 3, 3] },
    not: { 'ali-ons': NO_PULL }
  }
}

/** Of each queue: the pull of its three messages, one far behind its end and one at its end, and positions asked for. */
const PULL_STATUSES = Array.from({ length: QUEUES }, () => [
  'FOUND 3',
  'OFFSET_ILLEGAL 3 NO_NEW_MSG 0',
  'committed 3 first 0 last 3'
]).flat()

const OWN_PROPERTIES = ['KEYS', 'TAGS', 'UNIQ_KEY', 'WAIT', 'kind', 'n']
const BROKER_PROPERTIES = ['CLUSTER', 'MSG_REGION', 'TRACE_ON']
const RETRY_PROPERTIES = ['DELAY', 'ORIGIN_MESSAGE_ID', 'REAL_QID', 'REAL_TOPIC', 'RETRY_TOPIC']
const DEAD_PROPERTIES = [...OWN_PROPERTIES, ...BROKER_PROPERTIES, ...RETRY_PROPERTIES].toSorted()

/** A client takes 10 s to set its positions back, and looks for its queues 20 to 30 s later. */
const RESET_MILLIS = 48_000

/** Eight messages are consumed. Positions are sent without waiting for an answer. */
const atEnd = (offsets: number[]): boolean => offsets.every((offset) => offset === 2)
/** Twelve are. */
const readAll = (offsets: number[]): boolean => offsets.every((offset) => offset === 3)

function timesAndGap(topic: string, messages: ConsumedMessage[], least: number): unknown {
  const [first, second] = messages
  return {
    times: messages.map(({ reconsumeTimes }) => reconsumeTimes),
    topics: messages.map((message) => message.topic === topic),
    delayed: (second?.at ?? 0) - (first?.at ?? 0) >= least,
    level: second?.properties['DELAY']
  }
}

async function startFrom(rig: Rig, from: string): Promise<string[]> {
  const { consumers, topic } = rig
  await send(rig, 0, 4)
  // consume timestamps count whole seconds
  await delay(2100)
  const timestamp = Date.now() - 1000
  await send(rig, 4, 8)
  await consumers.push(topic, { group: topic, topic, from, timestamp })
  // one that every beginning leaves in place, sent when the consumer has its queues
  await consumers.received([topic], 1, undefined, 3000)
  const last = await send(rig, 8, 12)
  await consumers.received([topic], 4, (all) => last.every((body) => all.some((message) => message.body === body)))
  // Queues are consumed side by side: the last message of one may be here before an earlier one of another.
  await delay(1500)
  return bodiesOf(await consumers.received([topic], 4))
}
