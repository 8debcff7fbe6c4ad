import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { decodeMessage } from '../../src/protocol/message-codec.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

const HALF = 'RMQ_SYS_TRANS_HALF_TOPIC'
const OPS = 'RMQ_SYS_TRANS_OP_HALF_TOPIC'
const SECOND = 1000

let rig: BrokerRig

afterEach(() => rig.stop())

async function start(
  config: BrokerControllerOptions['config'] = {},
  more: Partial<BrokerControllerOptions> = {}
): Promise<BrokerPeer> {
  rig = await BrokerRig.start({ config, ...more })
  return producerOf('PG', 'client-1')
}

/** A connected producer of the group. */
async function producerOf(group: string, clientID: string): Promise<BrokerPeer> {
  const peer = await rig.connect()
  const body = encodeHeartbeat({
    clientID,
    producerDataSet: [{ groupName: group }],
    consumerDataSet: [],
    heartbeatFingerprint: 0,
    withoutSub: false
  })
  expect((await rig.ask(peer, rig.request(34, {}, body))).code).toBe(0)
  return peer
}

interface Half {
  queueOffset: string
  commitLogOffset: string
}

async function sendHalf(peer: BrokerPeer, uniqKey: string, more = '', body = 'order'): Promise<Half> {
  const properties = `TRAN_MSG\u0001true\u0002PGROUP\u0001PG\u0002UNIQ_KEY\u0001${uniqKey}\u0002TAGS\u0001paid\u0002${more}`
  const answer = await rig.ask(peer, rig.sendRequest({ queueId: 2, properties, body, sysFlag: 4, fields: { h: '7' } }))
  expect(answer.code).toBe(0)
  const { queueOffset, msgId } = answer.extFields
  return { queueOffset: queueOffset!, commitLogOffset: String(Number.parseInt(msgId!.slice(-16), 16)) }
}

function end(
  peer: BrokerPeer,
  { queueOffset, commitLogOffset }: Half,
  type: 8 | 12,
  fromTransactionCheck = false
): Promise<RemotingCommand> {
  const fields = {
    producerGroup: 'PG',
    tranStateTableOffset: queueOffset,
    commitLogOffset,
    commitOrRollback: String(type),
    fromTransactionCheck: String(fromTransactionCheck),
    msgId: 'M',
    transactionId: 'M'
  }
  return rig.ask(peer, rig.request(37, fields))
}

/** Questions that have arrived, oldest first. */
function checks(peer: BrokerPeer): RemotingCommand[] {
  return peer.frames.splice(0).filter(({ code, isResponse }) => code === 39 && !isResponse)
}

const SHORT = { transactionCheckInterval: 3 * SECOND, transactionTimeOut: 2 * SECOND }

describe('half messages that nobody ended', () => {
  it('store-51 a producer of the group is asked once a round, with the new place of the message, which it can commit', async () => {
    const peer = await start(SHORT)
    const half = await sendHalf(peer, 'U1')
    await rig.clock.advance(3 * SECOND)
    const [question, ...others] = checks(peer)
    expect(others).toEqual([])
    expect(question?.isOneway).toBe(true)
    expect(question?.extFields).toMatchObject({
      topic: HALF,
      msgId: 'U1',
      transactionId: 'U1',
      tranStateTableOffset: '1',
      bname: 'broker-a'
    })
    expect(question?.extFields['commitLogOffset']).not.toBe(half.commitLogOffset)
    const shown = decodeMessage(question!.body!)
    expect(shown).toMatchObject({ topic: 'T', queueId: 2, flag: 7, queueOffset: 1, tags: 'paid', msgId: 'U1' })
    expect(shown.body.toString()).toBe('order')
    expect(shown.offsetMsgId).toBe(question?.extFields['offsetMsgId'])
    expect(String(shown.commitLogOffset)).toBe(question?.extFields['commitLogOffset'])
    expect(Object.fromEntries(shown.properties)).toMatchObject({ WAIT: 'false', TRANSACTION_CHECK_TIMES: '1', PGROUP: 'PG' })

    const { tranStateTableOffset, commitLogOffset } = question!.extFields
    const answer = await end(peer, { queueOffset: tranStateTableOffset!, commitLogOffset: commitLogOffset! }, 8, true)
    expect(answer.code).toBe(0)
    expect(rig.stored('T', 2)).toMatchObject([{ flag: 7, tags: 'paid', preparedTransactionOffset: Number(commitLogOffset) }])
    await rig.clock.advance(30 * SECOND)
    expect(checks(peer)).toEqual([])
    expect(rig.stored('T', 2)).toHaveLength(1)
  })

  it('store-51 one that was ended is not asked about, and both positions move on', async () => {
    const peer = await start(SHORT)
    const first = await sendHalf(peer, 'U1')
    const second = await sendHalf(peer, 'U2')
    expect((await end(peer, second, 12)).code).toBe(0)
    expect((await end(peer, first, 8)).code).toBe(0)
    await rig.clock.advance(9 * SECOND)
    expect(checks(peer)).toEqual([])
    expect(rig.stored(HALF)).toHaveLength(2)
    const { consumerOffsetManager } = rig.broker
    expect(consumerOffsetManager.queryOffset('CID_RMQ_SYS_TRANS', HALF, 0)).toBe(2)
    expect(consumerOffsetManager.queryOffset('CID_RMQ_SYS_TRANS', OPS, 0)).toBe(2)
  })

  it('store-51 op messages with several offsets, as 5.x writes them, are understood', async () => {
    const peer = await start(SHORT)
    for (const key of ['U1', 'U2', 'U3']) await sendHalf(peer, key)
    await rig.broker.store.asyncPutMessage({
      topic: OPS,
      queueId: 0,
      flag: 0,
      sysFlag: 0,
      body: Buffer.from('0,2,'),
      propertiesString: 'TAGS\u0001d\u0002',
      properties: new Map([['TAGS', 'd']]),
      bornTimestamp: rig.clock.now(),
      bornHost: rig.broker.storeHost,
      storeHost: rig.broker.storeHost,
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      isBatch: false
    })
    await rig.clock.advance(3 * SECOND)
    expect(checks(peer).map(({ extFields }) => extFields['msgId'])).toEqual(['U2'])
  })

  it('a message is not asked about before it is older than transactionTimeOut', async () => {
    const peer = await start({ transactionCheckInterval: SECOND, transactionTimeOut: 6 * SECOND })
    await sendHalf(peer, 'U1')
    await rig.clock.advance(5999)
    expect(checks(peer)).toEqual([])
    await rig.clock.advance(1)
    expect(checks(peer)).toHaveLength(1)
  })

  it('store-51 it is put aside after transactionCheckMax questions', async () => {
    const peer = await start({ ...SHORT, transactionCheckMax: 3 })
    await sendHalf(peer, 'U1')
    await rig.clock.advance(60 * SECOND)
    const times = checks(peer).map(({ body }) => decodeMessage(body!).properties.get('TRANSACTION_CHECK_TIMES'))
    expect(times).toEqual(['1', '2', '3'])
    const [aside] = rig.stored('TRANS_CHECK_MAX_TIME_TOPIC')
    expect(aside?.body.toString()).toBe('order')
    expect(Object.fromEntries(aside!.properties)).toMatchObject({ REAL_TOPIC: 'T', REAL_QID: '2', UNIQ_KEY: 'U1' })
    expect(rig.broker.topicConfigManager.selectTopicConfig('TRANS_CHECK_MAX_TIME_TOPIC')).toMatchObject({ writeQueueNums: 1 })
    expect(rig.stored('TRANS_CHECK_MAX_TIME_TOPIC')).toHaveLength(1)
  })

  it('it is put aside when it is older than the store keeps messages, however often it was asked about', async () => {
    const hour = 3600 * SECOND
    const peer = await start({ transactionCheckInterval: hour / 2 }, { storeConfig: { fileReservedTime: 1 } })
    await sendHalf(peer, 'U1')
    await rig.clock.advance(hour)
    expect(rig.stored('TRANS_CHECK_MAX_TIME_TOPIC')).toEqual([])
    await rig.clock.advance(hour / 2)
    const [aside] = rig.stored('TRANS_CHECK_MAX_TIME_TOPIC')
    expect(aside?.properties.get('TRANSACTION_CHECK_TIMES')).toBe('2')
  })

  it('store-51 where some producers do not answer, another is asked about each message before long', async () => {
    const first = await start(SHORT)
    const peers = [first]
    for (let i = 2; i <= 4; i++) peers.push(await producerOf('PG', `client-${i}`))
    const keys = ['U1', 'U2', 'U3', 'U4']
    for (const key of keys) await sendHalf(first, key)
    await rig.clock.advance(peers.length * 3 * SECOND)
    for (const peer of peers)
      expect(
        checks(peer)
          .map(({ extFields }) => extFields['msgId'])
          .sort()
      ).toEqual(keys)
  })

  it('the producers of the group are asked in turn; without one the question waits for the next round', async () => {
    const first = await start(SHORT)
    const second = await producerOf('PG', 'client-2')
    const other = await producerOf('OTHER', 'client-3')
    for (const key of ['U1', 'U2', 'U3', 'U4']) await sendHalf(first, key)
    await rig.clock.advance(3 * SECOND)
    expect([checks(first).length, checks(second).length, checks(other).length]).toEqual([2, 2, 0])
    first.destroy()
    second.destroy()
    await rig.clock.advance(6 * SECOND)
    const late = await producerOf('PG', 'client-4')
    await rig.clock.advance(3 * SECOND)
    expect(checks(late)).toHaveLength(4)
  })

  it("store-52 a message's own immunity time counts where it is longer", async () => {
    const peer = await start({ transactionCheckInterval: SECOND, transactionTimeOut: 6 * SECOND })
    const immunity = (value: string): string => `CHECK_IMMUNITY_TIME_IN_SECONDS\u0001${value}\u0002`
    for (const value of ['-1', '1', '5', '100.5', '7', '60']) await sendHalf(peer, `U${value}`, immunity(value))
    const asked = async (until: number): Promise<string[]> => {
      await rig.clock.advance(until)
      const keys = checks(peer).map(({ extFields }) => extFields['msgId']!)
      return [...new Set(keys)].sort()
    }
    expect(await asked(5900)).toEqual([])
    expect(await asked(1000)).toEqual(['U-1', 'U1', 'U100.5', 'U5'])
    expect((await asked(1200)).includes('U7')).toBe(true)
    expect((await asked(50 * SECOND)).includes('U60')).toBe(false)
    expect((await asked(4 * SECOND)).includes('U60')).toBe(true)
  })

  it('a message that was put back for its immunity is not asked about when it was ended meanwhile', async () => {
    const peer = await start(SHORT)
    const half = await sendHalf(peer, 'U1', 'CHECK_IMMUNITY_TIME_IN_SECONDS\u000160\u0002')
    await rig.clock.advance(10 * SECOND)
    expect(rig.stored(HALF).length).toBeGreaterThan(2)
    expect(rig.stored(HALF).at(-1)?.properties.get('TRAN_PREPARED_QUEUE_OFFSET')).toBe('0')
    expect((await end(peer, half, 8)).code).toBe(0)
    await rig.clock.advance(90 * SECOND)
    expect(checks(peer)).toEqual([])
    expect(rig.stored('T', 2)).toHaveLength(1)
    const { consumerOffsetManager } = rig.broker
    expect(consumerOffsetManager.queryOffset('CID_RMQ_SYS_TRANS', OPS, 0)).toBe(1)
  })

  it('a refused put leaves the message where it is, for the next round', async () => {
    const peer = await start(SHORT)
    await sendHalf(peer, 'U1')
    const broken = rig.faults.add({
      when: { point: 'append', topic: HALF },
      then: { kind: 'fail', status: 'SERVICE_NOT_AVAILABLE' }
    })
    await rig.clock.advance(3 * SECOND)
    expect(broken.hits).toBe(1)
    expect(checks(peer)).toEqual([])
    broken.remove()
    await rig.clock.advance(3 * SECOND)
    expect(checks(peer)).toHaveLength(1)
  })

  it('store-51 a rollback whose op message cannot be stored is refused, and the message is asked about', async () => {
    const peer = await start(SHORT)
    const half = await sendHalf(peer, 'U1')
    rig.faults.add({ when: { point: 'append', topic: OPS }, then: { kind: 'fail', status: 'SERVICE_NOT_AVAILABLE' }, times: 1 })
    expect((await end(peer, half, 12)).code).toBe(14)
    await rig.clock.advance(3 * SECOND)
    expect(checks(peer)).toHaveLength(1)
  })

  it('many half messages are worked through, ended ones among them', async () => {
    const peer = await start(SHORT)
    const open: string[] = []
    for (let i = 0; i < 150; i++) {
      const half = await sendHalf(peer, `U${i}`)
      if (i % 3 === 0) open.push(`U${i}`)
      else await end(peer, half, i % 3 === 1 ? 8 : 12)
    }
    await rig.clock.advance(3 * SECOND)
    await rig.clock.advance(0)
    expect(checks(peer).map(({ extFields }) => extFields['msgId'])).toEqual(open)
    expect(rig.stored('T', 2)).toHaveLength(50)
  })

  it('a shutdown does not wait for a round that waits for a flush', async () => {
    const peer = await start(SHORT, { storeConfig: { flushDiskType: 'SYNC_FLUSH' } })
    await sendHalf(peer, 'U1')
    rig.faults.add({ when: { point: 'flush', topic: HALF }, then: { kind: 'hold' } })
    await rig.clock.advance(3 * SECOND)
    await rig.broker.shutdown()
  })
})
