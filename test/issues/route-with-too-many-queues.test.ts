import { describe, expect, it } from 'vitest'
import { topicRouteToPublishInfo } from '../../src/client/topic-publish-info.ts'
import type { TopicRouteData } from '../../src/protocol/topic-route.ts'

function route(writeQueueNums: number, orderTopicConf?: string): TopicRouteData {
  return {
    orderTopicConf,
    queueDatas: [{ brokerName: 'a', readQueueNums: 4, writeQueueNums, perm: 6, topicSysFlag: 0 }],
    brokerDatas: [{ cluster: 'c', brokerName: 'a', brokerAddrs: new Map([[0, '127.0.0.1:10911']]), enableActingMaster: false }],
    filterServerTable: new Map()
  }
}

describe('a route that names more queues than any topic has', () => {
  it('is refused before memory is spent on it', () => {
    for (const hostile of [route(1e12), route(Number.POSITIVE_INFINITY), route(4, 'a:65536;'.repeat(20_000))]) {
      expect(() => topicRouteToPublishInfo('T', hostile)).toThrow(
        /^the route of topic T names \w+ queues or more: at most 262144/
      )
    }
    expect(topicRouteToPublishInfo('T', route(65_536)).messageQueues).toHaveLength(65_536)
  })
})
