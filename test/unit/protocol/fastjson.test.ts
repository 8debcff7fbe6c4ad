import { describe, expect, it } from 'vitest'
import { RemotingCommandException } from '../../../src/internal/errors.ts'
import { type FastjsonObject, parseFastjson } from '../../../src/protocol/fastjson.ts'
import { decodeHeartbeat } from '../../../src/protocol/heartbeat.ts'
import { decodeRegisterBrokerBody, encodeRegisterBrokerBody } from '../../../src/protocol/register-broker-body.ts'
import { decodeTopicRoute, encodeTopicRoute } from '../../../src/protocol/topic-route.ts'

describe('fastjson bodies', () => {
  it('may have numbers and whole objects as keys', () => {
    expect(parseFastjson('{0:"a",-1:{"b":[1,2.5e3,true,null]}}')).toEqual({ 0: 'a', '-1': { b: [1, 2500, true, null] } })
    const table = parseFastjson(
      '{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"t"}:5, {"brokerName":"b","queueId":1,"topic":"t"} : 6}}'
    )
    expect(Object.entries((table as FastjsonObject).offsetTable as FastjsonObject)).toEqual([
      ['{"brokerName":"b","queueId":0,"topic":"t"}', 5],
      ['{"brokerName":"b","queueId":1,"topic":"t"}', 6]
    ])
    expect(parseFastjson(' { 0 : "\\u0001\\"é" , 1 : [ ] , 2 : { } } ')).toEqual({ 0: '\u0001"é', 1: [], 2: {} })
  })

  it('names are only data in both readers', () => {
    for (const text of ['{"a":{"__proto__":{"x":1},"toString":2}}', '{0:1,"a":{"__proto__":{"x":1},"toString":2}}']) {
      const value = (parseFastjson(text) as FastjsonObject).a as FastjsonObject
      expect(Object.keys(value)).toEqual(['__proto__', 'toString'])
      expect(value.x).toBeUndefined()
      expect(value.hasOwnProperty).toBeUndefined()
    }
  })

  it('what is broken or nested too deep is a typed error', () => {
    const deep = (open: string, close: string): string => open.repeat(100_000) + close.repeat(100_000)
    const broken = [
      '',
      '{',
      '{0}',
      '{0:}',
      '{0:1',
      '{0:1}x',
      '{0:1,}',
      '[1,',
      '{0:"\u0001"}',
      '{0:"\\x"}',
      '{0:tru}',
      '{0:007}',
      '{0:-01}',
      '{0:+1}',
      '{007:1}',
      '{x:1}',
      'null,'
    ]
    for (const text of [...broken, deep('[', ']'), deep('{0:', '}'), deep('{"a":', '}').replace('}', '1}'), deep('{', '}')]) {
      expect(() => parseFastjson(text), text.slice(0, 20)).toThrow(RemotingCommandException)
    }
    for (const text of ['null', '[]', '1', '"x"'])
      expect(() => decodeTopicRoute(Buffer.from(text))).toThrow('is not a JSON object')
    expect(() => decodeHeartbeat(undefined)).toThrow(RemotingCommandException)
  })

  it('bytes that are no UTF-8 are refused, as by Java 5.3.3', () => {
    for (const broken of ['ff', 'c080', 'eda080']) {
      const body = Buffer.concat([Buffer.from('{"orderTopicConf":"'), Buffer.from(broken, 'hex'), Buffer.from('"}')])
      expect(() => decodeTopicRoute(body)).toThrow('the topic route is not UTF-8')
    }
  })

  it('what is missing has defaults, what has the wrong type is left out', () => {
    const heartbeat = decodeHeartbeat(
      Buffer.from(
        '{"clientID":5,"producerDataSet":[null,{"groupName":"g"},3],"consumerDataSet":[{"groupName":"c","consumeType":0,"messageModel":"x","subscriptionDataSet":[{"topic":"T","tagsSet":["a"],"codeSet":["97"],"subVersion":1700000000000000001}]}]}'
      )
    )
    expect(heartbeat).toMatchObject({
      clientID: '5',
      producerDataSet: [{ groupName: 'g' }],
      withoutSub: false,
      heartbeatFingerprint: 0
    })
    expect(heartbeat.consumerDataSet[0]).toMatchObject({
      consumeType: 'CONSUME_ACTIVELY',
      messageModel: 'CLUSTERING',
      unitMode: false
    })
    expect(heartbeat.consumerDataSet[0]?.subscriptionDataSet[0]).toMatchObject({ codeSet: [97], expressionType: 'TAG' })
    const route = decodeTopicRoute(
      Buffer.from('{"queueDatas":[{"brokerName":"b","topicSynFlag":3}],"brokerDatas":[{"brokerAddrs":{0:"a:1","x":"b:2",1:5}}]}')
    )
    expect(route.queueDatas[0]?.topicSysFlag).toBe(3)
    expect([...(route.brokerDatas[0]?.brokerAddrs ?? [])]).toEqual([[0, 'a:1']])
  })

  it('the mapping of a static topic is kept as it came', () => {
    const text =
      '{"brokerDatas":[],"filterServerTable":{},"queueDatas":[],"topicQueueMappingByBroker":{"b":{"epoch":1,"currIdMap":{"0":0}}}}'
    const route = decodeTopicRoute(Buffer.from(text))
    expect(route.topicQueueMappingByBroker?.get('b')).toEqual({ epoch: 1, currIdMap: { 0: 0 } })
    expect(encodeTopicRoute(route, true).toString()).toBe(text)
    expect(decodeTopicRoute(Buffer.from('{}')).topicQueueMappingByBroker).toBeUndefined()
  })

  it('a compressed registration that is damaged is a typed error', () => {
    const body = {
      filterServerList: ['f:1'],
      topicConfigSerializeWrapper: {
        dataVersion: { counter: 1, stateVersion: 2, timestamp: 3 },
        topicConfigTable: new Map([
          [
            'T',
            {
              topicName: 'T',
              readQueueNums: 4,
              writeQueueNums: 8,
              perm: 6,
              topicFilterType: 'MULTI_TAG' as const,
              topicSysFlag: 0,
              order: false,
              attributes: new Map([['message.type', 'FIFO and more']])
            }
          ]
        ])
      }
    }
    const packed = encodeRegisterBrokerBody(body, true)
    expect(decodeRegisterBrokerBody(packed, true, 479)).toEqual(body)
    expect(decodeRegisterBrokerBody(encodeRegisterBrokerBody(body, false), false, 479)).toEqual(body)
    for (let size = 0; size < packed.length; size++) {
      expect(() => decodeRegisterBrokerBody(packed.subarray(0, size), true, 479)).toThrow(RemotingCommandException)
    }
    expect(() => decodeRegisterBrokerBody(undefined, false, 479)).toThrow(RemotingCommandException)
  })
})
