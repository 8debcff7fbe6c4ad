import { afterAll, beforeAll, expect, test } from 'vitest'
import { DefaultMQProducer, Message, type RocketMQError } from '../../dist/index.js'
import { pullTopic } from './harness/remoting.js'
import { type RealServers, startServers } from './harness/servers.js'

// Two real brokers under load, one of which crashes and comes back, twice.

const TOPIC = 'Orders'
const QUEUES = 4
const LANES = 32
const PAUSE_MILLIS = 40
const TIMEOUT_MILLIS = 3000
/** Of a loaded machine. */
const LATE_MILLIS = 500

let servers: RealServers
beforeAll(async () => {
  servers = await startServers({ topics: { [TOPIC]: QUEUES }, brokers: 2 })
})
afterAll(() => servers?.stop())

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

test('no acknowledged message is missing, no error is late, and sends go on while a broker is down', async () => {
  const producer = new DefaultMQProducer({
    producerGroup: 'failover',
    namesrvAddr: servers.namesrvAddr,
    sendMsgTimeout: TIMEOUT_MILLIS,
    topics: [TOPIC]
  })
  await producer.start()
  const acknowledged = new Map<string, string>()
  const certainlyNot: string[] = []
  const errors: RocketMQError[] = []
  let sent = 0
  let latest = 0
  let stop = false
  const lane = async (): Promise<void> => {
    while (!stop) {
      const body = `m-${++sent}`
      const begin = performance.now()
      try {
        const { msgId, sendStatus } = await producer.send(new Message({ topic: TOPIC, body }))
        expect(sendStatus).toBe('SEND_OK')
        acknowledged.set(body, msgId)
      } catch (error) {
        errors.push(error as RocketMQError)
        if (!(error as RocketMQError).maybeStored) certainlyNot.push(body)
      }
      latest = Math.max(latest, performance.now() - begin)
      await pause(PAUSE_MILLIS)
    }
  }
  const lanes = Array.from({ length: LANES }, lane)
  for (const broker of servers.brokers) {
    await pause(1500)
    await broker.kill()
    const before = acknowledged.size
    await pause(2000)
    // The other one takes everything meanwhile.
    expect(acknowledged.size).toBeGreaterThan(before + LANES)
    await broker.start()
    await pause(1500)
  }
  stop = true
  await Promise.all(lanes)
  await producer.shutdown()
  const stored = new Map<string, number>()
  for (const { addr } of servers.brokers) {
    for (const { body, crcMatches } of await pullTopic(addr, TOPIC, QUEUES)) {
      expect(crcMatches).toBe(true)
      const text = Buffer.from(body, 'base64').toString()
      stored.set(text, (stored.get(text) ?? 0) + 1)
    }
  }
  const duplicates = [...stored.values()].filter((times) => times > 1).length
  console.log(
    `${sent} sent, ${acknowledged.size} acknowledged, ${errors.length} failed, ${duplicates} stored twice, longest ${Math.round(latest)} ms`
  )
  expect([...acknowledged.keys()].filter((body) => !stored.has(body))).toEqual([])
  expect(certainlyNot.filter((body) => stored.has(body))).toEqual([])
  expect(latest).toBeLessThan(TIMEOUT_MILLIS + LATE_MILLIS)
  expect(acknowledged.size).toBeGreaterThan(1000)
  expect(errors.length).toBeLessThan(sent / 100)
})
