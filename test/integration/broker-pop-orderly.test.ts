import { afterEach, describe, expect, it } from 'vitest'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import type { BrokerRig } from '../support/broker-rig.ts'
import {
  ACK,
  BATCH_ACK,
  CHANGE_INVISIBLE_TIME,
  INVISIBLE_MILLIS,
  NOTIFICATION,
  popRequest as popRequestOf,
  sendBodies,
  startToPop
} from '../support/pops.ts'

const RESET_OFFSET = 222

let rig: BrokerRig
let peer: BrokerPeer
/** Of requests that wait: a peer hears one answer at a time. */
const elsewhere = async (request: RemotingCommand): Promise<RemotingCommand> => rig.ask(await rig.connect(), request)

afterEach(() => rig?.stop())

async function start(options?: Parameters<typeof startToPop>[0]): Promise<void> {
  ;[rig, peer] = await startToPop(options)
}

const popRequest = (fields: Record<string, string> = {}): RemotingCommand =>
  popRequestOf(rig, { maxMsgNums: '2', order: 'true', ...fields })

const pop = (fields?: Record<string, string>): Promise<RemotingCommand> => rig.ask(peer, popRequest(fields))

const bodies = ({ body }: RemotingCommand): string[] =>
  decodeMessages(body ?? Buffer.alloc(0)).map((message) => message.body.toString())

const send = (...sent: string[]): Promise<void> => sendBodies(rig, peer, ...sent)

const proof = (answer: RemotingCommand, offset: number): Record<string, string> => ({
  consumerGroup: 'G',
  topic: 'T',
  queueId: '0',
  offset: String(offset),
  extraInfo: `0 ${answer.extFields['popTime']} ${INVISIBLE_MILLIS} ${answer.extFields['reviveQid']} 0 broker-a 0 ${offset}`
})

const ack = (answer: RemotingCommand, offset: number): Promise<RemotingCommand> =>
  rig.ask(peer, rig.request(ACK, proof(answer, offset)))

const changeInvisibleTime = (answer: RemotingCommand, offset: number, millis: number): Promise<RemotingCommand> =>
  rig.ask(peer, rig.request(CHANGE_INVISIBLE_TIME, { ...proof(answer, offset), invisibleTime: String(millis) }))

const committed = (queueId = 0): number => rig.broker.consumerOffsetManager.queryOffset('G', 'T', queueId)

const notificationRequest = (fields: Record<string, string> = {}): RemotingCommand =>
  rig.request(NOTIFICATION, {
    consumerGroup: 'G',
    topic: 'T',
    queueId: '-1',
    pollTime: '0',
    bornTime: String(rig.clock.now()),
    ...fields
  })

const notification = (fields?: Record<string, string>): Promise<RemotingCommand> => rig.ask(peer, notificationRequest(fields))

describe('messages popped in order', () => {
  it('store-195 nobody pops a queue whose messages somebody holds; acknowledged, the queue goes on behind them', async () => {
    await start()
    await send('a', 'b', 'c')
    const first = await pop()
    expect([bodies(first), first.extFields['reviveQid'], first.extFields['orderCountInfo']]).toEqual([['a', 'b'], '999', '0 0 0'])
    expect(await pop()).toMatchObject({ code: 210, extFields: { restNum: '0' } })
    await ack(first, 1)
    expect([(await pop()).code, committed()]).toEqual([210, 0])
    await ack(first, 0)
    expect(committed()).toBe(2)
    expect(bodies(await pop())).toEqual(['c'])
    expect(rig.broker.pop.orderedMessages.size).toBe(1)
  })

  it('store-195 what is not acknowledged in time comes again from the queue itself, and says how often it came before', async () => {
    await start()
    await send('a', 'b', 'c')
    const first = await pop()
    await ack(first, 0)
    await rig.clock.advance(INVISIBLE_MILLIS - 1)
    expect((await pop()).code).toBe(210)
    await rig.clock.advance(1)
    const second = await pop()
    expect([bodies(second), second.extFields['orderCountInfo']]).toEqual([['b', 'c'], '0 qo0%1 1;0 0 0'])
    await rig.clock.advance(INVISIBLE_MILLIS)
    const third = await pop()
    expect([bodies(third), third.extFields['orderCountInfo']]).toEqual([['b', 'c'], '0 qo0%1 2;0 qo0%2 1;0 0 1'])
    // The proof of an earlier pop is worth nothing.
    expect((await ack(second, 1)).code).toBe(0)
    expect(committed()).toBe(1)
    expect(rig.broker.topicConfigManager.selectTopicConfig('%RETRY%G_T')).toBeUndefined()
  })

  it('store-195 the same try gets the same messages once more, at once', async () => {
    await start()
    await send('a')
    expect(bodies(await pop({ attemptId: 'one' }))).toEqual(['a'])
    const again = await pop({ attemptId: 'one' })
    expect([bodies(again), again.extFields['orderCountInfo']]).toEqual([['a'], '0 0 0'])
    expect((await pop({ attemptId: 'two' })).code).toBe(210)
    expect((await ack(again, 0)).code).toBe(0)
    expect(committed()).toBe(1)
  })

  it('store-195 other queues of the topic are popped meanwhile', async () => {
    await start({ topics: { T: { queues: 2 } } })
    await send('a', 'b')
    expect((await rig.ask(peer, rig.sendRequest({ queueId: 1, body: 'other' }))).code).toBe(0)
    expect(bodies(await pop({ queueId: '0', maxMsgNums: '1' }))).toEqual(['a'])
    expect(bodies(await pop())).toEqual(['other'])
    expect((await pop()).code).toBe(210)
  })

  it('store-196 a change of the invisible time keeps the proof, and may free the queue earlier', async () => {
    await start()
    await send('a', 'b')
    const first = await pop()
    await rig.clock.advance(1000)
    const changed = await changeInvisibleTime(first, 0, 5000)
    expect(changed.extFields).toEqual({ popTime: first.extFields['popTime'], invisibleTime: '6000', reviveQid: '999' })
    await ack(first, 1)
    const waiting = elsewhere(popRequest({ pollTime: '30000' }))
    await rig.clock.advance(4999)
    expect(rig.broker.pop.longPolling.size).toBe(1)
    await rig.clock.advance(1)
    expect(bodies(await waiting)).toEqual(['a', 'b'])
    expect((await changeInvisibleTime(first, 0, 5000)).code).toBe(0)
    await rig.clock.advance(INVISIBLE_MILLIS - 1)
    expect((await pop()).code).toBe(210)
  })

  it('store-196 an acknowledgement wakes a pop that waits for the queue', async () => {
    await start()
    await send('a', 'b', 'c')
    const first = await pop()
    const waiting = elsewhere(popRequest({ pollTime: '30000' }))
    await expect.poll(() => rig.broker.pop.longPolling.size).toBe(1)
    await ack(first, 0)
    await ack(first, 1)
    expect(bodies(await waiting)).toEqual(['c'])
  })

  it('store-196 many are acknowledged with one request', async () => {
    await start()
    await send('a', 'b')
    const { popTime } = (await pop()).extFields
    const one = { c: 'G', t: 'T', r: '0', so: 0, q: 0, rq: 999, pt: Number(popTime), it: INVISIBLE_MILLIS }
    const acks = [{ ...one, b: Buffer.from([0b11]).toString('base64') }]
    expect((await rig.ask(peer, rig.request(BATCH_ACK, {}, JSON.stringify({ brokerName: 'broker-a', acks })))).code).toBe(0)
    expect([committed(), rig.broker.pop.orderedMessages.size]).toEqual([2, 0])
  })

  it('store-196 a message that the pop did not bring is refused, one that was consumed is not', async () => {
    await start()
    await send('a', 'b', 'c')
    const first = await pop()
    expect(await ack(first, 2)).toMatchObject({
      code: 13,
      remark: expect.stringContaining('offset is illegal, key:T@G@0, old:0, commit:2')
    })
    await ack(first, 0)
    expect((await ack(first, 0)).code).toBe(0)
    expect((await changeInvisibleTime(first, 0, 1)).extFields).toEqual({ popTime: '0', invisibleTime: '0', reviveQid: '0' })
    expect([committed(), rig.broker.pop.orderedMessages.size]).toEqual([1, 1])
  })

  it('store-196 a reset of the offset frees the queue, and late acknowledgements do not undo it', async () => {
    await start()
    await send('a', 'b', 'c')
    const first = await pop()
    const fields = { topic: 'T', group: 'G', timestamp: '-1', isForce: 'true', queueId: '0', offset: '2' }
    expect((await rig.ask(peer, rig.request(RESET_OFFSET, fields))).code).toBe(0)
    await ack(first, 0)
    expect(bodies(await pop())).toEqual(['c'])
    await ack(first, 1)
    expect(committed()).toBe(2)
  })

  it('store-196 they count as held, and are forgotten with their topic', async () => {
    await start({ config: { popCkMaxBufferSize: 2 } })
    await send('a', 'b', 'c')
    const first = await pop()
    expect((await pop()).code).toBe(209)
    await ack(first, 0)
    expect((await pop()).code).toBe(210)
    expect((await rig.ask(peer, rig.request(215, { topic: 'T' }))).code).toBe(0)
    expect(rig.broker.pop.orderedMessages.size).toBe(0)
  })
})

describe('a notification', () => {
  it('store-197 says whether a pop would bring something, and pops nothing', async () => {
    await start()
    await pop()
    expect(await notification()).toMatchObject({ code: 0, extFields: { hasMsg: 'false', pollingFull: 'false' } })
    await send('a')
    expect((await notification()).extFields).toEqual({ hasMsg: 'true', pollingFull: 'false' })
    expect((await notification({ queueId: '0' })).extFields['hasMsg']).toBe('true')
    const popped = await pop()
    expect(bodies(popped)).toEqual(['a'])
    expect((await notification({ order: 'true' })).extFields['hasMsg']).toBe('false')
    await ack(popped, 0)
    expect((await notification()).extFields['hasMsg']).toBe('false')
  })

  it('store-197 looks where a reset of the offset says, as the next pop does', async () => {
    await start()
    await send('a')
    expect(bodies(await pop({ order: 'false' }))).toEqual(['a'])
    expect((await notification()).extFields['hasMsg']).toBe('false')
    const fields = { topic: 'T', group: 'G', timestamp: '-1', isForce: 'true', queueId: '0', offset: '0' }
    expect((await rig.ask(peer, rig.request(RESET_OFFSET, fields))).code).toBe(0)
    expect((await notification()).extFields['hasMsg']).toBe('true')
    expect(bodies(await pop({ order: 'false' }))).toEqual(['a'])
  })

  it('store-197 waits until a message comes or comes back, or its time is over; it takes no message from a pop that waits', async () => {
    await start()
    const over = elsewhere(notificationRequest({ pollTime: '1000', queueId: '0' }))
    await rig.clock.advance(1000)
    expect((await over).extFields['hasMsg']).toBe('false')
    const told = elsewhere(notificationRequest({ pollTime: '90000' }))
    const popped = elsewhere(popRequest({ pollTime: '90000' }))
    const waiting = (): number => rig.broker.pop.notifications.size + rig.broker.pop.longPolling.size
    await expect.poll(waiting).toBe(2)
    await send('a')
    expect(bodies(await popped)).toEqual(['a'])
    await send('b')
    expect((await told).extFields['hasMsg']).toBe('true')
    const back = elsewhere(notificationRequest({ pollTime: '90000', order: 'true' }))
    await rig.clock.advance(INVISIBLE_MILLIS)
    expect((await back).extFields['hasMsg']).toBe('true')
  })

  it('store-197 refuses what a pop refuses', async () => {
    await start()
    expect((await notification({ topic: 'Nope' })).code).toBe(17)
    expect((await notification({ queueId: '1' })).code).toBe(29)
    await rig.ask(peer, rig.request(200, {}, JSON.stringify({ groupName: 'G', consumeEnable: false })))
    expect((await notification()).code).toBe(16)
  })
})
