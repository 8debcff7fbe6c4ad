import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { DEFAULT_NAMESRV_CONFIG, type NamesrvConfig } from '../../../src/nameserver/namesrv-config.ts'
import { type BrokerRegistration, RouteInfoManager } from '../../../src/nameserver/route-info-manager.ts'
import type { Connection } from '../../../src/transport/connection.ts'
import { topicConfig } from '../../support/registration.ts'
import { LinesLogger } from '../../support/remoting.ts'

function manager(config: Partial<NamesrvConfig> = {}): { routes: RouteInfoManager; clock: HeldClock } {
  const clock = new HeldClock()
  return { routes: new RouteInfoManager({ ...DEFAULT_NAMESRV_CONFIG, ...config }, clock, new LinesLogger()), clock }
}

interface Broker extends Partial<BrokerRegistration> {
  topics?: string[]
  perm?: number
  counter?: number
  stateVersion?: number
}

function registration({
  topics = ['T', 'U'],
  perm = 6,
  counter = 1,
  stateVersion = 0,
  ...rest
}: Broker = {}): BrokerRegistration {
  return {
    clusterName: 'C',
    brokerAddr: '10.0.0.1:10911',
    brokerName: 'a',
    brokerId: 0,
    haServerAddr: '10.0.0.1:10912',
    zoneName: undefined,
    heartbeatTimeoutMillis: undefined,
    enableActingMaster: undefined,
    topicConfig: {
      topicConfigTable: new Map(topics.map((topicName) => [topicName, topicConfig({ topicName, perm })])),
      dataVersion: { stateVersion, timestamp: 1, counter }
    },
    filterServerList: [],
    connection: undefined,
    ...rest
  }
}

const slave = { brokerId: 1, brokerAddr: '10.0.0.2:10911', haServerAddr: '10.0.0.2:10912' }
const other = { brokerName: 'b', brokerAddr: '10.0.0.9:10911' }

function addresses(routes: RouteInfoManager, topic = 'T'): Record<string, Record<string, string>> {
  const route = routes.pickupTopicRouteData(topic)
  return Object.fromEntries((route?.brokerDatas ?? []).map((b) => [b.brokerName, Object.fromEntries(b.brokerAddrs)]))
}

function permOf(routes: RouteInfoManager, topic = 'T'): number | undefined {
  return routes.topicQueues.queues(topic)?.get('a')?.perm
}

describe('registration', () => {
  it('store-61 a master is told no master, a slave its master', () => {
    const { routes } = manager()
    expect(routes.registerBroker(registration(slave))).toEqual({})
    expect(routes.registerBroker(registration())).toEqual({})
    expect(routes.registerBroker(registration(slave))).toEqual({ masterAddr: '10.0.0.1:10911', haServerAddr: '10.0.0.1:10912' })
  })

  it('store-62 a route lists brokers by id and queues, one entry a broker name', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration(slave))
    expect(addresses(routes)).toEqual({ a: { 0: '10.0.0.1:10911', 1: '10.0.0.2:10911' } })
    routes.registerBroker(registration({ ...other, clusterName: 'D' }))
    const route = routes.pickupTopicRouteData('T')!
    expect(route.queueDatas.map((q) => [q.brokerName, q.readQueueNums, q.writeQueueNums, q.perm])).toEqual([
      ['a', 8, 8, 6],
      ['b', 8, 8, 6]
    ])
    expect(route.brokerDatas.map((b) => [b.brokerName, b.cluster])).toEqual([
      ['a', 'C'],
      ['b', 'D']
    ])
  })

  it('store-62 a deleted topic leaves the route, of one cluster where one is named', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration({ ...other, clusterName: 'D' }))
    routes.deleteTopic('T', 'nobody')
    expect(Object.keys(addresses(routes))).toEqual(['a', 'b'])
    routes.deleteTopic('T', 'C')
    expect(Object.keys(addresses(routes))).toEqual(['b'])
    routes.deleteTopic('T')
    expect(routes.pickupTopicRouteData('T')).toBeUndefined()
    expect(Object.keys(addresses(routes, 'U'))).toEqual(['a', 'b'])
  })

  it('store-63 the last address takes the topics along, a slave leaves the master behind', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration(slave))
    routes.unregisterBroker('C', slave.brokerAddr, 'a')
    expect(addresses(routes)).toEqual({ a: { 0: '10.0.0.1:10911' } })
    routes.unregisterBroker('C', '10.0.0.1:10911', 'a')
    expect(routes.pickupTopicRouteData('T')).toBeUndefined()
    expect([...routes.topicQueues.topics()]).toEqual([])
    expect([...routes.brokers]).toEqual([])
    expect([...routes.clusters]).toEqual([])
  })

  it('store-64 with acting masters on, the smallest slave stands in for reading only', () => {
    const { routes } = manager({ supportActingMaster: true })
    routes.registerBroker(registration({ enableActingMaster: true }))
    routes.registerBroker(registration({ ...slave, enableActingMaster: true }))
    routes.registerBroker(registration({ brokerId: 2, brokerAddr: '10.0.0.3:10911', enableActingMaster: true }))
    routes.unregisterBroker('C', '10.0.0.1:10911', 'a')
    expect(addresses(routes)).toEqual({ a: { 0: slave.brokerAddr, 2: '10.0.0.3:10911' } })
    expect(permOf(routes)).toBe(4)
  })

  it('store-64 with acting masters off there is no id 0', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration(slave))
    routes.unregisterBroker('C', '10.0.0.1:10911', 'a')
    expect(addresses(routes)).toEqual({ a: { 1: slave.brokerAddr } })
    expect(permOf(routes)).toBe(6)
  })

  it('store-65 a slave registered anew as 0 is only 0, and the old master may come back as 1', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration(slave))
    routes.unregisterBroker('C', '10.0.0.1:10911', 'a')
    routes.registerBroker(registration({ ...slave, brokerId: 0 }))
    expect(addresses(routes)).toEqual({ a: { 0: slave.brokerAddr } })
    routes.registerBroker(registration({ brokerId: 1 }))
    expect(addresses(routes)).toEqual({ a: { 0: slave.brokerAddr, 1: '10.0.0.1:10911' } })
  })

  it('store-66 a topic table counts as changed for an unknown broker and another version only', () => {
    const { routes } = manager()
    const version = { stateVersion: 0, timestamp: 1, counter: 1 }
    expect(routes.isBrokerTopicConfigChanged('C', '10.0.0.1:10911', version)).toBe(true)
    routes.registerBroker(registration())
    expect(routes.isBrokerTopicConfigChanged('C', '10.0.0.1:10911', version)).toBe(false)
    for (const changed of [{ timestamp: 2 }, { counter: 2 }, { stateVersion: 2 }]) {
      expect(routes.isBrokerTopicConfigChanged('C', '10.0.0.1:10911', { ...version, ...changed })).toBe(true)
    }
    expect(routes.isBrokerTopicConfigChanged('D', '10.0.0.1:10911', version)).toBe(true)
  })

  it('store-66 with an unchanged version new topics are applied and known ones kept; missing ones stay', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration({ topics: ['T', 'V'], perm: 4 }))
    expect([permOf(routes, 'T'), permOf(routes, 'U'), permOf(routes, 'V')]).toEqual([6, 6, 4])
    routes.registerBroker(registration({ topics: ['T', 'V'], perm: 4, counter: 2 }))
    expect([permOf(routes, 'T'), permOf(routes, 'U'), permOf(routes, 'V')]).toEqual([4, 6, 4])
  })

  it('topics that a registration lacks go only where that is set', () => {
    const { routes } = manager({ deleteTopicWithBrokerRegistration: true })
    routes.registerBroker(registration({ topics: ['T', 'U', 'V'] }))
    routes.registerBroker(registration({ topics: ['T', 'V'] }))
    expect([...routes.topicQueues.topics()]).toEqual(['T', 'V'])
  })

  it('store-67 wiping the write permission turns 6 into 4, adding it turns it back', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    routes.registerBroker(registration(other))
    expect(routes.topicQueues.changeWritePerm('a', false)).toBe(2)
    expect([permOf(routes), routes.topicQueues.queues('T')?.get('b')?.perm]).toEqual([4, 6])
    expect(routes.topicQueues.changeWritePerm('a', true)).toBe(2)
    expect(permOf(routes)).toBe(6)
    expect(routes.topicQueues.changeWritePerm('nobody', true)).toBe(0)
  })

  it('refuses a single topic of a broker that is not registered, whose name stays', () => {
    const { routes } = manager()
    expect(routes.registerBroker(registration({ topics: ['T'] }))).toBeUndefined()
    expect(routes.pickupTopicRouteData('T')).toBeUndefined()
    expect(routes.brokers.get('a')?.brokerAddrs.size).toBe(0)
    expect([...routes.clusters.get('C')!]).toEqual(['a'])
    routes.registerBroker(registration())
    expect(routes.registerBroker(registration({ topics: ['V'] }))).toEqual({})
    expect(permOf(routes, 'V')).toBe(6)
  })

  it('ignores a broker that wants an id whose holder has a newer state version', () => {
    const { routes } = manager()
    routes.registerBroker(registration({ stateVersion: 2 }))
    expect(routes.registerBroker(registration({ brokerAddr: '10.0.0.7:10911', stateVersion: 1 }))).toEqual({})
    expect(addresses(routes)).toEqual({ a: { 0: '10.0.0.1:10911' } })
    routes.registerBroker(registration({ ...slave, stateVersion: 1 }))
    expect(routes.dataVersion('C', slave.brokerAddr)).toBeDefined()
    routes.registerBroker(registration({ ...slave, brokerId: 0, stateVersion: 1 }))
    expect(routes.dataVersion('C', slave.brokerAddr)).toBeUndefined()
    routes.registerBroker(registration({ brokerAddr: '10.0.0.7:10911', stateVersion: 2 }))
    expect(addresses(routes)).toEqual({ a: { 0: '10.0.0.7:10911' } })
  })

  it('takes queues of a topic from outside, but not for unknown brokers', () => {
    const { routes } = manager()
    routes.registerBroker(registration())
    const data = (brokerName: string) => ({ brokerName, readQueueNums: 1, writeQueueNums: 1, perm: 6, topicSysFlag: 0 })
    routes.registerTopic('N', [data('a'), data('nobody')])
    expect(routes.pickupTopicRouteData('N')).toBeUndefined()
    routes.registerTopic('N', [data('a')])
    expect(Object.keys(addresses(routes, 'N'))).toEqual(['a'])
  })

  it('security-X4 names such as __proto__ are names', () => {
    const { routes } = manager()
    routes.registerBroker(
      registration({ brokerName: '__proto__', clusterName: 'constructor', topics: ['__proto__', 'toString'] })
    )
    expect(addresses(routes, 'toString')).toEqual({ ['__proto__']: { 0: '10.0.0.1:10911' } })
    expect(routes.pickupTopicRouteData('hasOwnProperty')).toBeUndefined()
    expect(({} as Record<string, unknown>)['0']).toBeUndefined()
  })
})

describe('liveness', () => {
  it('store-68 a closed connection removes its broker only, and of a broker that came back over another nothing', () => {
    const { routes } = manager()
    const [one, two, three] = [{}, {}, {}] as Connection[]
    routes.registerBroker(registration({ connection: one }))
    routes.registerBroker(registration({ ...other, connection: two }))
    routes.registerBroker(registration({ connection: three }))
    routes.onConnectionClosed(one)
    expect(Object.keys(addresses(routes))).toEqual(['a', 'b'])
    routes.onConnectionClosed(two)
    expect(Object.keys(addresses(routes))).toEqual(['a'])
    routes.onConnectionClosed(three)
    expect(routes.pickupTopicRouteData('T')).toBeUndefined()
  })

  it('a broker is gone after 120 s of silence, or after the time it asked for; a sign of life counts', async () => {
    const { routes, clock } = manager()
    let closed = 0
    const connection = { close: () => closed++ } as unknown as Connection
    routes.registerBroker(registration({ connection }))
    routes.registerBroker(registration({ ...other, heartbeatTimeoutMillis: 1000 }))
    await clock.advance(1000)
    routes.scanNotActiveBroker()
    expect(Object.keys(addresses(routes))).toEqual(['a', 'b'])
    await clock.advance(1)
    routes.scanNotActiveBroker()
    expect(Object.keys(addresses(routes))).toEqual(['a'])
    routes.touch('C', '10.0.0.1:10911')
    await clock.advance(120_000)
    routes.scanNotActiveBroker()
    expect([Object.keys(addresses(routes)), closed]).toEqual([['a'], 0])
    await clock.advance(1)
    routes.scanNotActiveBroker()
    expect([Object.keys(addresses(routes)), closed]).toEqual([[], 1])
  })
})
