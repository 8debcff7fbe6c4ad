import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { SCHEDULE_TOPIC } from '../../src/protocol/topics.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig

afterEach(() => rig.stop())

const props = (entries: Record<string, string>): string =>
  Object.entries(entries)
    .map(([name, value]) => `${name}\u0001${value}\u0002`)
    .join('')

async function start(options: Partial<BrokerControllerOptions> = {}): Promise<void> {
  rig = await BrokerRig.start(options)
}

async function send(body: string, properties: Record<string, string>, topic = 'T', queueId = 0): Promise<number> {
  const peer = rig.peers[0] ?? (await rig.connect())
  return (await rig.ask(peer, rig.sendRequest({ topic, queueId, body, properties: props(properties) }))).code
}

const bodies = (topic = 'T', queueId = 0): string[] => rig.stored(topic, queueId).map(({ body }) => body.toString())

describe('delayed messages', () => {
  it('store-58 a delayed message is not there before its level has passed, is there then, and is counted once', async () => {
    await start()
    const sentAt = rig.clock.now()
    expect(await send('later', { DELAY: '2', TAGS: 'a', KEYS: 'k', UNIQ_KEY: 'U1', mine: 'yes' }, 'T', 3)).toBe(0)
    await rig.clock.advance(4999)
    expect(bodies('T', 3)).toEqual([])
    await rig.clock.advance(1)
    const [message] = rig.stored('T', 3)
    expect(message?.body.toString()).toBe('later')
    expect(message?.storeTimestamp).toBe(sentAt + 5000)
    expect(message?.bornTimestamp).toBe(sentAt)
    expect(Object.fromEntries(message!.properties)).toMatchObject({
      DELAY: '2',
      REAL_TOPIC: 'T',
      REAL_QID: '3',
      TAGS: 'a',
      KEYS: 'k',
      UNIQ_KEY: 'U1',
      mine: 'yes'
    })
    expect(rig.broker.brokerStatsManager.get('TOPIC_PUT_NUMS', 'T')).toEqual({ value: 1, times: 1 })
    expect(rig.broker.brokerStatsManager.get('TOPIC_PUT_NUMS', SCHEDULE_TOPIC)).toEqual({ value: 1, times: 1 })
    await rig.clock.advance(60_000)
    expect(bodies('T', 3)).toEqual(['later'])
  })

  it('store-58 a held pull is woken by the delivery, and the tag still filters', async () => {
    await start()
    const consumer = await rig.connect()
    consumer.send(rig.pullRequest('T', 0, 0, { sysFlag: '6', suspendTimeoutMillis: '15000', subscription: 'A' }))
    await nextTurn(6)
    const peer = await rig.connect()
    for (const [tag, level] of [
      ['B', '1'],
      ['A', '2']
    ] as const) {
      await rig.ask(peer, rig.sendRequest({ body: tag, properties: props({ DELAY: level, TAGS: tag }) }))
    }
    await rig.clock.advance(4999)
    expect(consumer.frames.length).toBe(0)
    await rig.clock.advance(1)
    expect((await consumer.next()).extFields['nextBeginOffset']).toBe('2')
  })

  it('messages of one level keep their order, shorter levels overtake longer ones', async () => {
    await start()
    for (const [body, level] of [
      ['a3', '3'],
      ['a1', '1'],
      ['b3', '3'],
      ['b1', '1'],
      ['c2', '2']
    ] as const) {
      await send(body, { DELAY: level })
    }
    await rig.clock.advance(10_000)
    expect(bodies()).toEqual(['a1', 'b1', 'c2', 'a3', 'b3'])
    expect([...rig.broker.scheduleMessageService.offsetTable].sort()).toEqual([
      [1, 2],
      [2, 1],
      [3, 2]
    ])
  })

  it('more messages than one turn delivers all come, in their order', async () => {
    await start()
    const sent = Array.from({ length: 200 }, (_, i) => `m${i}`)
    for (const body of sent) await send(body, { DELAY: '1' })
    await rig.clock.advance(1000)
    expect(bodies()).toEqual(sent)
  })

  it('levels come from messageDelayLevel; beyond the last is the last', async () => {
    await start({ storeConfig: { messageDelayLevel: '2s 1m' } })
    await send('first', { DELAY: '1' })
    await send('ninth', { DELAY: '9' })
    await rig.clock.advance(1999)
    expect(bodies()).toEqual([])
    await rig.clock.advance(1)
    expect(bodies()).toEqual(['first'])
    await rig.clock.advance(58_000)
    expect(bodies()).toEqual(['first', 'ninth'])
    expect(rig.stored('T')[1]?.properties.get('DELAY')).toBe('2')
  })

  it('a message that a consumer sends back comes again after its level, as often as it may', async () => {
    await start()
    await send('work', { UNIQ_KEY: 'W' })
    const peer = rig.peers[0]!
    const sendBack = async (offset: number): Promise<number> => {
      const fields = { offset: String(offset), group: 'CG', delayLevel: '0', originMsgId: 'W', originTopic: 'T' }
      const request = rig.request(36, { ...fields, unitMode: 'false', maxReconsumeTimes: '2' })
      request.version = 409
      return (await rig.ask(peer, request)).code
    }
    expect(await sendBack(rig.stored('T')[0]!.commitLogOffset)).toBe(0)
    await rig.clock.advance(9999)
    expect(rig.stored('%RETRY%CG')).toEqual([])
    await rig.clock.advance(1)
    const [first] = rig.stored('%RETRY%CG')
    expect([first?.reconsumeTimes, first?.properties.get('RETRY_TOPIC'), first?.msgId]).toEqual([1, 'T', 'W'])
    expect(await sendBack(first!.commitLogOffset)).toBe(0)
    await rig.clock.advance(30_000)
    expect(rig.stored('%RETRY%CG').map(({ reconsumeTimes }) => reconsumeTimes)).toEqual([1, 2])
    expect(await sendBack(rig.stored('%RETRY%CG')[1]!.commitLogOffset)).toBe(0)
    expect(rig.stored('%DLQ%CG').map(({ body }) => body.toString())).toEqual(['work'])
  })

  it('a put that fails is tried again after 100 ms, and nothing is lost', async () => {
    await start()
    for (const body of ['a', 'b', 'c']) await send(body, { DELAY: '1' })
    rig.faults.add({
      when: { point: 'append', topic: 'T', nth: 2 },
      then: { kind: 'fail', status: 'SERVICE_NOT_AVAILABLE' },
      times: 1
    })
    await rig.clock.advance(1099)
    expect(bodies()).toEqual(['a', 'c'])
    expect(rig.broker.scheduleMessageService.offsetTable.get(1)).toBe(1)
    await rig.clock.advance(1)
    // What came behind the failed one is delivered again with it: at least once.
    expect(bodies()).toEqual(['a', 'c', 'b', 'c'])
    expect(rig.broker.scheduleMessageService.offsetTable.get(1)).toBe(3)
  })

  it('under SYNC_FLUSH the offset moves when the delivered messages are durable', async () => {
    await start({ storeConfig: { flushDiskType: 'SYNC_FLUSH' } })
    await send('x', { DELAY: '1', WAIT: 'false' })
    const held = rig.faults.add({ when: { point: 'flush', topic: 'T' }, then: { kind: 'hold' } })
    await rig.clock.advance(1000)
    expect(rig.broker.scheduleMessageService.offsetTable.get(1) ?? 0).toBe(0)
    held.release()
    await rig.clock.advance(1)
    expect(rig.broker.scheduleMessageService.offsetTable.get(1)).toBe(1)
    expect(bodies()).toEqual(['x'])
  })

  it('goes on where the offset table says', async () => {
    await start()
    for (const body of ['done', 'open']) await send(body, { DELAY: '1' })
    const service = rig.broker.scheduleMessageService
    service.stop()
    service.offsetTable.set(1, 1)
    service.start()
    await rig.clock.advance(1000)
    expect(bodies()).toEqual(['open'])
    // An offset the queue does not have is corrected into it.
    service.stop()
    service.offsetTable.set(1, 99)
    service.start()
    await send('next', { DELAY: '1' })
    await rig.clock.advance(1000)
    expect(bodies()).toEqual(['open', 'next'])
  })

  it('a half message is delayed from its commit on', async () => {
    await start()
    const peer = await rig.connect()
    const properties = props({ TRAN_MSG: 'true', PGROUP: 'PG', DELAY: '1', UNIQ_KEY: 'H' })
    await rig.ask(peer, rig.sendRequest({ body: 'half', properties, sysFlag: 4 }))
    await rig.clock.advance(60_000)
    const [half] = rig.stored('RMQ_SYS_TRANS_HALF_TOPIC')
    expect(half?.body.toString()).toBe('half')
    const commit = rig.request(37, {
      producerGroup: 'PG',
      tranStateTableOffset: String(half!.queueOffset),
      commitLogOffset: String(half!.commitLogOffset),
      commitOrRollback: '8',
      fromTransactionCheck: 'false',
      msgId: 'H',
      transactionId: 'H'
    })
    expect((await rig.ask(peer, commit)).code).toBe(0)
    await rig.clock.advance(999)
    expect(bodies()).toEqual([])
    await rig.clock.advance(1)
    expect(bodies()).toEqual(['half'])
  })

  it.each([
    ['back', -3_600_000, 5000],
    ['forward', 3_600_000, 60_000]
  ])('a wall clock that is set %s holds no message up', async (_, jump, within) => {
    await start()
    await send('short', { DELAY: '2' })
    await send('long', { DELAY: '17' })
    const { clock } = rig
    const now = clock.now.bind(clock)
    clock.now = () => now() + jump
    await clock.advance(within)
    expect(bodies()).toEqual(jump > 0 ? ['short', 'long'] : ['short'])
    clock.now = now
  })

  it('leaves no timer when nothing waits, and none after the shutdown', async () => {
    await start()
    await send('now', {})
    const idle = rig.clock.timers
    await send('x', { DELAY: '5' })
    expect(rig.clock.timers).toBe(idle + 1)
    await rig.clock.advance(60_000)
    expect(bodies()).toEqual(['now', 'x'])
    expect(rig.clock.timers).toBe(idle)
    await send('y', { DELAY: '18' })
    await send('z', { TIMER_DELAY_SEC: '9' })
    await rig.broker.shutdown()
    await rig.nameServer.shutdown()
    expect(rig.clock.timers).toBe(0)
  })
})
