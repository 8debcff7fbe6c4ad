import { describe, expect, it } from 'vitest'
import { MQClientException, type RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import type { Network } from '../../src/transport/network.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

const message = (body = 'x'): Message => new Message({ topic: 'T', body })

describe('abort', () => {
  it('before the call: nothing is sent, the reason is the cause', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const reason = new Error('too late')
    const error = await rejection<RocketMQError>(producer.send(message(), { signal: AbortSignal.abort(reason) }))
    expect(error).toBeInstanceOf(MQClientException)
    expect(error).toMatchObject({ code: 'ABORTED', maybeStored: false, cause: reason })
    expect(cluster.sends).toHaveLength(0)
    expect(cluster.lookups).toHaveLength(0)
  })

  it('while it waits for room: nothing is sent, who stood behind goes on', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { backPressureForAsyncSendSize: 1024 * 1024, compressMsgBodyOverHowmuch: 1e9 })
    let answer: () => void = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    cluster.script(async (seen, broker) => {
      if (seen.body.length > 600_000) await answered
      return broker.ok(seen)
    })
    const big = producer.send(message('b'.repeat(700_000)))
    const controller = new AbortController()
    const waits = rejection<RocketMQError>(producer.send(message('w'.repeat(700_000)), { signal: controller.signal }))
    const small = producer.send(message('small'))
    controller.abort()
    expect(await waits).toMatchObject({ code: 'ABORTED', maybeStored: false })
    await small
    answer()
    await big
    expect(cluster.broker.sends).toHaveLength(2)
  })

  it('while it waits for the route: its callback runs once', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    cluster.routeGate = new Promise(() => {})
    const producer = await startProducer(cluster)
    const controller = new AbortController()
    const calls: Array<string | undefined> = []
    for (let i = 0; i < 3; i++)
      producer.send(message(), { signal: controller.signal, timeout: 100 }, (error) => calls.push(error?.code))
    await clock.advance(50)
    controller.abort()
    expect(calls).toEqual(['ABORTED', 'ABORTED', 'ABORTED'])
    await clock.advance(100)
    expect(calls).toHaveLength(3)
  })

  it('while it is being connected: it does not leave any more', async () => {
    const memory = new MemoryNetwork()
    let open: () => void = () => {}
    let opened = Promise.resolve()
    const network: Network = {
      connect: async (...args) => {
        await opened
        return memory.connect(...args)
      },
      listen: (...args) => memory.listen(...args)
    }
    const cluster = await startCluster({ network })
    const producer = await startProducer(cluster)
    const route = producer['impl'].context.instance.tryToFindTopicPublishInfo('T', {
      createTopicKey: 'TBW102',
      defaultTopicQueueNums: 4,
      timeoutMillis: 1000
    })
    await route
    opened = new Promise((resolve) => {
      open = resolve
    })
    const controller = new AbortController()
    const aborted = rejection<RocketMQError>(producer.send(message('aborted'), { signal: controller.signal }))
    const kept = producer.send(message('kept'))
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'ABORTED', maybeStored: false })
    open()
    await kept
    expect(cluster.broker.bodies).toEqual(['kept'])
  })

  it('in the turn of the call: the bytes are taken back', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    await producer.send(message('first'))
    const controller = new AbortController()
    const aborted = rejection<RocketMQError>(producer.send(message('aborted'), { signal: controller.signal }))
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'ABORTED', maybeStored: false })
    await producer.send(message('second'))
    expect(cluster.broker.bodies).toEqual(['first', 'second'])
  })

  it('after bytes have left: maybeStored, with the attempt; the late answer is dropped', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    let answer: () => void = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    cluster.script(async (seen, broker) => {
      await answered
      return broker.ok(seen)
    })
    const controller = new AbortController()
    const calls: Array<RocketMQError | undefined> = []
    const aborted = new Promise<RocketMQError | undefined>((resolve) => {
      producer.send(message(), { signal: controller.signal }, (error) => {
        calls.push(error)
        resolve(error)
      })
    })
    const [seen] = await cluster.broker.events.take(1)
    controller.abort()
    const error = await aborted
    expect(error).toMatchObject({ code: 'ABORTED', maybeStored: true, uniqKey: seen?.properties.get('UNIQ_KEY') })
    expect(error?.attempts).toEqual([expect.objectContaining({ brokerName: 'broker-a', addr: cluster.broker.addr })])
    answer()
    await producer.send(message())
    expect(calls).toHaveLength(1)
  })

  it('an answer that arrived wins', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster)
    const controller = new AbortController()
    producer.registerSendMessageHook({
      hookName: 'abort on answer',
      sendMessageBefore() {},
      sendMessageAfter: () => controller.abort()
    })
    expect((await producer.send(message(), { signal: controller.signal })).sendStatus).toBe('SEND_OK')
  })

  it('between attempts: there is no further one', async () => {
    const cluster = await startCluster({ brokers: ['a', 'b'] })
    const producer = await startProducer(cluster)
    const controller = new AbortController()
    cluster.script((seen, broker) => broker.refuse(seen, 2))
    producer.registerSendMessageHook({
      hookName: 'abort on failure',
      sendMessageBefore() {},
      sendMessageAfter: () => controller.abort()
    })
    const error = await rejection<RocketMQError>(producer.send(message(), { signal: controller.signal }))
    expect(error).toMatchObject({ code: 'ABORTED', maybeStored: false, attempts: [{ brokerName: expect.any(String) }] })
    expect(cluster.sends).toHaveLength(1)
  })

  it('many sends may share one signal, which keeps no listener afterwards', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster)
    const warnings: string[] = []
    const note = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', note)
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }) as typeof add
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }) as typeof remove
    await producer.send(message())
    await Promise.all(Array.from({ length: 100 }, () => producer.send(message(), { signal })))
    await clock.advance(1)
    process.off('warning', note)
    expect(listeners).toBe(0)
    expect(warnings).toEqual([])
  })
})
