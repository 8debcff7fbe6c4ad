import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../src/client/send-result.ts'
import { MQClientException, type RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import type { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { selectMessageQueueByHash } from '../../src/producer/selectors.ts'
import { decodeBatch, encodeBatch } from '../../src/protocol/batch-codec.ts'
import { Message, type MessageOptions } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { decodeProperties } from '../../src/protocol/properties.ts'
import type { FakeClusterOptions, SeenSend } from '../support/fake-cluster.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (body: string, more: Partial<MessageOptions> = {}): Message => new Message({ topic: 'T', body, ...more })

async function rig(options: Partial<DefaultMQProducerOptions> = {}, cluster: FakeClusterOptions = {}) {
  const clock = new HeldClock()
  const fake = await startCluster({ clock, ...cluster })
  const producer = await startProducer(fake, { autoBatch: true, topics: ['T'], drainTimeout: 3000, ...options })
  return { clock, cluster: fake, producer }
}

function withCallback(producer: DefaultMQProducer, sent: Message, options = {}): Promise<SendResult> {
  return new Promise((resolve, reject) => {
    let calls = 0
    producer.send(sent, options, (error, result) => {
      if (++calls > 1) reject(new Error('called twice'))
      else if (error === undefined) resolve(result as SendResult)
      else reject(error)
    })
  })
}

/** Bodies of the messages in each request. */
const bodies = (sends: SeenSend[]): string[][] =>
  sends.map(({ header, body }) => (header.batch ? decodeBatch(body).map((item) => item.body.toString()) : [body.toString()]))

describe('automatic batches', () => {
  it('producer-47 five small sends with callbacks leave as one batch, with the bytes of the batch made by hand', async () => {
    const { clock, cluster, producer } = await rig()
    const given = Array.from({ length: 5 }, (_, i) =>
      message(`body ${i}`, { keys: `k${i}`, tags: `t${i % 2}`, uniqKey: `ID${i}` })
    )
    const sent = Promise.all(given.map((each) => withCallback(producer, each)))
    await clock.advance(9)
    expect(cluster.sends).toHaveLength(0)
    await clock.advance(1)
    const results = await sent
    expect(cluster.sends).toHaveLength(1)
    const [seen] = cluster.sends
    expect([seen.command.code, seen.header.topic, seen.header.batch]).toEqual([320, 'T', true])
    expect(seen.body.equals(encodeBatch(given))).toBe(true)
    const stored = decodeBatch(seen.body).map((item) => decodeProperties(item.propertiesString))
    expect(stored.map((properties) => properties.get('KEYS'))).toEqual(['k0', 'k1', 'k2', 'k3', 'k4'])
    expect(results.map(({ msgId }) => msgId)).toEqual(['ID0', 'ID1', 'ID2', 'ID3', 'ID4'])
    expect(results.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2, 3, 4])
    expect(new Set(results.map(({ offsetMsgId }) => offsetMsgId)).size).toBe(5)
    expect(results.every(({ sendStatus }) => sendStatus === 'SEND_OK')).toBe(true)
  })

  it('producer-48 five awaited sends leave as one, of equal length, and a given queue is kept', async () => {
    const { clock, cluster, producer } = await rig()
    const queue = new MessageQueue('T', 'broker-a', 2)
    const texts = ['one', 'two', 'three', 'four', 'five']
    const sent = Promise.all(texts.map((text) => producer.send(message(text), { queue })))
    await clock.advance(10)
    const results = await sent
    expect(bodies(cluster.sends)).toEqual([texts])
    expect(results.every(({ messageQueue }) => messageQueue.equals(queue))).toBe(true)
    expect(cluster.sends[0]?.header.queueId).toBe(2)
  })

  it('producer-48 what a selector chooses is batched by queue, with and without a namespace', async () => {
    for (const namespace of [undefined, 'NS']) {
      const { clock, cluster, producer } = await rig({ namespace })
      const sent = Promise.all(
        Array.from({ length: 40 }, (_, i) => producer.send(message(`${i}`), { selector: selectMessageQueueByHash, arg: i % 4 }))
      )
      await clock.advance(10)
      const results = await sent
      expect(results.map(({ messageQueue }) => messageQueue.queueId)).toEqual(results.map((_, i) => i % 4))
      expect(results[0]?.messageQueue.topic).toBe('T')
      expect(cluster.sends).toHaveLength(4)
      const chosen = bodies(cluster.sends).map((texts) => new Set(texts.map((text) => Number(text) % 4)).size)
      expect(chosen).toEqual([1, 1, 1, 1])
    }
  })

  it('a full batch leaves at once, a single message as it is', async () => {
    const { clock, cluster, producer } = await rig({ batchMaxBytes: 1000 })
    const many = Promise.all(Array.from({ length: 12 }, () => producer.send(message('x'.repeat(200)))))
    await clock.advance(0)
    const full = bodies(cluster.sends).map((texts) => texts.length)
    expect(full.length).toBeGreaterThan(2)
    expect(full.every((length) => length >= 3 && length <= 5)).toBe(true)
    await clock.advance(10)
    await many
    cluster.broker.sends.length = 0
    const alone = producer.send(message('alone'))
    await clock.advance(10)
    await alone
    expect([cluster.sends[0]?.command.code, cluster.broker.bodies]).toEqual([310, ['alone']])
  })

  it('an own time, delays, lists, oneway and large messages go alone, and overtake nothing', async () => {
    const { clock, cluster, producer } = await rig({ batchMaxBytes: 2000, compressMsgBodyOverHowmuch: 1e9 }, { queues: 1 })
    const sent: Promise<unknown>[] = []
    const odd: Array<() => Promise<unknown>> = [
      () => producer.send(message('timeout'), { timeout: 1000 }),
      () => producer.send(message('signal'), { signal: new AbortController().signal }),
      () => producer.send(message('delayed', { delayTimeLevel: 2 })),
      () => producer.send([message('list')]),
      () => producer.sendOneway(message('oneway')),
      () => producer.send(message('large'.padEnd(2000, '.')))
    ]
    for (const send of odd) {
      sent.push(producer.send(message('before')), producer.send(message('before')))
      sent.push(send())
    }
    sent.push(producer.send(message('last')))
    await clock.advance(10)
    await Promise.all(sent)
    const names = ['timeout', 'signal', 'delayed', 'list', 'oneway', 'large']
    expect(bodies(cluster.sends).map((texts) => texts.map((text) => text.replace(/\.+$/, '')))).toEqual([
      ...names.flatMap((name) => [['before', 'before'], [name]]),
      ['last']
    ])
  })

  it('messages that differ in waitStoreMsgOK or in the way they were called are kept apart, in order', async () => {
    const { clock, cluster, producer } = await rig({}, { queues: 1 })
    const sent = [
      producer.send(message('1')),
      producer.send(message('2', { tags: 'other' })),
      producer.send(message('3', { waitStoreMsgOK: false })),
      producer.send(message('4', { waitStoreMsgOK: false })),
      withCallback(producer, message('5', { waitStoreMsgOK: false }))
    ]
    await clock.advance(10)
    await Promise.all(sent)
    expect(bodies(cluster.sends)).toEqual([['1', '2'], ['3', '4'], ['5']])
    expect(cluster.sends.map(({ properties }) => properties.get('WAIT'))).toEqual(['true', 'false', 'false'])
  })

  it('holds the bytes of the call, and leaves the message alone', async () => {
    const { clock, cluster, producer } = await rig()
    const body = Buffer.from('as it was')
    const reused = new Message({ topic: 'T', body, keys: 'k' })
    const sent = [producer.send(reused), producer.send(reused)]
    body.fill('!')
    reused.properties.set('later', 'yes')
    await clock.advance(10)
    const results = await Promise.all(sent)
    expect(bodies(cluster.sends)).toEqual([['as it was', 'as it was']])
    expect(new Set(results.map(({ msgId }) => msgId)).size).toBe(2)
    expect([...reused.properties.keys()]).toEqual(['KEYS', 'WAIT', 'later'])
  })

  it('wrong use is refused at once, and spoils no batch', async () => {
    const { clock, cluster, producer } = await rig()
    const good = [producer.send(message('1')), producer.send(message('2'))]
    for (const [bad, options, text] of [
      [message(''), {}, 'body length is zero'],
      [new Message({ topic: 'a b', body: 'x' }), {}, 'illegal characters'],
      [message('x'), { queue: new MessageQueue('Other', 'broker-a', 0) }, "message's topic not equal mq's topic"],
      [message('x'), { selector: () => undefined as never }, 'select message queue return null.'],
      [message('x'), { selector: 5 as never }, 'selector is not a function'],
      [undefined as never, {}, 'the message is null'],
      [message('x'), 3000 as never, 'allowed is an object']
    ] as const) {
      await expect(producer.send(bad, options)).rejects.toThrow(text)
    }
    await clock.advance(10)
    await Promise.all(good)
    expect(bodies(cluster.sends)).toEqual([['1', '2']])
  })

  it('producer-74 when a batch fails, each send gets an error of its own', async () => {
    const { clock, cluster, producer } = await rig({ retryTimesWhenSendFailed: 0 })
    cluster.script((seen, broker) => broker.refuse(seen, 2, 'busy'))
    const failures = [1, 2, 3].map((i) => rejection<RocketMQError>(producer.send(message(`${i}`, { uniqKey: `ID${i}` }))))
    await clock.advance(10)
    const errors = await Promise.all(failures)
    expect(new Set(errors).size).toBe(3)
    expect(errors.map(({ uniqKey }) => uniqKey)).toEqual(['ID1', 'ID2', 'ID3'])
    for (const error of errors) {
      expect(error).toBeInstanceOf(MQClientException)
      expect(error).toMatchObject({ responseCode: 2, maybeStored: false })
      expect(error.attempts).toHaveLength(1)
    }
  })

  it('producer-74 when one message makes the broker refuse the batch, the others are stored alone', async () => {
    const { clock, cluster, producer } = await rig()
    cluster.script((seen, broker) => (seen.body.includes('bad') ? broker.refuse(seen, 13, 'illegal') : broker.ok(seen)))
    const outcomes = ['1', 'bad', '3'].map((text) =>
      producer.send(message(text)).then(
        ({ sendStatus }) => sendStatus,
        ({ responseCode }: RocketMQError) => responseCode
      )
    )
    await clock.advance(11)
    expect(await Promise.all(outcomes)).toEqual(['SEND_OK', 13, 'SEND_OK'])
    expect(bodies(cluster.sends)).toEqual([['1', 'bad', '3'], ['1'], ['bad'], ['3']])
  })

  it('a callback that throws takes nothing from the others', async () => {
    const { clock, producer } = await rig()
    const sent: Promise<unknown>[] = []
    for (let i = 0; i < 6; i++) {
      if (i % 2 === 0) sent.push(withCallback(producer, message(`${i}`)))
      else
        producer.send(message(`${i}`), {}, () => {
          throw new Error('mine')
        })
    }
    await clock.advance(10)
    expect(await Promise.all(sent)).toHaveLength(3)
  })

  it('beyond totalBatchMaxBytes messages go alone; the bytes held come back when batches end, well or not', async () => {
    const { clock, cluster, producer } = await rig({ totalBatchMaxBytes: 1000, retryTimesWhenSendFailed: 0 }, { queues: 1 })
    for (const code of [0, 2, 13]) {
      cluster.script((seen, broker) => (code === 0 ? broker.ok(seen) : broker.refuse(seen, code)))
      cluster.broker.sends.length = 0
      const sent = Array.from({ length: 6 }, () => producer.send(message('x'.repeat(200))).catch(() => {}))
      await clock.advance(11)
      await Promise.all(sent)
      // Three fit; the fourth goes alone and pushes them out, and the rest find no room before they are answered.
      expect(
        bodies(cluster.sends)
          .slice(0, 4)
          .map((texts) => texts.length)
      ).toEqual([3, 1, 1, 1])
    }
  })

  it('producer-75 shutdown sends what waits, before it resolves', async () => {
    const { clock, cluster, producer } = await rig({ batchMaxDelayMs: 30_000 })
    const sent = Array.from({ length: 50 }, (_, i) => producer.send(message(`${i}`)))
    await clock.advance(1000)
    expect(cluster.sends).toHaveLength(0)
    let settled = 0
    for (const each of sent) each.then(() => settled++)
    const stopped = producer.shutdown()
    const late = rejection<RocketMQError>(producer.send(message('late')))
    await clock.advance(1)
    await stopped
    expect(settled).toBe(50)
    expect((await late).code).toBe('BAD_STATE')
    expect(bodies(cluster.sends).flat()).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`))
  })

  it('shutdown without an answer rejects every send of a batch', async () => {
    const { clock, cluster, producer } = await rig()
    cluster.script(() => undefined)
    const failures = Array.from({ length: 5 }, () => rejection<RocketMQError>(producer.send(message('x'))))
    await clock.advance(10)
    const stopped = producer.shutdown()
    await clock.advance(3000)
    await stopped
    for (const error of await Promise.all(failures)) expect(error).toMatchObject({ maybeStored: true })
  })

  it('producer-10 limits read 0 before the start and the defaults after it; values set earlier or later take effect', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const plain = await startProducer(cluster)
    expect([plain.batchMaxDelayMs, plain.batchMaxBytes, plain.totalBatchMaxBytes]).toEqual([10, 32_768, 33_554_432])
    const { DefaultMQProducer } = await import('../../src/producer/default-mq-producer.ts')
    const producer = new DefaultMQProducer({
      producerGroup: 'limits',
      autoBatch: true,
      batchMaxBytes: 500,
      topics: ['T'],
      ...cluster.clientOptions()
    })
    expect([producer.batchMaxDelayMs, producer.batchMaxBytes, producer.totalBatchMaxBytes]).toEqual([0, 0, 0])
    producer.batchMaxDelayMs = 20
    await producer.start()
    expect([producer.batchMaxDelayMs, producer.batchMaxBytes, producer.totalBatchMaxBytes]).toEqual([20, 500, 33_554_432])
    const sent = [producer.send(message('1')), producer.send(message('2'))]
    await clock.advance(19)
    expect(cluster.sends).toHaveLength(0)
    await clock.advance(1)
    await Promise.all(sent)
    producer.batchMaxDelayMs = 5
    const soon = [producer.send(message('1')), producer.send(message('2'))]
    await clock.advance(5)
    await Promise.all(soon)
    for (const [name, value] of [
      ['batchMaxDelayMs', 0],
      ['batchMaxDelayMs', 30_001],
      ['batchMaxBytes', 2_097_153],
      ['totalBatchMaxBytes', Number.NaN]
    ] as const) {
      expect(() => {
        producer[name] = value
      }).toThrow(`${name} is ${value}: allowed is a whole number from 1`)
      expect(() => new DefaultMQProducer({ producerGroup: 'g', [name]: value })).toThrow(`${name} is ${value}`)
    }
    const stopped = producer.shutdown()
    await clock.advance(1)
    await stopped
  })

  it('producer-11 producers with one instance name and unit share the limits, each sends its own messages', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const shared = { instanceName: 'shared', clientIP: '10.0.0.1', autoBatch: true, topics: ['T'] }
    const first = await startProducer(cluster, shared)
    const second = await startProducer(cluster, shared)
    const unit = await startProducer(cluster, { ...shared, unitName: 'u' })
    const other = await startProducer(cluster, { ...shared, instanceName: 'other' })
    first.batchMaxBytes = 777
    expect([second.batchMaxBytes, unit.batchMaxBytes, other.batchMaxBytes]).toEqual([777, 32_768, 32_768])
    const sent = [first, second, first, second].map((producer, i) => producer.send(message(`${i}`)))
    await clock.advance(10)
    await Promise.all(sent)
    expect(cluster.sends.map(({ header }) => header.producerGroup).sort()).toEqual(
      [first.producerGroup, second.producerGroup].sort()
    )
    expect(bodies(cluster.sends).sort()).toEqual([
      ['0', '2'],
      ['1', '3']
    ])
  })
})
