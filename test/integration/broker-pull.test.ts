import { afterEach, describe, expect, it } from 'vitest'
import { decodeMessages } from '../../src/protocol/message-codec.ts'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig | undefined

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

const bodies = (answer: RemotingCommand): string[] => decodeMessages(answer.body!).map((message) => message.body.toString())
const hold = (
  topic: string,
  queueId: number,
  offset: number,
  millis: number,
  fields: Record<string, string> = {}
): RemotingCommand => rig!.pullRequest(topic, queueId, offset, { sysFlag: '6', suspendTimeoutMillis: String(millis), ...fields })

describe('pulls', () => {
  it('a pull that finds nothing waits, and is answered when a message of its queue arrives', async () => {
    rig = await BrokerRig.start()
    const [consumer, producer] = [await rig.connect(), await rig.connect()]
    const pull = hold('T', 1, 0, 15_000)
    consumer.send(pull)
    await nextTurn(6)
    expect(rig.broker.pullRequestHoldService.size).toBe(1)
    await rig.ask(producer, rig.sendRequest({ queueId: 0, body: 'elsewhere' }))
    await nextTurn(6)
    expect(consumer.frames.length).toBe(0)
    await rig.ask(producer, rig.sendRequest({ queueId: 1, body: 'wake' }))
    const answer = await consumer.next()
    expect([answer.opaque, answer.code, answer.extFields['nextBeginOffset']]).toEqual([pull.opaque, 0, '1'])
    expect(bodies(answer)).toEqual(['wake'])
    expect(rig.broker.pullRequestHoldService.size).toBe(0)
  })

  it('a held pull is not woken by a message whose tag it does not want', async () => {
    rig = await BrokerRig.start()
    const [consumer, producer] = [await rig.connect(), await rig.connect()]
    consumer.send(hold('T', 0, 0, 15_000, { subscription: 'A' }))
    await nextTurn(6)
    await rig.ask(producer, rig.sendRequest({ properties: 'TAGS\u0001B\u0002', body: 'b' }))
    await nextTurn(6)
    expect(consumer.frames.length).toBe(0)
    await rig.ask(producer, rig.sendRequest({ properties: 'TAGS\u0001A\u0002', body: 'a' }))
    expect(bodies(await consumer.next())).toEqual(['a'])
  })

  it('a held pull is answered at its deadline, to the millisecond, and only once', async () => {
    rig = await BrokerRig.start()
    const consumer = await rig.connect()
    const [late, early] = [hold('T', 0, 0, 20_000), hold('T', 1, 0, 5000)]
    consumer.send(late)
    consumer.send(early)
    await nextTurn(6)
    await rig.clock.advance(4999)
    expect(consumer.frames.length).toBe(0)
    await rig.clock.advance(1)
    const first = await consumer.next()
    expect([first.opaque, first.code, first.remark]).toEqual([early.opaque, 19, 'NO_MESSAGE_IN_QUEUE'])
    await rig.clock.advance(15_000)
    expect((await consumer.next()).opaque).toBe(late.opaque)
    await rig.clock.advance(60_000)
    expect(consumer.frames.length).toBe(0)
  })

  it('without long polling it waits for shortPollingTimeMills', async () => {
    rig = await BrokerRig.start({ config: { longPollingEnable: false, shortPollingTimeMills: 800 } })
    const consumer = await rig.connect()
    consumer.send(hold('T', 0, 0, 20_000))
    await nextTurn(6)
    await rig.clock.advance(799)
    expect(consumer.frames.length).toBe(0)
    await rig.clock.advance(1)
    expect((await consumer.next()).code).toBe(19)
  })

  it('a consumer that goes away leaves nothing held', async () => {
    rig = await BrokerRig.start()
    const consumer = await rig.connect()
    consumer.send(hold('T', 0, 0, 20_000))
    await nextTurn(6)
    expect(rig.broker.pullRequestHoldService.size).toBe(1)
    consumer.destroy()
    await consumer.closed
    await nextTurn(6)
    expect(rig.broker.pullRequestHoldService.size).toBe(0)
  })

  it('shutdown answers held pulls', async () => {
    rig = await BrokerRig.start()
    const consumer = await rig.connect()
    consumer.send(hold('T', 0, 0, 20_000))
    await nextTurn(6)
    const done = rig.broker.shutdown()
    expect((await consumer.next()).code).toBe(19)
    await done
  })

  it('store-46 store-47 codes: unknown topic 17, unknown group 24, older subscription 25, refused lite pull 16, beyond the end 21', async () => {
    rig = await BrokerRig.start({ config: { litePullMessageEnable: false } })
    const peer = await rig.connect()
    const code = async (request: RemotingCommand): Promise<number> => (await rig!.ask(peer, request)).code
    expect(await code(rig.pullRequest('Nowhere', 0, 0))).toBe(17)
    expect(await code(rig.pullRequest('T', 0, 0, { sysFlag: '0' }))).toBe(24)
    expect(await code(rig.pullRequest('T', 9, 0))).toBe(29)
    expect(await code(rig.pullRequest('T', 0, 7))).toBe(21)
    expect(await code(rig.pullRequest('T', 0, 0, { subscription: '||' }))).toBe(23)
    const lite = rig.pullRequest('T', 0, 0)
    lite.code = 361
    expect(await code(lite)).toBe(16)
    const subscription = { topic: 'T', subString: '*', tagsSet: [], codeSet: [], subVersion: 100 }
    const consumer = { groupName: 'CG', subscriptionDataSet: [subscription] }
    await rig.ask(peer, rig.request(34, {}, JSON.stringify({ clientID: 'c', consumerDataSet: [consumer] })))
    expect(await code(rig.pullRequest('T', 0, 0, { sysFlag: '0', subVersion: '101' }))).toBe(25)
    expect(await code(rig.pullRequest('T', 0, 0, { sysFlag: '0', subVersion: '100' }))).toBe(19)
    expect(await code(rig.pullRequest('T', 0, 0, { sysFlag: '0', subVersion: '1700000000000000000' })), 'ns of Go').toBe(25)
  })

  it('store-54 offsets: unknown topic 17, unknown group 26, none in a queue that is none 22, committed ones are answered; a pull commits too', async () => {
    rig = await BrokerRig.start({ config: { autoCreateSubscriptionGroup: false } })
    const peer = await rig.connect()
    const ask = async (code: number, fields: Record<string, string>): Promise<RemotingCommand> =>
      rig!.ask(peer, rig!.request(code, { topic: 'T', queueId: '0', ...fields }))
    const group = { consumerGroup: 'TOOLS_CONSUMER' }
    expect((await ask(15, { consumerGroup: 'G', commitOffset: '1' })).code).toBe(26)
    expect((await ask(15, { ...group, topic: 'Nowhere', commitOffset: '1' })).code).toBe(17)
    expect((await ask(14, { ...group, queueId: '99' })).code).toBe(22)
    expect((await ask(14, { ...group, topic: 'Nowhere' })).code).toBe(22)
    expect((await ask(14, { ...group, setZeroIfNotFound: 'false' })).code).toBe(22)
    expect((await ask(15, { ...group, commitOffset: '41' })).code).toBe(0)
    expect((await ask(14, group)).extFields['offset']).toBe('41')
    await rig.ask(peer, rig.pullRequest('T', 0, 0, { ...group, sysFlag: '5', commitOffset: '42' }))
    expect((await ask(14, group)).extFields['offset']).toBe('42')
    expect((await ask(38, { consumerGroup: 'TOOLS_CONSUMER' })).code, 'nobody is there').toBe(1)
  })

  it('store-199 a new group starts an empty queue at its beginning: it gets what is sent while it looks for its position', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const fields = { consumerGroup: 'G', topic: 'T', queueId: '0' }
    const position = await rig.ask(peer, rig.request(14, fields))
    // Here a consumer of 5.3.3 that wants what comes would ask for the end (30), and find it behind this one.
    await rig.ask(peer, rig.sendRequest({ queueId: 0, body: 'sent in between' }))
    expect([position.code, position.extFields['offset']]).toEqual([0, '0'])
    const pulled = await rig.ask(peer, rig.pullRequest('T', 0, Number(position.extFields['offset'])))
    expect(decodeMessages(pulled.body!).map(({ body }) => body.toString())).toEqual(['sent in between'])
  })
})
