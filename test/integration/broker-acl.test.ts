import { randomInt } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { AclOptions, PlainAccount } from '../../src/broker/acl/acl-options.ts'
import { AclClientRPCHook } from '../../src/client/acl-client-rpc-hook.ts'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { Message } from '../../src/protocol/message.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { BrokerRig, type SendFields } from '../support/broker-rig.ts'
import { certificates } from '../support/certificates.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { rejection } from '../support/producers.ts'
import { LinesLogger } from '../support/remoting.ts'

const writer: PlainAccount = { accessKey: 'writer-1', secretKey: 'secret-of-writer', topicPerms: ['T=PUB', 'Mute=DENY'] }
const reader: PlainAccount = {
  accessKey: 'reader-1',
  secretKey: 'secret-of-reader',
  defaultTopicPerm: 'SUB',
  groupPerms: ['CG=SUB']
}
const admin: PlainAccount = { accessKey: 'admin-1', secretKey: 'secret-of-admin', admin: true }
const REFUSED = 'org.apache.rocketmq.acl.common.AclException: '

let rig: BrokerRig
afterEach(() => rig?.stop())

async function start(acl: Partial<AclOptions> = {}): Promise<(request: RemotingCommand) => Promise<[number, string]>> {
  rig = await BrokerRig.start({ acl: { accounts: [writer, reader, admin], ...acl } })
  return connect()
}

async function connect(): Promise<(request: RemotingCommand) => Promise<[number, string]>> {
  const peer = await rig.connect()
  return async (request) => {
    const { code, remark } = await rig.ask(peer, request)
    return [code, remark?.startsWith(REFUSED) ? remark.slice(REFUSED.length) : (remark ?? '')]
  }
}

function signed(request: RemotingCommand, account: PlainAccount = writer): RemotingCommand {
  new AclClientRPCHook(account).doBeforeRequest('', request)
  return request
}

const send = (fields: SendFields = {}, account: PlainAccount = writer): RemotingCommand =>
  signed(rig.sendRequest(fields), account)

describe('ACL 1.0 at the loopback broker', () => {
  it('a signed send is stored; without a key, with an unknown one or a wrong secret it is refused in the words of 4.9', async () => {
    const ask = await start()
    expect(await ask(send())).toEqual([0, ''])
    expect(await ask(rig.sendRequest())).toEqual([1, 'No accessKey is configured'])
    expect(await ask(send({}, { ...writer, accessKey: 'nobody-1' }))).toEqual([1, 'No acl config for nobody-1'])
    expect(await ask(send({}, { ...writer, secretKey: 'wrong' }))).toEqual([1, 'Check signature failed for accessKey=writer-1'])
    expect(rig.stored('T')).toHaveLength(1)
  })

  it('security-X7 every sending code is checked for the topic, in both serializations', async () => {
    const ask = await start()
    for (const code of [310, 320, 325]) {
      for (const serializeType of [0, 1]) {
        expect(await ask(send({ topic: 'Other', code, serializeType }))).toEqual([1, 'No default permission for topic:Other'])
        expect(await ask(send({ topic: 'Mute', code, serializeType }))).toEqual([1, 'No default permission for topic:Mute'])
        expect(await ask(send({ topic: 'T', code, serializeType }, reader))).toEqual([1, 'No default permission for topic:T'])
      }
    }
    const long = { producerGroup: 'PG', topic: 'Other', defaultTopic: 'TBW102', queueId: '0', sysFlag: '0', properties: '' }
    for (const code of [10, 324, 370]) {
      const asked = await ask(signed(rig.request(code, long, 'x')))
      if (asked[0] !== 3) expect(asked).toEqual([1, 'No default permission for topic:Other'])
    }
    expect([...rig.broker.topicConfigManager.topicConfigTable.keys()]).not.toContain('Other')
    expect(rig.stored('T')).toHaveLength(0)
  })

  it('security-X7 a signed request that was changed in any way is refused, 10,000 times, and nothing is stored', async () => {
    const ask = await start()
    const body = 'a body that is long enough to be changed in many places'
    const properties = 'UNIQ_KEY\u00010123456789\u0002TAGS\u0001a\u0002'
    for (let i = 0; i < 10_000; i++) {
      const request = send({ body, properties, serializeType: i % 2 })
      const fields = request.extFields
      const names = Object.keys(fields).filter((name) => fields[name] !== '')
      const name = names[randomInt(names.length)] as string
      const value = fields[name] as string
      const at = randomInt(value.length)
      const kind = randomInt(5)
      if (kind === 0) fields[name] = `${value.slice(0, at)}${value[at] === 'Z' ? 'Y' : 'Z'}${value.slice(at + 1)}`
      else if (kind === 1) delete fields[name]
      else if (kind === 2) fields[`added${randomInt(1000)}`] = 'x'
      else if (kind === 3) (request.body as Buffer)[randomInt(body.length)]! ^= 1 << randomInt(8)
      else request.body = request.body?.subarray(0, randomInt(body.length))
      const [code] = await ask(request)
      if (code !== 1) throw new Error(`${kind}: ${name} of ${JSON.stringify(fields)} was answered with ${code}`)
    }
    expect(rig.broker.store.getMaxOffsetInQueue('T', 0)).toBeLessThanOrEqual(0)
  }, 30_000)

  it('consuming needs the topic and the group; a retry topic belongs to its group', async () => {
    const ask = await start()
    const pull = (topic: string, consumerGroup: string): RemotingCommand =>
      signed(rig.pullRequest(topic, 0, 0, { consumerGroup, sysFlag: '0', subscription: '' }), reader)
    expect((await ask(pull('T', 'CG')))[0]).not.toBe(1)
    expect(await ask(pull('T', 'Other'))).toEqual([1, 'No default permission for group:Other'])
    expect(await ask(pull('%RETRY%Other', 'CG'))).toEqual([1, 'No default permission for group:Other'])
    const heartbeat = (groupName: string): RemotingCommand => {
      const consumer = { groupName, consumeType: 'CONSUME_PASSIVELY', messageModel: 'CLUSTERING', unitMode: false } as const
      const consumerDataSet = [{ ...consumer, consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' as const, subscriptionDataSet: [] }]
      const data = { clientID: 'c', producerDataSet: [], consumerDataSet, heartbeatFingerprint: 0, withoutSub: false }
      return signed(rig.request(34, {}, encodeHeartbeat(data)), reader)
    }
    expect(await ask(heartbeat('CG'))).toEqual([0, ''])
    expect(await ask(heartbeat('Other'))).toEqual([1, 'No default permission for group:Other'])
    expect(await ask(signed(rig.request(36, { group: 'Other', offset: '0', delayLevel: '0' }), reader))).toEqual([
      1,
      'No default permission for group:Other'
    ])
  })

  it('security-X7 popping needs the topic and the group; what came back belongs to the group, and what another group holds does not', async () => {
    const ask = await start()
    await ask(send())
    const fields = { topic: 'T', queueId: '0', maxMsgNums: '1', invisibleTime: '60000', pollTime: '0', initMode: '0' }
    const pop = (consumerGroup: string, account: PlainAccount): RemotingCommand =>
      signed(rig.request(200_050, { ...fields, consumerGroup }), account)
    expect(await ask(pop('CG', writer))).toEqual([1, 'No default permission for topic:T'])
    expect(await ask(pop('Other', reader))).toEqual([1, 'No default permission for group:Other'])
    expect(await ask(pop('CG', reader))).toEqual([0, 'FOUND'])
    const handle = { queueId: '0', offset: '0', extraInfo: '0 1 60000 0 0 broker-a 0 0', invisibleTime: '1000' }
    for (const code of [200_051, 200_053]) {
      const held = (topic: string, consumerGroup: string) =>
        signed(rig.request(code, { ...handle, topic, consumerGroup }), reader)
      expect((await ask(held('T', 'CG')))[0]).toBe(0)
      // Allowed; there is no such topic yet.
      expect((await ask(held('%RETRY%CG_T', 'CG')))[0]).toBe(17)
      expect(await ask(held('%RETRY%Other_T', 'CG'))).toEqual([1, 'No default permission for group:Other_T'])
    }
    const batch = (c: string) =>
      signed(rig.request(200_151, {}, JSON.stringify({ acks: [{ c, t: 'T', r: '0', b: '' }] })), reader)
    expect([(await ask(batch('CG')))[0], (await ask(batch('Other')))[0]]).toEqual([0, 1])
    const queues = (consumerGroup: string) => signed(rig.request(400, {}, JSON.stringify({ topic: 'T', consumerGroup })), reader)
    expect([(await ask(queues('CG')))[0], (await ask(queues('Other')))[0]]).toEqual([0, 1])
  })

  it('security-X7 what has no rule of its own is for administrators', async () => {
    const ask = await start()
    for (const code of [17, 21, 26, 200, 203, 215]) {
      expect(await ask(signed(rig.request(code)))).toEqual([
        1,
        `Need admin permission for request code=${code}, but accessKey=writer-1 is not`
      ])
    }
    expect((await ask(signed(rig.request(26), admin)))[0]).toBe(0)
    expect(await ask(send({ topic: 'Whatever' }, admin))).toEqual([0, ''])
    // Without the fields that say what it is about nobody but an administrator may send it.
    expect((await ask(signed(rig.request(30))))[1]).toMatch(/^Need admin permission/)
  })

  it('white lists need no signature; everybody may be traced', async () => {
    const trace = { topic: 'RMQ_SYS_TRACE_TOPIC' }
    let ask = await start()
    expect((await ask(send(trace)))[1]).not.toContain('permission')
    await rig.stop()
    ask = await start({ globalWhiteRemoteAddresses: ['10.0.0.1', '127.0.0.{1,2}'] })
    expect(await ask(rig.sendRequest())).toEqual([0, ''])
    await rig.stop()
    ask = await start({ accounts: [{ ...writer, whiteRemoteAddress: '127.*.0.1-9', topicPerms: [] }] })
    expect(await ask(send({}, { ...writer, secretKey: 'not looked at' }))).toEqual([0, ''])
    expect(await ask(rig.sendRequest())).toEqual([1, 'No accessKey is configured'])
  })

  it('security-X8 a recorded send is stored again, as in RocketMQ; the strict mode refuses it, and sends born too early or late', async () => {
    let ask = await start()
    const replay = send()
    expect([await ask(replay), await ask(replay)]).toEqual([
      [0, ''],
      [0, '']
    ])
    await rig.stop()
    ask = await start({ strict: true })
    const recorded = send()
    expect(await ask(recorded)).toEqual([0, ''])
    expect(await ask(recorded)).toEqual([1, 'This request has been received before'])
    await rig.clock.advance(299_000)
    ask = await connect()
    expect(await ask(recorded)).toEqual([1, 'This request has been received before'])
    await rig.clock.advance(2000)
    expect((await ask(recorded))[1]).toMatch(/born more than 300000 ms/)
    const early = send({ fields: { g: String(rig.clock.now() + 300_001) } })
    expect((await ask(early))[1]).toMatch(/born more than 300000 ms/)
    const heartbeat = { clientID: 'c', producerDataSet: [], consumerDataSet: [], heartbeatFingerprint: 0, withoutSub: false }
    const beat = signed(rig.request(34, {}, encodeHeartbeat(heartbeat)))
    expect([(await ask(beat))[0], (await ask(beat))[0]]).toEqual([0, 0])
  })

  it('a slave follows its master with ACL and TLS on: what it asks is signed as an administrator', async () => {
    const logger = new LinesLogger()
    const { ca, server: tls } = certificates()
    const brokers = [{ brokerName: 'broker-a', slaves: 1 }]
    const broker = await LoopbackBroker.start({ brokers, topics: { T: {} }, acl: { accounts: [writer, admin] }, tls, logger })
    const producer = new DefaultMQProducer({
      producerGroup: newGroup(),
      ...broker.clientOptions(),
      tls: { ca },
      credentials: admin
    })
    try {
      await producer.start()
      expect((await producer.send(new Message({ topic: 'Fresh', body: 'x' }))).sendStatus).toBe('SEND_OK')
      const [slave] = broker.slaves
      await slave?.slaveSynchronize?.syncAll()
      expect(slave?.topicConfigManager.selectTopicConfig('Fresh')).toBeDefined()
      expect(logger.lines.filter((line) => /refused|failed/.test(line))).toEqual([])
    } finally {
      await producer.shutdown()
      await broker.close()
    }
  })

  it('a mistake in the accounts is told without a secret', async () => {
    const refuse = async (acl: Partial<AclOptions>): Promise<string> => {
      const error = await rejection<RocketMQError>(LoopbackBroker.start({ acl: { accounts: [], ...acl } }))
      expect(`${error.message}${inspect(error)}`).not.toContain('hidden')
      return error.message
    }
    expect(await refuse({ accounts: [{ accessKey: 'user-12', secretKey: 'hidden' }] })).toContain('accounts[0]: secretKey')
    expect(await refuse({ accounts: [writer, { ...writer, secretKey: 'hidden-secret' }] })).toContain('accounts[1]')
    expect(await refuse({ accounts: [{ ...writer, topicPerms: ['T=ALL'] }] })).toContain('"ALL" is no permission')
    expect(await refuse({ accounts: [{ ...writer, groupPerms: ['G'] }] })).toContain('name=permission')
    expect(await refuse({ globalWhiteRemoteAddresses: ['10.0.0.300'] })).toContain('"10.0.0.300"')
  })

  it('security-X9 producer and broker sign and check, and say nothing of the keys anywhere', async () => {
    const logger = new LinesLogger()
    const broker = await LoopbackBroker.start({ topics: { T: {} }, acl: { accounts: [writer] }, logger })
    const options = { ...broker.clientOptions(), logger, retryTimesWhenSendFailed: 0 }
    const good = new DefaultMQProducer({ producerGroup: newGroup(), ...options, credentials: writer })
    const credentials = { ...writer, secretKey: 'another-secret', securityToken: 'token-1' }
    const bad = new DefaultMQProducer({ producerGroup: newGroup(), ...options, credentials })
    try {
      await Promise.all([good.start(), bad.start()])
      expect((await good.send(new Message({ topic: 'T', body: 'x' }))).sendStatus).toBe('SEND_OK')
      const error = await rejection<RocketMQError>(bad.send(new Message({ topic: 'T', body: 'x' })))
      expect(error).toMatchObject({ responseCode: 1, maybeStored: false })
      expect(error.hint).toContain('check accessKey and secretKey')
      expect(broker.messageCount('T')).toBe(1)
      const shown = [error, good, bad, broker, broker.brokers[0]].map(
        (value) => inspect(value, { depth: 5, showHidden: true }) + String(value)
      )
      const text = [...shown, JSON.stringify(error), JSON.stringify(good), ...logger.lines].join('\n')
      expect(text).not.toMatch(/secret-of-writer|another-secret|token-1/)
    } finally {
      await good.shutdown()
      await bad.shutdown()
      await broker.close()
    }
  })
})
