import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { BrokerController, type BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { freePort, OLD_SERVER_VERSION, type RealBroker, startRealBroker, temporaryDirectory } from './harness/java.js'
import { awaitRoute, openRemoting, pullTopic } from './harness/remoting.js'

// Replication between this package's broker and a real one of 4.9.7, in both roles, with segments of 1 MiB.
const SEGMENT = 1024 * 1024
const TOPIC = 'Replicated'
const QUEUES = 4
/** Enough for more than three segments. */
const COUNT = 3000
const JAVA_HA = {
  mappedFileSizeCommitLog: SEGMENT,
  // Its slave reports for the first time after so long, and its master takes topics and offsets over every 10 s.
  haSendHeartbeatInterval: 1000,
  slaveReadEnable: true
}

const stops: Array<() => unknown> = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function startNameServer(): Promise<NameServer> {
  const nameServer = new NameServer()
  await nameServer.start()
  stops.push(() => nameServer.shutdown())
  return nameServer
}

function ours(
  nameServer: NameServer,
  brokerId: number,
  brokerRole: 'SYNC_MASTER' | 'SLAVE',
  more: Partial<BrokerControllerOptions> = {}
): BrokerController {
  const broker = new BrokerController({
    ...more,
    namesrvAddr: nameServer.addr,
    config: { brokerId, slaveReadEnable: true },
    storeConfig: { brokerRole, mappedFileSizeCommitLog: SEGMENT },
    topics: { [TOPIC]: { queues: QUEUES } }
  })
  stops.push(() => broker.shutdown())
  return broker
}

async function startProducer(nameServer: NameServer): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'ha', namesrvAddr: nameServer.addr, retryTimesWhenSendFailed: 0 })
  await producer.start()
  stops.push(() => producer.shutdown())
  return producer
}

/** Sends `count` messages of about 1.2 KiB, 64 at a time; how often each status came. */
async function send(producer: DefaultMQProducer, count: number, from = 0): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {}
  let next = from
  const lane = async (): Promise<void> => {
    while (next < from + count) {
      const i = next++
      const body = Buffer.alloc(1000, i)
      const message = new Message({ topic: TOPIC, tags: `t${i % 3}`, keys: [`k${i}`], body, properties: { case: String(i) } })
      const { sendStatus } = await producer.send(message)
      statuses[sendStatus] = (statuses[sendStatus] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 64 }, lane))
  return statuses
}

async function until(condition: () => boolean | Promise<boolean>, what: string, millis = 60_000): Promise<void> {
  const end = performance.now() + millis
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${millis} ms`)
    await sleep(50)
  }
}

/** The files of a Java broker's log as one, as far as `end`. */
function javaLog({ commitLog }: RealBroker, begin: number, end: number): Buffer {
  const files = readdirSync(commitLog).sort()
  const bytes = Buffer.concat(files.map((name) => readFileSync(path.join(commitLog, name))))
  const first = Number(files[0])
  return bytes.subarray(begin - first, end - first)
}

function ourLog({ store }: BrokerController, begin: number): Buffer {
  return Buffer.concat(store.getBulkCommitLogData(begin, Number.MAX_SAFE_INTEGER))
}

async function ask(addr: string, code: number, extFields: Record<string, string> = {}, body?: Buffer): Promise<string> {
  const remoting = await openRemoting(addr)
  try {
    const answer = await remoting.invoke({ code, extFields, ...(body === undefined ? {} : { body }) })
    return `${answer.code} ${JSON.stringify(answer.extFields ?? {})} ${answer.body.toString()}`
  } finally {
    remoting.close()
  }
}

/** Makes a topic, a group and a consumer's position at a master, and a message that is due in a second. */
async function fillTables(master: string, producer: DefaultMQProducer): Promise<void> {
  const topic = { topic: 'Later', defaultTopic: 'TBW102', readQueueNums: '3', writeQueueNums: '3', perm: '6' }
  const more = { topicFilterType: 'SINGLE_TAG', topicSysFlag: '0', order: 'false' }
  expect(await ask(master, 17, { ...topic, ...more })).toMatch(/^0 /)
  const group = { groupName: 'CG', retryMaxTimes: 7, consumeBroadcastEnable: false, brokerId: 0, consumeEnable: true }
  expect(await ask(master, 200, {}, Buffer.from(JSON.stringify(group)))).toMatch(/^0 /)
  const commit = { consumerGroup: 'CG', topic: TOPIC, queueId: '2', commitOffset: '5' }
  expect(await ask(master, 15, commit)).toMatch(/^0 /)
  await producer.send(new Message({ topic: TOPIC, body: 'delayed', delayTimeLevel: 1, properties: { case: 'delayed' } }))
}

const queryOffset = (addr: string): Promise<string> => ask(addr, 14, { consumerGroup: 'CG', topic: TOPIC, queueId: '2' })

/** The slave has what {@link fillTables} made. */
async function expectTables(slave: string): Promise<void> {
  await until(async () => /^0 .*"offset":"5"/.test(await queryOffset(slave)), 'the consumer offset')
  await until(async () => /"Later"/.test(await ask(slave, 21)), 'the topic')
  await until(async () => /"retryMaxTimes":7/.test(await ask(slave, 201)), 'the group')
  expect(await ask(slave, 43)).toMatch(/"Replicated@CG":\{"?2"?:5\}/)
}

/** What consumers read of both brokers is the same, at the same places. */
async function expectSame(master: string, slave: string, count: number): Promise<void> {
  const [one, other] = [await pullTopic(master, TOPIC, QUEUES), await pullTopic(slave, TOPIC, QUEUES)]
  expect(one.length).toBeGreaterThanOrEqual(count)
  expect(other.length).toBe(one.length)
  expect(JSON.stringify(other)).toBe(JSON.stringify(one))
  expect(one.filter(({ crcMatches }) => !crcMatches)).toEqual([])
}

describe(`a Java broker ${OLD_SERVER_VERSION} and ours replicate`, () => {
  test('ours is the master: every send waits for the Java slave, whose log has the same bytes', async () => {
    const nameServer = await startNameServer()
    // A Java slave asks for topics at the second port, 2 below.
    const master = ours(nameServer, 0, 'SYNC_MASTER', { port: await freePort([-2, 1]) })
    await master.start()
    const producer = await startProducer(nameServer)
    expect(await send(producer, 3, 0), 'before the slave').toEqual({ SLAVE_NOT_AVAILABLE: 3 })
    const home = temporaryDirectory('rocketmq-slave')
    stops.push(() => home.remove())
    const start = (): Promise<RealBroker> =>
      startRealBroker({
        namesrvAddr: nameServer.addr,
        home: home.path,
        brokerConfig: { ...JAVA_HA, brokerId: 1, brokerRole: 'SLAVE' }
      })
    let slave = await start()
    stops.push(() => slave.stop())
    await master.haService.whenSlaves(1, 60_000)
    await until(() => master.haService.push2SlaveMaxOffset === master.store.getMaxPhyOffset(), 'the beginning')
    expect(await send(producer, COUNT, 3)).toEqual({ SEND_OK: COUNT })
    expect(master.store.getMaxPhyOffset()).toBeGreaterThan(3 * SEGMENT)
    const end = master.store.getMaxPhyOffset()
    expect(javaLog(slave, 0, end).equals(ourLog(master, 0))).toBe(true)
    await fillTables(master.addr, producer)
    await expectTables(slave.brokerAddr)
    // A Java slave keeps them in a file, for the day on which it is a master.
    const delayOffsets = path.join(home.path, 'store', 'config', 'delayOffset.json')
    await until(
      () => existsSync(delayOffsets) && /"offsetTable":\{"?1"?:1\b/.test(readFileSync(delayOffsets, 'utf8')),
      'the delay offset'
    )
    await expectSame(master.addr, slave.brokerAddr, COUNT)

    await slave.stop()
    await until(() => master.haService.slaveCount === 0, 'the slave gone')
    expect(await send(producer, 500, COUNT + 3)).toEqual({ SLAVE_NOT_AVAILABLE: 500 })
    slave = await start()
    await master.haService.whenSlaves(1, 60_000)
    await until(() => master.haService.push2SlaveMaxOffset === master.store.getMaxPhyOffset(), 'catching up')
    expect(await send(producer, 500, COUNT + 503)).toEqual({ SEND_OK: 500 })
    expect(javaLog(slave, 0, master.store.getMaxPhyOffset()).equals(ourLog(master, 0))).toBe(true)
    await until(async () => (await pullTopic(slave.brokerAddr, TOPIC, QUEUES)).length >= COUNT + 1003, 'dispatch at the slave')
    await expectSame(master.addr, slave.brokerAddr, COUNT + 1003)
  })

  test('ours is the slave: the Java master acknowledges what ours has, whose log has the same bytes', async () => {
    const nameServer = await startNameServer()
    const home = temporaryDirectory('rocketmq-master')
    stops.push(() => home.remove())
    const master = await startRealBroker({
      namesrvAddr: nameServer.addr,
      home: home.path,
      topics: { [TOPIC]: QUEUES },
      brokerConfig: { ...JAVA_HA, brokerId: 0, brokerRole: 'SYNC_MASTER' }
    })
    stops.push(() => master.stop())
    await awaitRoute(nameServer.addr, TOPIC)
    const producer = await startProducer(nameServer)
    expect(await send(producer, 3, 0), 'before the slave').toEqual({ SLAVE_NOT_AVAILABLE: 3 })
    const slave = ours(nameServer, 1, 'SLAVE', { storeFiles: { root: path.join(home.path, 'ours') } })
    await slave.start()
    await until(() => slave.store.getMaxOffsetInQueue(TOPIC, 0) > 0, 'the beginning')
    expect(await send(producer, COUNT, 3)).toEqual({ SEND_OK: COUNT })
    const end = slave.store.getMaxPhyOffset()
    expect(end).toBeGreaterThan(3 * SEGMENT)
    expect(ourLog(slave, 0).equals(javaLog(master, 0, end))).toBe(true)
    await fillTables(master.brokerAddr, producer)
    await expectTables(slave.addr)
    await expectSame(master.brokerAddr, slave.addr, COUNT)
    await until(
      () => /"offsetTable":\{"?1"?:1/.test(JSON.stringify({ offsetTable: Object.fromEntries(slave.delayOffsets) })),
      'delay offset'
    )

    await slave.shutdown()
    const gone = await send(producer, 100, COUNT + 3)
    expect((gone.SLAVE_NOT_AVAILABLE ?? 0) + (gone.FLUSH_SLAVE_TIMEOUT ?? 0)).toBe(100)
    // A new one, with nothing: it begins with the last segment.
    const again = ours(nameServer, 1, 'SLAVE', { storeFiles: { root: path.join(home.path, 'again') } })
    await again.start()
    await until(() => again.store.getMaxPhyOffset() > end, 'the last segment')
    expect(again.store.getMinPhyOffset() % SEGMENT).toBe(0)
    expect(await send(producer, 500, COUNT + 103)).toEqual({ SEND_OK: 500 })
    const begin = again.store.getMinPhyOffset()
    expect(ourLog(again, begin).equals(javaLog(master, begin, again.store.getMaxPhyOffset()))).toBe(true)
  })
})
