import { afterEach, describe, expect, it } from 'vitest'
import { parseFastjson } from '../../src/protocol/fastjson.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

const SECOND = 1000

let rig: BrokerRig
afterEach(() => rig.stop())

const bodyOf = (answer: RemotingCommand): Record<string, unknown> =>
  parseFastjson(answer.body!.toString()) as Record<string, unknown>

async function ask(peer: BrokerPeer, code: number, fields: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const answer = await rig.ask(peer, rig.request(code, fields))
  expect({ code: answer.code, remark: answer.remark }).toMatchObject({ code: 0 })
  return answer.body === undefined ? {} : bodyOf(answer)
}

/** On a connection of its own: those before it are idle for too long. */
const stats = async (statsName: string, statsKey: string): Promise<Record<string, unknown>> =>
  ask(await rig.connect(), 315, { statsName, statsKey })

async function send(peer: BrokerPeer, count: number, topic = 'T'): Promise<void> {
  for (let i = 0; i < count; i++) await rig.ask(peer, rig.sendRequest({ topic, queueId: i % 4 }))
}

async function commit(peer: BrokerPeer, group: string, queueId: number, offset: number): Promise<void> {
  await rig.ask(peer, rig.request(352, { group }))
  const fields = { consumerGroup: group, topic: 'T', queueId: String(queueId), commitOffset: String(offset) }
  expect(await rig.ask(peer, rig.request(15, fields))).toMatchObject({ code: 0 })
}

describe('counters of the last minute, hour and day', () => {
  it('store-160 hold what came in within the span, on the clock of the broker, under their names (315)', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    await send(peer, 6)
    await rig.clock.advance(10 * SECOND)
    const six = { sum: 6, tps: 0.6, avgpt: 1 }
    expect(await stats('TOPIC_PUT_NUMS', 'T')).toMatchObject({ statsMinute: six })
    await rig.clock.advance(80 * SECOND)
    expect(await stats('TOPIC_PUT_NUMS', 'T')).toMatchObject({ statsMinute: { sum: 0, tps: 0, avgpt: 0 } })
    expect(rig.broker.brokerStatsManager.get('TOPIC_PUT_NUMS', 'T')).toMatchObject({ value: 6, times: 6 })
  })

  it('store-161 an item that nobody has counted is an error 1 that names it; those of deleted topics and groups are gone', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const missing = await rig.ask(peer, rig.request(315, { statsName: 'TOPIC_PUT_NUMS', statsKey: 'T' }))
    expect(missing).toMatchObject({ code: 1, remark: 'The stats <TOPIC_PUT_NUMS> <T> not exist' })
    await send(peer, 1)
    await rig.ask(peer, rig.pullRequest('T', 0, 0))
    expect(await stats('GROUP_GET_NUMS', 'T@CG')).toMatchObject({ statsMinute: { sum: 0 } })
    await ask(peer, 207, { groupName: 'CG' })
    expect(await rig.ask(peer, rig.request(315, { statsName: 'GROUP_GET_NUMS', statsKey: 'T@CG' }))).toMatchObject({ code: 1 })
    await ask(peer, 215, { topic: 'T' })
    expect(await rig.ask(peer, rig.request(315, { statsName: 'TOPIC_PUT_NUMS', statsKey: 'T' }))).toMatchObject({ code: 1 })
  })
})

describe('what groups have consumed', () => {
  it('store-163 how far a group is behind, queue by queue (208), and every group (317)', async () => {
    rig = await BrokerRig.start({ topics: { T: { queues: 2 }, Other: { queues: 1 } } })
    const peer = await rig.connect()
    for (let i = 0; i < 5; i++) await rig.ask(peer, rig.sendRequest({ queueId: 0 }))
    await rig.ask(peer, rig.pullRequest('T', 0, 0))
    await commit(peer, 'CG', 0, 2)
    await rig.clock.advance(10 * SECOND)
    const key = (queueId: number): string => `{"brokerName":"broker-a","queueId":${queueId},"topic":"T"}`
    const { offsetTable, consumeTps } = await ask(peer, 208, { consumerGroup: 'CG' })
    const lastTimestamp = rig.broker.store.getMessageStoreTimeStamp('T', 0, 1)
    expect(offsetTable).toEqual({
      [key(0)]: { brokerOffset: 5, consumerOffset: 2, lastTimestamp, pullOffset: 5 },
      [key(1)]: { brokerOffset: 0, consumerOffset: 0, lastTimestamp: 0, pullOffset: 0 }
    })
    expect(consumeTps).toBe(0.5)
    expect(await ask(peer, 208, { consumerGroup: 'CG', topic: 'Nowhere' })).toMatchObject({ offsetTable: {} })
    const listed = await ask(peer, 208, { consumerGroup: 'CG', topicList: 'Other;Nowhere' })
    expect(Object.keys(listed['offsetTable'] as object)).toHaveLength(1)
    const all = (await ask(peer, 317, { isOrder: 'false' })) as {
      consumeStatsList: Array<Record<string, unknown[]>>
      totalDiff: number
      totalInflightDiff: number
    }
    expect([all.totalDiff, all.totalInflightDiff]).toEqual([3, 3])
    expect(all.consumeStatsList.filter((entry) => Object.values(entry)[0]!.length > 0)).toEqual([
      { CG: [{ consumeTps: 0.5, offsetTable }] }
    ])
    expect(await ask(peer, 317, { isOrder: 'true' })).toMatchObject({ totalDiff: 0 })
  })

  it('store-164 who consumes a topic (300), which topics a group consumes (343), how long the next message waits (303)', async () => {
    rig = await BrokerRig.start({ topics: { T: { queues: 1 } } })
    const peer = await rig.connect()
    for (let i = 0; i < 2; i++) await rig.ask(peer, rig.sendRequest({ queueId: 0 }))
    await commit(peer, 'CG', 0, 1)
    expect(await ask(peer, 300, { topic: 'T' })).toEqual({ groupList: ['CG'] })
    expect(await ask(peer, 343, { group: 'CG' })).toMatchObject({ topicList: ['T'] })
    expect(await ask(peer, 345, { group: 'CG', topic: 'T' })).toEqual({ group: 'CG', topic: 'T' })
    await rig.clock.advance(5 * SECOND)
    const { consumeTimeSpanSet } = await ask(peer, 303, { group: 'CG', topic: 'T' })
    expect(consumeTimeSpanSet).toMatchObject([{ delayTime: 5000, messageQueue: { topic: 'T', queueId: 0 } }])
    expect(await rig.ask(peer, rig.request(303, { group: 'CG', topic: 'Nowhere' }))).toMatchObject({ code: 17 })
  })

  it('store-165 a group goes on from where another one is (314); the lowest offset of all of them is found (308)', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    await send(peer, 8)
    await commit(peer, 'CG', 0, 2)
    await commit(peer, 'CG', 1, 1)
    await ask(peer, 314, { srcGroup: 'CG', destGroup: 'Copy', topic: 'T' })
    expect(rig.broker.consumerOffsetManager.queryOffset('Copy', 'T', 0)).toBe(2)
    await commit(peer, 'Copy', 0, 1)
    expect(rig.broker.consumerOffsetManager.queryOffset('CG', 'T', 0)).toBe(2)
    const lowest = { correctionOffsets: { '0': 1, '1': 1 } }
    expect(await ask(peer, 308, { topic: 'T', compareGroup: 'CG', filterGroups: '' })).toEqual(lowest)
    const without = await ask(peer, 308, { topic: 'T', compareGroup: 'CG', filterGroups: 'Copy' })
    expect(without).toEqual({ correctionOffsets: { '0': 2, '1': 1 } })
    expect(await rig.ask(peer, rig.request(314, { srcGroup: 'CG', destGroup: 'a/../b' }))).toMatchObject({ code: 29 })
  })

  it('store-166 a deleted group (207) is forgotten, its offsets only where that is asked for', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    await send(peer, 4)
    await commit(peer, 'CG', 0, 1)
    const { counter } = rig.broker.subscriptionGroupManager.dataVersion
    await ask(peer, 207, { groupName: 'CG' })
    expect(rig.broker.subscriptionGroupManager.contains('CG')).toBe(false)
    expect(rig.broker.subscriptionGroupManager.dataVersion.counter).toBe(counter + 1)
    expect(rig.broker.consumerOffsetManager.queryOffset('CG', 'T', 0)).toBe(1)
    await ask(peer, 207, { groupName: 'CG', cleanOffset: 'true' })
    expect(rig.broker.consumerOffsetManager.queryOffset('CG', 'T', 0)).toBe(-1)
  })
})

it('store-167 units of a queue (321), members of all producer groups (328) and slaves (907) can be looked at', async () => {
  rig = await BrokerRig.start()
  const peer = await rig.connect()
  for (let i = 0; i < 3; i++) await rig.ask(peer, rig.sendRequest({ queueId: 0 }))
  const units = (await ask(peer, 321, { topic: 'T', queueId: '0', index: '1', count: '1' })) as { queueData: unknown[] }
  expect(units).toMatchObject({ minQueueIndex: 0, maxQueueIndex: 3 })
  expect(units.queueData).toHaveLength(1)
  const behind = await rig.ask(peer, rig.request(321, { topic: 'T', queueId: '0', index: '3', count: '1' }))
  expect(behind).toMatchObject({ code: 0, remark: 'Index 3 of 0@T is not exist!' })
  expect(await rig.ask(peer, rig.request(321, { topic: 'T', queueId: '9', index: '0', count: '1' }))).toMatchObject({ code: 1 })
  expect(await ask(peer, 328)).toEqual({ data: {} })
  expect(await ask(peer, 907)).toMatchObject({ master: true, masterCommitLogMaxOffset: rig.broker.store.getMaxPhyOffset() })
  for (const code of [306, 316]) await ask(peer, code)
  expect(rig.broker.store.getMaxOffsetInQueue('T', 0)).toBe(3)
})
