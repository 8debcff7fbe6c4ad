import { setTimeout as delay } from 'node:timers/promises'
import { type DefaultMQProducer, Message, MessageQueue, type SendResult } from '../../dist/index.js'
import type { ConsumedMessage, Consumers } from './harness/consumers.ts'
import { openRemoting } from './harness/remoting.js'

// What an operation of the matrix has at hand.

export const QUEUES = 4
const UPDATE_AND_CREATE_TOPIC = 17
const QUERY_OFFSET = 14

export interface Rig {
  brokerAddr: string
  producer: DefaultMQProducer
  /** A version of Java's client, `go` or `ali-ons`. */
  client: string
  consumers: Consumers
  /** Consumers of a process of its own, which share queues out again no sooner than the client does by itself. */
  patient(): Promise<Consumers>
  /** Of this operation alone; the group is called like it. */
  topic: string
}

/** Index i goes to queue i % 4, has tag a, b or c and the properties n and kind. */
export async function sendOne({ producer, topic }: Rig, index: number): Promise<SendResult> {
  const message = new Message({
    topic,
    body: `m-${String(index).padStart(3, '0')}`,
    tags: 'abc'[index % 3] as string,
    keys: [`k-${index}`],
    properties: { n: String(index), kind: index % 2 === 0 ? 'even' : 'odd' }
  })
  return await producer.send(message, { queue: new MessageQueue(topic, 'broker-a', index % QUEUES) })
}

/** @returns the bodies. */
export async function send(rig: Rig, from: number, to: number): Promise<string[]> {
  const bodies: string[] = []
  for (let index = from; index < to; index++) {
    await sendOne(rig, index)
    bodies.push(`m-${String(index).padStart(3, '0')}`)
  }
  return bodies
}

export const bodiesOf = (messages: ConsumedMessage[]): string[] => [...new Set(messages.map(({ body }) => body))].toSorted()

export async function invoke(addr: string, code: number, extFields: Record<string, string>, body?: Uint8Array) {
  const remoting = await openRemoting(addr)
  try {
    return await remoting.invoke({ code, extFields, ...(body === undefined ? {} : { body }) }, 20_000)
  } finally {
    remoting.close()
  }
}

/** The group named like the topic has committed so far, by queue; NaN where nothing is known. */
export const offsetsOf = (brokerAddr: string, topic: string): Promise<number[]> =>
  Promise.all(
    Array.from({ length: QUEUES }, async (_, queueId) => {
      const answer = await invoke(brokerAddr, QUERY_OFFSET, { consumerGroup: topic, topic, queueId: String(queueId) })
      return Number(answer.extFields?.['offset'])
    })
  )

export async function createTopic(
  brokerAddr: string,
  topic: string,
  queues: number,
  more: Record<string, string> = {}
): Promise<void> {
  const answer = await invoke(brokerAddr, UPDATE_AND_CREATE_TOPIC, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: String(queues),
    writeQueueNums: String(queues),
    perm: '6',
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: '0',
    order: 'false',
    ...more
  })
  if (answer.code !== 0) throw new Error(`topic ${topic}: ${answer.code} ${answer.remark}`)
}

/** Looks every 100 ms, at most 15 s, until it is so. */
export async function eventually<T>(look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await look()
    if (good(value) || tries === 150) return value
    await delay(100)
  }
}
