import { afterEach, describe, expect, it, vi } from 'vitest'
import { SERVED_BY_BROKER } from '../../src/broker/handlers/handlers.ts'
import { SERVED_BY_NAME_SERVER } from '../../src/nameserver/request-handlers.ts'
import { RequestCode } from '../../src/protocol/codes.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig | undefined

afterEach(async () => {
  vi.restoreAllMocks()
  await rig?.stop()
  rig = undefined
})

/** `npm run torture` takes all values. */
const ALL = process.env.TORTURE !== undefined

/** Every field that a served request reads, good enough to be taken seriously. */
const FIELDS: Record<string, string> = {
  ...{ a: 'PG', b: 'T', c: 'TBW102', d: '4', e: '0', f: '0', g: '1', h: '0', i: 'KEYS\u0001k\u0002', j: '0', k: 'false', l: '1' },
  ...{ m: 'false', n: 'broker-a', topic: 'T', group: 'CG', consumerGroup: 'CG', producerGroup: 'PG', groupName: 'CG' },
  ...{ queueId: '0', queueOffset: '0', maxMsgNums: '1', sysFlag: '4', commitOffset: '0', suspendTimeoutMillis: '0' },
  ...{ subscription: '*', subVersion: '0', expressionType: 'TAG', exp: '*', expType: 'TAG', initMode: '0', pollTime: '0' },
  ...{ bornTime: '0', invisibleTime: '1000', extraInfo: '0 1 1000 0 0 broker-a 0 0', order: 'false', offset: '0', msgId: 'x' },
  ...{ originMsgId: 'x', originTopic: 'T', delayLevel: '0', maxReconsumeTimes: '16', reconsumeTimes: '0', timestamp: '0' },
  ...{ isForce: 'true', readQueueNums: '1', writeQueueNums: '1', perm: '6', topicFilterType: 'SINGLE_TAG', index: '0' },
  ...{ count: '1', key: 'k', maxNum: '1', beginTimestamp: '0', endTimestamp: '9007199254740991', tranStateTableOffset: '0' },
  ...{ commitLogOffset: '0', commitOrRollback: '8', fromTransactionCheck: 'false', transactionId: 'x', batch: 'false' },
  ...{ defaultTopic: 'TBW102', defaultTopicQueueNums: '4', bornTimestamp: '1', flag: '0', properties: '', unitMode: 'false' },
  ...{ statsName: 'TOPIC_PUT_NUMS', statsKey: 'T', isOrder: 'false', srcGroup: 'CG', destGroup: 'CH', offline: 'true' },
  ...{ clientId: 'c', clientID: 'c', cleanOffset: 'true', filterGroups: 'a', compareGroup: 'b', recallHandle: 'x' },
  ...{ brokerId: '0', brokerName: 'broker-a', brokerAddr: '127.0.0.1:1', clusterName: 'C', haServerAddr: '', bodyCrc32: '0' },
  ...{ namespace: 'N', value: 'v', heartbeatTimeoutMillis: '1000', cluster: 'C', jstackEnable: 'false', attributes: '' }
}

const SOME = ['NaN', '-1', '9223372036854775807']
const VALUES = ALL
  ? [
      ...SOME,
      ' ',
      '1e3',
      '0x10',
      '1.5',
      'Infinity',
      '+1',
      '\u0663',
      '\u0000',
      'null',
      '-2147483648',
      '2147483648',
      'x'.repeat(5000)
    ]
  : SOME

const BODIES = [
  ...[undefined, '{}', '[]', 'null', '1', '"x"', '{"', '[null]', Buffer.alloc(64), Buffer.alloc(100, 0xff)],
  '{"clientID":1,"producerDataSet":1,"consumerDataSet":{},"mqSet":7,"consumerGroup":[],"acks":1,"groupName":{},"subscriptionData":[]}',
  '{"clientID":"c","clientId":"c","consumerGroup":"CG","producerDataSet":[null,1,[],{"groupName":null}],"consumerDataSet":[null,{"groupName":"x","subscriptionDataSet":[null,3,{"topic":5}],"consumeType":9,"messageModel":{}}],"mqSet":[null,1,{"topic":null,"queueId":"x"},{"topic":"T","brokerName":"broker-a","queueId":1e300}],"acks":[null,{"c":1,"t":null,"so":"x","q":-1,"b":5}]}'
]

interface Attempt {
  code: number
  fields: Record<string, string>
  body?: Buffer | string | undefined
  what: string
}

function attempts(code: number): Attempt[] {
  const all: Attempt[] = [{ code, fields: {}, what: 'no field' }]
  for (const body of BODIES) all.push({ code, fields: FIELDS, body, what: `body ${body}` })
  for (const name of Object.keys(FIELDS)) {
    const { [name]: _left, ...others } = FIELDS
    all.push({ code, fields: others, body: 'x', what: `without ${name}` })
    for (const value of VALUES) all.push({ code, fields: { ...FIELDS, [name]: value }, body: 'x', what: `${name} ${value}` })
  }
  for (const value of VALUES) {
    all.push({ code, fields: Object.fromEntries(Object.keys(FIELDS).map((name) => [name, value])), what: `all ${value}` })
  }
  return all
}

/** Sends one after the other and gives those that were neither answered nor ended with their connection, a minute later. */
async function unanswered(
  server: { host: string; port: number },
  codes: Iterable<number>
): Promise<{ left: string[]; sent: number }> {
  const left: string[] = []
  let sent = 0
  let peer = await RawPeer.connect(rig!.network, server)
  for (const code of codes) {
    for (const { fields, body, what } of attempts(code)) {
      if (peer.ended) peer = await RawPeer.connect(rig!.network, server)
      const request = rig!.request(code, fields, body)
      peer.send(request)
      sent++
      const settled = answerOrEnd(peer, request)
      let done = await Promise.race([settled, nextTurn(20)])
      if (done === undefined) {
        await rig!.clock.advance(60_000)
        done = await Promise.race([settled, nextTurn(200)])
      }
      if (done === undefined) {
        left.push(`${code}: ${what}`)
        peer.destroy()
      }
    }
  }
  peer.destroy()
  return { left, sent }
}

async function answerOrEnd(peer: RawPeer, { opaque }: RemotingCommand): Promise<'answered' | 'ended'> {
  try {
    for (;;) {
      const answer = await peer.next()
      if (answer.isResponse && answer.opaque === opaque) return 'answered'
    }
  } catch {
    return 'ended'
  }
}

describe('whatever a request holds', { timeout: ALL ? 280_000 : 60_000 }, () => {
  it('security-X19 it is answered, or its connection ends: a broker', async () => {
    rig = await BrokerRig.start({ config: { enablePropertyFilter: true, recallMessageEnable: true } })
    const codes = SERVED_BY_BROKER.flatMap(([codes]) => codes)
    const { left, sent } = await unanswered(rig.broker, codes)
    expect(left).toEqual([])
    expect(sent).toBeGreaterThan(20_000)
    expect((await rig.ask(await rig.connect(), rig.sendRequest())).code).toBe(0)
  })

  it('security-X19 it is answered, or its connection ends: a name server', async () => {
    rig = await BrokerRig.start()
    const { left } = await unanswered(
      rig.nameServer,
      SERVED_BY_NAME_SERVER.map(([code]) => code)
    )
    expect(left).toEqual([])
  })
})

describe('bodies that would be expensive to read', () => {
  const sizes = 200_000
  const EXPENSIVE: Record<string, [body: string, error: RegExp]> = {
    'deep arrays': [`{"x":${'['.repeat(sizes)}${']'.repeat(sizes)}}`, /JSON is nested deeper than 64/],
    'deep objects': [`${'{"a":'.repeat(sizes)}1${'}'.repeat(sizes)}`, /JSON is nested deeper than 64/],
    'brackets that never end': ['['.repeat(sizes), /JSON is nested deeper than 64/],
    'many names': [`{${Array.from({ length: sizes }, (_, i) => `"${i}":1`).join()}}`, /JSON holds more than 100000 values/],
    'many names, few commas': [
      `{"x":[${Array.from({ length: sizes / 50 }, () => `${'{"a":'.repeat(50)}1${'}'.repeat(50)}`).join()}]}`,
      /JSON holds more than 100000 values/
    ],
    'many values, and commas in strings': [`{"x":["\\",\\"",${'1,'.repeat(sizes)}1]}`, /JSON holds more than 100000 values/]
  }

  it('security-X19 are refused before anything is made of them', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const parse = vi.spyOn(JSON, 'parse')
    for (const [name, [body, error]] of Object.entries(EXPENSIVE)) {
      for (const code of [34, 41, 42, 46, 200, 400, 401, RequestCode.BATCH_ACK_MESSAGE]) {
        const answer = await rig.ask(peer, rig.request(code, { topic: 'T' }, body))
        expect([answer.code, answer.remark], `${name} in ${code}`).toEqual([1, expect.stringMatching(error)])
      }
    }
    expect(parse.mock.calls.filter(([text]) => text.length > 100_000)).toEqual([])
  })

  it('security-X19 what is large and as it should be is read', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const subscriptionDataSet = Array.from({ length: 5000 }, (_, i) => ({
      topic: `T${i}`,
      subString: 'a,[{"\\',
      tagsSet: ['[', '"']
    }))
    const consumerDataSet = [{ groupName: 'CG', subscriptionDataSet }]
    const answer = await rig.ask(peer, rig.request(34, {}, JSON.stringify({ clientID: 'c', consumerDataSet })))
    expect(answer.code).toBe(0)
    expect(rig.broker.consumerManager.getConsumerGroupInfo('CG')?.subscriptions.size).toBe(5000)
  })

  it('security-X19 after 100 groups without room the rest of a heartbeat is not looked at', async () => {
    rig = await BrokerRig.start({ config: { maxProducerNum: 1 } })
    const peer = await rig.connect()
    const groups = (count: number): unknown => Array.from({ length: count }, (_, i) => ({ groupName: `P${i}` }))
    const heartbeat = (producerDataSet: unknown): RemotingCommand =>
      rig!.request(34, {}, JSON.stringify({ clientID: 'c', producerDataSet }))
    await rig.ask(peer, heartbeat(groups(1)))
    const room = vi.spyOn(rig.broker.producerManager, 'registerProducer')
    expect((await rig.ask(peer, heartbeat(groups(10_000)))).code).toBe(16)
    // The one that is known, and those that are refused.
    expect(room).toHaveBeenCalledTimes(101)
  })
})
