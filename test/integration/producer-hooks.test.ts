import { describe, expect, it } from 'vitest'
import { MQBrokerException, MQClientException, type RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import type { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { MessageBatch } from '../../src/producer/message-batch.ts'
import type { SendMessageContext } from '../../src/producer/send-message-context.ts'
import { Message } from '../../src/protocol/message.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { nextTurn } from '../support/turns.ts'

closeAfterEach()

const message = (body = 'x'): Message => new Message({ topic: 'T', body })

/** Registers a hook that notes what it sees. */
function record(producer: DefaultMQProducer): string[] {
  const events: string[] = []
  producer.registerSendMessageHook({
    hookName: 'record',
    sendMessageBefore: (c) => void events.push(`before ${c.mq.brokerName}`),
    sendMessageAfter: (c) =>
      void events.push(`after ${c.mq.brokerName} ${c.sendResult?.sendStatus ?? c.exception?.name ?? 'none'}`)
  })
  return events
}

describe('send hooks', () => {
  it('producer-18 an awaited send: before sees message and mode, after sees producer, mode and result', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { clientIP: '10.1.2.3', namespace: 'NS' })
    const sent = message()
    let before: Partial<SendMessageContext> = {}
    let seen: SendMessageContext | undefined
    producer.registerSendMessageHook({
      hookName: 'look',
      sendMessageBefore(context) {
        before = { ...context }
        context.mqTraceContext = 'mine'
        context.props.set('a', 'b')
      },
      sendMessageAfter(context) {
        seen = context
      }
    })
    const result = await producer.send(sent)
    expect(before).toMatchObject({
      producerGroup: `NS%${producer.producerGroup}`,
      communicationMode: 'SYNC',
      bornHost: '10.1.2.3',
      brokerAddr: cluster.broker.addr,
      namespace: 'NS',
      msgType: 'Normal_Msg',
      mqTraceContext: undefined,
      sendResult: undefined,
      exception: undefined
    })
    expect(before.message).not.toBe(sent)
    expect(before.message).toMatchObject({ topic: 'NS%T', uniqKey: result.msgId })
    expect(before.mq).toMatchObject({ topic: 'NS%T', brokerName: 'broker-a' })
    expect(seen?.producer).toBe(producer)
    expect(seen?.communicationMode).toBe('SYNC')
    expect(seen?.sendResult).toBe(result)
    expect(seen?.exception).toBeUndefined()
    expect([seen?.mqTraceContext, seen?.props.get('a')]).toEqual(['mine', 'b'])
  })

  it('a batch reaches the hooks as a batch, and its result lists the ids of its messages', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const seen: unknown[] = []
    producer.registerSendMessageHook({
      hookName: 'look',
      sendMessageBefore: ({ message: batch }) =>
        void seen.push((batch as MessageBatch).messages.map((one) => one.body.toString())),
      sendMessageAfter: ({ sendResult }) => void seen.push(sendResult?.msgId)
    })
    const result = await producer.send([message('one'), message('two')])
    expect(result.msgId.split(',')).toHaveLength(2)
    expect(seen).toEqual([['one', 'two'], result.msgId])
  })

  it('producer-19 with a callback the after-hook holding the result runs before it; a failure leaves the error', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { retryTimesWhenSendAsyncFailed: 0 })
    const order: string[] = []
    producer.registerSendMessageHook({
      hookName: 'order',
      sendMessageBefore: (c) => void order.push(`before ${c.communicationMode}`),
      sendMessageAfter: (c) => void order.push(`after ${c.sendResult?.sendStatus} ${c.exception?.responseCode}`)
    })
    const call = (): Promise<RocketMQError | undefined> =>
      new Promise((resolve) => {
        producer.send(message(), {}, (error) => {
          order.push('callback')
          resolve(error)
        })
      })
    await call()
    cluster.script((seen, broker) => broker.refuse(seen, 2))
    const error = await call()
    expect(order).toEqual([
      'before ASYNC',
      'after SEND_OK undefined',
      'callback',
      'before ASYNC',
      'after undefined 2',
      'callback'
    ])
    expect(error?.cause).toBeInstanceOf(MQBrokerException)
  })

  it('producer-20 process-R4 a hook that throws, before or after, or rejects, changes nothing', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    producer.registerSendMessageHook({
      hookName: 'throws',
      sendMessageBefore() {
        throw new Error('before')
      },
      sendMessageAfter() {
        throw new Error('after')
      }
    })
    producer.registerSendMessageHook({
      hookName: 'rejects',
      sendMessageBefore: (async () => {
        throw new Error('before')
      }) as () => void,
      sendMessageAfter: (async () => {
        throw new Error('after')
      }) as () => void
    })
    const events = record(producer)
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    await producer.sendOneway(message())
    await nextTurn(2)
    expect(events).toEqual(['before broker-a', 'after broker-a SEND_OK', 'before broker-a', 'after broker-a none'])
  })

  it('producer-21 a send nobody listens to still hands its result to the after-hook', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const result = new Promise((resolve) => {
      producer.registerSendMessageHook({
        hookName: 'look',
        sendMessageBefore() {},
        sendMessageAfter: (context) => resolve(context.sendResult)
      })
    })
    producer.send(message(), {}, () => {})
    expect(await result).toMatchObject({ sendStatus: 'SEND_OK', queueOffset: 0 })
  })

  it('producer-22 a check that forbids keeps every byte from the socket, and no before-hook runs', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const events = record(producer)
    let contexts = 0
    producer.registerCheckForbiddenHook({
      hookName: 'gate',
      checkForbidden(context) {
        contexts++
        expect(context).toMatchObject({
          nameSrvAddr: cluster.clientOptions().namesrvAddr,
          group: producer.producerGroup,
          communicationMode: 'SYNC',
          brokerAddr: cluster.broker.addr,
          unitMode: false
        })
        expect(context.message.topic).toBe('T')
        expect(context.mq.brokerName).toBe('broker-a')
        throw new Error('closed on Sundays')
      }
    })
    const error = await rejection<MQClientException>(producer.send(message()))
    expect(error).toMatchObject({ code: 'FORBIDDEN', maybeStored: false, cause: new Error('closed on Sundays') })
    expect(error.message).toContain('closed on Sundays')
    expect([contexts, events, cluster.sends.length]).toEqual([1, [], 0])
  })

  it('a check that throws MQClientException lets another broker be tried, as in Java', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    const events = record(producer)
    producer.registerCheckForbiddenHook({
      hookName: 'gate',
      checkForbidden(context) {
        if (context.mq.brokerName === 'a') throw new MQClientException('not to a')
      }
    })
    for (let i = 0; i < 4; i++) expect((await producer.send(message())).messageQueue.brokerName).toBe('b')
    expect(events).toHaveLength(8)
  })

  it('the pair runs once for each attempt, in every mode', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    const events = record(producer)
    let sends = 0
    cluster.script((seen, broker) => (sends++ % 2 === 0 ? broker.refuse(seen, 14) : broker.ok(seen)))
    await producer.send(message())
    await new Promise<void>((resolve) => producer.send(message(), {}, () => resolve()))
    expect(events).toHaveLength(8)
    for (let i = 0; i < 8; i += 4) {
      const [first, firstEnd, second, secondEnd] = events.slice(i, i + 4)
      expect(firstEnd).toBe(`${first?.replace('before', 'after')} MQBrokerException`)
      expect(secondEnd).toBe(`${second?.replace('before', 'after')} SEND_OK`)
      expect(first).not.toBe(second)
    }
  })

  it('what a before-hook changes is sent by this attempt; the next one starts from the original', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    let n = 0
    producer.registerSendMessageHook({
      hookName: 'change',
      sendMessageBefore({ message: copy }) {
        copy.properties.set('attempt', `${copy.properties.get('attempt') ?? ''}${++n}`)
        for (let i = 0; i < copy.body.length; i++) copy.body[i] = (copy.body[i] as number) ^ 0x20
        copy.flag = 7
      },
      sendMessageAfter() {}
    })
    let sends = 0
    cluster.script((seen, broker) => (sends++ === 0 ? broker.refuse(seen, 2) : broker.ok(seen)))
    const mine = message('abc')
    await producer.send(mine)
    const seen = [...cluster.sends].sort((x, y) => Number(x.properties.get('attempt')) - Number(y.properties.get('attempt')))
    expect(seen.map((send) => send.properties.get('attempt'))).toEqual(['1', '2'])
    expect(seen.map((send) => send.body.toString())).toEqual(['ABC', 'ABC'])
    expect(seen.map((send) => send.header.flag)).toEqual([7, 7])
    expect([mine.body.toString(), mine.flag, mine.properties.has('attempt')]).toEqual(['abc', 0, false])
  })

  it('names the type of the message', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const types: string[] = []
    producer.registerSendMessageHook({
      hookName: 'type',
      sendMessageBefore: (context) => void types.push(context.msgType),
      sendMessageAfter() {}
    })
    const half = message()
    half.properties.set('TRAN_MSG', 'true')
    const delayedHalf = new Message({ topic: 'T', body: 'x', delayTimeLevel: 3 })
    delayedHalf.properties.set('TRAN_MSG', 'true')
    await producer.send(message())
    await producer.send(half)
    await producer.send(delayedHalf)
    await producer.send(new Message({ topic: 'T', body: 'x', properties: { __STARTDELIVERTIME: '1' } }))
    expect(types).toEqual(['Normal_Msg', 'Trans_Msg_Half', 'Delay_Msg', 'Delay_Msg'])
  })

  it('an abort and a shutdown close the pair of the attempt under way', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster)
    await producer.send(message())
    const events = record(producer)
    cluster.script(() => undefined)
    const controller = new AbortController()
    const aborted = rejection<RocketMQError>(producer.send(message(), { signal: controller.signal }))
    const left = rejection<RocketMQError>(producer.send(message()))
    await clock.advance(1)
    controller.abort(new Error('enough'))
    expect((await aborted).code).toBe('ABORTED')
    await Promise.all([producer.shutdown(), clock.advance(1)])
    expect((await left).code).toBe('SHUTDOWN')
    expect(events).toEqual([
      'before broker-a',
      'before broker-a',
      'after broker-a MQClientException',
      'after broker-a MQClientException'
    ])
  })
})
