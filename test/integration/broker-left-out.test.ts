import { afterEach, describe, expect, it, vi } from 'vitest'
import { encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

// What 5.3.3 does for parts that are not here (proxies, static topics, brokers that stand in for a master), and what is done instead.
let rig: BrokerRig
const stops: Array<() => Promise<unknown>> = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  await rig.stop()
})

async function memberOf(messageModel: string, clientID: string): Promise<BrokerPeer> {
  const peer = await rig.connect()
  const subscriptionDataSet = [{ topic: 'T', subString: '*', subVersion: 1, tagsSet: [], codeSet: [] }]
  const group = { groupName: 'CG', consumeType: 'CONSUME_PASSIVELY', messageModel, subscriptionDataSet }
  expect((await rig.ask(peer, rig.request(34, {}, JSON.stringify({ clientID, consumerDataSet: [group] })))).code).toBe(0)
  return peer
}

async function producerAt(broker: BrokerRig['broker'], clientID: string): Promise<BrokerPeer> {
  const peer = await rig.connect(broker)
  const producerDataSet = [{ groupName: 'PG' }]
  const body = encodeHeartbeat({ clientID, producerDataSet, consumerDataSet: [], heartbeatFingerprint: 0, withoutSub: false })
  expect((await rig.ask(peer, rig.request(34, {}, body))).code).toBe(0)
  return peer
}

describe('left out, on purpose', () => {
  it('store-49 a group broadcasts as its heartbeats say; a pull that says it comes from a proxy is one like any other', async () => {
    rig = await BrokerRig.start()
    const [one, two] = [await memberOf('BROADCASTING', 'c1'), await memberOf('BROADCASTING', 'c2')]
    expect(one.frames, 'nobody is told who joins').toEqual([])
    for (let i = 0; i < 2; i++) await rig.ask(one, rig.sendRequest({ body: `m${i}` }))
    const pull = async (peer: BrokerPeer, fields: Record<string, string>): Promise<RemotingCommand> =>
      await rig.ask(peer, rig.pullRequest('T', 0, 0, { sysFlag: '0', ...fields }))
    const plain = await pull(one, {})
    const proxied = await pull(two, { requestSource: '1', proxyFrowardClientId: 'c9' })
    expect(proxied.body).toEqual(plain.body)
    expect(proxied.extFields).toEqual(plain.extFields)
    expect(rig.broker.consumerOffsetManager.queryOffset('CG', 'T', 0)).toBe(-1)
    await rig.ask(one, rig.request(200, {}, JSON.stringify({ groupName: 'CG', consumeBroadcastEnable: false })))
    expect(await pull(one, { requestSource: '1' })).toMatchObject({ code: 16, extFields: { forbiddenType: '4' } })
  })

  it('store-53 a slave keeps the half messages of its master and asks nobody about them, whoever its producers are', async () => {
    const config = { transactionCheckInterval: 1000, transactionTimeOut: 100 }
    rig = await BrokerRig.start({ config, storeConfig: { brokerRole: 'SYNC_MASTER' } })
    const slave = rig.newBroker({ config: { ...config, brokerId: 1 }, storeConfig: { brokerRole: 'SLAVE' } })
    stops.push(() => slave.shutdown())
    await slave.start()
    await rig.broker.haService.whenSlaves(1, 1000)
    const [atMaster, atSlave] = [await producerAt(rig.broker, 'c1'), await producerAt(slave, 'c2')]
    const properties = 'TRAN_MSG\u0001true\u0002PGROUP\u0001PG\u0002UNIQ_KEY\u0001U\u0002'
    expect((await rig.ask(atMaster, rig.sendRequest({ properties, sysFlag: 4 }))).code).toBe(0)
    const HALF = 'RMQ_SYS_TRANS_HALF_TOPIC'
    expect(slave.store.getMaxOffsetInQueue(HALF, 0)).toBe(1)
    await rig.clock.advance(1100)
    expect(atMaster.frames.splice(0).map(({ code }) => code)).toEqual([39])
    expect(atSlave.frames).toEqual([])
    // Nobody stands in for a master: what it holds waits until it is back.
    await rig.broker.suspend()
    await rig.clock.advance(5000)
    expect(atSlave.frames).toEqual([])
    await rig.broker.resume()
    const back = await producerAt(rig.broker, 'c1')
    await rig.clock.advance(1100)
    expect(back.frames.map(({ code }) => code)).toEqual([39])
  })

  it('store-54 there are no static topics: they cannot be made, and no queue is an unmapped one', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    expect(await rig.ask(peer, rig.request(513, { topic: 'T' }, '{}'))).toMatchObject({
      code: 3,
      remark: ' request type 513 not supported'
    })
    const logical = { consumerGroup: 'CG', topic: 'T', queueId: '0', bname: '__syslo__none', lo: 'true' }
    expect((await rig.ask(peer, rig.request(30, logical))).code).toBe(0)
  })

  it('store-55 offsets go with their topic or group, consumed and pulled ones; those of others stay', async () => {
    rig = await BrokerRig.start({ topics: { T: { queues: 1 }, T2: { queues: 1 } } })
    const peer = await rig.connect()
    const { consumerOffsetManager } = rig.broker
    for (const topic of ['T', 'T2']) {
      for (let i = 0; i < 3; i++) await rig.ask(peer, rig.sendRequest({ topic }))
      await rig.ask(peer, rig.pullRequest(topic, 0, 0))
      await rig.ask(peer, rig.request(15, { consumerGroup: 'CG', topic, queueId: '0', commitOffset: '2' }))
    }
    const offsets = (topic: string): number[] => [
      consumerOffsetManager.queryOffset('CG', topic, 0),
      consumerOffsetManager.queryPullOffset('CG', topic, 0)
    ]
    await rig.ask(peer, rig.request(215, { topic: 'Unknown' }))
    expect([offsets('T'), offsets('T2')]).toEqual([
      [2, 3],
      [2, 3]
    ])
    expect(consumerOffsetManager.queryPullOffset('Other', 'T', 0), 'as far as it has consumed').toBe(-1)
    await rig.ask(peer, rig.request(222, { topic: 'T2', group: 'CG', timestamp: '0', isForce: 'true' }))
    expect(offsets('T2')).toEqual([0, 3])
    await rig.ask(peer, rig.request(215, { topic: 'T' }))
    expect([offsets('T'), offsets('T2')]).toEqual([
      [-1, -1],
      [0, 3]
    ])
    await rig.ask(peer, rig.request(207, { groupName: 'CG', cleanOffset: 'true' }))
    expect(offsets('T2')).toEqual([-1, -1])
  })

  it('store-47 a pull of messages that are just being removed is answered 20, with the next offset', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const removing = { status: 'MESSAGE_WAS_REMOVING', nextBeginOffset: 7, minOffset: 5, maxOffset: 9, messages: [] } as const
    vi.spyOn(rig.broker.store, 'getMessage').mockReturnValue({ ...removing, messages: [] })
    const answer = await rig.ask(peer, rig.pullRequest('T', 0, 3))
    expect(answer).toMatchObject({
      code: 20,
      remark: 'MESSAGE_WAS_REMOVING',
      extFields: { nextBeginOffset: '7', minOffset: '5' }
    })
  })

  it('security-X2 what deletes without being told what deletes nothing that a client can reach', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    await rig.ask(peer, rig.sendRequest({ body: 'kept' }))
    for (const code of [306, 316, 329]) expect((await rig.ask(peer, rig.request(code))).code).toBe(0)
    await rig.clock.advance(30_000)
    expect(rig.stored('T').map(({ body }) => body.toString())).toEqual(['kept'])
  })
})
