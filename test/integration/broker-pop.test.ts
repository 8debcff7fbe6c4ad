import { afterEach, describe, expect, it } from 'vitest'
import type { MessageExt } from '../../src/protocol/message.ts'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import type { BrokerRig } from '../support/broker-rig.ts'
import {
  ACK,
  BATCH_ACK,
  CHANGE_INVISIBLE_TIME,
  INVISIBLE_MILLIS,
  popRequest as popRequestOf,
  sendBodies,
  startToPop
} from '../support/pops.ts'
import { nextTurn } from '../support/turns.ts'

const RETRY_TOPIC = '%RETRY%G_T'

let rig: BrokerRig
let peer: BrokerPeer

afterEach(() => rig?.stop())

async function start(options?: Parameters<typeof startToPop>[0]): Promise<void> {
  ;[rig, peer] = await startToPop(options)
}

const popRequest = (fields: Record<string, string> = {}): RemotingCommand =>
  popRequestOf(rig, { exp: '*', expType: 'TAG', order: 'false', ...fields })

const pop = (fields?: Record<string, string>): Promise<RemotingCommand> => rig.ask(peer, popRequest(fields))

/** What a consumer knows of a message that it popped. */
interface Popped {
  message: MessageExt
  extraInfo: string
  /** Which topic it has to be acknowledged under. */
  realTopic: string
}

/** As Java's client reads an answer: the proof is put together from the header, unless the broker put it into the message. */
function popped(answer: RemotingCommand): Popped[] {
  const { startOffsetInfo = '', popTime, invisibleTime, reviveQid } = answer.extFields
  const starts = new Map(
    startOffsetInfo
      .split(';')
      .map((text) => text.split(' '))
      .map(([mark, queue, at]) => [`${mark}@${queue}`, at])
  )
  return decodeMessages(answer.body ?? Buffer.alloc(0)).map((message) => {
    const { queueId, queueOffset, topic, properties } = message
    const made = `${starts.get(`0@${queueId}`)} ${popTime} ${invisibleTime} ${reviveQid} 0 broker-a ${queueId} ${queueOffset}`
    const extraInfo = properties.get('POP_CK') ?? made
    return { message, extraInfo, realTopic: extraInfo.split(' ')[4] === '1' ? RETRY_TOPIC : topic }
  })
}

const bodies = (answer: RemotingCommand): string[] => popped(answer).map(({ message }) => message.body.toString())

const handle = ({ message, extraInfo, realTopic }: Popped): Record<string, string> => ({
  consumerGroup: 'G',
  topic: realTopic,
  queueId: String(message.queueId),
  offset: String(message.queueOffset),
  extraInfo
})

const ack = (one: Popped): Promise<RemotingCommand> => rig.ask(peer, rig.request(ACK, handle(one)))

const changeInvisibleTime = (one: Popped, millis: number): Promise<RemotingCommand> =>
  rig.ask(peer, rig.request(CHANGE_INVISIBLE_TIME, { ...handle(one), invisibleTime: String(millis) }))

const send = (...sent: string[]): Promise<void> => sendBodies(rig, peer, ...sent)

const committed = (topic = 'T', queueId = 0): number => rig.broker.consumerOffsetManager.queryOffset('G', topic, queueId)

describe('a popped message', () => {
  it("store-180 is its consumer's alone until its invisible time ends; then it comes back through the retry topic, consumed once more", async () => {
    await start()
    await send('a', 'b')
    const first = await pop()
    expect([first.code, first.remark, bodies(first)]).toEqual([0, 'FOUND', ['a', 'b']])
    expect(first.extFields).toMatchObject({ restNum: '0', startOffsetInfo: '0 0 0', msgOffsetInfo: '0 0 0,1' })
    expect(await pop()).toMatchObject({ code: 210, remark: 'NO_MESSAGE_IN_QUEUE', extFields: { msgOffsetInfo: '' } })
    expect((await ack(popped(first)[0] as Popped)).code).toBe(0)
    await rig.clock.advance(INVISIBLE_MILLIS - 1)
    expect((await pop()).code).toBe(210)
    await rig.clock.advance(1)
    const again = popped(await pop())
    expect(again.map(({ message }) => [message.body.toString(), message.topic, message.reconsumeTimes])).toEqual([['b', 'T', 1]])
    const [one] = again as [Popped]
    expect(one.extraInfo).toBe(`0 ${rig.clock.now()} ${INVISIBLE_MILLIS} ${one.extraInfo.split(' ')[3]} 1 broker-a 0 0`)
    expect(one.message.properties.get('1ST_POP_TIME')).toBe(first.extFields['popTime'])
    // And so on, under the same topic, until somebody acknowledges it.
    await rig.clock.advance(INVISIBLE_MILLIS)
    const third = popped(await pop())
    expect(third.map(({ message }) => [message.body.toString(), message.reconsumeTimes, message.queueOffset])).toEqual([
      ['b', 2, 1]
    ])
    expect((await ack(third[0] as Popped)).code).toBe(0)
    await rig.clock.advance(INVISIBLE_MILLIS)
    expect((await pop()).code).toBe(210)
    expect([committed(), committed(RETRY_TOPIC)]).toEqual([2, 2])
  })

  it('store-180 a proof that is older than the last pop acknowledges nothing', async () => {
    await start()
    await send('a')
    const [late] = popped(await pop()) as [Popped]
    await rig.clock.advance(INVISIBLE_MILLIS)
    const [held] = popped(await pop()) as [Popped]
    expect((await ack(late)).code).toBe(0)
    const forged = { ...held, extraInfo: held.extraInfo.replace(/^(\d+) \d+/, '$1 1') }
    expect((await ack(forged)).code).toBe(0)
    expect(rig.broker.pop.inFlightMessages.size).toBe(1)
    expect((await ack(held)).code).toBe(0)
    expect(rig.broker.pop.inFlightMessages.size).toBe(0)
  })

  it("store-181 a group's offset is its lowest message that is not acknowledged, whatever was acknowledged behind it", async () => {
    await start()
    await send('a', 'b', 'c', 'd')
    const [a, b, c] = popped(await pop({ maxMsgNums: '3' })) as [Popped, Popped, Popped]
    expect(committed()).toBe(0)
    await ack(c)
    await ack(b)
    expect(committed()).toBe(0)
    await ack(a)
    expect(committed()).toBe(3)
    expect(bodies(await pop())).toEqual(['d'])
    expect(committed()).toBe(3)
  })

  it('store-182 its time can be changed, and starts anew with a new proof', async () => {
    await start()
    await send('a')
    const [one] = popped(await pop()) as [Popped]
    await rig.clock.advance(1000)
    const changed = await changeInvisibleTime(one, 10_000)
    expect(changed.extFields).toEqual({
      popTime: String(rig.clock.now()),
      invisibleTime: '10000',
      reviveQid: one.extraInfo.split(' ')[3]
    })
    // The old one is worth nothing now.
    await ack(one)
    await rig.clock.advance(9999)
    expect((await pop()).code).toBe(210)
    await rig.clock.advance(1)
    expect(bodies(await pop())).toEqual(['a'])
    await send('b')
    const [next] = popped(await pop()) as [Popped]
    const again = await changeInvisibleTime(next, 3_600_000)
    await rig.clock.advance(INVISIBLE_MILLIS)
    const renewed = { ...next, extraInfo: next.extraInfo.replace(/^(\d+) \d+/, `$1 ${again.extFields['popTime']}`) }
    expect((await ack(renewed)).code).toBe(0)
    expect(committed()).toBe(2)
  })

  it('store-183 many are acknowledged with one request, by their distance from where the pop began', async () => {
    await start()
    await send('a', 'b', 'c', 'd')
    const { popTime, reviveQid } = (await pop()).extFields
    const batch = (acks: unknown[]) => rig.ask(peer, rig.request(BATCH_ACK, {}, JSON.stringify({ brokerName: 'broker-a', acks })))
    const one = { c: 'G', t: 'T', r: '0', so: 0, q: 0, rq: Number(reviveQid), pt: Number(popTime), it: INVISIBLE_MILLIS }
    expect((await batch([])).code).toBe(208)
    expect((await batch([{ ...one, b: Buffer.from([0b1011]).toString('base64') }])).code).toBe(0)
    await rig.clock.advance(INVISIBLE_MILLIS)
    const back = await pop()
    expect(bodies(back)).toEqual(['c'])
    const retry = { ...one, r: '1', pt: Number(back.extFields['popTime']), b: Buffer.from([1]).toString('base64') }
    expect((await batch([retry])).code).toBe(0)
    expect(rig.broker.pop.inFlightMessages.size).toBe(0)
    expect((await batch([{ ...one, r: '7' }])).code).toBe(1)
  })

  it('store-184 one that cannot be given back is held on to, and given back once', async () => {
    await start()
    await send('a')
    await pop()
    rig.faults.add({ when: { point: 'append' }, then: { kind: 'fail', message: 'SERVICE_NOT_AVAILABLE' }, times: 2 })
    await rig.clock.advance(INVISIBLE_MILLIS)
    expect(rig.stored(RETRY_TOPIC)).toHaveLength(0)
    expect([committed(), rig.broker.pop.inFlightMessages.size]).toEqual([0, 1])
    await rig.clock.advance(100)
    await rig.clock.advance(200)
    expect(rig.stored(RETRY_TOPIC).map(({ body }) => body.toString())).toEqual(['a'])
    expect([committed(), rig.broker.pop.inFlightMessages.size]).toEqual([1, 0])
  })
})

describe('a pop', () => {
  it('store-185 waits for a message; one pop of a group gets it, another group its own', async () => {
    await start()
    const peers = await Promise.all([rig.connect(), rig.connect(), rig.connect()])
    const groups = ['G', 'G', 'H']
    for (const [i, one] of peers.entries()) one.send(popRequest({ consumerGroup: groups[i] as string, pollTime: '15000' }))
    await nextTurn()
    expect(rig.broker.pop.longPolling.size).toBe(3)
    await send('a')
    const answers = [peers[0], peers[2]].map((one) => one?.next())
    expect((await Promise.all(answers)).map((answer) => bodies(answer as RemotingCommand))).toEqual([['a'], ['a']])
    expect(rig.broker.pop.longPolling.size).toBe(1)
    await send('b')
    expect(bodies((await peers[1]?.next()) as RemotingCommand)).toEqual(['b'])
  })

  it('store-185 is woken by a message that comes back, and by one that is meant for it alone', async () => {
    await start()
    await send('a')
    await pop({ invisibleTime: '5000' })
    const waiting = await rig.connect()
    waiting.send(popRequest({ pollTime: '15000', exp: 'x', queueId: '0' }))
    await nextTurn()
    await send('b')
    expect(rig.broker.pop.longPolling.size).toBe(1)
    waiting.destroy()
    await waiting.closed
    await nextTurn()
    expect(rig.broker.pop.longPolling.size).toBe(0)
    const other = await rig.connect()
    const { popTime } = (await pop()).extFields
    expect(popTime).toBe(String(rig.clock.now()))
    other.send(popRequest({ pollTime: '15000', queueId: '0' }))
    await nextTurn()
    await rig.clock.advance(5000)
    expect(bodies(await other.next())).toEqual(['a'])
  })

  it('store-185 that finds nothing is answered with 210 at its deadline, on the clock of the broker; more than 1024 of a queue with 209', async () => {
    await start()
    const requests = Array.from({ length: 1025 }, () => popRequest({ pollTime: '15000' }))
    for (const request of requests) peer.send(request)
    const full = await peer.next()
    expect([full.code, full.opaque]).toEqual([209, requests[1024]?.opaque])
    await rig.clock.advance(14_999)
    await nextTurn()
    expect(peer.frames).toHaveLength(0)
    await rig.clock.advance(1)
    const answers = await Promise.all(Array.from({ length: 1024 }, () => peer.next()))
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([210]))
  })

  it('store-185 that waits while the broker is shut down is answered', async () => {
    await start()
    const request = popRequest({ pollTime: '15000' })
    peer.send(request)
    await nextTurn()
    const answer = peer.next()
    await rig.broker.shutdown()
    expect([(await answer).code, (await answer).opaque]).toEqual([210, request.opaque])
  })

  it('store-186 brings at most what it asks for, of all queues or of one, and says how much it left', async () => {
    await start({ topics: { T: { queues: 3 } } })
    for (let i = 0; i < 9; i++) await rig.ask(peer, rig.sendRequest({ body: `m${i}`, queueId: i % 3 }))
    const one = await pop({ queueId: '1', maxMsgNums: '2' })
    expect([bodies(one), one.extFields['restNum']]).toEqual([['m1', 'm4'], '1'])
    const rest = await pop({ maxMsgNums: '5' })
    expect([bodies(rest).length, rest.extFields['restNum']]).toEqual([5, '2'])
    expect(rest.extFields['msgOffsetInfo']?.split(';').length).toBe(rest.extFields['startOffsetInfo']?.split(';').length)
    const last = await pop()
    expect([...bodies(one), ...bodies(rest), ...bodies(last)].toSorted()).toEqual(Array.from({ length: 9 }, (_, i) => `m${i}`))
  })

  it('store-186 takes what its expression wants; what nobody wants does not hold the group back', async () => {
    await start({ config: { enablePropertyFilter: true } })
    for (const tag of ['x', 'y', 'x', 'y'])
      await rig.ask(peer, rig.sendRequest({ body: tag, properties: `TAGS\u0001${tag}\u0002n\u00011\u0002` }))
    const xs = popped(await pop({ exp: 'x' }))
    expect(xs.map(({ message }) => message.queueOffset)).toEqual([0, 2])
    for (const one of xs) await ack(one)
    expect(committed()).toBe(4)
    const sql = await pop({ consumerGroup: 'S', exp: "TAGS = 'y' AND n = '1'", expType: 'SQL92' })
    expect(bodies(sql)).toEqual(['y', 'y'])
    expect((await pop({ consumerGroup: 'S', exp: 'TAGS =', expType: 'SQL92' })).code).toBe(23)
    const nothing = await pop({ consumerGroup: 'N', exp: 'z' })
    expect([nothing.code, rig.broker.consumerOffsetManager.queryOffset('N', 'T', 0)]).toEqual([210, 4])
  })

  it('store-186 of messages that come back does not starve behind new ones, nor the other way round', async () => {
    await start()
    await send('old')
    await pop({ invisibleTime: '1000' })
    await rig.clock.advance(1000)
    await send(...Array.from({ length: 12 }, (_, i) => `new${i}`))
    const order: string[] = []
    for (let i = 0; i < 6; i++) order.push(...bodies(await pop({ maxMsgNums: '1' })))
    expect(order).toContain('old')
    expect(order.filter((body) => body.startsWith('new'))).toHaveLength(5)
  })

  it("store-187 goes where a reset of offsets says; what was held until then is nobody's", async () => {
    await start()
    await send('a', 'b')
    const [a] = popped(await pop()) as [Popped]
    expect(
      (await rig.ask(peer, rig.request(222, { topic: 'T', group: 'G', timestamp: '0', queueId: '0', offset: '0' }))).code
    ).toBe(0)
    await rig.clock.advance(1)
    expect(bodies(await pop())).toEqual(['a', 'b'])
    await ack(a)
    expect(committed()).toBe(0)
    await rig.clock.advance(INVISIBLE_MILLIS)
    expect(bodies(await pop())).toEqual(['a', 'b'])
  })

  it('store-187 a topic that is deleted takes what was popped of it with it', async () => {
    await start()
    await send('a')
    await pop()
    await rig.clock.advance(INVISIBLE_MILLIS)
    expect(bodies(await pop())).toEqual(['a'])
    expect((await rig.ask(peer, rig.request(215, { topic: 'T' }))).code).toBe(0)
    expect(rig.broker.pop.inFlightMessages.size).toBe(0)
    expect(rig.broker.topicConfigManager.selectTopicConfig(RETRY_TOPIC)).toBeUndefined()
    await rig.clock.advance(INVISIBLE_MILLIS)
    expect(rig.stored(RETRY_TOPIC)).toHaveLength(0)
  })

  it('store-188 is refused where more is asked for, or held, than may be, and where a name is none', async () => {
    await start({ config: { popCkMaxBufferSize: 2 } })
    await send('a', 'b', 'c')
    expect((await pop({ maxMsgNums: '33' })).code).toBe(29)
    expect((await pop({ queueId: '9' })).code).toBe(29)
    expect((await pop({ topic: 'Nope' })).code).toBe(17)
    expect((await pop({ consumerGroup: '../x' })).code).toBe(26)
    const long = await pop({ consumerGroup: 'g'.repeat(250) })
    expect([long.code, long.remark]).toEqual([
      29,
      'topic and group have no retry topic: its name would have 259 characters, at most 255 can be stored'
    ])
    expect((await pop({ bornTime: '1' })).code).toBe(210)
    const first = popped(await pop({ maxMsgNums: '2' }))
    const refused = await pop()
    expect([refused.code, refused.remark]).toEqual([
      209,
      '2 popped messages are not acknowledged, at most 2 may be (popCkMaxBufferSize): acknowledge some, or wait until their invisible time ends'
    ])
    await ack(first[0] as Popped)
    expect(bodies(await pop())).toEqual(['c'])
  })

  it('store-188 wrong acknowledgements are told apart: queue 13, offset 208, topic 17, proof 1', async () => {
    await start()
    await send('a')
    const [one] = popped(await pop()) as [Popped]
    for (const code of [ACK, CHANGE_INVISIBLE_TIME]) {
      const answer = (fields: Record<string, string>) =>
        rig.ask(peer, rig.request(code, { ...handle(one), invisibleTime: '1000', ...fields })).then((response) => response.code)
      expect(await answer({ queueId: '1' })).toBe(13)
      expect(await answer({ offset: '9' })).toBe(208)
      expect(await answer({ topic: 'Nope' })).toBe(17)
      expect(await answer({ extraInfo: 'x' })).toBe(1)
    }
    expect(rig.broker.pop.inFlightMessages.size).toBe(1)
  })
})

describe('the assignment of queues', () => {
  it('store-193 covers the queues of all brokers that the name server knows; the mode is what 401 said, or the default', async () => {
    await start({ topics: { T: { queues: 2 } }, config: { brokerName: 'broker-a', defaultMessageRequestMode: 'POP' } })
    const second = rig.newBroker({ topics: { T: { queues: 1 } }, config: { brokerName: 'broker-b' } })
    await second.start()
    try {
      const members = await Promise.all(['c1', 'c2'].map(() => rig.connect()))
      for (const [i, clientID] of ['c1', 'c2'].entries()) {
        const group = { groupName: 'G', consumeType: 'CONSUME_PASSIVELY', messageModel: 'CLUSTERING', subscriptionDataSet: [] }
        const body = JSON.stringify({ clientID, consumerDataSet: [group], producerDataSet: [] })
        expect((await rig.ask(members[i] as BrokerPeer, rig.request(34, {}, body))).code).toBe(0)
      }
      const assigned = async (clientId: string, topic = 'T'): Promise<string[] | undefined> => {
        const body = { topic, consumerGroup: 'G', clientId, strategyName: 'AVG', messageModel: 'CLUSTERING' }
        const answer = await rig.ask(peer, rig.request(400, {}, JSON.stringify(body)))
        const { messageQueueAssignments } = JSON.parse(String(answer.body)) as {
          messageQueueAssignments?: Array<{ mode: string; messageQueue: { brokerName: string; queueId: number } }>
        }
        return messageQueueAssignments?.map(
          ({ mode, messageQueue }) => `${mode} ${messageQueue.brokerName} ${messageQueue.queueId}`
        )
      }
      const everything = ['POP broker-a -1', 'POP broker-b -1']
      expect([await assigned('c1'), await assigned('c2')]).toEqual([everything, everything])
      expect((await rig.ask(peer, rig.request(401, {}, JSON.stringify({ topic: 'T', consumerGroup: 'G' })))).code).toBe(0)
      expect([await assigned('c1'), await assigned('c2')]).toEqual([['PULL broker-a 0', 'PULL broker-a 1'], ['PULL broker-b 0']])
      expect(await assigned('c1', 'Nope')).toBeUndefined()
      // With a broker that is gone go its queues, and without a name server that could say so nothing changes.
      await second.shutdown()
      await rig.clock.advance(1000)
      expect(await assigned('c1')).toEqual(['PULL broker-a 0'])
      await rig.nameServer.shutdown()
      await rig.clock.advance(1000)
      expect(await assigned('c1')).toBeUndefined()
    } finally {
      await second.shutdown()
    }
  })
})
