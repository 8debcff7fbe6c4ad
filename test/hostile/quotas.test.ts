import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerConfig } from '../../src/broker/broker-config.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { encodeHeartbeat, type SubscriptionData } from '../../src/protocol/heartbeat.ts'
import { decodeRegisterBrokerBody } from '../../src/protocol/register-broker-body.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { registerBrokerRequest } from '../support/registration.ts'
import { remotingClient } from '../support/remoting.ts'

/** `npm run torture` fills the tables as far as they are meant to go, past the limits that are set by default. */
const FULL = process.env.TORTURE !== undefined
const TIMEOUT = FULL ? 280_000 : 30_000

let rig: BrokerRig | undefined

async function start(config: Partial<BrokerConfig>): Promise<BrokerPeer> {
  rig = await BrokerRig.start({ config })
  return rig.connect()
}

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

/** The answers of many requests, by their code. */
async function codesOf(peer: BrokerPeer, requests: Iterable<RemotingCommand>): Promise<Map<number, number>> {
  const codes = new Map<number, number>()
  let waiting = 0
  const take = async (): Promise<void> => {
    const answer = await peer.next()
    if (!answer.isResponse) return
    waiting--
    codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1)
  }
  for (const request of requests) {
    peer.send(request)
    if (++waiting >= 500) await take()
  }
  while (waiting > 0) await take()
  return codes
}

function* times<T>(count: number, create: (i: number) => T): Generator<T> {
  for (let i = 0; i < count; i++) yield create(i)
}

function heartbeat(clientID: string, groups: { producers?: string[]; consumers?: string[]; topics?: string[] }): Buffer {
  const subscription = (topic: string): SubscriptionData => ({
    topic,
    subString: '*',
    tagsSet: [],
    codeSet: [],
    subVersion: 1,
    expressionType: 'TAG',
    classFilterMode: false
  })
  return encodeHeartbeat({
    clientID,
    producerDataSet: (groups.producers ?? []).map((groupName) => ({ groupName })),
    consumerDataSet: (groups.consumers ?? []).map((groupName) => ({
      groupName,
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptionDataSet: (groups.topics ?? ['T']).map(subscription),
      unitMode: false
    })),
    heartbeatFingerprint: 0,
    withoutSub: false
  })
}

describe('what clients make a broker remember', () => {
  it('security-X14 topics: automatic creation ends at the limit with code 16, which names it; what is there goes on', {
    timeout: TIMEOUT
  }, async () => {
    const [limit, sends] = FULL ? [20_000, 100_000] : [200, 1000]
    const peer = await start({ maxTopicNum: limit })
    const before = rig!.broker.topicConfigManager.topicConfigTable.size
    const codes = await codesOf(
      peer,
      times(sends, (i) => rig!.sendRequest({ topic: `auto-${i}` }))
    )
    expect(Object.fromEntries(codes)).toEqual({ 0: limit - before, 16: sends - limit + before })
    expect(rig!.broker.topicConfigManager.topicConfigTable.size).toBe(limit)
    const refused = await rig!.ask(peer, rig!.sendRequest({ topic: 'one-more' }))
    expect(refused.remark).toBe(
      `no room for topic one-more: the table holds ${limit} already, as many as maxTopicNum allows; remove what is not needed or raise maxTopicNum`
    )
    expect(rig!.stored('one-more')).toEqual([])
    expect((await rig!.ask(peer, rig!.sendRequest({ topic: 'auto-0' }))).code).toBe(0)
    // Created on purpose, for a retry or with a group, they count as well.
    const create = {
      topic: 'made',
      readQueueNums: '1',
      writeQueueNums: '1',
      perm: '6',
      topicFilterType: 'SINGLE_TAG',
      order: 'false'
    }
    expect((await rig!.ask(peer, rig!.request(17, create))).code).toBe(16)
    expect((await rig!.ask(peer, rig!.request(34, {}, heartbeat('c', { consumers: ['G'] })))).code).toBe(16)
    expect((await rig!.ask(peer, rig!.request(17, { ...create, topic: 'auto-1' }))).code).toBe(0)
    // One that goes makes room.
    expect((await rig!.ask(peer, rig!.request(215, { topic: 'auto-0' }))).code).toBe(0)
    expect((await rig!.ask(peer, rig!.request(17, create))).code).toBe(0)
  })

  it('security-X14 a topic that is created tells the name server of itself alone, however many there are', async () => {
    const registered: number[] = []
    const network = new MemoryNetwork()
    const clock = new HeldClock()
    const received = (bytes: Buffer, from: number, to: number): void => {
      const command = RemotingCommand.decode(bytes, from, to)
      if (command.code !== 103 || command.isResponse) return
      const { compressed } = command.extFields
      const body = decodeRegisterBrokerBody(command.body!, compressed === 'true', command.version)
      registered.push(body.topicConfigSerializeWrapper.topicConfigTable.size)
    }
    const journal = { of: () => ({ received, sent() {} }) }
    const nameServer = new NameServer({ network, clock, journal })
    await nameServer.start()
    rig = await BrokerRig.start({ network, clock, namesrvAddr: nameServer.addr })
    const peer = new BrokerPeer(await network.connect(rig.broker.host, rig.broker.port, {}))
    registered.length = 0
    await codesOf(
      peer,
      times(100, (i) => rig!.sendRequest({ topic: `auto-${i}` }))
    )
    await codesOf(
      peer,
      times(400, (i) => rig!.sendRequest({ topic: `auto-${i % 100}` }))
    )
    expect(registered).toEqual(Array.from({ length: 100 }, () => 1))
    await rig.stop()
    rig = undefined
    await nameServer.shutdown()
  })

  it('security-X14 groups: pulls, heartbeats, send-backs and settings create no more than the limit', {
    timeout: TIMEOUT
  }, async () => {
    const [limit, pulls] = FULL ? [20_000, 100_000] : [100, 500]
    const peer = await start({ maxSubscriptionGroupNum: limit })
    const before = rig!.broker.subscriptionGroupManager.table.size
    const codes = await codesOf(
      peer,
      times(pulls, (i) => rig!.pullRequest('T', 0, 0, { consumerGroup: `g-${i}` }))
    )
    expect(codes.get(16)).toBe(pulls - limit + before)
    expect(rig!.broker.subscriptionGroupManager.table.size).toBe(limit)
    for (const request of [
      rig!.request(34, {}, heartbeat('c', { consumers: ['one-more'] })),
      rig!.request(36, { offset: '0', group: 'one-more', delayLevel: '0' }),
      rig!.request(200, {}, JSON.stringify({ groupName: 'one-more' })),
      rig!.request(352, { group: 'one-more' })
    ]) {
      const answer = await rig!.ask(peer, request)
      expect([request.code, answer.code, answer.remark]).toEqual([
        request.code,
        16,
        `no room for group one-more: the table holds ${limit} already, as many as maxSubscriptionGroupNum allows; remove what is not needed or raise maxSubscriptionGroupNum`
      ])
    }
    expect((await rig!.ask(peer, rig!.pullRequest('T', 0, 0, { consumerGroup: 'g-0' }))).code).toBe(19)
  })

  it('security-X14 producers: more than the limit are not registered, and the end of a connection leaves none', {
    timeout: TIMEOUT
  }, async () => {
    const [limit, beats] = FULL ? [100_000, 1000] : [1000, 20]
    const peer = await start({ maxProducerNum: limit })
    const groupsOf = (beat: number): string[] => Array.from(times(1000, (i) => `pg-${beat}-${i}`))
    const codes = await codesOf(
      peer,
      times(beats, (beat) => rig!.request(34, {}, heartbeat(`client-${beat}`, { producers: groupsOf(beat) })))
    )
    expect(Object.fromEntries(codes)).toEqual({ 0: limit / 1000, 16: beats - limit / 1000 })
    const { producerManager } = rig!.broker
    expect([...producerManager.groups]).toHaveLength(limit)
    const refused = await rig!.ask(peer, rig!.request(34, {}, heartbeat('late', { producers: ['pg'], consumers: ['CG'] })))
    expect(refused.remark).toMatch(/^no room for producer late of group pg: .* raise maxProducerNum$/)
    // What found room is there all the same.
    expect(rig!.broker.consumerManager.getConsumerGroupInfo('CG')?.clientIds()).toEqual(['late'])
    // Known ones are refreshed.
    expect((await rig!.ask(peer, rig!.request(34, {}, heartbeat('client-0', { producers: groupsOf(0) })))).code).toBe(0)
    peer.destroy()
    const other = await rig!.connect()
    expect((await rig!.ask(other, rig!.request(34, {}, heartbeat('after', { producers: ['pg'] })))).code).toBe(0)
    expect([...producerManager.groups]).toEqual(['pg'])
    expect(producerManager.findConnection('client-0')).toBeUndefined()
  })

  it('security-X14 consumers and what they subscribe to', async () => {
    const peer = await start({ maxConsumerNum: 10, maxSubscriptionNum: 30 })
    const beat = (client: string, group: string, topics: number): RemotingCommand =>
      rig!.request(34, {}, heartbeat(client, { consumers: [group], topics: Array.from(times(topics, (i) => `S${i}`)) }))
    expect(
      Object.fromEntries(
        await codesOf(
          peer,
          times(20, (i) => beat('c', `g${i}`, 2))
        )
      )
    ).toEqual({ 0: 10, 16: 10 })
    expect((await rig!.ask(peer, beat('c', 'more', 1))).remark).toMatch(
      /^no room for consumer c of group more: .* maxConsumerNum$/
    )
    expect((await rig!.ask(peer, beat('c', 'g0', 12))).code).toBe(0)
    expect((await rig!.ask(peer, beat('c', 'g1', 3))).remark).toMatch(
      /^no room for 3 subscriptions of group g1: .* maxSubscriptionNum$/
    )
    expect((await rig!.ask(peer, beat('c', 'g0', 1))).code).toBe(0)
    expect((await rig!.ask(peer, beat('c', 'g1', 3))).code).toBe(0)
    peer.destroy()
    const other = await rig!.connect()
    expect(
      Object.fromEntries(
        await codesOf(
          other,
          times(10, (i) => beat('d', `h${i}`, 3))
        )
      )
    ).toEqual({ 0: 10 })
    expect([...rig!.broker.consumerManager.groups].map(({ group }) => group).sort()).toEqual([...times(10, (i) => `h${i}`)])
  })

  it('security-X14 what consumers subscribe to counts by its length', async () => {
    const peer = await start({ maxSubscriptionNum: 100 })
    let version = 1
    const beat = (group: string, subString: string, tagsSet: string[] = []): RemotingCommand => {
      const subscriptionDataSet = [{ topic: 'T', subString, tagsSet, subVersion: version++ }]
      return rig!.request(34, {}, JSON.stringify({ clientID: 'c', consumerDataSet: [{ groupName: group, subscriptionDataSet }] }))
    }
    const codeOf = async (request: RemotingCommand): Promise<number> => (await rig!.ask(peer, request)).code
    // 1 for the topic and 50 for the characters; twice does not fit.
    expect(await codeOf(beat('g1', 'x'.repeat(50 * 256)))).toBe(0)
    expect(await codeOf(beat('g2', 'x'.repeat(50 * 256)))).toBe(16)
    expect(await codeOf(beat('g2', 'x', Array(50).fill('x'.repeat(255))))).toBe(16)
    // What a group gives back is there for others.
    expect(await codeOf(beat('g1', '*'))).toBe(0)
    expect(await codeOf(beat('g2', 'x', Array(50).fill('x'.repeat(255))))).toBe(0)
    expect(await codeOf(beat('g3', '*'.repeat(100)))).toBe(0)
  })

  it('security-X14 pulls that wait', async () => {
    const peer = await start({ maxHeldPullNum: 3 })
    const hold = (): RemotingCommand => rig!.pullRequest('T', 0, 0, { sysFlag: '6', suspendTimeoutMillis: '15000' })
    for (let i = 0; i < 3; i++) peer.send(hold())
    const refused = await rig!.ask(peer, hold())
    expect([refused.code, refused.remark]).toEqual([
      16,
      expect.stringMatching(/^no room for a pull that waits: .* maxHeldPullNum$/)
    ])
    const other = await rig!.connect()
    expect((await rig!.ask(other, rig!.sendRequest())).code).toBe(0)
    for (let i = 0; i < 3; i++) expect((await peer.next()).code).toBe(0)
    const again = rig!.pullRequest('T', 1, 0, { sysFlag: '6', suspendTimeoutMillis: '15000' })
    for (const held of [again, again, again]) peer.send(held)
    await expect.poll(() => rig!.broker.pullRequestHoldService.size).toBe(3)
    // With a connection go its pulls.
    peer.destroy()
    await expect.poll(() => rig!.broker.pullRequestHoldService.size).toBe(0)
  })

  it('security-X14 consumed positions, of queues that a topic can have', async () => {
    const peer = await start({ maxConsumerOffsetNum: 5 })
    await rig!.ask(peer, rig!.request(34, {}, heartbeat('c', { consumers: ['G', 'H'] })))
    const commit = (group: string, queueId: number): RemotingCommand =>
      rig!.request(15, { consumerGroup: group, topic: 'T', queueId: String(queueId), commitOffset: '1' })
    expect(
      Object.fromEntries(
        await codesOf(
          peer,
          times(8, (i) => commit('G', i))
        )
      )
    ).toEqual({ 0: 5, 16: 3 })
    expect((await rig!.ask(peer, commit('H', 0))).remark).toMatch(/^no room for a position of T@H: .* maxConsumerOffsetNum$/)
    expect((await rig!.ask(peer, rig!.request(314, { srcGroup: 'G', destGroup: 'H', topic: 'T', offline: 'true' }))).code).toBe(
      16
    )
    for (const queueId of [-1, 65_535, 2 ** 31 - 1]) expect((await rig!.ask(peer, commit('G', queueId))).code).toBe(29)
    expect((await rig!.ask(peer, rig!.request(207, { groupName: 'G', cleanOffset: 'true' }))).code).toBe(0)
    expect((await rig!.ask(peer, commit('H', 0))).code).toBe(0)
  })

  it('security-X14 locks: expired ones make room', async () => {
    const peer = await start({ maxQueueLockNum: 5 })
    const lock = (group: string, queues: number): RemotingCommand => {
      const mqSet = [...times(queues, (queueId) => ({ topic: 'T', brokerName: 'broker-a', queueId }))]
      return rig!.request(41, {}, JSON.stringify({ consumerGroup: group, clientId: 'c', mqSet }))
    }
    expect((await rig!.ask(peer, lock('G', 4))).code).toBe(0)
    expect((await rig!.ask(peer, lock('H', 2))).remark).toMatch(/^no room for locks of group H: .* maxQueueLockNum$/)
    // The group's own are there already.
    expect((await rig!.ask(peer, lock('G', 5))).code).toBe(0)
    await rig!.clock.advance(60_001)
    expect((await rig!.ask(peer, lock('H', 2))).code).toBe(0)
  })

  it('security-X14 a query or pull of 2^31-1 messages gets as many as the settings allow', async () => {
    const peer = await start({})
    await codesOf(
      peer,
      times(200, () => rig!.sendRequest({ properties: 'KEYS\u0001k\u0002' }))
    )
    const most = String(2 ** 31 - 1)
    const query = { topic: 'T', key: 'k', maxNum: most, beginTimestamp: '0', endTimestamp: '9223372036854775807' }
    const countOf = (answer: RemotingCommand): number => {
      let count = 0
      for (let at = 0; at < answer.body!.length; at += answer.body!.readInt32BE(at)) count++
      return count
    }
    expect(countOf(await rig!.ask(peer, rig!.request(12, query)))).toBe(rig!.broker.storeConfig.maxMsgsNumBatch)
    expect(countOf(await rig!.ask(peer, rig!.pullRequest('T', 0, 0, { maxMsgNums: most })))).toBe(
      rig!.broker.storeConfig.maxTransferCountOnMessageInMemory
    )
    for (const maxNum of ['-1', '-2147483648', '0']) {
      expect((await rig!.ask(peer, rig!.request(12, { ...query, maxNum }))).code).not.toBe(0)
    }
    const units = await rig!.ask(
      peer,
      rig!.request(321, { topic: 'T', queueId: '0', index: '0', count: most, consumerGroup: '' })
    )
    expect((JSON.parse(units.body!.toString()) as { queueData: unknown[] }).queueData).toHaveLength(200)
  })

  it('security-X14 connections beyond the limit are closed at once, and there is room again when one has gone', async () => {
    rig = await BrokerRig.start({ network: tcpNetwork, namesrvAddr: '', config: { maxConnectionNum: 5 } })
    const { broker } = rig
    const open = async (): Promise<BrokerPeer> => new BrokerPeer(await tcpNetwork.connect(broker.host, broker.port, {}))
    const answered = async (peer: BrokerPeer): Promise<number> => (await rig!.ask(peer, rig!.request(1))).code
    const peers = await Promise.all(times(5, open))
    for (const peer of peers) expect(await answered(peer)).toBe(3)
    for (let i = 0; i < 5; i++) await (await open()).closed
    expect([broker.connectionCount, broker.transportStats.refusedConnections]).toEqual([5, 5])
    peers[0].destroy()
    await expect.poll(() => broker.connectionCount).toBe(4)
    const next = await open()
    expect(await answered(next)).toBe(3)
    for (const peer of [...peers, next]) peer.destroy()
  })
})

describe('what clients make a name server remember', () => {
  it('security-X14 brokers, topics and settings are limited, with code 16', async () => {
    const network = new MemoryNetwork()
    const server = new NameServer({
      network,
      clock: new HeldClock(),
      config: { maxBrokerNum: 3, maxRouteNum: 5, maxKvConfigNum: 4 }
    })
    await server.start()
    const { client } = remotingClient({ network })
    const ask = async (request: RemotingCommand): Promise<[number, string]> => {
      const { code, remark } = await client.invoke(server.addr, request, 3000)
      return [code, /maxBrokerNum|maxRouteNum|maxKvConfigNum/.exec(remark ?? '')?.[0] ?? '']
    }
    const broker = (i: number, topics: string[]): RemotingCommand =>
      registerBrokerRequest({
        brokerName: `b${i}`,
        brokerAddr: `10.0.0.${i}:1`,
        topics: topics.map((topicName) => ({ topicName }))
      })
    expect(await ask(broker(1, ['A', 'B', 'C', 'D']))).toEqual([0, ''])
    expect(await ask(broker(2, ['A', 'B']))).toEqual([16, 'maxRouteNum'])
    expect(await ask(broker(3, []))).toEqual([0, ''])
    expect(await ask(broker(4, []))).toEqual([0, ''])
    expect(await ask(broker(5, []))).toEqual([16, 'maxBrokerNum'])
    expect([...server.routes.brokers.keys()]).toEqual(['b1', 'b3', 'b4'])
    const put = (namespace: string, key: string, value = 'v'): RemotingCommand =>
      RemotingCommand.request(100, { namespace, key, value })
    expect([await ask(put('N', 'a')), await ask(put('N', 'b')), await ask(put('N', 'c'))]).toEqual([
      [0, ''],
      [0, ''],
      [0, '']
    ])
    expect([await ask(put('N', 'd')), await ask(put('M', 'a'))]).toEqual([
      [16, 'maxKvConfigNum'],
      [16, 'maxKvConfigNum']
    ])
    expect(await ask(put('N', 'a'))).toEqual([0, ''])
    await ask(RemotingCommand.request(102, { namespace: 'N', key: 'a' }))
    // Long values count more than once.
    expect(await ask(put('N', 'd', 'v'.repeat(1024)))).toEqual([16, 'maxKvConfigNum'])
    expect(await ask(put('N', 'd'))).toEqual([0, ''])
    expect(await ask(put('N', 'd', 'v'.repeat(1024)))).toEqual([16, 'maxKvConfigNum'])
    expect(await ask(put('N', 'd', 'v'.repeat(1000)))).toEqual([0, ''])
    await client.close()
    await server.shutdown()
  })
  it('security-X14 names and addresses longer than 1024 characters are refused, and more than 64 filter servers', async () => {
    const network = new MemoryNetwork()
    const server = new NameServer({ network, clock: new HeldClock() })
    await server.start()
    const { client } = remotingClient({ network })
    const ask = async (request: RemotingCommand): Promise<string> => {
      const { code, remark } = await client.invoke(server.addr, request, 3000)
      return `${code} ${remark ?? ''}`
    }
    const long = 'x'.repeat(1025)
    for (const name of ['clusterName', 'brokerName', 'brokerAddr', 'haServerAddr']) {
      expect(await ask(registerBrokerRequest({ [name]: long }))).toBe(
        `29 ${name} is 1025 characters long, at most 1024 are allowed`
      )
    }
    expect(await ask(registerBrokerRequest({ topics: [{ topicName: 'T' }, { topicName: long }] }))).toMatch(/^29 a topic is 1025/)
    const filters = (filterServerList: string[]): RemotingCommand => {
      const request = registerBrokerRequest({ fields: { bodyCrc32: '0' } })
      request.body = Buffer.from(JSON.stringify({ filterServerList }))
      return request
    }
    expect(await ask(filters([long]))).toMatch(/^29 a filter server is 1025/)
    expect(await ask(filters(Array(65).fill('x')))).toMatch(/^29 filterServerList has 65 entries, at most 64 are allowed/)
    expect(server.routes.brokers.size).toBe(0)
    expect(await ask(registerBrokerRequest({ clusterName: 'x'.repeat(1024) }))).toBe('0 ')
    await client.close()
    await server.shutdown()
  })
})
