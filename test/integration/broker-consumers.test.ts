import { afterEach, describe, expect, it } from 'vitest'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig

afterEach(() => rig?.stop())

const bodies = (answer: RemotingCommand): string[] =>
  answer.body === undefined ? [] : decodeMessages(answer.body).map((message) => message.body.toString())

/** A member of group CG, subscribed to T. */
async function consumer(clientID: string, subString = '*', expressionType = 'TAG'): Promise<BrokerPeer> {
  const peer = await rig.connect()
  const subscription = { topic: 'T', subString, expressionType, subVersion: 1, tagsSet: [], codeSet: [], classFilterMode: false }
  const group = {
    groupName: 'CG',
    consumeType: 'CONSUME_PASSIVELY',
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    subscriptionDataSet: [subscription],
    unitMode: false
  }
  const body = JSON.stringify({ clientID, consumerDataSet: [group], producerDataSet: [] })
  expect((await rig.ask(peer, rig.request(34, {}, body))).code).toBe(0)
  return peer
}

async function send(...sent: Array<[body: string, properties: string]>): Promise<void> {
  const producer = await rig.connect()
  for (const [body, properties] of sent) await rig.ask(producer, rig.sendRequest({ body, properties }))
}

const n = (value: string): string => `n\u0001${value}\u0002`

describe('SQL92 filters', () => {
  const check = (subString: string, expressionType = 'SQL92') =>
    rig.request(
      46,
      {},
      JSON.stringify({ clientId: 'c', group: 'CG', subscriptionData: { topic: 'T', subString, expressionType } })
    )

  it('store-140 with enablePropertyFilter a pull brings what its expression wants, by heartbeat or with the pull', async () => {
    rig = await BrokerRig.start({ config: { enablePropertyFilter: true } })
    await send(['one', n('1')], ['two', n('2')], ['none', ''], ['three', n('3')])
    const member = await consumer('c1', 'n >= 2', 'SQL92')
    expect((await rig.ask(member, check('n >= 2'))).code).toBe(0)
    expect(bodies(await rig.ask(member, rig.pullRequest('T', 0, 0, { sysFlag: '0', subVersion: '1' })))).toEqual(['two', 'three'])
    const own = { expressionType: 'SQL92', subscription: 'n = 1' }
    expect(bodies(await rig.ask(member, rig.pullRequest('T', 0, 0, own)))).toEqual(['one'])
    const nothing = await rig.ask(member, rig.pullRequest('T', 0, 0, { ...own, subscription: 'n = 9' }))
    expect([nothing.code, nothing.remark, nothing.extFields['nextBeginOffset']]).toEqual([20, 'NO_MATCHED_MESSAGE', '4'])
  })

  it('store-140 a wrong expression: 23 in a check, 27 from a heartbeat, everything when it came with the pull; off, all are refused', async () => {
    rig = await BrokerRig.start({ config: { enablePropertyFilter: true } })
    await send(['one', n('1')])
    const member = await consumer('c1', 'n >=', 'SQL92')
    const refused = await rig.ask(member, check('n >='))
    expect([refused.code, refused.remark]).toEqual([23, 'expected a property, a number, a text or a bracket at 4, found the end'])
    const pull = await rig.ask(member, rig.pullRequest('T', 0, 0, { sysFlag: '0', subVersion: '1' }))
    expect([pull.code, pull.remark]).toEqual([27, "The broker's consumer filter data is not exist!Your expression may be wrong!"])
    const own = rig.pullRequest('T', 0, 0, { expressionType: 'SQL92', subscription: 'n >=' })
    expect(bodies(await rig.ask(member, own))).toEqual(['one'])
    await rig.stop()

    rig = await BrokerRig.start()
    const other = await rig.connect()
    for (const request of [check('n = 1'), rig.pullRequest('T', 0, 0, { expressionType: 'SQL92', subscription: 'n = 1' })]) {
      const answer = await rig.ask(other, request)
      expect([answer.code, answer.remark]).toEqual([1, 'The broker does not support consumer to filter message by SQL92'])
    }
  })
})

describe('resetting offsets', () => {
  const reset = (fields: Record<string, string> = {}) =>
    rig.request(222, { topic: 'T', group: 'CG', timestamp: '0', isForce: 'true', ...fields })
  const committed = async (peer: BrokerPeer) =>
    (await rig.ask(peer, rig.request(14, { consumerGroup: 'CG', topic: 'T', queueId: '0' }))).extFields['offset']
  const commit = (offset: number) =>
    rig.request(15, { consumerGroup: 'CG', topic: 'T', queueId: '0', commitOffset: String(offset) })

  it('store-141 is told with the next pull, once; until then commits are taken and ignored', async () => {
    rig = await BrokerRig.start()
    await send(['a', ''], ['b', ''], ['c', ''])
    const member = await consumer('c1')
    await rig.ask(member, commit(3))
    const answer = await rig.ask(member, reset())
    expect(answer.code).toBe(0)
    expect(answer.body?.toString()).toContain('{"brokerName":"broker-a","queueId":0,"topic":"T"}:0')
    const late = await rig.ask(member, commit(3))
    expect([late.code, late.remark]).toEqual([0, 'Offset has been previously reset'])
    expect(await committed(member)).toBe('0')
    const stale = rig.pullRequest('T', 0, 3, { sysFlag: '5', commitOffset: '3' })
    const told = await rig.ask(member, stale)
    expect([told.code, told.remark, told.extFields['nextBeginOffset']]).toEqual([21, 'OFFSET_RESET', '0'])
    expect(await committed(member)).toBe('0')
    expect(bodies(await rig.ask(member, rig.pullRequest('T', 0, 0)))).toEqual(['a', 'b', 'c'])
    await rig.ask(member, commit(3))
    expect(await committed(member)).toBe('3')
  })

  it('store-141 answers a pull of the group that is held at once, and leaves those of others', async () => {
    rig = await BrokerRig.start()
    await send(['a', ''])
    const [member, other] = [await consumer('c1'), await rig.connect()]
    const held = { sysFlag: '6', suspendTimeoutMillis: '15000' }
    member.send(rig.pullRequest('T', 0, 1, held))
    other.send(rig.pullRequest('T', 0, 1, { ...held, consumerGroup: 'Other' }))
    await nextTurn(6)
    const admin = await rig.connect()
    await rig.ask(admin, reset({ queueId: '0', offset: '0' }))
    const told = await member.next()
    expect([told.code, told.extFields['nextBeginOffset']]).toEqual([21, '0'])
    await nextTurn(6)
    expect(other.frames).toEqual([])
  })

  it('store-141 timestamp -1 is the end; unknown names and offsets outside the queue are refused', async () => {
    rig = await BrokerRig.start()
    await send(['a', ''])
    const member = await consumer('c1')
    expect((await rig.ask(member, reset({ timestamp: '-1' }))).code).toBe(0)
    expect(await committed(member)).toBe('1')
    const answers: unknown[] = []
    const wrong: Record<string, string>[] = [
      { topic: 'None' },
      { group: 'None' },
      { queueId: '0', offset: '3' },
      { queueId: '9' }
    ]
    for (const fields of wrong) {
      const { code, remark } = await rig.ask(member, reset(fields))
      answers.push([code, remark])
    }
    expect(answers).toEqual([
      [17, 'Topic None does not exist'],
      [26, 'Group None does not exist'],
      [1, 'Target offset 3 not in consume queue range [0-1]'],
      [1, "RemotingCommandException: queueId 9 is not one of the topic's 4 queues"]
    ])
  })
})

describe('questions handed on to consumers', () => {
  const ask = (code: number, fields: Record<string, string>) => rig.request(code, { consumerGroup: 'CG', ...fields })

  it('store-142 running info and direct consumption reach the client, and its answer comes back', async () => {
    rig = await BrokerRig.start()
    await send(['a', ''])
    const [member, admin] = [await consumer('c1'), await rig.connect()]
    const info = ask(307, { clientId: 'c1', jstackEnable: 'false' })
    admin.send(info)
    const asked = await member.next()
    expect([asked.code, { ...asked.extFields }]).toEqual([307, { consumerGroup: 'CG', clientId: 'c1', jstackEnable: 'false' }])
    member.send(RemotingCommand.response(asked, 0, undefined, undefined, Buffer.from('{"mqTable":{}}')))
    const answer = await admin.next()
    expect([answer.opaque, answer.code, answer.body?.toString()]).toEqual([info.opaque, 0, '{"mqTable":{}}'])

    const [stored] = rig.stored('T')
    admin.send(ask(309, { clientId: 'c1', msgId: stored!.offsetMsgId, topic: 'T' }))
    const direct = await member.next()
    expect([
      direct.code,
      direct.extFields['brokerName'],
      direct.extFields['topicSysFlag'],
      direct.extFields['groupSysFlag']
    ]).toEqual([309, 'broker-a', '0', '0'])
    expect(decodeMessages(direct.body!).map((message) => message.body.toString())).toEqual(['a'])
    member.send(RemotingCommand.response(direct, 1, 'no'))
    const refused = await admin.next()
    expect([refused.code, refused.remark]).toEqual([1, 'no'])
  })

  it('store-142 a client that is not there, leaves or does not answer is an answer too', async () => {
    rig = await BrokerRig.start()
    const [member, admin] = [await consumer('c1'), await rig.connect()]
    const absent = await rig.ask(admin, ask(307, { clientId: 'c2' }))
    expect([absent.code, absent.remark]).toEqual([1, 'The Consumer <CG> <c2> not online'])
    const gone = await rig.ask(admin, ask(309, { clientId: 'c1', msgId: '7F00000100002A9F0000000000FFFFFF' }))
    expect([gone.code, gone.remark]).toEqual([1, 'look message by offset failed, 16777215'])

    const silent = ask(307, { clientId: 'c1' })
    admin.send(silent)
    await member.next()
    await rig.clock.advance(11_000)
    const late = await admin.next()
    expect([late.code, late.remark]).toEqual([207, expect.stringContaining('consumer <CG> <c1> Timeout: ')])

    admin.send(ask(307, { clientId: 'c1' }))
    await member.next()
    member.destroy()
    const lost = await admin.next()
    expect([lost.code, lost.remark]).toEqual([1, expect.stringContaining('invoke consumer <CG> <c1> Exception: ')])
  })
})
