import { afterEach, describe, expect, it } from 'vitest'
import { BrokerController } from '../../src/broker/broker-controller.ts'
import { MQClientException } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn, until } from '../support/turns.ts'

const stops: Array<() => Promise<void>> = []
let rig: BrokerRig

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A master with one slave that serves pulls. */
async function startPair(): Promise<BrokerController> {
  rig = await BrokerRig.start({ storeConfig: { brokerRole: 'SYNC_MASTER' } })
  stops.push(() => rig.stop())
  const slave = rig.newBroker({ config: { brokerId: 1, slaveReadEnable: true }, storeConfig: { brokerRole: 'SLAVE' } })
  stops.push(() => slave.shutdown())
  await slave.start()
  await rig.broker.haService.whenSlaves(1, 1000)
  return slave
}

async function loopback(options: LoopbackBrokerOptions): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), ...options })
  stops.push(() => broker.close())
  return broker
}

describe('a slave broker', () => {
  it('refuses what would write, and says so as 5.3.3 does', async () => {
    const slave = await startPair()
    const peer = await rig.connect(slave)
    const busy = { code: 2, remark: '[REJECTREQUEST]system busy, start flow control for a while' }
    expect(await rig.ask(peer, rig.sendRequest())).toMatchObject(busy)
    const sendBack = { offset: '0', group: 'CG', delayLevel: '0', originMsgId: '', originTopic: 'T' }
    expect(await rig.ask(peer, rig.request(36, sendBack))).toMatchObject(busy)
    expect((await rig.ask(peer, rig.request(37, { commitOrRollback: '8' }))).code).toBe(11)
    expect(slave.store.getMaxPhyOffset()).toBe(0)
  })

  it('serves pulls where slaveReadEnable says so: what it has, and the master for the rest', async () => {
    const slave = await startPair()
    const master = await rig.connect()
    await rig.ask(master, rig.sendRequest({ body: 'copied' }))
    const peer = await rig.connect(slave)
    const found = await rig.ask(peer, rig.pullRequest('T', 0, 0))
    expect(found).toMatchObject({ code: 0, extFields: { suggestWhichBrokerId: '0', nextBeginOffset: '1' } })
    expect(found.body).toEqual((await rig.ask(master, rig.pullRequest('T', 0, 0))).body)
    // Not held: whoever is at its end asks the master.
    const ahead = rig.pullRequest('T', 0, 1, { sysFlag: '6', suspendTimeoutMillis: '15000' })
    expect(await rig.ask(peer, ahead)).toMatchObject({ code: 20, extFields: { suggestWhichBrokerId: '0' } })
  })

  it('refuses pulls where slaveReadEnable is off, which is the default', async () => {
    await startPair()
    const slave = rig.newBroker({ config: { brokerId: 2 }, storeConfig: { brokerRole: 'SLAVE' } })
    stops.push(() => slave.shutdown())
    await slave.start()
    expect(await rig.ask(await rig.connect(slave), rig.pullRequest('T', 0, 0))).toMatchObject({ code: 2 })
  })

  it('needs an id of its own: 0 is the master', () => {
    const make = (): BrokerController => new BrokerController({ namesrvAddr: '', storeConfig: { brokerRole: 'SLAVE' } })
    expect(make).toThrow(MQClientException)
    expect(make).toThrow(/brokerRole is SLAVE and brokerId is 0/)
  })

  it('store-81 takes over topics, groups, consumer offsets and delay offsets of its master, now and every ten seconds', async () => {
    const slave = await startPair()
    const master = rig.broker
    await until(() => slave.slaveSynchronize!.masterAddr === master.addr)
    const peer = await rig.connect()
    const topic = { topic: 'Later', defaultTopic: 'TBW102', readQueueNums: '3', writeQueueNums: '3', perm: '6' }
    const more = { topicFilterType: 'SINGLE_TAG', topicSysFlag: '0', order: 'false' }
    expect((await rig.ask(peer, rig.request(17, { ...topic, ...more }))).code).toBe(0)
    const groupRetryPolicy = { type: 'CUSTOMIZED', customizedRetryPolicy: { next: [5] } }
    const group = JSON.stringify({ groupName: 'CG', retryMaxTimes: 7, consumeBroadcastEnable: false, groupRetryPolicy })
    expect((await rig.ask(peer, rig.request(200, {}, group))).code).toBe(0)
    const commit = { consumerGroup: 'CG', topic: 'Later', queueId: '2', commitOffset: '5' }
    await rig.ask(peer, rig.request(15, commit))
    expect(slave.topicConfigManager.selectTopicConfig('Later')).toBeUndefined()
    await rig.clock.advance(10_000)
    expect(slave.topicConfigManager.selectTopicConfig('Later')).toEqual(master.topicConfigManager.selectTopicConfig('Later'))
    expect(slave.topicConfigManager.dataVersion).toEqual(master.topicConfigManager.dataVersion)
    expect(slave.subscriptionGroupManager.table.get('CG')).toEqual(master.subscriptionGroupManager.table.get('CG'))
    expect(slave.subscriptionGroupManager.table.get('CG')).toMatchObject({ groupRetryPolicy })
    expect(slave.consumerOffsetManager.queryOffset('CG', 'Later', 2)).toBe(5)
    // A topic that is deleted there goes here too.
    await rig.ask(peer, rig.request(215, { topic: 'Later' }))
    await rig.clock.advance(10_000)
    expect(slave.topicConfigManager.selectTopicConfig('Later')).toBeUndefined()
  })

  it('store-198 takes over which groups pop which topics, and forgets what its master has forgotten', async () => {
    const slave = await startPair()
    await until(() => slave.slaveSynchronize!.masterAddr === rig.broker.addr)
    const peer = await rig.connect()
    await rig.ask(peer, rig.request(200, {}, JSON.stringify({ groupName: 'CG' })))
    const mode = { topic: 'T', consumerGroup: 'CG', mode: 'POP', popShareQueueNum: 2 } as const
    expect((await rig.ask(peer, rig.request(401, {}, JSON.stringify(mode)))).code).toBe(0)
    expect((await rig.ask(peer, rig.request(402))).body!.toString()).toBe(
      '{"messageRequestModeMap":{"T":{"CG":{"consumerGroup":"CG","mode":"POP","popShareQueueNum":2,"topic":"T"}}}}'
    )
    await rig.clock.advance(10_000)
    expect(slave.messageRequestModeManager.get('T', 'CG')).toEqual(mode)
    await rig.ask(peer, rig.request(207, { groupName: 'CG' }))
    await rig.clock.advance(10_000)
    expect(slave.messageRequestModeManager.get('T', 'CG')).toBeUndefined()
  })

  it('store-82 a master answers 43 and 45 in the form that fastjson reads', async () => {
    await startPair()
    const peer = await rig.connect()
    await rig.ask(peer, rig.request(200, {}, JSON.stringify({ groupName: 'CG' })))
    await rig.ask(peer, rig.request(15, { consumerGroup: 'CG', topic: 'T', queueId: '2', commitOffset: '5' }))
    expect((await rig.ask(peer, rig.request(43))).body!.toString()).toContain(
      '"groupTopicMap":{"CG":["T"]},"offsetTable":{"T@CG":{2:5}}'
    )
    expect((await rig.ask(peer, rig.request(45))).body!.toString()).toMatch(/"offsetTable":\{(\d+:\d+,?)*\}/)
  })

  it('is in the route beside its master, and leaves it alone when it stops', async () => {
    const slave = await startPair()
    const ids = (): number[] => [...rig.nameServer.routes.pickupTopicRouteData('T')!.brokerDatas[0]!.brokerAddrs.keys()]
    expect(ids()).toEqual([0, 1])
    await slave.shutdown()
    expect(ids()).toEqual([0])
  })

  it('finds its master again when that comes back at another address', async () => {
    const slave = await startPair()
    await rig.broker.shutdown()
    rig.broker = rig.newBroker({ storeConfig: { brokerRole: 'SYNC_MASTER' } })
    await rig.broker.start()
    // It hears of it when it registers next.
    await rig.clock.advance(30_000)
    await rig.broker.haService.whenSlaves(1, 1000)
    expect(slave.slaveSynchronize!.masterAddr).toBe(rig.broker.addr)
  })
})

describe('LoopbackBroker with slaves', () => {
  it('starts masters with their slaves: a synchronous send is acknowledged at once, and is on the slave', async () => {
    const broker = await loopback({
      brokers: [{ slaves: 2 }, { brokerName: 'other', slaves: 0 }],
      storeConfig: { brokerRole: 'SYNC_MASTER' },
      topics: { Orders: { queues: 1 } }
    })
    expect(broker.brokers.map(({ brokerName }) => brokerName)).toEqual(['broker-a', 'other'])
    expect(broker.slaves.map(({ brokerName, brokerId }) => [brokerName, brokerId])).toEqual([
      ['broker-a', 1],
      ['broker-a', 2]
    ])
    const producer = new DefaultMQProducer({ producerGroup: 'p', ...broker.clientOptions() })
    stops.push(() => producer.shutdown())
    await producer.start()
    const statuses = new Map<string, Set<string>>()
    for (let i = 0; i < 8; i++) {
      const { messageQueue, sendStatus } = await producer.send(new Message({ topic: 'Orders', body: `m${i}` }))
      statuses.set(messageQueue.brokerName, (statuses.get(messageQueue.brokerName) ?? new Set()).add(sendStatus))
    }
    expect(statuses).toEqual(
      new Map([
        ['broker-a', new Set(['SEND_OK'])],
        ['other', new Set(['SLAVE_NOT_AVAILABLE'])]
      ])
    )
    expect(broker.messages('Orders'), 'slaves are not counted').toHaveLength(8)
    for (const slave of broker.slaves) {
      await until(() => slave.store.getMaxPhyOffset() === broker.brokers[0]!.store.getMaxPhyOffset())
      expect(slave.store.getMaxOffsetInQueue('Orders', 0)).toBe(broker.brokers[0]!.store.getMaxOffsetInQueue('Orders', 0))
    }
  })

  it('works on a held clock, and closes with nothing left', async () => {
    const clock = new HeldClock()
    const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), clock, brokers: [{ slaves: 1 }] })
    await broker.close()
    await nextTurn(5)
    expect(clock.timers).toBe(0)
  })

  it.each([
    ['brokers: 0', { brokers: 0 }, /brokers is 0: allowed is a whole number from 1 to 26/],
    ['an empty list', { brokers: [] }, /brokers is a list of 0/],
    ['slaves: 9', { brokers: [{ slaves: 9 }] }, /brokers\[0\]\.slaves is 9: allowed is a whole number from 0 to 8/],
    ['a name twice', { brokers: [{ brokerName: 'x' }, { brokerName: 'x' }] }, /each needs a brokerName of its own/]
  ])('%s is an error that says what is allowed', async (_, options, message) => {
    await expect(LoopbackBroker.start(options)).rejects.toThrow(message)
  })
})
