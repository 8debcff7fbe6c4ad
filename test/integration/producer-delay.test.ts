import { afterEach, describe, expect, it } from 'vitest'
import type { MQBrokerException, MQClientException } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { Message, type MessageOptions } from '../../src/protocol/message.ts'
import { encodeRecallHandle } from '../../src/protocol/recall-message-handle.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { rejection } from '../support/producers.ts'

const open: Array<() => Promise<void>> = []
let clock: HeldClock
let broker: LoopbackBroker
let producer: DefaultMQProducer

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(
  options: LoopbackBrokerOptions = {},
  producerOptions: Partial<DefaultMQProducerOptions> = {}
): Promise<void> {
  clock = new HeldClock()
  broker = await LoopbackBroker.start({ network: new MemoryNetwork(), clock, topics: { Orders: { queues: 2 } }, ...options })
  open.push(() => broker.close())
  producer = new DefaultMQProducer({
    producerGroup: newGroup(),
    drainTimeout: 0,
    retryTimesWhenSendFailed: 0,
    ...broker.clientOptions(),
    ...producerOptions
  })
  await producer.start()
  open.push(() => producer.shutdown())
}

const message = (options: Partial<MessageOptions> = {}): Message => new Message({ topic: 'Orders', body: 'x', ...options })
const bodies = (topic = 'Orders'): string[] => broker.messages(topic).map(({ body }) => body.toString())

describe('delayed sends', () => {
  it.each([
    [{ delayTimeLevel: 2 }, 5000],
    [{ delayTimeSec: 7 }, 7000],
    [{ delayTimeMs: 2500 }, 3000],
    [{ deliverTimeMs: 1_700_000_004_000 }, 4000]
  ])('%j is delivered after %i ms', async (options, after) => {
    await start()
    const result = await producer.send(message(options))
    expect(result.sendStatus).toBe('SEND_OK')
    expect(result.recallHandle === undefined).toBe('delayTimeLevel' in options)
    await clock.advance(after - 1)
    expect(bodies()).toEqual([])
    await clock.advance(1)
    expect(bodies()).toEqual(['x'])
    expect(broker.messages('Orders')[0]?.msgId).toBe(result.msgId)
  })

  it('too long a delay is refused with 13, a timer wheel that is off with 1, and neither is stored', async () => {
    await start({ storeConfig: { timerMaxDelaySec: 60 } })
    const error = await rejection<MQBrokerException>(producer.send(message({ delayTimeSec: 61 })))
    expect([error.responseCode, error.maybeStored]).toEqual([13, false])
    expect(error.message).toContain('should not be bigger than the max delay 60000ms')
    expect(error.hint).toContain('timerMaxDelaySec')
    await start({ storeConfig: { timerWheelEnable: false } })
    const off = await rejection<MQClientException>(producer.send(message({ delayTimeSec: 1 })))
    expect(off.responseCode).toBe(1)
    expect(off.message).toContain('accurate timer message is not enabled')
  })

  it('hooks see a message for a point in time as delayed', async () => {
    await start()
    const seen: string[] = []
    producer.registerSendMessageHook({
      hookName: 'types',
      sendMessageBefore: ({ msgType }) => void seen.push(msgType),
      sendMessageAfter() {}
    })
    for (const options of [{}, { delayTimeLevel: 1 }, { delayTimeMs: 1 }]) await producer.send(message(options))
    expect(seen).toEqual(['Normal_Msg', 'Delay_Msg', 'Delay_Msg'])
  })
})

describe('recallMessage', () => {
  const enabled = { brokerConfig: { recallMessageEnable: true } }

  it('producer-30 takes a waiting message back and returns its id', async () => {
    await start(enabled)
    const { recallHandle, msgId } = await producer.send(message({ delayTimeSec: 10, body: 'no' }))
    await producer.send(message({ delayTimeSec: 10, body: 'yes' }))
    expect(await producer.recallMessage('Orders', recallHandle!)).toBe(msgId)
    await clock.advance(60_000)
    expect(bodies()).toEqual(['yes'])
  })

  it('works within a namespace, and from a producer that has sent nothing', async () => {
    await start({ ...enabled, topics: { 'N%Orders': {} } }, { namespace: 'N' })
    const { recallHandle, msgId } = await producer.send(message({ delayTimeSec: 10 }))
    const other = new DefaultMQProducer({ producerGroup: newGroup(), namespace: 'N', ...broker.clientOptions() })
    await other.start()
    open.push(() => other.shutdown())
    expect(await other.recallMessage('Orders', recallHandle!)).toBe(msgId)
    await clock.advance(60_000)
    expect(bodies('N%Orders')).toEqual([])
  })

  it('producer-30 a refusal keeps code, remark and address of the broker', async () => {
    await start()
    const { recallHandle } = await producer.send(message({ delayTimeSec: 10 }))
    const off = await rejection<MQBrokerException>(producer.recallMessage('Orders', recallHandle!))
    expect([off.name, off.responseCode, off.hint]).toEqual([
      'MQBrokerException',
      16,
      'Set recallMessageEnable=true on the broker (5.3.2 and newer).'
    ])
    expect(off.message).toBe(`CODE: 16  DESC: recall failed, operation is forbidden BROKER: ${broker.brokers[0]?.addr}`)
    broker.brokers[0]!.config.recallMessageEnable = true
    await clock.advance(10_000)
    const late = await rejection<MQBrokerException>(producer.recallMessage('Orders', recallHandle!))
    expect([late.responseCode, late.message.includes('recall failed, timestamp invalid')]).toEqual([604, true])
  })

  it('producer-68 retry and dead letter topics, bad handles and brokers that nobody knows are refused in the words of Java', async () => {
    await start(enabled)
    const handle = (brokerName: string, topic = 'Orders'): string =>
      encodeRecallHandle({ topic, brokerName, timestamp: '1700000005001', messageId: 'U' })
    const text = async (topic: string, recallHandle: string): Promise<string> =>
      (await rejection<Error>(producer.recallMessage(topic, recallHandle))).message
    expect(await text('%DLQ%G', handle('broker-a'))).toBe('topic is not supported')
    expect(await text('%RETRY%G', handle('broker-a'))).toBe('topic is not supported')
    for (const bad of ['', 'x y', Buffer.from('v2 a b 1 c').toString('base64url')]) {
      expect(await text('Orders', bad)).toBe('recall handle is invalid')
    }
    expect(await text('Orders', undefined as unknown as string)).toBe('recall handle is invalid')
    expect(await text('Unknown', handle('broker-z', 'Unknown'))).toBe('The broker service address not found')
    // A broker of the topic is asked all the same, as it may be a proxy, and says that it is not his.
    expect(await text('Orders', handle('broker-z'))).toContain('CODE: 604  DESC: recall failed, broker service not available')
    expect(await text('', handle('broker-a'))).toBe('The specified topic is blank')
  })
})
