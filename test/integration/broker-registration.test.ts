import { afterEach, describe, expect, it } from 'vitest'
import { BrokerController } from '../../src/broker/broker-controller.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig | undefined

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

interface Route {
  queueDatas: Array<{ brokerName: string; perm: number; readQueueNums: number }>
  brokerDatas: Array<{ brokerName: string; brokerAddrs: Record<string, string>; cluster: string }>
}

async function route(topic: string, nameServer: NameServer = rig!.nameServer): Promise<Route | undefined> {
  const peer = new BrokerPeer(await rig!.network.connect(nameServer.host, nameServer.port, {}))
  rig!.peers.push(peer)
  const answer = await rig!.ask(peer, rig!.request(105, { topic }))
  return answer.code === 0 ? JSON.parse(answer.body!.toString()) : undefined
}

describe('registration', () => {
  it('start resolves when the route is known: address, cluster, queues and permission', async () => {
    rig = await BrokerRig.start({
      topics: { Orders: { queues: 3, perm: 4 } },
      config: { brokerClusterName: 'C', brokerName: 'b' }
    })
    expect(await route('Orders')).toMatchObject({
      brokerDatas: [{ brokerName: 'b', cluster: 'C', brokerAddrs: { 0: rig.broker.addr } }],
      queueDatas: [{ brokerName: 'b', perm: 4, readQueueNums: 3 }]
    })
    for (const topic of ['TBW102', 'C', 'b', 'SELF_TEST_TOPIC', 'BenchmarkTest', 'SCHEDULE_TOPIC_XXXX', 'C_REPLY_TOPIC']) {
      expect(await route(topic), topic).toBeDefined()
    }
  })

  it('a topic that a send creates is known to the name server at once, with the queues its sender asked for', async () => {
    rig = await BrokerRig.start({ config: { defaultTopicQueueNums: 8 } })
    const { counter } = rig.broker.topicConfigManager.dataVersion
    const peer = await rig.connect()
    expect((await rig.ask(peer, rig.sendRequest({ topic: 'Fresh', fields: { d: '3' } }))).code).toBe(0)
    await nextTurn(12)
    expect(await route('Fresh')).toMatchObject({ queueDatas: [{ perm: 6, readQueueNums: 3 }] })
    expect(rig.broker.topicConfigManager.dataVersion.counter).toBe(counter + 1)
    expect((await rig.ask(peer, rig.sendRequest({ topic: 'Wide', fields: { d: '16' } }))).code).toBe(0)
    await nextTurn(12)
    expect((await route('Wide'))!.queueDatas[0]!.readQueueNums, 'the template has no more').toBe(8)
  })

  it('a name server that was restarted learns everything with the next period', async () => {
    rig = await BrokerRig.start()
    const { port } = rig.nameServer
    await rig.nameServer.shutdown()
    const again = new NameServer({ network: rig.network, clock: rig.clock, port })
    await again.start()
    expect(await route('T', again)).toBeUndefined()
    await rig.clock.advance(30_000)
    expect(await route('T', again)).toBeDefined()
    await rig.broker.shutdown()
    await again.shutdown()
  })

  it('keeps registering while nothing changes, so that the name server does not drop it', async () => {
    rig = await BrokerRig.start()
    await rig.clock.advance(300_000)
    expect(await route('T')).toBeDefined()
  })

  it('registers with every name server; one that is down does not hold up the start', async () => {
    rig = await BrokerRig.start()
    const second = new NameServer({ network: rig.network, clock: rig.clock })
    await second.start()
    const broker = rig.newBroker({
      namesrvAddr: `${rig.nameServer.addr}; 127.0.0.1:1 ;${second.addr}`,
      config: { brokerName: 'broker-b' },
      topics: { Both: {} }
    })
    await broker.start()
    expect([await route('Both'), await route('Both', second)]).toEqual([expect.anything(), expect.anything()])
    await broker.shutdown()
    expect([await route('Both'), await route('Both', second)]).toEqual([undefined, undefined])
    await second.shutdown()
  })

  it('a start that reaches no name server rejects, and leaves no listener and no timer', async () => {
    rig = await BrokerRig.start()
    const pending = rig.clock.timers
    const broker = rig.newBroker({ namesrvAddr: '127.0.0.1:1' })
    await expect(broker.start()).rejects.toThrow()
    await expect(rig.connect(broker)).rejects.toThrow()
    expect(rig.clock.timers).toBe(pending)
    await expect(broker.start(), 'it can be started once').rejects.toThrow(/started once/)
  })

  it('a broker without write permission announces its topics without it', async () => {
    rig = await BrokerRig.start({ config: { brokerPermission: 4 } })
    expect((await route('T'))!.queueDatas[0]!.perm).toBe(4)
  })

  it('announces brokerIP1 and stores it in records; answers carry it in the offset message id', async () => {
    rig = await BrokerRig.start({ config: { brokerIP1: '10.1.2.3' } })
    expect(rig.broker.addr).toBe(`10.1.2.3:${rig.broker.port}`)
    expect((await route('T'))!.brokerDatas[0]!.brokerAddrs['0']).toBe(rig.broker.addr)
    const answer = await rig.ask(await rig.connect(), rig.sendRequest())
    expect(answer.extFields['msgId']).toMatch(/^0A010203/)
    expect(rig.stored('T')[0]!.storeHost).toMatchObject({ host: '10.1.2.3', port: rig.broker.port })
  })

  it('security-X1 binds and announces the loopback address only, unless told otherwise, and says so when it is', async () => {
    rig = await BrokerRig.start()
    expect([rig.broker.host, rig.broker.addr]).toEqual(['127.0.0.1', `127.0.0.1:${rig.broker.port}`])
    const warnings: string[] = []
    const nothing = (): void => {}
    const logger = { debug: nothing, info: nothing, warn: (text: string) => void warnings.push(text), error: nothing }
    const quiet = rig.newBroker({ namesrvAddr: '', logger })
    await quiet.start()
    expect(warnings).toEqual([])
    const open = rig.newBroker({ namesrvAddr: '', host: '0.0.0.0', logger })
    await open.start()
    expect(warnings).toEqual([expect.stringContaining('0.0.0.0')])
    await Promise.all([quiet.shutdown(), open.shutdown()])
  })

  it('a topic or setting that is wrong is refused before anything runs', () => {
    const options = { namesrvAddr: '' }
    expect(() => new BrokerController({ ...options, topics: { 'a b': {} } })).toThrow(/a b/)
    expect(() => new BrokerController({ ...options, topics: { T: { queues: 0 } } })).toThrow(/queues is 0/)
    expect(() => new BrokerController({ ...options, config: { brokerName: 'x y' } })).toThrow(/brokerName/)
    expect(() => new BrokerController({ ...options, storeConfig: { flushDiskType: 'NEVER' as 'SYNC_FLUSH' } })).toThrow(
      /flushDiskType/
    )
  })
})
