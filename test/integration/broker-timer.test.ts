import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { TimerMessageStore } from '../../src/broker/timer/timer-message-store.ts'
import { silentLogger } from '../../src/internal/logger.ts'
import { decodeRecallHandle, encodeRecallHandle } from '../../src/protocol/recall-message-handle.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { TIMER_TOPIC } from '../../src/protocol/topics.ts'
import { BrokerRig } from '../support/broker-rig.ts'

let rig: BrokerRig

afterEach(() => rig.stop())

const DAY = 24 * 3_600_000
const TOO_FAR =
  'timer message illegal, the delay time should not be bigger than the max delay 259200000ms; or if set del msg, the delay time should be bigger than the current time'

async function start(options: Partial<BrokerControllerOptions> = {}): Promise<void> {
  // A whole second, so that the steps of time are plain to see.
  rig = await BrokerRig.start(options, 1_700_000_000_000)
}

async function send(properties: Record<string, string>, body = 'x', topic = 'T'): Promise<RemotingCommand> {
  const peer = rig.peers[0] ?? (await rig.connect())
  const text = Object.entries(properties).map(([name, value]) => `${name}\u0001${value}\u0002`)
  return await rig.ask(peer, rig.sendRequest({ topic, body, properties: text.join('') }))
}

async function recall(recallHandle: string, topic = 'T'): Promise<RemotingCommand> {
  const peer = rig.peers[0] ?? (await rig.connect())
  return await rig.ask(peer, rig.request(370, { producerGroup: 'PG', topic, recallHandle }))
}

const bodies = (): string[] => rig.stored('T').map(({ body }) => body.toString())

describe('messages for a point in time', () => {
  it.each([
    ['TIMER_DELAY_SEC', '5', 5000],
    ['TIMER_DELAY_MS', '5000', 5000],
    ['TIMER_DELAY_MS', '4001', 5000],
    ['TIMER_DELIVER_MS', '1700000003000', 3000],
    ['TIMER_DELIVER_MS', '1700000002999', 3000]
  ])('store-74 %s %s: delivered when that time has come, rounded up to the second', async (name, value, after) => {
    await start()
    expect((await send({ [name]: value, UNIQ_KEY: 'U', TAGS: 'a' })).code).toBe(0)
    await rig.clock.advance(after - 1)
    expect(bodies()).toEqual([])
    await rig.clock.advance(1)
    const [message] = rig.stored('T')
    expect(Object.fromEntries(message!.properties)).toMatchObject({
      [name]: value,
      TIMER_OUT_MS: String(1_700_000_000_000 + after - 1000),
      TIMER_ENQUEUE_MS: '1700000000000',
      TIMER_DEQUEUE_MS: String(1_700_000_000_000 + after),
      REAL_TOPIC: 'T',
      REAL_QID: '0',
      UNIQ_KEY: 'U',
      TAGS: 'a'
    })
    expect(rig.broker.brokerStatsManager.get('TOPIC_PUT_NUMS', 'T')).toEqual({ value: 1, times: 1 })
    await rig.clock.advance(60_000)
    expect(bodies()).toEqual(['x'])
  })

  it('store-74 a time that has passed is now, and there is nothing to call back', async () => {
    await start()
    const answer = await send({ TIMER_DELIVER_MS: '1600000000000' })
    expect([answer.code, answer.extFields['recallHandle']]).toEqual([0, undefined])
    expect(bodies()).toEqual(['x'])
    expect(rig.stored(TIMER_TOPIC)).toEqual([])
  })

  it('the seconds win over the ms, these over the point in time, and a delay level over all', async () => {
    await start()
    await send({ TIMER_DELIVER_MS: '1700000001000', TIMER_DELAY_MS: '2000', TIMER_DELAY_SEC: '3' }, 'sec')
    await send({ TIMER_DELIVER_MS: '1700000001000', TIMER_DELAY_MS: '2000' }, 'ms')
    await send({ TIMER_DELAY_SEC: '1', DELAY: '2' }, 'level')
    await rig.clock.advance(1999)
    expect(bodies()).toEqual([])
    await rig.clock.advance(3001)
    expect(bodies()).toEqual(['ms', 'sec', 'level'])
    expect(rig.stored('T')[2]?.properties.has('TIMER_DELAY_SEC')).toBe(false)
  })

  it.each([
    ['TIMER_DELAY_SEC', String((3 * DAY) / 1000 + 1)],
    ['TIMER_DELAY_MS', 'soon'],
    ['TIMER_DELIVER_MS', '9000000000000000000']
  ])('store-74 %s %s is refused with 13', async (name, value) => {
    await start()
    const answer = await send({ [name]: value })
    expect([answer.code, answer.remark]).toEqual([13, TOO_FAR])
    expect(rig.broker.store.getMaxPhyOffset()).toBe(0)
  })

  it('with timerWheelEnable=false they are refused, and there is no topic for them', async () => {
    await start({ storeConfig: { timerWheelEnable: false } })
    const answer = await send({ TIMER_DELAY_SEC: '1' })
    expect([answer.code, answer.remark]).toEqual([1, 'accurate timer message is not enabled, timerWheelEnable is false'])
    expect(rig.broker.topicConfigManager.selectTopicConfig(TIMER_TOPIC)).toBeUndefined()
  })

  it('timerPrecisionMs decides the rounding', async () => {
    await start({ storeConfig: { timerPrecisionMs: 100 } })
    await send({ TIMER_DELAY_MS: '1050' })
    await rig.clock.advance(1099)
    expect(bodies()).toEqual([])
    await rig.clock.advance(1)
    expect(bodies()).toEqual(['x'])
  })

  it('one step of time delivers in the order of the sends, more than one turn holds, and steps in theirs', async () => {
    await start()
    const sent = Array.from({ length: 150 }, (_, i) => `m${i}`)
    await send({ TIMER_DELAY_SEC: '9' }, 'last')
    for (const body of sent) await send({ TIMER_DELAY_SEC: '3' }, body)
    await send({ TIMER_DELAY_SEC: '1' }, 'first')
    expect(rig.broker.timerMessageStore.size).toBe(152)
    await rig.clock.advance(9000)
    expect(bodies()).toEqual(['first', ...sent, 'last'])
    expect(rig.broker.timerMessageStore.size).toBe(0)
  })

  it('store-74 a long wait is stored anew on its way, and says how often', async () => {
    await start({ storeConfig: { timerRollWindowSlot: 10 } })
    await send({ TIMER_DELAY_SEC: '25', UNIQ_KEY: 'U' })
    await rig.clock.advance(24_999)
    expect(bodies()).toEqual([])
    expect(rig.stored(TIMER_TOPIC).map(({ properties }) => properties.get('TIMER_ROLL_TIMES'))).toEqual([undefined, '1', '2'])
    await rig.clock.advance(1)
    expect(bodies()).toEqual(['x'])
  })

  it('too many messages for one step are refused at random, twice as many always', async () => {
    await start({ storeConfig: { timerCongestNumEachSlot: 4 } })
    const answers: RemotingCommand[] = []
    for (let i = 0; i < 200; i++) answers.push(await send({ TIMER_DELIVER_MS: '1700000060000' }))
    const taken = answers.filter(({ code }) => code === 0).length
    expect(taken).toBeGreaterThanOrEqual(5)
    expect(taken).toBeLessThanOrEqual(9)
    expect(answers.slice(0, 5).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
    expect([answers[199]?.code, answers[199]?.remark]).toEqual([
      1,
      'timer message is under flow control, max num limit is 8 or the current value is greater than 4 and less than 8, trigger random flow control'
    ])
  })

  it('a put that fails is tried until it is stored', async () => {
    await start()
    await send({ TIMER_DELAY_SEC: '1' })
    rig.faults.add({ when: { point: 'append', topic: 'T' }, then: { kind: 'fail', status: 'SERVICE_NOT_AVAILABLE' }, times: 5 })
    await rig.clock.advance(1000)
    expect(bodies()).toEqual([])
    await rig.clock.advance(60_000)
    expect(bodies()).toEqual(['x'])
  })

  it('store-74 after a restart what was delivered is not delivered again, and the rest is', async () => {
    await start({ storeConfig: { timerRollWindowSlot: 10 } })
    await send({ TIMER_DELAY_SEC: '1' }, 'early')
    await send({ TIMER_DELAY_SEC: '25' }, 'rolled')
    await send({ TIMER_DELAY_SEC: '5' }, 'late')
    await rig.clock.advance(2000)
    const { timerMessageStore, store, brokerStatsManager } = rig.broker
    const { checkpoint } = timerMessageStore
    expect(checkpoint).toEqual({ lastReadTimeMs: 1_700_000_000_000, lastTimerQueueOffset: 3 })
    timerMessageStore.stop()
    await rig.clock.advance(10_000)
    expect(bodies()).toEqual(['early'])
    const next = new TimerMessageStore({ store, stats: brokerStatsManager, clock: rig.clock, logger: silentLogger })
    // The broker tells only its own timer store of what arrives.
    store.onMessageArriving(({ topic }) => topic === TIMER_TOPIC && next.notifyMessageArriving())
    next.load(checkpoint)
    next.start()
    await rig.clock.advance(0)
    expect(bodies()).toEqual(['early', 'late'])
    await rig.clock.advance(30_000)
    expect(bodies()).toEqual(['early', 'late', 'rolled'])
    next.stop()
  })

  it('store-74 a restart takes in everything before it delivers: nothing twice, and what was called back stays away', async () => {
    await start({ config: { recallMessageEnable: true } })
    for (let i = 0; i < 80; i++) await send({ TIMER_DELAY_SEC: '1' }, `a${i}`)
    const called = await send({ TIMER_DELAY_SEC: '9', UNIQ_KEY: 'U' }, 'called back')
    for (let i = 0; i < 80; i++) await send({ TIMER_DELAY_SEC: '9' }, `b${i}`)
    await recall(called.extFields['recallHandle']!)
    await rig.clock.advance(1000)
    const { timerMessageStore, store, brokerStatsManager } = rig.broker
    const { checkpoint } = timerMessageStore
    timerMessageStore.stop()
    await rig.clock.advance(20_000)
    const next = new TimerMessageStore({ store, stats: brokerStatsManager, clock: rig.clock, logger: silentLogger })
    next.load(checkpoint)
    next.start()
    // Stopped again before it is through, it has still done no more than the run before it.
    expect(next.checkpoint).toEqual(checkpoint)
    await rig.clock.advance(0)
    expect(bodies()).toEqual([...Array.from({ length: 80 }, (_, i) => `a${i}`), ...Array.from({ length: 80 }, (_, i) => `b${i}`)])
    expect(next.checkpoint).toEqual({ lastReadTimeMs: 1_700_000_008_000, lastTimerQueueOffset: 162 })
    next.stop()
  })

  it('store-74 a checkpoint that is ahead of its queue, which a crash has cut, does not swallow new messages', async () => {
    await start()
    const { timerMessageStore } = rig.broker
    timerMessageStore.stop()
    timerMessageStore.load({ lastReadTimeMs: 1_700_000_100_000, lastTimerQueueOffset: 50 })
    timerMessageStore.start()
    await send({ TIMER_DELAY_SEC: '5' })
    await rig.clock.advance(5000)
    expect(bodies()).toEqual(['x'])
  })

  it('a message that somebody sends to the timer topic itself is left out, and holds up nothing', async () => {
    await start()
    await send({ REAL_TOPIC: 'T', REAL_QID: '0' }, 'no time', TIMER_TOPIC)
    await send({ TIMER_OUT_MS: '1700000001000' }, 'no topic', TIMER_TOPIC)
    await send({ TIMER_OUT_MS: '1700000001000', REAL_TOPIC: 'SCHEDULE_TOPIC_XXXX', REAL_QID: '0' }, 'forbidden', TIMER_TOPIC)
    await send({ TIMER_DELAY_SEC: '2' }, 'good')
    await rig.clock.advance(10_000)
    expect(bodies()).toEqual(['good'])
    expect(rig.stored('SCHEDULE_TOPIC_XXXX')).toEqual([])
  })

  it('a batch for a point in time is refused: its members would be delivered at once', async () => {
    await start()
    const body = Buffer.alloc(22 + 1)
    body.writeInt32BE(23, 0)
    body.writeInt32BE(1, 16)
    const peer = await rig.connect()
    const request = rig.sendRequest({ code: 320, batch: true, body, properties: 'TIMER_DELAY_SEC\u00011\u0002' })
    expect((await rig.ask(peer, request)).code).toBe(13)
  })
})

describe('recall', () => {
  const enabled = { config: { recallMessageEnable: true } }

  it('store-45 the answer to a send for a point in time has a recall handle', async () => {
    await start(enabled)
    const { recallHandle } = (await send({ TIMER_DELAY_SEC: '5', UNIQ_KEY: 'U' })).extFields
    expect(decodeRecallHandle(recallHandle!)).toEqual({
      topic: 'T',
      brokerName: 'broker-a',
      timestamp: '1700000004001',
      messageId: 'U'
    })
    expect((await send({ UNIQ_KEY: 'V' })).extFields['recallHandle']).toBeUndefined()
    expect((await send({ TIMER_DELAY_SEC: '5' }, 'x', '%RETRY%G')).extFields['recallHandle']).toBeUndefined()
  })

  it('store-74 takes one message out, and only that one', async () => {
    await start(enabled)
    const first = await send({ TIMER_DELAY_SEC: '5', UNIQ_KEY: 'U1' }, 'one')
    await send({ TIMER_DELAY_SEC: '5', UNIQ_KEY: 'U2' }, 'two')
    await rig.clock.advance(2000)
    const answer = await recall(first.extFields['recallHandle']!)
    expect(answer).toMatchObject({ code: 0, remark: 'not set any response code' })
    expect([answer.code, answer.extFields]).toMatchObject([0, { msgId: 'U1', MSG_REGION: 'DefaultRegion' }])
    await rig.clock.advance(60_000)
    expect(bodies()).toEqual(['two'])
  })

  it('is refused, as 5.3.3 refuses it, when it is off, late, or names something else', async () => {
    await start(enabled)
    const handle = (await send({ TIMER_DELAY_SEC: '5', UNIQ_KEY: 'U' })).extFields['recallHandle']!
    const other = { topic: 'T', brokerName: 'broker-z', timestamp: '1700000004001', messageId: 'U' }
    const answers: Array<[number, string | undefined]> = []
    const ask = async (text: string, topic?: string): Promise<void> => {
      const { code, remark } = await recall(text, topic)
      answers.push([code, remark])
    }
    await ask(handle, 'Unknown')
    await ask('nonsense')
    await ask(handle, 'TBW102')
    await ask(encodeRecallHandle(other))
    await ask(encodeRecallHandle({ ...other, brokerName: 'broker-a', timestamp: 'x' }))
    await ask(encodeRecallHandle({ ...other, brokerName: 'broker-a', timestamp: String(1_700_000_000_000 + 3 * DAY) }))
    await rig.clock.advance(5000)
    await ask(handle)
    rig.broker.config.recallMessageEnable = false
    await ask(handle)
    expect(answers).toEqual([
      [17, 'recall failed, the topic[Unknown] not exist'],
      [604, 'recall handle is invalid'],
      [604, 'recall failed, topic not match'],
      [604, 'recall failed, broker service not available'],
      [604, 'recall failed, timestamp invalid'],
      [604, 'recall failed, timestamp invalid'],
      [604, 'recall failed, timestamp invalid'],
      [16, 'recall failed, operation is forbidden']
    ])
    expect(bodies()).toEqual(['x'])
  })
})
