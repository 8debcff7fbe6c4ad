import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../src/client/send-result.ts'
import { MQClientException, type RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import type { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { SendOptions } from '../../src/producer/send-options.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

function withCallback(
  producer: DefaultMQProducer,
  message: Message | Message[],
  options: SendOptions = {}
): Promise<{ error: RocketMQError | undefined; result: SendResult | undefined }> {
  return new Promise((resolve, reject) => {
    let calls = 0
    let returned = false
    producer.send(message, options, (error, result) => {
      if (!returned) reject(new Error('called before send returned'))
      if (++calls > 1) reject(new Error('called twice'))
      resolve({ error, result })
    })
    returned = true
  })
}

const good = (body = 'x'): Message => new Message({ topic: 'T', body })

describe('wrong use', () => {
  it('producer-1 an empty body is refused before anything is sent', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const error = await rejection<MQClientException>(producer.send(good('')))
    expect(error).toBeInstanceOf(MQClientException)
    expect(error.message).toContain('message body length is zero')
    expect(error).toMatchObject({ responseCode: 13, maybeStored: false })
    expect(cluster.lookups).toEqual([])
  })

  it('producer-2 without a name server a send fails with 10004', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { namesrvAddr: [] })
    const error = await rejection<MQClientException>(producer.send(good()))
    expect(error.message).toContain('No name server address')
    expect(error).toMatchObject({ responseCode: 10004, maybeStored: false })
    expect(error.uniqKey).toMatch(/^[0-9A-F]{32}$/)
  })

  it('producer-3 with a name server that knows no route a send fails with 10005', async () => {
    const cluster = await startCluster({ topics: ['Other'] })
    const producer = await startProducer(cluster)
    const error = await rejection<MQClientException>(producer.send(good()))
    expect(error.message).toContain('No route info of this topic: T')
    expect(error).toMatchObject({ responseCode: 10005, maybeStored: false })
    expect(error.uniqKey).toMatch(/^[0-9A-F]{32}$/)
    const oneway = await rejection<MQClientException>(producer.sendOneway(good()))
    expect(oneway.responseCode).toBe(10005)
  })

  it.each([
    ['on', true],
    ['off', false]
  ])('producer-7 wrong use with a callback reaches the callback, back-pressure %s', async (_, enableBackpressureForAsyncMode) => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { enableBackpressureForAsyncMode })
    const wrong: Array<[Message | Message[], SendOptions, string]> = [
      [new Message({ topic: '', body: 'x' }), {}, 'The specified topic is blank'],
      [undefined as unknown as Message, {}, 'the message is null'],
      [good(), { queue: new MessageQueue('', 'broker-a', 0) }, 'Topic of the message does not match its target message queue'],
      [good(), { queue: {} as MessageQueue }, 'queue is not a MessageQueue'],
      [good(), { selector: () => undefined as unknown as MessageQueue }, 'select message queue return null.'],
      [good(), { selector: (async () => new MessageQueue('T', 'a', 0)) as never }, 'select message queue return null.'],
      [
        good(),
        {
          selector() {
            throw new Error('mine')
          }
        },
        'select message queue threw exception.'
      ],
      [good(), { selector: 7 as never }, 'selector is not a function'],
      [good(), { selector: (queues) => queues[0] as MessageQueue, queue: new MessageQueue('T', 'a', 0) }, 'exclude each other'],
      [good(), { timeout: Number.NaN }, 'timeout is NaN'],
      [good(), { timeout: Number.POSITIVE_INFINITY }, 'timeout is Infinity'],
      [good(), { timeout: 0 }, 'sendDefaultImpl call timeout'],
      [[], {}, 'Failed to initiate the MessageBatch: there is no message in the list'],
      [[good(), new Message({ topic: 'U', body: 'x' })], {}, 'The topic of the messages in one batch should be the same'],
      [good(), { queue: new MessageQueue('T', 'nobody', 0) }, 'The broker[nobody] not exist']
    ]
    for (const [message, options, text] of wrong) {
      const { error, result } = await withCallback(producer, message, options)
      expect(error?.message).toContain(text)
      expect(error?.maybeStored).toBe(false)
      expect(result).toBeUndefined()
      await expect(producer.send(message, options)).rejects.toThrow(
        text.startsWith('Topic of') ? "message's topic not equal mq's topic" : text
      )
    }
    const after = await withCallback(producer, good())
    expect(after.result?.sendStatus).toBe('SEND_OK')
    expect(cluster.sends).toHaveLength(1)
    expect(producer.backPressureForAsyncSendNum).toBe(10_000)
  })

  it('a callback given in the place of the options is called all the same', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const result = await new Promise<SendResult | undefined>((resolve) => {
      const send = producer.send.bind(producer) as unknown as (
        message: Message,
        callback: (e: unknown, r: SendResult) => void
      ) => void
      send(good(), (_, r) => resolve(r))
    })
    expect(result?.sendStatus).toBe('SEND_OK')
  })

  it('producer-8 a batch to a queue of another topic fails through the callback, the others go on', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const batch = [good('1'), good('2')]
    const outcomes = await Promise.all([
      withCallback(producer, batch),
      withCallback(producer, batch, { queue: new MessageQueue('Other', 'broker-a', 0) }),
      withCallback(producer, batch, { queue: new MessageQueue('T', 'broker-a', 1) })
    ])
    expect(outcomes.map(({ result }) => result?.sendStatus)).toEqual(['SEND_OK', undefined, 'SEND_OK'])
    expect(outcomes[1]?.error?.message).toContain('Topic of the message does not match its target message queue')
    expect(outcomes[2]?.result?.messageQueue.queueId).toBe(1)
  })

  it('a topic without a route is looked up again by the next send, and not polled', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ topics: [], clock })
    const producer = await startProducer(cluster)
    for (let i = 0; i < 2; i++) {
      const failed = rejection(producer.send(good()))
      await clock.advance(1)
      await failed
    }
    const lookups = (): number => cluster.lookups.filter((topic) => topic === 'T').length
    expect(lookups()).toBe(2)
    await clock.advance(61_000)
    expect(lookups()).toBe(2)
  })
})
