import { afterEach, describe, expect, it } from 'vitest'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig | undefined

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

async function start(...options: Parameters<typeof BrokerRig.start>): Promise<BrokerRig> {
  rig = await BrokerRig.start(...options)
  return rig
}

interface Beat {
  clientId: string
  group?: string
  topics?: Record<string, string>
  subVersion?: number
  messageModel?: string
  producers?: string[]
  fingerprint?: number
  withoutSub?: boolean
}

function beat({
  clientId,
  group,
  topics = { T: '*' },
  subVersion = 1,
  messageModel = 'CLUSTERING',
  ...rest
}: Beat): RemotingCommand {
  const subscriptionDataSet = Object.entries(topics).map(([topic, subString]) => ({
    topic,
    subString,
    tagsSet: subString === '*' ? [] : subString.split('||'),
    codeSet: [],
    subVersion,
    expressionType: 'TAG',
    classFilterMode: false
  }))
  const consumer = {
    groupName: group,
    consumeType: 'CONSUME_PASSIVELY',
    messageModel,
    consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
    unitMode: false,
    subscriptionDataSet
  }
  return rig!.request(
    34,
    {},
    JSON.stringify({
      clientID: clientId,
      producerDataSet: (rest.producers ?? []).map((groupName) => ({ groupName })),
      consumerDataSet: group === undefined ? [] : [consumer],
      heartbeatFingerprint: rest.fingerprint ?? 0,
      withoutSub: rest.withoutSub ?? false
    })
  )
}

/** Everything that arrives for a heartbeat, its answer last. */
async function framesOf(peer: BrokerPeer, request: RemotingCommand): Promise<RemotingCommand[]> {
  peer.send(request)
  const frames: RemotingCommand[] = []
  for (;;) {
    const frame = await peer.next()
    frames.push(frame)
    if (frame.isResponse && frame.opaque === request.opaque) return frames
  }
}

const members = async (peer: BrokerPeer, group: string): Promise<string[]> => {
  const answer = await rig!.ask(peer, rig!.request(38, { consumerGroup: group }))
  return answer.code === 0 ? JSON.parse(answer.body!.toString()).consumerIdList : []
}

describe('heartbeats', () => {
  it('a client that joins is told of the change before its heartbeat is answered, and so are the others', async () => {
    await start()
    const [one, two] = [await rig!.connect(), await rig!.connect()]
    const first = await framesOf(one, beat({ clientId: 'c1', group: 'G' }))
    expect(first.map(({ code }) => code)).toEqual([40, 0])
    expect(first[0]!.isOneway).toBe(true)
    expect(first[0]!.extFields).toEqual({ consumerGroup: 'G' })
    expect(first[1]!.extFields).toEqual({ IS_SUPPORT_HEART_BEAT_V2: 'true', IS_SUB_CHANGE: 'true' })
    expect((await framesOf(two, beat({ clientId: 'c2', group: 'G' }))).map(({ code }) => code)).toEqual([40, 0])
    expect((await one.next()).code).toBe(40)
    expect(await members(one, 'G')).toEqual(['c1', 'c2'])
  })

  it('the same heartbeat again, and a newer expression of a topic, tell nobody; a topic more does', async () => {
    await start()
    const peer = await rig!.connect()
    await framesOf(peer, beat({ clientId: 'c1', group: 'G' }))
    expect((await framesOf(peer, beat({ clientId: 'c1', group: 'G' }))).map(({ code }) => code)).toEqual([0])
    expect(
      (await framesOf(peer, beat({ clientId: 'c1', group: 'G', topics: { T: 'A' }, subVersion: 2 }))).map(({ code }) => code)
    ).toEqual([0])
    expect(
      (await framesOf(peer, beat({ clientId: 'c1', group: 'G', topics: { T: 'A', U: '*' } }))).map(({ code }) => code)
    ).toEqual([40, 0])
  })

  it('members of a broadcasting group are not told', async () => {
    await start()
    expect(
      (await framesOf(await rig!.connect(), beat({ clientId: 'c1', group: 'G', messageModel: 'BROADCASTING' }))).map(
        ({ code }) => code
      )
    ).toEqual([0])
  })

  it('a client is forgotten when it unregisters, when its connection closes, and when it is not heard of for 120 s', async () => {
    await start()
    const [one, two, three, watcher] = await Promise.all([rig!.connect(), rig!.connect(), rig!.connect(), rig!.connect()])
    for (const [i, peer] of [one, two, three].entries())
      await framesOf(peer, beat({ clientId: `c${i}`, group: 'G', producers: ['P'] }))
    await rig!.ask(one, rig!.request(35, { clientID: 'c0', consumerGroup: 'G', producerGroup: 'P' }))
    expect(await members(watcher, 'G')).toEqual(['c1', 'c2'])
    two.destroy()
    await two.closed
    await nextTurn(4)
    expect(await members(watcher, 'G')).toEqual(['c2'])
    expect([...rig!.broker.producerManager.group('P')!].map(({ clientId }) => clientId)).toEqual(['c2'])
    // Other requests keep the connection open, but only heartbeats keep the client known.
    for (let i = 0; i < 13; i++) {
      await rig!.clock.advance(10_000)
      await rig!.ask(three, rig!.request(9999))
    }
    expect(rig!.broker.consumerManager.getConsumerGroupInfo('G')).toBeUndefined()
    expect(rig!.broker.producerManager.group('P')).toBeUndefined()
  })

  it('heartbeat V2 says when the fingerprint of a group changed, and keeps subscriptions that are left out', async () => {
    await start()
    const peer = await rig!.connect()
    const changed = async (options: Partial<Beat>): Promise<string | undefined> =>
      (await framesOf(peer, beat({ clientId: 'c1', group: 'G', ...options }))).at(-1)!.extFields['IS_SUB_CHANGE']
    expect(await changed({ fingerprint: 7 })).toBe('false')
    expect(await changed({ fingerprint: 7, withoutSub: true, topics: {} })).toBe('false')
    expect(rig!.broker.consumerManager.getConsumerGroupInfo('G')!.subscriptions.has('T')).toBe(true)
    expect(await changed({ fingerprint: 8, withoutSub: true, topics: {} })).toBe('true')
  })

  it('security-X3 names that are not legal reach no table: groups, clients, topics', async () => {
    await start()
    const peer = await rig!.connect()
    const evil = [
      '..',
      '../../x',
      '%RETRY%../../x',
      'a/b',
      'a\\b',
      'a b',
      'x.',
      '\u2024\u2024',
      '',
      'x'.repeat(300),
      '<script>',
      '\u0000'
    ]
    for (const name of evil) {
      const frames = await framesOf(peer, beat({ clientId: 'c1', group: name, producers: [name] }))
      expect(frames.at(-1)!.code, JSON.stringify(name)).toBe(0)
      expect((await rig!.ask(peer, rig!.sendRequest({ topic: name }))).code, JSON.stringify(name)).not.toBe(0)
      expect(
        (await rig!.ask(peer, rig!.request(15, { consumerGroup: name, topic: 'T', queueId: '0', commitOffset: '1' }))).code
      ).toBe(26)
      expect((await rig!.ask(peer, rig!.pullRequest('T', 0, 0, { consumerGroup: name }))).code).not.toBe(0)
      const lock = JSON.stringify({ consumerGroup: name, clientId: 'c', mqSet: [{ topic: 'T', brokerName: 'b', queueId: 0 }] })
      expect((await rig!.ask(peer, rig!.request(41, {}, lock))).code).toBe(1)
      const create = {
        topic: name,
        readQueueNums: '1',
        writeQueueNums: '1',
        perm: '6',
        topicFilterType: 'SINGLE_TAG',
        order: 'false'
      }
      expect((await rig!.ask(peer, rig!.request(17, create))).code).toBe(29)
    }
    const { topicConfigManager, subscriptionGroupManager, producerManager, consumerManager } = rig!.broker
    for (const name of evil) {
      expect(topicConfigManager.selectTopicConfig(name)).toBeUndefined()
      expect(topicConfigManager.selectTopicConfig(`%RETRY%${name}`)).toBeUndefined()
      expect(subscriptionGroupManager.contains(name)).toBe(false)
      expect(producerManager.group(name)).toBeUndefined()
      expect(consumerManager.getConsumerGroupInfo(name)).toBeUndefined()
    }
  })

  it('security-X4 names of Object.prototype are ordinary names', async () => {
    await start()
    const peer = await rig!.connect()
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      expect((await rig!.ask(peer, rig!.sendRequest({ topic: name, properties: `${name}\u0001v\u0002` }))).code).toBe(0)
      expect(rig!.stored(name)[0]!.properties.get(name)).toBe('v')
      expect((await framesOf(peer, beat({ clientId: name, group: name, topics: { [name]: '*' } }))).at(-1)!.code).toBe(0)
      expect(await members(peer, name)).toEqual([name])
      expect((await rig!.ask(peer, rig!.pullRequest(name, 0, 0, { consumerGroup: name }))).code).toBe(0)
    }
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it('wire-W9 every code from 0 to 10,000 is answered, unknown ones with 3; the connection is kept and nothing changes', async () => {
    await start()
    const peer = await rig!.connect()
    const state = (): string => {
      const { topicConfigManager, subscriptionGroupManager, store, config, storeConfig } = rig!.broker
      return JSON.stringify([
        [...topicConfigManager.topicConfigTable.keys()],
        [...subscriptionGroupManager.table.keys()],
        store.getMaxPhyOffset(),
        config,
        storeConfig
      ])
    }
    const before = state()
    const served = new Set<number>()
    for (let code = 0; code <= 10_000; code += 500) {
      const requests = Array.from({ length: Math.min(500, 10_001 - code) }, (_, i) => rig!.request(code + i))
      for (const request of requests) peer.send(request)
      const answers = new Map<number, RemotingCommand>()
      while (answers.size < requests.length) {
        const answer = await peer.next()
        answers.set(answer.opaque, answer)
      }
      for (const { code: asked, opaque } of requests) {
        const answer = answers.get(opaque)!
        if (answer.code === 3) expect(answer.remark).toBe(` request type ${asked} not supported`)
        else served.add(asked)
      }
    }
    expect([...served]).toEqual(expect.arrayContaining([10, 11, 12, 14, 15, 17, 310, 320, 34, 35, 36, 38]))
    expect(served.size).toBeLessThan(100)
    expect(state()).toBe(before)
    expect((await rig!.ask(peer, rig!.sendRequest())).code).toBe(0)
  })
})

describe('configuration over the wire', () => {
  it('security-X2 is refused with code 16, and nothing changes', async () => {
    await start()
    const peer = await rig!.connect()
    const before = JSON.stringify(rig!.broker.config)
    for (const body of ['brokerPermission=0\n', '', 'brokerConfigPath=/tmp/x\n']) {
      expect((await rig!.ask(peer, rig!.request(25, {}, body))).code).toBe(16)
    }
    expect(JSON.stringify(rig!.broker.config)).toBe(before)
    const read = await rig!.ask(peer, rig!.request(26))
    expect(read.body!.toString()).toContain('brokerPermission=6\n')
  })

  it('runtime figures and topics are there for tools', async () => {
    await start()
    const peer = await rig!.connect()
    await rig!.ask(peer, rig!.sendRequest())
    const { table } = JSON.parse((await rig!.ask(peer, rig!.request(28))).body!.toString())
    expect(table).toMatchObject({ brokerVersionDesc: 'V5_3_3', msgPutTotalTodayNow: '1', commitLogMinOffset: '0' })
    expect(Object.values(table).every((value) => typeof value === 'string')).toBe(true)
    const { topicConfigTable, dataVersion } = JSON.parse((await rig!.ask(peer, rig!.request(21))).body!.toString())
    expect(topicConfigTable.T).toMatchObject({ perm: 6, readQueueNums: 4, writeQueueNums: 4 })
    expect(dataVersion).toMatchObject({ stateVersion: 0 })
  })
})
