import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../src/client/send-result.ts'
import {
  MQClientException,
  RemotingTimeoutException,
  RemotingTooMuchRequestException,
  type RocketMQError
} from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { MessageQueue } from '../../src/protocol/message-queue.ts'
import type { FakeCluster } from '../support/fake-cluster.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (body = 'x'): Message => new Message({ topic: 'T', body })

/** An address nobody listens on. */
const NOWHERE = '127.0.0.1:1'

/** Both ways to call: retries are the same for both. */
const modes = [
  ['awaited', (producer, options) => producer.send(message(), options)],
  [
    'with a callback',
    (producer, options) =>
      new Promise((resolve, reject) => {
        producer.send(message(), options ?? {}, (error: RocketMQError | undefined, result: SendResult | undefined) =>
          error === undefined ? resolve(result as SendResult) : reject(error)
        )
      })
  ]
] as Array<[string, (producer: Awaited<ReturnType<typeof startProducer>>, options?: { timeout: number }) => Promise<SendResult>]>

/** Makes the first broker that is chosen do `first`, all others answer. */
function firstBroker(cluster: FakeCluster, first: Parameters<FakeCluster['script']>[0]): void {
  let chosen: string | undefined
  cluster.script((send, broker) => {
    chosen ??= broker.brokerName
    return broker.brokerName === chosen ? first(send, broker) : broker.ok(send)
  })
}

describe.each(modes)('retries, %s', (_, send) => {
  it.each([
    ['code 2', 2],
    ['code 14', 14],
    ['code 17', 17],
    ['code 16', 16],
    ['code 1', 1]
  ])('net-N7 after %s another broker gets the message, with a queue of its own', async (__, code) => {
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: { a: 8, b: 1 } })
    const producer = await startProducer(cluster)
    firstBroker(cluster, (seen, broker) => broker.refuse(seen, code))
    const result = await send(producer)
    expect(result.sendStatus).toBe('SEND_OK')
    const first = cluster.sends.find((seen) => seen.brokerName !== result.messageQueue.brokerName)
    const second = cluster.sends.find((seen) => seen.brokerName === result.messageQueue.brokerName)
    expect(cluster.sends).toHaveLength(2)
    for (const seen of [first, second]) {
      expect(seen?.header.brokerName).toBe(seen?.brokerName)
      expect(seen?.header.queueId).toBeLessThan(seen?.brokerName === 'a' ? 8 : 1)
      expect(seen?.body.toString()).toBe('x')
    }
    expect(second?.properties.get('UNIQ_KEY')).toBe(first?.properties.get('UNIQ_KEY'))
    expect(result.msgId).toBe(first?.properties.get('UNIQ_KEY'))
    expect(result.messageQueue.queueId).toBe(second?.header.queueId)
  })

  it('net-N7 after a refused connection another broker gets the message', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: 1 })
    cluster.announced.set('a', NOWHERE)
    const producer = await startProducer(cluster)
    const results = await Promise.all(Array.from({ length: 4 }, () => send(producer)))
    expect(new Set(results.map((result) => result.messageQueue.brokerName))).toEqual(new Set(['b']))
  })

  it('net-N7 after a lost connection another broker gets the message', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    firstBroker(cluster, (seen) => {
      seen.connection.close()
      return undefined
    })
    expect((await send(producer)).sendStatus).toBe('SEND_OK')
    expect(cluster.sends).toHaveLength(2)
  })

  it('net-N6 a silent broker gets its share of the time, a live one the rest', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b', 'c', 'd'], queues: 1, clock })
    const producer = await startProducer(cluster, { sendMsgTimeout: 3000 })
    cluster.script((seen, broker) => (broker.brokerName === 'a' ? undefined : broker.ok(seen)))
    const begin = clock.monotonic()
    // Round robin: every fourth starts at the silent one.
    const sends = Promise.all(Array.from({ length: 1000 }, () => send(producer)))
    await clock.advance(999)
    expect(cluster.sends.filter((seen) => seen.brokerName !== 'a')).toHaveLength(750)
    await clock.advance(1)
    const results = await sends
    expect(clock.monotonic() - begin).toBe(1000)
    expect(results.every((result) => result.sendStatus === 'SEND_OK' && result.messageQueue.brokerName !== 'a')).toBe(true)
  })

  it('never tries again when no time is left, and says so', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster)
    cluster.script(() => undefined)
    const failed = rejection<RemotingTooMuchRequestException>(send(producer, { timeout: 400 }))
    await clock.advance(400)
    const error = await failed
    expect(error).toBeInstanceOf(RemotingTooMuchRequestException)
    expect(error.message).toMatch(
      /^sendDefaultImpl call timeout\n {2}1\. broker-a 127\.0\.0\.1:\d+ queue \d, 400 ms: wait response on the channel/
    )
    expect(error).toMatchObject({ responseCode: 10002, maybeStored: true, retryable: false })
    expect(error.cause).toBeInstanceOf(RemotingTimeoutException)
    expect(error.uniqKey).toBe(cluster.sends[0]?.properties.get('UNIQ_KEY'))
    expect(cluster.sends).toHaveLength(1)
  })

  it('lists every attempt when all fail, with one hint', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    cluster.script((seen, broker) => broker.refuse(seen, 2, 'busy'))
    const error = await rejection<MQClientException>(send(producer))
    expect(error).toBeInstanceOf(MQClientException)
    expect(error.message).toMatch(
      /^Send \[3\] times, still failed, cost \[\d+\]ms, Topic: T, BrokersSent: \[(a, b, a|b, a, b)\]\n/
    )
    expect(error).toMatchObject({ responseCode: 2, maybeStored: false, code: 'SEND_FAILED' })
    expect(error.attempts).toHaveLength(3)
    expect(error.attempts[0]).toMatchObject({
      queueId: expect.any(Number),
      millis: expect.any(Number),
      reason: expect.stringContaining('busy')
    })
    expect(error.hint).toContain('The broker is busy')
    expect(cluster.sends).toHaveLength(3)
  })

  it('a refused connection ends with 10001 and names brokerIP1', async () => {
    const cluster = await startCluster()
    cluster.announced.set('broker-a', NOWHERE)
    const producer = await startProducer(cluster)
    const error = await rejection<MQClientException>(send(producer))
    expect(error).toMatchObject({ responseCode: 10001, maybeStored: false })
    expect(error.message).toContain(`connect to ${NOWHERE} failed`)
    expect(error.hint).toContain('brokerIP1')
    expect(error.attempts).toHaveLength(3)
  })

  it('a code outside the set is not tried again, one that was added is', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    cluster.script((seen, broker) => broker.refuse(seen, 215))
    expect((await rejection<RocketMQError>(send(producer))).responseCode).toBe(215)
    expect(cluster.sends).toHaveLength(1)
    producer.addRetryResponseCode(215)
    expect((await rejection<RocketMQError>(send(producer))).attempts).toHaveLength(3)
  })
})

describe('retries', () => {
  it('sendMsgMaxTimeoutPerRequest caps an attempt while more are left', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, { sendMsgMaxTimeoutPerRequest: 300 })
    cluster.script(() => undefined)
    const failed = rejection<MQClientException>(producer.send(message()))
    await clock.advance(600)
    expect(cluster.sends).toHaveLength(3)
    await clock.advance(2399)
    const raced = await Promise.race([failed, Promise.resolve('pending')])
    expect(raced).toBe('pending')
    await clock.advance(1)
    const error = await failed
    expect(error.attempts.map((attempt) => attempt.millis)).toEqual([300, 300, 2400])
    expect(error.message).toMatch(/^Send \[3\] times/)
    expect(error.responseCode).toBe(10002)
    expect(error.maybeStored).toBe(true)
  })

  it('a status that is not OK resolves; with retryAnotherBrokerWhenNotStoreOK it is sent again', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const plain = await startProducer(cluster)
    cluster.script((seen, broker) => broker.ok(seen, 10))
    expect((await plain.send(message())).sendStatus).toBe('FLUSH_DISK_TIMEOUT')
    expect(cluster.sends).toHaveLength(1)
    const again = await startProducer(cluster, { retryAnotherBrokerWhenNotStoreOK: true })
    firstBroker(cluster, (seen, broker) => broker.ok(seen, 12))
    expect((await again.send(message())).sendStatus).toBe('SEND_OK')
    expect(cluster.sends).toHaveLength(3)
    let answers = 0
    cluster.script((seen, broker) => broker.ok(seen, ++answers < 3 ? 12 : 0))
    expect((await again.send(message())).sendStatus).toBe('SEND_OK')
    expect(answers).toBe(3)
  })

  it('a message that was stored is not reported as failed, whatever the further attempts bring', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster, { retryAnotherBrokerWhenNotStoreOK: true })
    for (const code of [2, 13]) {
      let sends = 0
      cluster.script((seen, broker) => (sends++ === 0 ? broker.ok(seen, 11) : broker.refuse(seen, code)))
      expect((await producer.send(message())).sendStatus).toBe('SLAVE_NOT_AVAILABLE')
      expect(sends).toBe(code === 2 ? 3 : 2)
    }
  })

  it('a chosen queue and a selector are tried once', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    cluster.script((seen, broker) => broker.refuse(seen, 2))
    const queue = new MessageQueue('T', 'a', 0)
    for (const options of [{ queue }, { selector: () => queue }]) {
      const error = await rejection<RocketMQError>(producer.send(message(), options))
      expect(error).toMatchObject({ name: 'MQBrokerException', responseCode: 2 })
      expect(error.attempts).toEqual([expect.objectContaining({ brokerName: 'a', queueId: 0 })])
    }
    expect(cluster.sends).toHaveLength(2)
  })

  it('code 1 without a known reason may have been stored', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { retryTimesWhenSendFailed: 0 })
    cluster.script((seen, broker) => broker.refuse(seen, 1, 'UNKNOWN_ERROR'))
    const error = await rejection<MQClientException>(producer.send(message()))
    expect(error).toMatchObject({ responseCode: 1, maybeStored: true })
    expect(error.message).toMatch(/^Send \[1\] times, still failed/)
  })

  it('a late answer is dropped, and the retry that followed counts', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], clock })
    const producer = await startProducer(cluster)
    firstBroker(cluster, async (seen, broker) => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 1200))
      return broker.ok(seen)
    })
    const calls: unknown[] = []
    const sent = new Promise<SendResult | undefined>((resolve) => {
      producer.send(message(), {}, (error, result) => {
        calls.push(error ?? result)
        resolve(result)
      })
    })
    await clock.advance(3000)
    const result = await sent
    expect(cluster.sends).toHaveLength(2)
    const late = cluster.sends.find((seen) => seen.brokerName !== result?.messageQueue.brokerName)
    expect(late).toBeDefined()
    expect(calls).toHaveLength(1)
  })

  it('net-N17 every attempt of a compressed, namespaced, reused message sends the bytes of the call', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b', 'c'] })
    const producer = await startProducer(cluster, { namespace: 'NS' })
    const body = Buffer.from('reused '.repeat(1000))
    const original = Buffer.from(body)
    const reused = new Message({ topic: 'T', body, keys: 'k' })
    let refusals = 0
    cluster.script((seen, broker) => (refusals++ < 2 ? broker.refuse(seen, 2) : broker.ok(seen)))
    const sent = producer.send(reused)
    body.fill(0)
    reused.properties.set('later', 'yes')
    await sent
    const { inflateSync } = await import('node:zlib')
    expect(cluster.sends).toHaveLength(3)
    for (const seen of cluster.sends) {
      expect(inflateSync(seen.body).equals(original)).toBe(true)
      expect(seen.header.sysFlag).toBe(0x301)
      expect(seen.header.topic).toBe('NS%T')
      expect(seen.properties.has('later')).toBe(false)
    }
    expect(reused.topic).toBe('T')
    expect(reused.body).toBe(body)
    expect([...reused.properties.keys()].sort()).toEqual(['KEYS', 'WAIT', 'later'])
  })

  it('net-N17 a small body is that of the call, at the first attempt and at the next ones', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    let open: () => void = () => {}
    cluster.routeGate = new Promise((resolve) => {
      open = resolve
    })
    const producer = await startProducer(cluster)
    let sends = 0
    cluster.script((seen, broker) => (sends++ % 2 === 0 ? broker.refuse(seen, 2) : broker.ok(seen)))
    const body = Buffer.from('pooled')
    const waited = producer.send(new Message({ topic: 'T', body }))
    body.write('POOLED')
    open()
    await waited
    const direct = producer.send(new Message({ topic: 'T', body }))
    body.write('reused')
    await direct
    const bodies = cluster.sends.map((seen) => seen.body.toString())
    expect(bodies.sort()).toEqual(['POOLED', 'POOLED', 'pooled', 'pooled'])
  })

  it('net-N17 a failed batch leaves its messages as they were, and can be sent again', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    const messages = [message('1'), message('2')]
    const before = messages.map((m) => [...m.properties])
    cluster.script((seen, broker) => broker.refuse(seen, 2))
    await rejection(producer.send(messages))
    const bodies = cluster.sends.map((seen) => seen.body.toString('hex'))
    expect(new Set(bodies).size).toBe(1)
    expect(messages.map((m) => [...m.properties])).toEqual(before)
    cluster.script((seen, broker) => broker.ok(seen))
    expect((await producer.send(messages)).sendStatus).toBe('SEND_OK')
  })
})
