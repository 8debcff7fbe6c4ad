import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../src/client/send-result.ts'
import { MQBrokerException, type MQClientException, type RocketMQError } from '../../src/internal/errors.ts'
import { selectMessageQueueByHash } from '../../src/producer/selectors.ts'
import { decodeBatch } from '../../src/protocol/batch-codec.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { nextTurn } from '../support/turns.ts'

closeAfterEach()

describe('send', () => {
  it('producer-4 an awaited send gives SEND_OK, message id and offset as answered', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    cluster.broker.script = (send) =>
      RemotingCommand.response(send.command, 0, undefined, {
        msgId: '7F00000100002A9F0000000000000064',
        queueId: '3',
        queueOffset: '9007199254740991'
      })
    const message = new Message({ topic: 'T', body: 'hello', tags: 'paid', keys: ['o-1', 'o-2'], properties: { a: 'b' } })
    const result = await producer.send(message)
    const [send] = cluster.sends
    expect(result).toEqual({
      sendStatus: 'SEND_OK',
      msgId: send?.properties.get('UNIQ_KEY'),
      offsetMsgId: '7F00000100002A9F0000000000000064',
      messageQueue: new MessageQueue('T', 'broker-a', 3),
      queueOffset: 9007199254740991,
      regionId: 'DefaultRegion',
      traceOn: true
    })
    expect(send?.command.code).toBe(310)
    expect(send?.body.toString()).toBe('hello')
    expect(Object.fromEntries(send?.properties ?? [])).toMatchObject({ TAGS: 'paid', KEYS: 'o-1 o-2', WAIT: 'true', a: 'b' })
    expect(send?.header).toMatchObject({
      producerGroup: producer.producerGroup,
      topic: 'T',
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      sysFlag: 0,
      flag: 0,
      reconsumeTimes: 0,
      unitMode: false,
      batch: false,
      brokerName: 'broker-a'
    })
  })

  it('producer-5 a large body travels compressed; the message keeps its own, awaited and with a callback', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const body = Buffer.from('compress me '.repeat(1000))
    const message = new Message({ topic: 'T', body })
    const before = new Map(message.properties)
    await producer.send(message)
    await new Promise<void>((resolve) => producer.send(message, {}, () => resolve()))
    await producer.send(new Message({ topic: 'T', body: 'x'.repeat(4095) }))
    await producer.send(new Message({ topic: 'T', body: 'x'.repeat(4096) }))
    const [first, second, small, atLimit] = cluster.sends
    for (const send of [first, second]) {
      expect(send?.header.sysFlag).toBe(0x301)
      expect(inflateSync(send?.body as Buffer).equals(body)).toBe(true)
      // Level 5 of zlib.
      expect(send?.body.subarray(0, 2).toString('hex')).toBe('785e')
    }
    expect(small?.header.sysFlag).toBe(0)
    expect(atLimit?.header.sysFlag).toBe(0x301)
    expect(message.body).toBe(body)
    expect(message.properties).toEqual(before)
  })

  it('producer-6 a callback is called once, with the result an awaited send would give', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const calls: Array<[RocketMQError | undefined, SendResult | undefined]> = []
    const returned: unknown = producer.send(new Message({ topic: 'T', body: 'x' }), {}, (error, result) =>
      calls.push([error, result])
    )
    expect(returned).toBeUndefined()
    expect(calls).toEqual([])
    await producer.send(new Message({ topic: 'T', body: 'y' }))
    await nextTurn(3)
    expect(calls).toHaveLength(1)
    expect(calls[0]?.[0]).toBeUndefined()
    expect(calls[0]?.[1]).toMatchObject({
      sendStatus: 'SEND_OK',
      queueOffset: 0,
      messageQueue: { topic: 'T', brokerName: 'broker-a' }
    })
  })

  it('with a known route and an open connection the request is encoded when send returns', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    await producer.send(new Message({ topic: 'T', body: 'x' }))
    const connection = producer['impl'].context.instance.remoting.connection(cluster.broker.addr)
    // A heartbeat may be on its way.
    const before = connection?.inFlight ?? Number.NaN
    const sent = [producer.send(new Message({ topic: 'T', body: 'y' })), producer.send([new Message({ topic: 'T', body: 'z' })])]
    producer.send(new Message({ topic: 'T', body: 'c'.repeat(5000) }), {}, () => {})
    expect(connection?.inFlight).toBe(before + 3)
    await Promise.all(sent)
  })

  it('process-R4 a callback that throws or rejects harms nobody', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    producer.send(new Message({ topic: 'T', body: 'x' }), {}, () => {
      throw new Error('mine')
    })
    producer.send(new Message({ topic: 'T', body: 'x' }), {}, (async () => {
      throw new Error('mine too')
    }) as () => void)
    producer.send(new Message({ topic: 'T', body: '' }), {}, () => {
      throw new Error('and this')
    })
    expect((await producer.send(new Message({ topic: 'T', body: 'z' }))).queueOffset).toBe(2)
  })

  it('producer-17 a oneway send settles without a result: by default, to a queue and with a selector', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const message = (body: string): Message => new Message({ topic: 'T', body })
    expect(await producer.sendOneway(message('default'))).toBeUndefined()
    expect(await producer.sendOneway(message('queue'), { queue: new MessageQueue('T', 'broker-a', 2) })).toBeUndefined()
    expect(await producer.sendOneway(message('selector'), { selector: (queues) => queues[1] as MessageQueue })).toBeUndefined()
    const seen = await cluster.broker.events.take(3)
    expect(seen.map((send) => send.body.toString())).toEqual(['default', 'queue', 'selector'])
    expect(seen.map((send) => send.command.isOneway)).toEqual([true, true, true])
    expect(seen.slice(1).map((send) => send.header.queueId)).toEqual([2, 1])
  })

  it('a queue that was chosen is used, by itself and by a selector', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    const queue = new MessageQueue('T', 'b', 3)
    expect((await producer.send(new Message({ topic: 'T', body: 'x' }), { queue })).messageQueue).toEqual(queue)
    const message = new Message({ topic: 'T', body: 'x' })
    const result = await producer.send(message, {
      arg: 'order-7',
      selector(queues, seen, arg) {
        expect(queues.map((q) => `${q.brokerName}${q.queueId}`)).toEqual(['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'b2', 'b3'])
        expect(arg).toBe('order-7')
        expect(seen).not.toBe(message)
        seen.putUserProperty('changed', 'yes')
        return queues[5] as MessageQueue
      }
    })
    expect(result.messageQueue).toEqual(new MessageQueue('T', 'b', 1))
    expect(cluster.sends.some((send) => send.properties.has('changed'))).toBe(false)
    const queues = new Set<string>()
    for (let i = 0; i < 3; i++) {
      const { messageQueue } = await producer.send(message, { selector: selectMessageQueueByHash, arg: 'o-1' })
      queues.add(messageQueue.toString())
    }
    expect(queues.size).toBe(1)
  })

  it('producer-33 without a region the answer says DefaultRegion; trace is off only where it says false', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const answer = { msgId: 'id', queueId: '0', queueOffset: '0' }
    for (const [more, expected] of [
      [{}, { regionId: 'DefaultRegion', traceOn: true }],
      [
        { MSG_REGION: '', TRACE_ON: 'maybe' },
        { regionId: 'DefaultRegion', traceOn: true }
      ],
      [
        { MSG_REGION: 'north', TRACE_ON: 'false' },
        { regionId: 'north', traceOn: false }
      ]
    ] as const) {
      cluster.broker.script = (send) => RemotingCommand.response(send.command, 0, undefined, { ...answer, ...more })
      expect(await producer.send(new Message({ topic: 'T', body: 'x' }))).toMatchObject(expected)
    }
  })

  it('producer-34 the id of a batch joins those of its messages, unless the answer carries a batch id', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const messages = ['one', 'two', 'three'].map((body) => new Message({ topic: 'T', body }))
    const result = await producer.send(messages)
    const [send] = cluster.sends
    expect(send?.command.code).toBe(320)
    expect(send?.header.batch).toBe(true)
    const items = decodeBatch(send?.body as Buffer)
    expect(items.map((item) => item.body.toString())).toEqual(['one', 'two', 'three'])
    expect(result.msgId.split(',')).toHaveLength(3)
    expect(result.offsetMsgId.split(',')).toHaveLength(3)
    for (const [i, id] of result.msgId.split(',').entries()) expect(items[i]?.propertiesString).toContain(`UNIQ_KEY\u0001${id}`)
    expect(messages.every((message) => message.uniqKey === undefined)).toBe(true)
    cluster.broker.script = (seen) =>
      RemotingCommand.response(seen.command, 0, undefined, { msgId: 'a,b', queueId: '0', queueOffset: '0', batchUniqId: 'B' })
    const asOne = await producer.send(messages.slice(0, 2))
    expect(asOne.msgId).toBe('B')
    expect(send?.properties.has('UNIQ_KEY')).toBe(false)
  })

  it('a batch is never compressed, and one whose answer would not fit is refused', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { maxResponseHeaderLength: 1024 + 33 * 5 })
    const messages = Array.from({ length: 5 }, () => new Message({ topic: 'T', body: 'x'.repeat(5000) }))
    await producer.send(messages)
    expect(cluster.sends[0]?.header.sysFlag).toBe(0)
    const error = await rejection<MQClientException>(producer.send([...messages, messages[0] as Message]))
    expect(error).toMatchObject({ code: 'MESSAGE_ILLEGAL', maybeStored: false })
    expect(cluster.sends).toHaveLength(1)
  })

  it('a refusal that is not tried again is an MQBrokerException with remark, code, hint and the attempt', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    cluster.script((send, broker) => broker.refuse(send, 13, 'the message is illegal'))
    const error = await rejection<MQBrokerException>(producer.send(new Message({ topic: 'T', body: 'x' })))
    expect(error).toBeInstanceOf(MQBrokerException)
    expect(error.message).toMatch(/^CODE: 13 {2}DESC: the message is illegal BROKER: 127\.0\.0\.1:\d+$/)
    expect(error).toMatchObject({ responseCode: 13, maybeStored: false, uniqKey: cluster.sends[0]?.properties.get('UNIQ_KEY') })
    expect(error.attempts).toHaveLength(1)
    expect(error.hint).toContain('maxMessageSize')
    expect(cluster.sends).toHaveLength(1)
  })

  it('a given uniqKey is kept, and each send of one message object gets an id of its own', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const kept = await producer.send(new Message({ topic: 'T', body: 'x', uniqKey: 'MINE' }))
    expect(kept.msgId).toBe('MINE')
    const message = new Message({ topic: 'T', body: 'x' })
    const ids = await Promise.all([producer.send(message), producer.send(message)])
    expect(ids[0]?.msgId).not.toBe(ids[1]?.msgId)
    expect(message.uniqKey).toBeUndefined()
  })

  it('a %RETRY% topic carries its counts in the header too', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const message = new Message({ topic: '%RETRY%g', body: 'x' })
    message.properties.set('RECONSUME_TIME', '3').set('MAX_RECONSUME_TIMES', '16')
    await producer.send(message)
    expect(cluster.sends[0]?.header).toMatchObject({ reconsumeTimes: 3, maxReconsumeTimes: 16 })
    expect(cluster.sends[0]?.properties.get('RECONSUME_TIME')).toBe('3')
  })

  it('a half message has its bit, a reply its code', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const half = new Message({ topic: 'T', body: 'x' })
    half.properties.set('TRAN_MSG', 'true')
    const reply = new Message({ topic: 'T', body: 'x' })
    reply.properties.set('MSG_TYPE', 'reply')
    await producer.send(half)
    await producer.send(reply)
    expect(cluster.sends[0]?.header.sysFlag).toBe(4)
    expect(cluster.sends[1]?.command.code).toBe(325)
  })

  it('a namespace of the first kind travels and is taken off again', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { namespace: 'NS' })
    const queue = new MessageQueue('T', 'broker-a', 1)
    const seenBySelector: string[] = []
    const results = [
      await producer.send(new Message({ topic: 'T', body: 'x' })),
      await producer.send(new Message({ topic: 'T', body: 'x' }), { queue }),
      await producer.send(new Message({ topic: 'T', body: 'x' }), {
        selector(queues, message) {
          seenBySelector.push(message.topic, ...queues.map((q) => q.topic))
          return queues[2] as MessageQueue
        }
      }),
      await producer.send([new Message({ topic: 'T', body: 'x' })])
    ]
    expect(new Set(results.map((result) => result.messageQueue.topic))).toEqual(new Set(['T']))
    expect(new Set(seenBySelector)).toEqual(new Set(['T']))
    for (const send of cluster.sends) {
      expect(send.header.topic).toBe('NS%T')
      expect(send.header.producerGroup).toBe(`NS%${producer.producerGroup}`)
    }
    expect(cluster.sends.slice(0, 3).map((send) => send.properties.get('INSTANCE_ID'))).toEqual(['NS', 'NS', 'NS'])
    expect(decodeBatch(cluster.sends[3]?.body as Buffer)[0]?.propertiesString).toContain('INSTANCE_ID\u0001NS')
    expect(new Set(cluster.lookups)).toEqual(new Set(['NS%T']))
  })
})
