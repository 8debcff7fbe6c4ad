import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BrokerHooks } from '../../src/broker/hooks/broker-hooks.ts'
import {
  AbortProcessException,
  type BrokerConsumeMessageContext,
  type BrokerSendMessageContext,
  LoopbackBroker
} from '../../src/broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

let rig: BrokerRig
let peer: BrokerPeer
let hooks: BrokerHooks
const sends: Array<[when: string, context: BrokerSendMessageContext]> = []
const pulls: Array<[when: string, context: BrokerConsumeMessageContext]> = []

beforeEach(async () => {
  sends.length = 0
  pulls.length = 0
  hooks = new BrokerHooks()
  rig = await BrokerRig.start({ hooks })
  peer = await rig.connect()
})
afterEach(() => rig.stop())

function watchSends(before: (context: BrokerSendMessageContext) => void = () => {}): void {
  hooks.registerSendMessageHook({
    hookName: 'watch',
    sendMessageBefore(context) {
      sends.push(['before', { ...context }])
      before(context)
    },
    sendMessageAfter: (context) => void sends.push(['after', { ...context }])
  })
}

function watchPulls(before: () => void = () => {}, after: () => void = () => {}): void {
  hooks.registerConsumeMessageHook({
    hookName: 'watch',
    consumeMessageBefore(context) {
      pulls.push(['before', context])
      before()
    },
    consumeMessageAfter(context) {
      pulls.push(['after', context])
      after()
    }
  })
}

describe('hooks of the broker', () => {
  it('store-42 a send hook sees topic and group before the send and the outcome after it', async () => {
    watchSends()
    expect((await rig.ask(peer, rig.sendRequest({ queueId: 2, body: 'hello', properties: 'UNIQ_KEY\u0001ID\u0002' }))).code).toBe(
      0
    )
    expect((await rig.ask(peer, rig.sendRequest({ queueId: 9 }))).code).toBe(29)
    expect(sends.map(([when, { code, queueOffset }]) => [when, code, queueOffset])).toEqual([
      ['before', undefined, undefined],
      ['after', 0, 0],
      ['before', undefined, undefined],
      ['after', 29, undefined]
    ])
    const known = { brokerName: 'broker-a', producerGroup: 'PG', topic: 'T', queueId: 2, bodyLength: 5, msgUniqueKey: 'ID' }
    expect(sends[0]![1]).toMatchObject(known)
    expect(sends[1]![1].msgId).toMatch(/^[0-9A-F]{32}$/)
  })

  it('store-42 what it aborts with is the answer, with the opaque of its request; nothing is stored', async () => {
    watchSends(() => {
      throw new AbortProcessException(215, 'too many sends')
    })
    const request = rig.sendRequest()
    expect(await rig.ask(peer, request)).toMatchObject({ code: 215, remark: 'too many sends', opaque: request.opaque })
    expect(rig.stored('T')).toEqual([])
    expect(sends.length).toBe(1)
  })

  it('anything else that a hook throws harms nobody; what is no hook is refused', async () => {
    watchSends(() => {
      throw new Error('a defect of the hook')
    })
    expect((await rig.ask(peer, rig.sendRequest())).code).toBe(0)
    expect(() => hooks.registerSendMessageHook({ hookName: 'half' } as never)).toThrow('sendMessageBefore is no function')
    expect(() => hooks.registerConsumeMessageHook(null as never)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
  })

  it('store-48 a consume hook sees group, topic and queue of each pull, and may answer it; the pull offset moves to the next one', async () => {
    for (let i = 0; i < 3; i++) await rig.ask(peer, rig.sendRequest({ queueId: 1, body: `m${i}` }))
    let aborts = false
    watchPulls(() => {
      if (aborts) throw new AbortProcessException(16, 'not now')
    })
    expect((await rig.ask(peer, rig.pullRequest('T', 1, 0))).code).toBe(0)
    const context = { consumerGroup: 'CG', topic: 'T', queueId: 1, brokerName: 'broker-a', rcvMsgNum: 3, code: 0 }
    expect(pulls).toEqual([['before', expect.objectContaining(context)]])
    const { consumerOffsetManager } = rig.broker
    expect(consumerOffsetManager.queryPullOffset('CG', 'T', 1)).toBe(3)
    aborts = true
    expect(await rig.ask(peer, rig.pullRequest('T', 1, 0))).toMatchObject({ code: 16, remark: 'not now' })
    expect(consumerOffsetManager.queryPullOffset('CG', 'T', 1)).toBe(3)
  })

  it('store-43 a message that is sent back comes again, whatever a hook after it does', async () => {
    watchPulls(undefined, () => {
      throw new AbortProcessException(16, 'too late')
    })
    await rig.ask(peer, rig.sendRequest({ body: 'again' }))
    const fields = { offset: '0', group: 'CG', delayLevel: '1', originMsgId: '', originTopic: 'T', unitMode: 'false' }
    expect((await rig.ask(peer, rig.request(36, fields))).code).toBe(0)
    expect(pulls).toEqual([
      ['after', expect.objectContaining({ consumerGroup: 'CG', topic: 'T', success: false, status: 'RECONSUME_LATER' })]
    ])
    await rig.clock.advance(1100)
    expect(rig.stored('%RETRY%CG').map(({ body }) => body.toString())).toEqual(['again'])
  })

  it('of a loopback broker sees the sends to all of its brokers', async () => {
    const broker = await LoopbackBroker.start({ network: new MemoryNetwork(), brokers: 2, topics: { Orders: { queues: 1 } } })
    const producer = new DefaultMQProducer({ producerGroup: 'orders', ...broker.clientOptions() })
    try {
      const seen: string[] = []
      broker.registerSendMessageHook({
        hookName: 'quota',
        sendMessageBefore({ msgUniqueKey }) {
          if (msgUniqueKey === 'refused') throw new AbortProcessException(16, 'not this one')
        },
        sendMessageAfter: ({ brokerName, producerGroup, code }) => void seen.push(`${brokerName} ${producerGroup} ${code}`)
      })
      broker.registerConsumeMessageHook({ hookName: 'none', consumeMessageBefore() {}, consumeMessageAfter() {} })
      await producer.start()
      for (let i = 0; i < 2; i++) await producer.send(new Message({ topic: 'Orders', body: 'x' }))
      expect(seen.sort()).toEqual(['broker-a orders 0', 'broker-b orders 0'])
      const refused = producer.send(new Message({ topic: 'Orders', body: 'x', uniqKey: 'refused' }))
      await expect(refused).rejects.toMatchObject({ responseCode: 16, message: expect.stringContaining('not this one') })
    } finally {
      await producer.shutdown()
      await broker.close()
    }
  })
})
