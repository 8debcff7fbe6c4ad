import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { BrokerController } from '../../src/broker/broker-controller.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { OLD_SERVER_VERSION, SERVER_VERSION, startRealBroker, startRealNameServer, temporaryDirectory } from './harness/java.js'
import { awaitRoute, openRemoting, pullTopic, topicRoute } from './harness/remoting.js'

// Name servers and brokers of both kinds under one another.
const TOPIC = 'Clustered'
const QUEUES = 2
const ROUTE_POLL = 1000

const stops: Array<() => unknown> = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function until(condition: () => boolean | Promise<boolean>, what: string, millis = 30_000): Promise<void> {
  const end = performance.now() + millis
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${millis} ms`)
    await sleep(50)
  }
}

async function startOurs(namesrvAddr: string, brokerId: number, brokerRole: 'SYNC_MASTER' | 'SLAVE'): Promise<BrokerController> {
  const broker = new BrokerController({
    namesrvAddr,
    config: { brokerId },
    storeConfig: { brokerRole },
    topics: { [TOPIC]: { queues: QUEUES } }
  })
  stops.push(() => broker.shutdown())
  await broker.start()
  return broker
}

async function startProducer(namesrvAddr: string): Promise<DefaultMQProducer> {
  const options = { producerGroup: 'cluster', namesrvAddr, pollNameServerInterval: ROUTE_POLL, retryTimesWhenSendFailed: 0 }
  const producer = new DefaultMQProducer(options)
  await producer.start()
  stops.push(() => producer.shutdown())
  return producer
}

const send = async (producer: DefaultMQProducer): Promise<string> => {
  try {
    return (await producer.send(new Message({ topic: TOPIC, body: 'hello' }))).sendStatus
  } catch (error) {
    return (error as { code: string }).code
  }
}

async function ask(addr: string, code: number, extFields: Record<string, string>): Promise<number> {
  const remoting = await openRemoting(addr)
  try {
    return (await remoting.invoke({ code, extFields })).code
  } finally {
    remoting.close()
  }
}

const ids = async (namesrvAddr: string): Promise<string[]> =>
  Object.keys((await topicRoute(namesrvAddr, TOPIC))?.brokerDatas[0]?.brokerAddrs ?? {})

describe(`our brokers under the real name server ${SERVER_VERSION}`, () => {
  test('a slave finds its master by it; permissions and goodbyes reach producers at their next route poll', async () => {
    const home = temporaryDirectory('rocketmq-namesrv')
    stops.push(() => home.remove())
    const nameServer = await startRealNameServer({ home: home.path })
    stops.push(() => nameServer.stop())
    const { namesrvAddr } = nameServer
    const master = await startOurs(namesrvAddr, 0, 'SYNC_MASTER')
    const slave = await startOurs(namesrvAddr, 1, 'SLAVE')
    await master.haService.whenSlaves(1, 10_000)
    expect(slave.slaveSynchronize?.masterAddr).toBe(master.addr)
    expect(slave.haService.client?.masterAddress).toBe(master.haServerAddr)
    expect(await ids(namesrvAddr)).toEqual(['0', '1'])

    const producer = await startProducer(namesrvAddr)
    expect(await send(producer)).toBe('SEND_OK')
    expect(await ask(namesrvAddr, 205, { brokerName: 'broker-a' })).toBe(0)
    await until(async () => (await send(producer)) !== 'SEND_OK', 'the permission wiped')
    expect(await ask(namesrvAddr, 327, { brokerName: 'broker-a' })).toBe(0)
    await until(async () => (await send(producer)) === 'SEND_OK', 'the permission added')

    await slave.shutdown()
    await until(async () => (await ids(namesrvAddr)).join() === '0', 'the slave gone')
    expect(await send(producer)).toBe('SLAVE_NOT_AVAILABLE')
    await master.shutdown()
    await until(async () => (await topicRoute(namesrvAddr, TOPIC)) === undefined, 'the master gone')
  })
})

describe.each([SERVER_VERSION, OLD_SERVER_VERSION])('a real broker %s under our name server', (version) => {
  test('beside ours: one route, sends to both, and when it is killed it is gone at once', async () => {
    const nameServers = [new NameServer(), new NameServer()]
    for (const nameServer of nameServers) {
      await nameServer.start()
      stops.push(() => nameServer.shutdown())
    }
    const namesrvAddr = nameServers.map(({ addr }) => addr).join(';')
    const home = temporaryDirectory('rocketmq-broker')
    stops.push(() => home.remove())
    const real = await startRealBroker({
      version,
      namesrvAddr,
      home: home.path,
      topics: { [TOPIC]: QUEUES },
      brokerConfig: { brokerName: 'real' }
    })
    stops.push(() => real.stop())
    await startOurs(namesrvAddr, 0, 'SYNC_MASTER')
    const names = async (addr: string): Promise<string> => {
      const route = await topicRoute(addr, TOPIC)
      return (route?.brokerDatas ?? [])
        .map(({ brokerName }) => brokerName)
        .sort()
        .join()
    }
    for (const { addr } of nameServers) {
      await awaitRoute(addr, TOPIC)
      await until(async () => (await names(addr)) === 'broker-a,real', 'both in the route')
    }
    const producer = await startProducer(namesrvAddr)
    const statuses = new Set<string>()
    for (let i = 0; i < 8; i++) {
      const { messageQueue, sendStatus } = await producer.send(new Message({ topic: TOPIC, body: `m${i}` }))
      statuses.add(`${messageQueue.brokerName} ${sendStatus}`)
    }
    expect([...statuses].sort()).toEqual(['broker-a SLAVE_NOT_AVAILABLE', 'real SEND_OK'])
    await until(async () => (await pullTopic(real.brokerAddr, TOPIC, QUEUES)).length === 4, 'dispatch')
    await real.stop()
    for (const { addr } of nameServers) await until(async () => (await names(addr)) === 'broker-a', 'the killed one gone', 5000)
    await sleep(2 * ROUTE_POLL)
    for (let i = 0; i < 4; i++) expect(await send(producer)).toBe('SLAVE_NOT_AVAILABLE')
  })
})
