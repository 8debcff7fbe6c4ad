import { afterEach, describe, expect, it } from 'vitest'
import { encodeBatch } from '../../src/protocol/batch-codec.ts'
import { Message } from '../../src/protocol/message.ts'
import { BrokerRig } from '../support/broker-rig.ts'

let rig: BrokerRig | undefined

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

const named = (name: string, queueId = 0): Array<Record<string, unknown>> =>
  rig!.stored(name, queueId).map(({ topic, queueId, body, sysFlag, reconsumeTimes, properties }) => ({
    topic,
    queueId,
    body: body.toString(),
    sysFlag,
    reconsumeTimes,
    ...Object.fromEntries(properties)
  }))

describe('sends', () => {
  it('the same fields as JSON and as binary header, with long and with short names, store the same', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const properties = 'UNIQ_KEY\u0001K\u0002TAGS\u0001é\u0002WAIT\u0001true\u0002'
    const long = {
      producerGroup: 'PG',
      topic: 'T',
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: '4',
      queueId: '0',
      sysFlag: '0',
      bornTimestamp: '5',
      flag: '3',
      properties
    }
    for (const serializeType of [0, 1]) {
      const short = rig.sendRequest({ properties, serializeType, fields: { g: '5', h: '3' } })
      for (const request of [short, rig.request(10, long, 'x', serializeType)]) {
        const answer = await rig.ask(peer, request)
        expect([answer.code, answer.serializeType]).toEqual([0, serializeType])
      }
    }
    const stored = rig
      .stored('T')
      .map(({ flag, bornTimestamp, properties }) => ({ flag, bornTimestamp, properties: [...properties].sort() }))
    expect(stored).toHaveLength(4)
    for (const one of stored) expect(one).toEqual(stored[0])
    expect(rig.stored('T')[0]!.properties.get('TAGS')).toBe('é')
  })

  it('a queue id below 0 lets the broker choose one of the write queues', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const chosen = new Set<string>()
    for (let i = 0; i < 64; i++) chosen.add((await rig.ask(peer, rig.sendRequest({ queueId: -1 }))).extFields['queueId']!)
    expect([...chosen].sort()).toEqual(['0', '1', '2', '3'])
  })

  it('store-11 store-12 a batch gets consecutive offsets and ids, its members keep their properties and get those of the batch', async () => {
    rig = await BrokerRig.start()
    const messages = ['a', 'b', 'c'].map(
      (text) => new Message({ topic: 'T', body: text, tags: `tag-${text}`, uniqKey: `U${text}` })
    )
    const answer = await rig.ask(
      await rig.connect(),
      rig.sendRequest({ code: 320, batch: true, body: encodeBatch(messages), properties: 'BATCH\u00011\u0002' })
    )
    expect(answer.extFields['msgId']!.split(',')).toHaveLength(3)
    expect([answer.extFields['queueOffset'], answer.extFields['transactionId']]).toEqual(['0', undefined])
    expect(named('T')).toEqual(
      ['a', 'b', 'c'].map((text) =>
        expect.objectContaining({ body: text, TAGS: `tag-${text}`, UNIQ_KEY: `U${text}`, BATCH: '1', CLUSTER: 'DefaultCluster' })
      )
    )
  })

  it('a batch to a retry topic, with a delay, or in a transaction, is refused with 13 and stores nothing', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const body = encodeBatch([new Message({ topic: 'T', body: 'x' })])
    const batch = { code: 320, batch: true, body }
    const end = rig.broker.store.getMaxPhyOffset()
    for (const fields of [
      { topic: '%RETRY%G' },
      { properties: 'DELAY\u00011\u0002' },
      { sysFlag: 4 },
      { body: body.subarray(0, -1) }
    ]) {
      expect((await rig.ask(peer, rig.sendRequest({ ...batch, ...fields }))).code).toBe(13)
    }
    expect(rig.broker.store.getMaxPhyOffset()).toBe(end)
  })

  it('store-58 a delayed message waits in the schedule topic, level L in queue L - 1, beyond the last level in the last', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    for (const level of ['3', '99', '0', '-1'])
      await rig.ask(peer, rig.sendRequest({ queueId: 2, body: level, properties: `DELAY\u0001${level}\u0002` }))
    const real = { topic: 'SCHEDULE_TOPIC_XXXX', REAL_TOPIC: 'T', REAL_QID: '2' }
    expect(named('SCHEDULE_TOPIC_XXXX', 2)).toEqual([expect.objectContaining({ ...real, body: '3', DELAY: '3' })])
    expect(named('SCHEDULE_TOPIC_XXXX', 17)).toEqual([expect.objectContaining({ ...real, body: '99', DELAY: '18' })])
    expect(named('T', 2).map(({ body }) => body)).toEqual(['0', '-1'])
    expect((await rig.ask(peer, rig.sendRequest({ properties: 'DELAY\u0001soon\u0002' }))).code).toBe(1)
  })

  it('store-44 store-50 a half message is kept aside; commit makes it visible with its real topic, rollback never does', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const half = async (body: string): Promise<Record<string, string>> => {
      const properties = `TRAN_MSG\u0001true\u0002PGROUP\u0001PG\u0002UNIQ_KEY\u0001${body}\u0002`
      const answer = await rig!.ask(peer, rig!.sendRequest({ queueId: 1, body, properties, sysFlag: 4 }))
      expect([answer.code, answer.extFields['queueId'], answer.extFields['transactionId']]).toEqual([0, '1', body])
      const commitLogOffset = String(Number.parseInt(answer.extFields['msgId']!.slice(-16), 16))
      return { producerGroup: 'PG', tranStateTableOffset: answer.extFields['queueOffset']!, commitLogOffset, msgId: body }
    }
    const [committed, rolledBack] = [await half('yes'), await half('no')]
    expect(named('T', 1)).toEqual([])
    expect(named('RMQ_SYS_TRANS_HALF_TOPIC')).toHaveLength(2)
    expect((await rig.ask(peer, rig.request(37, { ...committed, commitOrRollback: '8' }))).code).toBe(0)
    expect((await rig.ask(peer, rig.request(37, { ...rolledBack, commitOrRollback: '12' }))).code).toBe(0)
    expect((await rig.ask(peer, rig.request(37, { ...committed, producerGroup: 'other', commitOrRollback: '8' }))).remark).toBe(
      'The producer group wrong'
    )
    expect(named('T', 1)).toEqual([
      expect.objectContaining({ topic: 'T', body: 'yes', sysFlag: 8, __transactionId__: 'yes', REAL_TOPIC: 'T' })
    ])
    expect(rig.stored('T', 1)[0]!.preparedTransactionOffset).toBe(Number(committed['commitLogOffset']))
    expect(named('RMQ_SYS_TRANS_OP_HALF_TOPIC').map(({ body, TAGS }) => [body, TAGS])).toEqual([
      ['0', 'd'],
      ['1', 'd']
    ])
  })

  it.each([
    ['INNER_BATCH in sysFlag', { sysFlag: 0x80 }],
    ['INNER_NUM', { properties: 'INNER_NUM\u00012\u0002' }]
  ])('several messages in one record, said by %s: refused with 13, no queue here holds such records', async (_, more) => {
    rig = await BrokerRig.start({ topics: { T: { queues: 4 } } })
    const answer = await rig.ask(await rig.connect(), rig.sendRequest({ queueId: 0, ...more }))
    expect(answer).toMatchObject({ code: 13, remark: expect.stringContaining('the message is illegal') })
    expect(rig.stored('T', 0)).toEqual([])
  })

  it('store-50 a transaction that is not decided is not answered; beyond its own immunity time it is refused with 604', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const properties = 'TRAN_MSG\u0001true\u0002PGROUP\u0001PG\u0002CHECK_IMMUNITY_TIME_IN_SECONDS\u000160\u0002'
    const half = await rig.ask(peer, rig.sendRequest({ properties, sysFlag: 4 }))
    const fields = {
      producerGroup: 'PG',
      tranStateTableOffset: '0',
      commitLogOffset: String(Number.parseInt(half.extFields['msgId']!.slice(-16), 16)),
      msgId: 'x'
    }
    peer.send(rig.request(37, { ...fields, commitOrRollback: '0' }))
    await rig.clock.advance(65_000)
    expect(await rig.ask(peer, rig.request(37, { ...fields, commitOrRollback: '8' }))).toMatchObject({
      code: 604,
      remark: 'not set any response code'
    })
    expect((await rig.ask(peer, rig.request(37, { ...fields, commitOrRollback: '8', fromTransactionCheck: 'true' }))).code).toBe(
      0
    )
    expect(peer.frames.length).toBe(0)
  })

  it('store-43 what a consumer sends back comes again delayed, with its origin; too often consumed, it goes to the dead letter topic', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const sent = await rig.ask(peer, rig.sendRequest({ body: 'again', properties: 'UNIQ_KEY\u0001U\u0002TAGS\u0001A\u0002' }))
    const offset = String(Number.parseInt(sent.extFields['msgId']!.slice(-16), 16))
    const back = (fields: Record<string, string>): Promise<{ code: number }> =>
      rig!.ask(peer, rig!.request(36, { offset, group: 'G', delayLevel: '0', maxReconsumeTimes: '16', ...fields }))
    expect((await back({})).code).toBe(0)
    const retried = {
      reconsumeTimes: 1,
      body: 'again',
      RETRY_TOPIC: 'T',
      ORIGIN_MESSAGE_ID: sent.extFields['msgId'],
      WAIT: 'false',
      TAGS: 'A'
    }
    expect(named('SCHEDULE_TOPIC_XXXX', 2)).toEqual([expect.objectContaining({ ...retried, DELAY: '3', REAL_TOPIC: '%RETRY%G' })])
    expect([(await back({ delayLevel: '-1' })).code, (await back({ maxReconsumeTimes: '0' })).code]).toEqual([0, 0])
    expect(named('%DLQ%G')).toEqual([
      expect.objectContaining({ ...retried, DELAY: '0' }),
      expect.objectContaining({ ...retried, DELAY: '0' })
    ])
    expect((await back({ offset: '77777' })).code).toBe(1)
    expect(rig.broker.brokerStatsManager.get('SNDBCK_PUT_NUMS', 'T@G')).toEqual({ value: 3, times: 3 })
  })

  it('a retry that a consumer sends itself goes to the dead letter topic only beyond the limit, or when its group consumes in order', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const retry = (times: string, properties = ''): Promise<{ code: number }> =>
      rig!.ask(peer, rig!.sendRequest({ topic: '%RETRY%G', body: times, properties, fields: { j: times, l: '3' } }))
    for (const times of ['2', '3', '4']) expect((await retry(times, 'DELAY\u00015\u0002')).code).toBe(0)
    expect(named('SCHEDULE_TOPIC_XXXX', 4).map(({ body }) => body)).toEqual(['2', '3'])
    expect(named('%DLQ%G')).toEqual([expect.objectContaining({ body: '4', DELAY: '-1', reconsumeTimes: 4 })])
    const lock = { consumerGroup: 'G', clientId: 'c', mqSet: [{ topic: 'T', brokerName: 'broker-a', queueId: 0 }] }
    await rig.ask(peer, rig.request(41, {}, JSON.stringify(lock)))
    await retry('1')
    expect(named('%DLQ%G').map(({ body }) => body)).toEqual(['4', '1'])
  })

  it('counts what was put, by topic and altogether', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    await rig.ask(peer, rig.sendRequest())
    await rig.ask(
      peer,
      rig.sendRequest({
        code: 320,
        batch: true,
        body: encodeBatch([new Message({ topic: 'T', body: 'a' }), new Message({ topic: 'T', body: 'b' })])
      })
    )
    await rig.ask(peer, rig.sendRequest({ topic: 'SELF_TEST_TOPIC' }))
    const stats = rig.broker.brokerStatsManager
    expect(stats.get('TOPIC_PUT_NUMS', 'T')).toEqual({ value: 3, times: 2 })
    expect(stats.get('TOPIC_PUT_SIZE', 'T')!.value).toBe(rig.broker.store.getMaxPhyOffset())
    expect(stats.get('BROKER_PUT_NUMS', 'DefaultCluster')).toMatchObject({ value: 3, times: 2 })
    expect(stats.get('TOPIC_PUT_NUMS', 'SELF_TEST_TOPIC')).toBeUndefined()
  })

  it('a deleted topic is gone with its offsets and counters, and a later send starts from 0', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    for (let i = 0; i < 2; i++) await rig.ask(peer, rig.sendRequest())
    await rig.ask(peer, rig.pullRequest('T', 0, 0, { sysFlag: '5', commitOffset: '2' }))
    expect((await rig.ask(peer, rig.request(215, { topic: 'T' }))).code).toBe(0)
    expect(rig.broker.topicConfigManager.selectTopicConfig('T')).toBeUndefined()
    expect(rig.broker.consumerOffsetManager.queryOffset('CG', 'T', 0)).toBe(-1)
    expect(rig.broker.brokerStatsManager.get('TOPIC_PUT_NUMS', 'T')).toBeUndefined()
    expect((await rig.ask(peer, rig.sendRequest())).extFields['queueOffset']).toBe('0')
  })

  it('a message is found by key, by unique key and by its offset message id', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const sent = await rig.ask(
      peer,
      rig.sendRequest({ body: 'find me', properties: 'KEYS\u0001k1 k2\u0002UNIQ_KEY\u0001U\u0002' })
    )
    const times = { beginTimestamp: '0', endTimestamp: '9223372036854775807', maxNum: '10' }
    for (const key of ['k1', 'k2', 'U']) {
      const found = await rig.ask(peer, rig.request(12, { topic: 'T', key, ...times, _UNIQUE_KEY_QUERY: String(key === 'U') }))
      expect([key, found.code, found.body?.includes('find me')]).toEqual([key, 0, true])
    }
    const offset = String(Number.parseInt(sent.extFields['msgId']!.slice(-16), 16))
    expect((await rig.ask(peer, rig.request(33, { offset }))).body!.includes('find me')).toBe(true)
  })
})
