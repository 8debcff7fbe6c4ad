import { setTimeout as delay } from 'node:timers/promises'
import { type DefaultMQProducer, Message, MessageQueue } from '../../dist/index.js'
import type { ConsumedMessage, JavaConsumers } from './harness/consumers.ts'
import { openRemoting, pullTopic } from './harness/remoting.js'

// What consumers do, each with an answer that must be the same whichever broker they do it at.

const QUEUES = 4
const RESET_OFFSET = 222
const RUNNING_INFO = 307
const CONSUME_DIRECTLY = 309
const CONNECTIONS = 203
const QUERY_OFFSET = 14
const CONSUMER_LIST = 38

export interface Rig {
  brokerAddr: string
  producer: DefaultMQProducer
  consumers: JavaConsumers
  /** Of this operation alone; the group is called like it. */
  topic: string
}

/** Index i goes to queue i % 4, has tag a, b or c and the properties n and kind. */
async function send({ producer, topic }: Rig, from: number, to: number): Promise<string[]> {
  const bodies: string[] = []
  for (let index = from; index < to; index++) {
    const body = `m-${String(index).padStart(3, '0')}`
    const message = new Message({
      topic,
      body,
      tags: 'abc'[index % 3] as string,
      keys: [`k-${index}`],
      properties: { n: String(index), kind: index % 2 === 0 ? 'even' : 'odd' }
    })
    const queue = new MessageQueue(topic, 'broker-a', index % QUEUES)
    await producer.send(message, { queue })
    bodies.push(body)
  }
  return bodies
}

const bodiesOf = (messages: ConsumedMessage[]): string[] => [...new Set(messages.map(({ body }) => body))].toSorted()

async function invoke(addr: string, code: number, extFields: Record<string, string>) {
  const remoting = await openRemoting(addr)
  try {
    return await remoting.invoke({ code, extFields }, 20_000)
  } finally {
    remoting.close()
  }
}

/** Looks every 100 ms, at most 15 s, until it is so. */
async function eventually<T>(look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await look()
    if (good(value) || tries === 150) return value
    await delay(100)
  }
}

export const OPERATIONS: Record<string, (rig: Rig) => Promise<unknown>> = {
  async 'push, clustering: two members share the queues'(rig) {
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
    return { all: bodiesOf(consumers.of(a, b)).length === sent.length, both: consumers.of(a).length * consumers.of(b).length > 0 }
  },

  async 'push, orderly: each queue in order, suspended where it fails'(rig) {
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
      orders: orders.map((bodies) => bodies.filter((body, index) => body !== bodies[index - 1]))
    }
  },

  async 'push, broadcasting: every member gets everything'(rig) {
    const { consumers, topic } = rig
    const [a, b] = [`${topic}-a`, `${topic}-b`]
    for (const name of [a, b]) await consumers.push(name, { group: topic, topic, model: 'BROADCASTING' })
    const sent = await send(rig, 0, 8)
    await consumers.received([a, b], 2 * sent.length)
    return [bodiesOf(consumers.of(a)), bodiesOf(consumers.of(b))]
  },

  async 'push, tags a || c'(rig) {
    const { consumers, topic } = rig
    await consumers.push(topic, { group: topic, topic, tags: 'a || c' })
    await send(rig, 0, 12)
    return bodiesOf(await consumers.received([topic], 8))
  },

  async 'push, SQL92'(rig) {
    const { consumers, topic } = rig
    const sql = "(n BETWEEN 2 AND 9 AND kind = 'even') OR TAGS IN ('c') AND n > 10"
    await consumers.push(topic, { group: topic, topic, sql })
    await send(rig, 0, 12)
    return bodiesOf(await consumers.received([topic], 5))
  },

  async 'push: a message that fails once comes again'(rig) {
    const { consumers, topic } = rig
    await consumers.push(topic, { group: topic, topic, fail: 1, level: 1 })
    await send(rig, 0, 1)
    const messages = await consumers.received([topic], 2)
    const [first, second] = messages
    const gap = (second?.at ?? 0) - (first?.at ?? 0)
    return {
      times: messages.map(({ reconsumeTimes }) => reconsumeTimes),
      topics: messages.map((message) => message.topic === topic),
      delayed: gap >= 900
    }
  },

  async 'push: a message that fails too often is dead'(rig) {
    const { consumers, topic, brokerAddr } = rig
    await consumers.push(topic, { group: topic, topic, fail: 99, level: 1, max: 2 })
    await send(rig, 0, 1)
    const messages = await consumers.received([topic], 3)
    const dead = await eventually(
      () => pullTopic(brokerAddr, `%DLQ%${topic}`, 1).catch(() => []),
      ({ length }) => length > 0
    )
    const { UNIQ_KEY: uniqKey, ORIGIN_MESSAGE_ID: id, DLQ_ORIGIN_MESSAGE_ID: dlqId, ...properties } = dead[0]?.properties ?? {}
    return {
      times: messages.map(({ reconsumeTimes }) => reconsumeTimes),
      dead: dead.map(({ body }) => Buffer.from(body, 'base64').toString()),
      properties: Object.keys(properties).toSorted(),
      ids: [uniqKey !== undefined, id !== undefined, dlqId !== undefined]
    }
  },

  async 'push: goes on where it stopped'(rig) {
    const { consumers, topic } = rig
    await consumers.push(`${topic}-a`, { group: topic, topic })
    await send(rig, 0, 8)
    await consumers.received([`${topic}-a`], 8)
    await consumers.stop(`${topic}-a`)
    const later = await send(rig, 8, 16)
    await consumers.push(`${topic}-b`, { group: topic, topic })
    return bodiesOf(await consumers.received([`${topic}-b`], later.length))
  },

  async 'push: from the first message'(rig) {
    return await startFrom(rig, 'CONSUME_FROM_FIRST_OFFSET')
  },

  async 'push: from the last message'(rig) {
    return await startFrom(rig, 'CONSUME_FROM_LAST_OFFSET')
  },

  async 'push: from a point in time'(rig) {
    return await startFrom(rig, 'CONSUME_FROM_TIMESTAMP')
  },

  async 'push: woken by a message while its pulls wait'(rig) {
    const { consumers, topic } = rig
    await consumers.push(topic, { group: topic, topic })
    await send(rig, 0, 4)
    await consumers.received([topic], 4)
    await delay(1000)
    const begin = Date.now()
    await send(rig, 4, 8)
    const messages = await consumers.received([topic], 8)
    return Math.max(...messages.map(({ at }) => at)) - begin < 3000
  },

  async 'push: offsets are set back while it runs'(rig) {
    const { consumers, topic, brokerAddr } = rig
    await consumers.push(topic, { group: topic, topic })
    await send(rig, 0, 8)
    await consumers.received([topic], 8)
    const offsets = () =>
      Promise.all(
        Array.from({ length: QUEUES }, async (_, queueId) => {
          const answer = await invoke(brokerAddr, QUERY_OFFSET, { consumerGroup: topic, topic, queueId: String(queueId) })
          return Number(answer.extFields?.['offset'])
        })
      )
    const committed = await eventually(offsets, (all) => all.every((offset) => offset === 2))
    const reset = await invoke(brokerAddr, RESET_OFFSET, { topic, group: topic, timestamp: '0', isForce: 'true' })
    const messages = await consumers.received([topic], 16)
    const again = await eventually(offsets, (all) => all.every((offset) => offset === 2))
    return { committed, code: reset.code, twice: messages.length >= 16, again }
  },

  async 'push: running info, direct consumption and connections through the broker'(rig) {
    const { consumers, topic, brokerAddr, producer } = rig
    await consumers.push(topic, { group: topic, topic })
    const queue = new MessageQueue(topic, 'broker-a', 0)
    const sent = await producer.send(new Message({ topic, body: 'm-000' }), { queue })
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
      topics: Object.keys(subscriptionTable).toSorted(),
      runs: info.body.toString().includes('"mqTable"'),
      result: /"consumeResult":"(\w+)"/.exec(direct.body.toString())?.[1],
      remark: absent.remark
    }
  },

  async 'lite pull: subscribes, commits, goes on where it stopped'(rig) {
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
  }
}

async function startFrom(rig: Rig, from: string): Promise<string[]> {
  const { consumers, topic } = rig
  await send(rig, 0, 4)
  // consume timestamps count whole seconds
  await delay(2100)
  const point = new Date(Date.now() - 1000)
  const timestamp = [
    point.getFullYear(),
    point.getMonth() + 1,
    point.getDate(),
    point.getHours(),
    point.getMinutes(),
    point.getSeconds()
  ]
    .map((part) => String(part).padStart(2, '0'))
    .join('')
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
