import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import type { NamesrvConfig } from '../../src/nameserver/namesrv-config.ts'
import { decodeClusterInfo } from '../../src/protocol/cluster-info.ts'
import { decodeKVTable } from '../../src/protocol/kv-table.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { decodeTopicList } from '../../src/protocol/topic-list.ts'
import { decodeTopicRoute, encodeTopicRoute } from '../../src/protocol/topic-route.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { RemotingClient } from '../../src/transport/remoting-client.ts'
import { leavesNoHandle } from '../support/active-handles.ts'
import { registerBrokerRequest, type TestBroker } from '../support/registration.ts'
import { remotingClient } from '../support/remoting.ts'
import { until } from '../support/turns.ts'

const slave = { brokerId: 1, brokerAddr: '127.0.0.2:10911' }
const other = { brokerName: 'broker-b', brokerAddr: '127.0.0.9:10911' }

let network: MemoryNetwork
let clock: HeldClock
let server: NameServer
let clients: RemotingClient[]

async function restart(config: Partial<NamesrvConfig> = {}): Promise<void> {
  await server?.shutdown()
  server = new NameServer({ network, clock, config })
  await server.start()
}

function newClient(): RemotingClient {
  const { client } = remotingClient({ network, clock })
  clients.push(client)
  return client
}

function ask(code: number, fields: Record<string, string> = {}, body?: Buffer, client = clients[0]): Promise<RemotingCommand> {
  return client.invoke(server.addr, RemotingCommand.request(code, fields, body), 3000)
}

function register(broker: TestBroker = {}, client = clients[0]): Promise<RemotingCommand> {
  return client.invoke(server.addr, registerBrokerRequest(broker), 3000)
}

async function brokersOf(topic: string): Promise<string[]> {
  const answer = await ask(105, { topic }, undefined, newClient())
  return answer.code === 0 ? decodeTopicRoute(answer.body).brokerDatas.map((broker) => broker.brokerName) : []
}

beforeEach(async () => {
  network = new MemoryNetwork()
  clock = new HeldClock()
  clients = []
  await restart()
  newClient()
})

afterEach(async () => {
  for (const client of clients) await client.close()
  await server.shutdown()
})

describe('name server', () => {
  it('store-61 answers a slave with the addresses of its master', async () => {
    expect((await register()).extFields).toEqual({})
    expect({ ...(await register(slave)).extFields }).toEqual({ masterAddr: '127.0.0.1:10911', haServerAddr: '127.0.0.1:10912' })
  })

  it('store-62 a topic list and a deletion in one cluster', async () => {
    await register()
    await register({ ...other, clusterName: 'Other', topics: [{ topicName: 'T' }, { topicName: 'X' }] })
    expect(decodeTopicList((await ask(206)).body).topicList.sort()).toEqual(['T', 'U', 'X'])
    expect(decodeTopicList((await ask(224, { cluster: 'Other' })).body).topicList.sort()).toEqual(['T', 'X'])
    expect((await ask(216, { topic: 'T', clusterName: 'Other' })).code).toBe(0)
    expect(await brokersOf('T')).toEqual(['broker-a'])
    expect((await ask(216, { topic: 'T' })).code).toBe(0)
    expect(await brokersOf('T')).toEqual([])
  })

  it('store-63 an unregistered broker takes its topics along', async () => {
    await register()
    const gone = { brokerName: 'broker-a', brokerAddr: '127.0.0.1:10911', clusterName: 'DefaultCluster', brokerId: '0' }
    expect((await ask(104, gone)).code).toBe(0)
    expect(await brokersOf('T')).toEqual([])
    expect(decodeClusterInfo((await ask(106)).body)).toEqual({ brokerAddrTable: new Map(), clusterAddrTable: new Map() })
  })

  it('store-66 tells a broker whether its topics are known, and takes the question as a sign of life', async () => {
    const names = { brokerName: 'broker-a', brokerAddr: '127.0.0.1:10911', clusterName: 'DefaultCluster', brokerId: '0' }
    const version = (counter: number): Buffer => Buffer.from(JSON.stringify({ counter, stateVersion: 0, timestamp: 1 }))
    const unknown = await ask(322, names, version(1))
    expect([unknown.extFields['changed'], unknown.body]).toEqual(['true', undefined])
    await register()
    const same = await ask(322, names, version(1))
    expect([same.extFields['changed'], same.body?.toString()]).toEqual(['false', '{"counter":1,"stateVersion":0,"timestamp":1}'])
    expect((await ask(322, names, version(2))).extFields['changed']).toBe('true')
    await clock.advance(100_000)
    await ask(322, names, version(1))
    await clock.advance(100_000)
    expect(await brokersOf('T')).toEqual(['broker-a'])
  })

  it('a broker heartbeat keeps a registration alive that otherwise ends after 120 s', async () => {
    await register()
    await clock.advance(115_000)
    expect((await ask(904, { clusterName: 'DefaultCluster', brokerAddr: '127.0.0.1:10911', brokerName: 'broker-a' })).code).toBe(
      0
    )
    await clock.advance(115_000)
    expect(await brokersOf('T')).toEqual(['broker-a'])
    await clock.advance(10_000)
    expect(await brokersOf('T')).toEqual([])
  })

  it('a broker may ask for another time, and for its acting master and zone to be told', async () => {
    const fields = { heartbeatTimeoutMillis: '1000', enableActingMaster: 'true', __ZONE_NAME: 'z1' }
    await register({ fields })
    const { brokerDatas } = decodeTopicRoute((await ask(105, { topic: 'T' })).body)
    expect(brokerDatas[0]).toMatchObject({ enableActingMaster: true, zoneName: 'z1' })
    await clock.advance(5000)
    expect(await brokersOf('T')).toEqual([])
    await register({ fields })
    await clock.advance(5000)
    expect(await brokersOf('T')).toEqual([])
  })

  it('process-R2 a name server that has shut down leaves no timer', async () => {
    const { timers } = clock
    const another = new NameServer({ network, clock })
    await another.start()
    expect(clock.timers).toBe(timers + 1)
    await another.shutdown()
    expect(clock.timers).toBe(timers)
  })

  it('store-67 wipes and adds the write permission', async () => {
    await register()
    const perm = async (): Promise<number> => decodeTopicRoute((await ask(105, { topic: 'T' })).body).queueDatas[0].perm
    expect({ ...(await ask(205, { brokerName: 'broker-a' })).extFields }).toEqual({ wipeTopicCount: '2' })
    expect(await perm()).toBe(4)
    expect({ ...(await ask(327, { brokerName: 'broker-a' })).extFields }).toEqual({ addTopicCount: '2' })
    expect(await perm()).toBe(6)
  })

  it('store-68 a closed connection takes its broker out of the routes, and with the last one the route', async () => {
    const [one, two] = [newClient(), newClient()]
    await register({}, one)
    await register(other, two)
    await one.close()
    await until(() => !server.routes.brokers.has('broker-a'))
    expect(await brokersOf('T')).toEqual(['broker-b'])
    await two.close()
    await until(() => server.routes.brokers.size === 0)
    expect((await ask(105, { topic: 'T' })).code).toBe(17)
  })

  it('store-69 a registration with another checksum is an error and changes nothing', async () => {
    const refused = await register({ fields: { bodyCrc32: '12345' } })
    expect([refused.code, refused.remark]).toEqual([1, 'crc32 not match'])
    expect(await brokersOf('T')).toEqual([])
    expect((await register({ fields: { bodyCrc32: '0' } })).code).toBe(0)
    expect(await brokersOf('T')).toEqual(['broker-a'])
  })

  it('store-69 unknown codes get 3, a topic without route gets 17, a body that does not decode gets 1', async () => {
    const unknown = await ask(9999)
    expect([unknown.code, unknown.remark]).toEqual([3, ' request type 9999 not supported'])
    expect((await ask(105, { topic: 'T' })).code).toBe(17)
    const request = registerBrokerRequest({ fields: { bodyCrc32: '0' } })
    request.body = Buffer.from('{"topicConfig')
    expect((await clients[0].invoke(server.addr, request, 3000)).code).toBe(1)
    expect((await ask(106)).code).toBe(0)
  })

  it('takes compressed registrations', async () => {
    expect(
      (await register({ compressed: true, topics: [{ topicName: 'T', perm: 4, writeQueueNums: 3 }, { topicName: 'U' }] })).code
    ).toBe(0)
    const { queueDatas } = decodeTopicRoute((await ask(105, { topic: 'T' })).body)
    expect(queueDatas).toEqual([{ brokerName: 'broker-a', readQueueNums: 8, writeQueueNums: 3, perm: 4, topicSysFlag: 0 }])
  })

  it('refuses a single topic of a broker it does not know', async () => {
    const refused = await register({ topics: [{ topicName: 'T' }] })
    expect([refused.code, refused.remark]).toEqual([1, 'register broker failed'])
  })

  it('store-70 values are put, read, listed and deleted; a missing key or namespace is 22', async () => {
    expect((await ask(100, { namespace: 'N', key: 'k', value: 'v' })).code).toBe(0)
    expect((await ask(101, { namespace: 'N', key: 'k' })).extFields['value']).toBe('v')
    expect(decodeKVTable((await ask(219, { namespace: 'N' })).body)).toEqual(new Map([['k', 'v']]))
    expect((await ask(102, { namespace: 'N', key: 'k' })).code).toBe(0)
    const missing = await ask(101, { namespace: 'N', key: 'k' })
    expect([missing.code, missing.remark]).toEqual([22, 'No config item, Namespace: N Key: k'])
    expect((await ask(219, { namespace: 'M' })).code).toBe(22)
    expect((await ask(100, { key: 'k', value: 'v' })).code).toBe(1)
  })

  it('hands out the order configuration: to brokers, and in routes where that is on', async () => {
    await ask(100, { namespace: 'ORDER_TOPIC_CONFIG', key: 'T', value: 'broker-a:4' })
    expect(decodeKVTable((await register()).body)).toEqual(new Map([['T', 'broker-a:4']]))
    expect(decodeTopicRoute((await ask(105, { topic: 'T' })).body).orderTopicConf).toBeUndefined()
    await restart({ orderMessageEnable: true, returnOrderTopicConfigToBroker: false })
    await ask(100, { namespace: 'ORDER_TOPIC_CONFIG', key: 'T', value: 'broker-a:4' })
    expect((await register()).body).toBeUndefined()
    expect(decodeTopicRoute((await ask(105, { topic: 'T' })).body).orderTopicConf).toBe('broker-a:4')
  })

  it('takes a route from outside, for brokers it knows', async () => {
    await register()
    const queueDatas = [{ brokerName: 'broker-a', readQueueNums: 2, writeQueueNums: 2, perm: 6, topicSysFlag: 0 }]
    const body = encodeTopicRoute({ queueDatas, brokerDatas: [], filterServerTable: new Map() }, true)
    expect((await ask(217, { topic: 'N' }, body)).code).toBe(0)
    expect(decodeTopicRoute((await ask(105, { topic: 'N' })).body).queueDatas).toEqual(queueDatas)
  })

  it('lists the topics of units by their flag, and the names of clusters and brokers', async () => {
    const topics = [0, 1, 2, 3].map((topicSysFlag) => ({ topicName: `F${topicSysFlag}`, topicSysFlag }))
    await register({ topics })
    const list = async (code: number): Promise<string[]> => decodeTopicList((await ask(code)).body).topicList.sort()
    expect([await list(311), await list(312), await list(313)]).toEqual([['F1', 'F3'], ['F2', 'F3'], ['F2']])
    expect(decodeTopicList((await ask(304)).body)).toEqual({
      topicList: ['DefaultCluster', 'broker-a'],
      brokerAddr: '127.0.0.1:10911'
    })
    await restart({ enableTopicList: false, enableAllTopicList: false })
    for (const code of [206, 224, 311, 312, 313]) expect((await ask(code)).remark).toBe('disable')
  })

  it('security-X2 the configuration can be read, not changed', async () => {
    const before = (await ask(319)).body?.toString()
    expect(before).toContain('orderMessageEnable=false\n')
    const refused = await ask(318, {}, Buffer.from('kvConfigPath=/tmp/x\norderMessageEnable=true\n'))
    expect(refused.code).toBe(16)
    expect((await ask(319)).body?.toString()).toBe(before)
  })
})

describe('over TCP', () => {
  it('security-X1 process-R7 listens on loopback only, and leaves nothing behind', async () => {
    await leavesNoHandle(async () => {
      const tcp = new NameServer()
      await tcp.start()
      expect(tcp.host).toBe('127.0.0.1')
      expect(tcp.addr).toMatch(/^127\.0\.0\.1:\d+$/)
      const { client } = remotingClient()
      expect((await client.invoke(tcp.addr, registerBrokerRequest(), 3000)).code).toBe(0)
      await tcp.shutdown()
      await tcp.shutdown()
      await client.close()
    })
  })
})
