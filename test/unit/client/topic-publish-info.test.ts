import { describe, expect, it } from 'vitest'
import { BrokerTable } from '../../../src/client/broker-table.ts'
import { topicRouteToPublishInfo } from '../../../src/client/topic-publish-info.ts'
import type { QueueData, TopicRouteData } from '../../../src/protocol/topic-route.ts'

type Broker = { name: string; perm?: number; write?: number; addrs?: Array<[number, string]> }

function route(...brokers: Broker[]): TopicRouteData {
  const queueDatas = brokers.map(
    ({ name, perm = 6, write = 4 }): QueueData => ({
      brokerName: name,
      readQueueNums: 8,
      writeQueueNums: write,
      perm,
      topicSysFlag: 0
    })
  )
  const brokerDatas = brokers.map(({ name, addrs = [[0, `${name}:10911`]] }) => ({
    cluster: 'C',
    brokerName: name,
    brokerAddrs: new Map(addrs),
    enableActingMaster: false
  }))
  return { queueDatas, brokerDatas, filterServerTable: new Map() }
}

function queues(data: TopicRouteData): string[] {
  return topicRouteToPublishInfo('T', data).messageQueues.map((q) => `${q.topic}/${q.brokerName}/${q.queueId}`)
}

describe('publish info', () => {
  it('producer-36 a route with permission 6 and four write queues gives four queues', () => {
    expect(queues(route({ name: 'a' }))).toEqual(['T/a/0', 'T/a/1', 'T/a/2', 'T/a/3'])
  })

  it('producer-36 brokers come by name; those without write permission, queues or master are left out', () => {
    const data = route(
      { name: 'd', write: 1 },
      { name: 'c', perm: 4 },
      { name: 'b', write: 0 },
      { name: 'a', write: 2 },
      { name: 'e', addrs: [[1, 'e:10911']] }
    )
    expect(queues(data)).toEqual(['T/a/0', 'T/a/1', 'T/d/0'])
  })

  it('producer-37 an order configuration gives its queues in its order, whatever the permissions', () => {
    const data = { ...route({ name: 'a', perm: 4 }), orderTopicConf: 'b:2;a:1' }
    const info = topicRouteToPublishInfo('T', data)
    expect(queues(data)).toEqual(['T/b/0', 'T/b/1', 'T/a/0'])
    expect(info.orderTopic).toBe(true)
    expect(queues({ ...route({ name: 'a' }), orderTopicConf: 'name:4' })).toHaveLength(4)
    expect(topicRouteToPublishInfo('T', route({ name: 'a' })).orderTopic).toBe(false)
  })

  it('producer-37 malformed parts of an order configuration are skipped', () => {
    expect(queues({ ...route({ name: 'a' }), orderTopicConf: 'b;;:3;c:x;d:-1;e:99999999;a:1' })).toEqual(['T/a/0'])
  })

  it('producer-37 a static mapping gives no queues', () => {
    const data = { ...route({ name: 'a' }), topicQueueMappingByBroker: new Map([['a', {}]]) }
    expect(queues(data)).toEqual([])
  })
})

describe('broker addresses', () => {
  const table = new BrokerTable()
  table.update(
    route(
      {
        name: 'a',
        addrs: [
          [0, 'a:1'],
          [1, 'a:2']
        ]
      },
      { name: 'b', addrs: [[1, 'b:2']] }
    )
  )

  it('producer-38 publishing uses broker id 0 only', () => {
    expect(table.masterAddress('a')).toBe('a:1')
    expect(table.masterAddress('b')).toBeUndefined()
    expect(table.masterAddress('nobody')).toBeUndefined()
    expect([...table.masters()]).toEqual(['a:1'])
    expect([...table.all()]).toEqual(['a:1', 'a:2', 'b:2'])
  })

  it('forgets addresses that are in no route twice running', () => {
    const routes = [route({ name: 'a', addrs: [[0, 'a:1']] })]
    expect(table.clean(routes)).toEqual([])
    expect(table.clean([route({ name: 'b', addrs: [[1, 'b:2']] }), ...routes])).toEqual(['a:2'])
    expect(table.clean(routes)).toEqual([])
    expect([...table.all()]).toEqual(['a:1', 'b:2'])
    expect(table.clean(routes)).toEqual(['b:2'])
    expect([...table.all()]).toEqual(['a:1'])
    table.update(route({ name: 'a', addrs: [[0, 'a:9']] }))
    table.clean([route({ name: 'a', addrs: [[0, 'a:9']] })])
    expect(table.clean([route({ name: 'a', addrs: [[0, 'a:9']] })])).toEqual(['a:1'])
  })
})
