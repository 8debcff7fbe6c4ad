import { describe, expect, it } from 'vitest'
import { decodeClusterInfo, encodeClusterInfo } from '../../src/protocol/cluster-info.ts'
import { decodeConsumerIdList, encodeConsumerIdList } from '../../src/protocol/consumer-list.ts'
import { decodeHeartbeat, encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { decodeKVTable, encodeKVTable } from '../../src/protocol/kv-table.ts'
import {
  decodeLockBatchRequest,
  decodeLockBatchResponse,
  encodeLockBatchRequest,
  encodeLockBatchResponse
} from '../../src/protocol/lock-batch.ts'
import { decodeRegisterBrokerBody, encodeRegisterBrokerBody } from '../../src/protocol/register-broker-body.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import {
  decodeDataVersion,
  decodeTopicConfigSerializeWrapper,
  encodeDataVersion,
  encodeTopicConfigSerializeWrapper
} from '../../src/protocol/topic-config.ts'
import { decodeTopicList, encodeTopicList } from '../../src/protocol/topic-list.ts'
import { decodeTopicRoute, encodeTopicRoute } from '../../src/protocol/topic-route.ts'
import { conversations, probes, wireVectors } from './load.ts'

const vectors = wireVectors()

/** Bodies of recorded requests or answers. */
function recorded(direction: 'c2s' | 's2c', code: number): Array<{ client: string; body: Buffer }> {
  return conversations().flatMap(({ client, frames }) =>
    frames
      .filter(({ dir, code: own, requestCode, truncated, flag }) => {
        const matches = direction === 'c2s' ? own === code && (flag & 1) === 0 : requestCode === code && own === 0
        return matches && dir === direction && truncated !== true
      })
      .flatMap(({ hex }) => {
        const bytes = Buffer.from(hex, 'hex')
        const { body } = RemotingCommand.decode(bytes, 0, bytes.length)
        return body === undefined ? [] : [{ client, body }]
      })
  )
}

function probed(name: string, side: 'requestHex' | 'responseHex'): RemotingCommand {
  const bytes = Buffer.from(probes().find((probe) => probe.name === name)?.[side] ?? '', 'hex')
  return RemotingCommand.decode(bytes, 0, bytes.length)
}

describe('topic routes', () => {
  it('read alike from standard JSON and with bare number keys, and are written as both', () => {
    const { fastjson, standard } = vectors.topicRouteDataJson
    const route = decodeTopicRoute(Buffer.from(fastjson))
    expect(decodeTopicRoute(Buffer.from(standard))).toEqual(route)
    expect(route.brokerDatas[1]?.brokerAddrs.get(1)).toBe('127.0.0.1:11911')
    expect(route.queueDatas[0]).toEqual({ brokerName: 'broker-a', readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 })
    expect(encodeTopicRoute(route, false).toString()).toBe(fastjson)
    expect(encodeTopicRoute(route, true).toString()).toBe(standard)
  })

  it('wire-W13 recorded ones come out byte for byte', () => {
    const bodies = recorded('s2c', 105)
    expect(bodies.length).toBeGreaterThan(100)
    for (const { body } of bodies) {
      const standard = body.includes('"0":')
      expect(encodeTopicRoute(decodeTopicRoute(body), standard).toString()).toBe(body.toString())
    }
  })

  it('escape what is not ASCII in the standard form only', () => {
    const route = { queueDatas: [], brokerDatas: [], filterServerTable: new Map(), orderTopicConf: 'bröker😀:4' }
    expect(encodeTopicRoute(route, true).toString()).toContain('br\\u00F6ker\\uD83D\\uDE00:4')
    expect(encodeTopicRoute(route, false).toString()).toContain('bröker😀:4')
    expect(decodeTopicRoute(encodeTopicRoute(route, true))).toEqual(decodeTopicRoute(encodeTopicRoute(route, false)))
  })

  it('wire-W13 recorded cluster infos come out byte for byte', () => {
    const bodies = recorded('s2c', 106)
    expect(bodies.length).toBeGreaterThan(100)
    for (const { body } of bodies) expect(encodeClusterInfo(decodeClusterInfo(body)).toString()).toBe(body.toString())
  })
})

describe('heartbeats', () => {
  it('read and are written byte for byte', () => {
    const heartbeat = decodeHeartbeat(Buffer.from(vectors.heartbeatJson))
    expect(heartbeat.consumerDataSet[0]?.subscriptionDataSet[0]?.codeSet).toEqual([65, 66])
    expect(encodeHeartbeat(heartbeat).toString()).toBe(vectors.heartbeatJson)
  })

  it('wire-W13 of every recorded client read, and write to what reads the same', () => {
    const bodies = recorded('c2s', 34)
    expect(new Set(bodies.map(({ client }) => client)).size).toBe(7)
    for (const { body } of bodies) {
      const heartbeat = decodeHeartbeat(body)
      expect(heartbeat.clientID).not.toBe('')
      expect(heartbeat.producerDataSet.length + heartbeat.consumerDataSet.length).toBeGreaterThan(0)
      expect(decodeHeartbeat(encodeHeartbeat(heartbeat))).toEqual(heartbeat)
    }
  })
})

describe('topic configs and registrations', () => {
  it('topic configs read and are written byte for byte', () => {
    const wrapper = decodeTopicConfigSerializeWrapper(Buffer.from(vectors.topicConfigSerializeWrapperJson))
    expect(wrapper.topicConfigTable.get('T1')?.readQueueNums).toBe(8)
    expect(encodeTopicConfigSerializeWrapper(wrapper).toString()).toBe(vectors.topicConfigSerializeWrapperJson)
  })

  it('a data version answered by a name server reads and is written byte for byte', () => {
    const body = probed('ns-322', 'responseHex').body as Buffer
    expect(encodeDataVersion(decodeDataVersion(body)).toString()).toBe(body.toString())
  })

  it('a registration reads in its plain and its compressed form', () => {
    const plain = probed('103-new-two-topics', 'requestHex')
    const body = decodeRegisterBrokerBody(plain.body, false, plain.version)
    expect([...body.topicConfigSerializeWrapper.topicConfigTable.keys()]).toHaveLength(2)
    expect(decodeRegisterBrokerBody(encodeRegisterBrokerBody(body, false), false, 479)).toEqual(body)
    expect(decodeRegisterBrokerBody(encodeRegisterBrokerBody(body, true), true, 479)).toEqual(body)

    const compressed = probed('103-compressed', 'requestHex')
    const topics = decodeRegisterBrokerBody(compressed.body, true, compressed.version).topicConfigSerializeWrapper
      .topicConfigTable
    expect([...topics.values()][0]).toMatchObject({ topicFilterType: 'SINGLE_TAG', topicSysFlag: 0, order: false })
    expect([...topics.keys()]).toEqual(['CT1', 'CT2'])
  })
})

describe('lists and tables', () => {
  it('wire-W13 recorded consumer lists and lock bodies come out byte for byte or read the same', () => {
    for (const { body } of recorded('s2c', 38)) {
      expect(encodeConsumerIdList(decodeConsumerIdList(body)).toString()).toBe(body.toString())
    }
    const locks = recorded('c2s', 41)
    expect(locks.length).toBeGreaterThan(10)
    for (const { body } of [...locks, ...recorded('c2s', 42)]) {
      const request = decodeLockBatchRequest(body)
      expect(request.mqSet.length).toBeGreaterThan(0)
      expect(decodeLockBatchRequest(encodeLockBatchRequest(request))).toEqual(request)
    }
    for (const { body } of recorded('s2c', 41)) {
      expect(encodeLockBatchResponse(decodeLockBatchResponse(body)).toString()).toBe(body.toString())
    }
  })

  it('topic lists and tables answered by a name server come out byte for byte', () => {
    const topics = probed('ns-224', 'responseHex').body as Buffer
    expect(decodeTopicList(topics).topicList).toContain('TBW102')
    expect(encodeTopicList(decodeTopicList(topics)).toString()).toBe(topics.toString())
    const table = probed('ns-219', 'responseHex').body as Buffer
    expect(encodeKVTable(decodeKVTable(table)).toString()).toBe(table.toString())
    expect(decodeKVTable(encodeKVTable(new Map([['k', 'v']])))).toEqual(new Map([['k', 'v']]))
  })
})
