import { describe, expect, it } from 'vitest'
import { decodeTopicRoute } from '../../../src/protocol/topic-route.ts'

const decode = (text: string): ReturnType<typeof decodeTopicRoute> => decodeTopicRoute(Buffer.from(text))

describe('a route', () => {
  // Broker ids stand bare, as name servers before 4.9.4 write them; acting masters have negative ones elsewhere.
  it.each(['{0:"10.0.0.1:10911",1:"10.0.0.2:10911"}', '{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"}'])(
    'producer-32 keeps queues, brokers, filter servers and static mappings: %s',
    (brokerAddrs) => {
      const route = decode(
        `{"brokerDatas":[{"brokerAddrs":${brokerAddrs},"brokerName":"broker-a","cluster":"c","enableActingMaster":true,"zoneName":"z"}],` +
          '"filterServerTable":{"10.0.0.1:10911":["10.0.0.9:1"]},"orderTopicConf":"broker-a:4",' +
          '"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":8,"topicSynFlag":2,"writeQueueNums":4}],' +
          '"topicQueueMappingByBroker":{"broker-a":{"bname":"broker-a","currIdMap":{0:0},"epoch":1,"scope":"__global__","totalQueues":4}}}'
      )
      expect(route.queueDatas).toEqual([
        { brokerName: 'broker-a', readQueueNums: 8, writeQueueNums: 4, perm: 6, topicSysFlag: 2 }
      ])
      const [broker] = route.brokerDatas
      expect(broker).toMatchObject({ brokerName: 'broker-a', cluster: 'c', enableActingMaster: true, zoneName: 'z' })
      expect([...broker!.brokerAddrs]).toEqual([
        [0, '10.0.0.1:10911'],
        [1, '10.0.0.2:10911']
      ])
      expect([...route.filterServerTable]).toEqual([['10.0.0.1:10911', ['10.0.0.9:1']]])
      expect(route.orderTopicConf).toBe('broker-a:4')
      expect([...route.topicQueueMappingByBroker!.keys()]).toEqual(['broker-a'])
      expect(route.topicQueueMappingByBroker!.get('broker-a')).toMatchObject({ scope: '__global__', totalQueues: 4 })
    }
  )

  it('producer-32 without the optional parts has none of them', () => {
    const route = decode('{"brokerDatas":[],"filterServerTable":{},"queueDatas":[]}')
    expect(route).toMatchObject({
      orderTopicConf: undefined,
      topicQueueMappingByBroker: undefined,
      queueDatas: [],
      brokerDatas: []
    })
  })
})
