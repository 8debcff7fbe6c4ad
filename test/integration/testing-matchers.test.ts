import { AssertionError } from 'node:assert'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SendResult } from '../../src/client/send-result.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import {
  assertNotReceived,
  assertReceived,
  assertReceivedTimes,
  type ExpectedMessage,
  matchers,
  waitUntilReceived
} from '../../src/testing.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'

describe('what a broker has received', () => {
  let broker: LoopbackBroker
  let producer: DefaultMQProducer
  let result: SendResult
  const json = { id: 7, items: ['a', 'b'] }

  beforeAll(async () => {
    broker = await LoopbackBroker.start({ network: new MemoryNetwork(), topics: { Orders: { queues: 1 } } })
    producer = new DefaultMQProducer({ producerGroup: 'matchers', ...broker.clientOptions() })
    await producer.start()
    const options = { topic: 'Orders', tags: 'paid', keys: ['o-1', 'o-2'], properties: { region: 'eu-1' } }
    result = await producer.send(new Message({ ...options, body: JSON.stringify(json) }))
    await producer.send(new Message({ topic: 'Orders', body: 'plain' }))
  })
  afterAll(async () => {
    await producer.shutdown()
    await broker.close()
  })

  const yes: ExpectedMessage[] = [
    {},
    'plain',
    Buffer.from('plain'),
    /^pl/g,
    { body: (body) => body.length === 5 },
    { json },
    { tags: 'paid', keys: 'o-2', properties: { region: /^eu/ } },
    { keys: ['o-1', 'o-2'], queueId: 0, brokerName: 'broker-a' }
  ]
  it.each(yes.map((expected) => [expected]))('tool-4 %o is found, by matcher and by assertion', (expected) => {
    expect(matchers.toHaveReceived(broker, 'Orders', expected).pass).toBe(true)
    expect(assertReceived(broker, 'Orders', expected).topic).toBe('Orders')
    expect(() => assertNotReceived(broker, 'Orders', expected)).toThrow(AssertionError)
  })

  const no: ExpectedMessage[] = [
    'plai',
    Buffer.from('plain '),
    /^Pl/,
    { body: () => false },
    { json: { ...json, items: ['b', 'a'] } },
    { tags: 'paid', keys: 'o-3' },
    { properties: { region: 'eu' } },
    { properties: { zone: /./ } },
    { queueId: 1 },
    { brokerName: 'broker-b' },
    { msgId: 'none' },
    { body: 'plain', tags: 'paid' }
  ]
  it.each(no.map((expected) => [expected]))('tool-4 %o is not found, by matcher and by assertion', (expected) => {
    expect(matchers.toHaveReceived(broker, 'Orders', expected).pass).toBe(false)
    expect(() => assertReceived(broker, 'Orders', expected)).toThrow(AssertionError)
    assertNotReceived(broker, 'Orders', expected)
  })

  it('tool-4 the message of a result is found by its id, and times are exact', () => {
    expect(assertReceived(broker, 'Orders', { msgId: result.msgId }).queueOffset).toBe(result.queueOffset)
    const times = [1, 2, 3].map((count) => matchers.toHaveReceivedTimes(broker, 'Orders', count).pass)
    expect(times).toEqual([false, true, false])
    assertReceivedTimes(broker, 'Orders', 1, { tags: 'paid' })
    expect(() => assertReceivedTimes(broker, 'Orders', 1)).toThrow(/expected exactly 1 of any message in topic "Orders", found 2/)
  })

  it('tool-4 a failure lists what the topic holds', () => {
    const { message } = matchers.toHaveReceived(broker, 'Orders', { tags: /x/, body: 'no' })
    expect(message().split('\n')).toEqual([
      'expected at least 1 of a message with tags /x/, body "no" in topic "Orders", found 0',
      'The topic holds 2:',
      `  broker-a/0@0, tags paid, keys o-1 o-2, body ${JSON.stringify(JSON.stringify(json))}`,
      '  broker-a/0@1, body "plain"'
    ])
    expect(matchers.toHaveReceived(broker, 'Order').message()).toMatch(
      /The topic holds no message\. There are some in Orders \(2\)\.$/
    )
  })

  it('tool-4 waiting ends with the message that was waited for, or with the time', async () => {
    const waiting = waitUntilReceived(broker, 'Late', 'second')
    for (const body of ['first', 'second']) await producer.sendOneway(new Message({ topic: 'Late', body }))
    expect((await waiting).body.toString()).toBe('second')
    await expect(waitUntilReceived(broker, 'Late', 'third', { timeout: 5 })).rejects.toThrow(/found 0\nThe topic holds 2:/)
  })

  it.each<[unknown, string]>([
    [{ bodyy: 1 }, 'bodyy is 1: allowed is one of the fields body, json, tags, keys, properties, msgId, queueId, brokerName'],
    [7, 'expected is 7: allowed is a pattern, a text, bytes or a RegExp'],
    [{ body: 5 }, 'body is 5: allowed is a text, bytes, a RegExp or a function'],
    [{ tags: ['a'] }, 'tags is ["a"]: allowed is a text or a RegExp'],
    [{ keys: [1] }, 'keys is [1]: allowed is a text or a list of texts'],
    [{ properties: { a: 1 } }, 'properties is {"a":1}: allowed is an object of texts and RegExps'],
    [{ queueId: '0' }, 'queueId is "0": allowed is a whole number'],
    [{ msgId: 1 }, 'msgId is 1: allowed is a text']
  ])('tool-4 the pattern %j is refused', (expected, text) => {
    expect(() => matchers.toHaveReceived(broker, 'Orders', expected as ExpectedMessage)).toThrow(text)
  })

  it('tool-4 what is no broker, no topic, no count and no time is refused', async () => {
    expect(() => matchers.toHaveReceived({}, 'Orders')).toThrow('is no LoopbackBroker')
    expect(() => matchers.toHaveReceived(broker, '')).toThrow('allowed is the name of a topic')
    expect(() => matchers.toHaveReceivedTimes(broker, 'Orders', -1)).toThrow('times is -1: allowed is a whole number from 0 on')
    await expect(matchers.toReceive(broker, 'Orders', {}, { timeout: Number.NaN })).rejects.toThrow('timeout is NaN')
  })
})
