import { describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerImpl } from '../../src/producer/default-mq-producer-impl.ts'
import type { SendOutcome } from '../../src/producer/send-call.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { run } from '../package/support/run.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { nextTurn, until } from '../support/turns.ts'

closeAfterEach()

const message = (body = 'x'): Message => new Message({ topic: 'T', body })

/** What the accumulator and the trace dispatcher see of their producer. */
const inside = (producer: DefaultMQProducer): DefaultMQProducerImpl =>
  (producer as unknown as { impl: DefaultMQProducerImpl }).impl

const sendHeldBack = (producer: DefaultMQProducer, body: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const outcome: SendOutcome = { resolve, reject, callback: undefined }
    inside(producer).sendAccepted(message(body), undefined, 'SYNC', outcome)
  })

/** Connections to the stalled ports open only once they are given up. */
class StallingNetwork extends MemoryNetwork {
  readonly stalled = new Set<number>()

  override async connect(...args: Parameters<MemoryNetwork['connect']>): ReturnType<MemoryNetwork['connect']> {
    if (!this.stalled.has(args[1])) return super.connect(...args)
    const { signal } = args[2]
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
  }
}

describe('shutdown', () => {
  it('process-R6 a send that only waits for its connection was certainly not stored, in every mode', async () => {
    const network = new StallingNetwork()
    const cluster = await startCluster({ clock: new HeldClock(), network })
    network.stalled.add(cluster.broker.server.port)
    const producer = await startProducer(cluster, { topics: ['T'] })
    const awaited = rejection<RocketMQError>(producer.send(message()))
    const signalled = rejection<RocketMQError>(producer.send(message(), { signal: new AbortController().signal }))
    const oneway = rejection<RocketMQError>(producer.sendOneway(message()))
    const withCallback = new Promise<RocketMQError | undefined>((resolve) => producer.send(message(), {}, resolve))
    await nextTurn(5)
    const stopped = producer.shutdown()
    const errors = await Promise.all([awaited, signalled, oneway, withCallback])
    expect(errors.map((error) => [error?.code, error?.maybeStored])).toEqual(Array(4).fill(['SHUTDOWN', false]))
    network.stalled.clear()
    await until(() => (cluster.clock as HeldClock).timers > 0)
    await (cluster.clock as HeldClock).advance(10_000)
    await stopped
    expect(cluster.sends).toHaveLength(0)
  })

  it('process-R6 what is held back is sent first, and what sends leave behind comes last, all within drainTimeout', async () => {
    const cluster = await startCluster()
    const producer = await startProducer(cluster, { drainTimeout: 3000 })
    await producer.send(message('first'))
    const order: string[] = []
    let heldBack: Promise<unknown> | undefined
    inside(producer).onShutdown(async () => {
      await nextTurn(3)
      await expect(producer.send(message('late'))).rejects.toMatchObject({ code: 'BAD_STATE' })
      // Not awaited: a send that is under way is waited for anyway.
      heldBack = sendHeldBack(producer, 'held back').then(() => order.push('held back'))
    })
    inside(producer).onShutdown(async () => {
      throw new Error('harms nobody')
    })
    inside(producer).onShutdown(async (millis) => {
      order.push('after sends')
      expect(millis).toBeGreaterThan(0)
    }, 'afterSends')
    const forget = inside(producer).onShutdown(async () => void order.push('forgotten'))
    forget()
    await producer.shutdown()
    await heldBack
    expect(order).toEqual(['held back', 'after sends'])
    expect(cluster.broker.bodies).toEqual(['first', 'held back'])
    await expect(sendHeldBack(producer, 'too late')).rejects.toMatchObject({ code: 'BAD_STATE' })
  })

  it('process-R6 a drain that never ends is passed over when drainTimeout is over', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, { drainTimeout: 1000 })
    const told: number[] = []
    const never = (millis: number): Promise<void> => {
      told.push(millis)
      return new Promise(() => {})
    }
    inside(producer).onShutdown(never)
    inside(producer).onShutdown(never, 'afterSends')
    const stopped = producer.shutdown()
    await clock.advance(1000)
    await stopped
    expect(told).toEqual([1000, 0])
    expect(producer.serviceState).toBe('SHUTDOWN_ALREADY')
  })

  it('process-R6 a shutdown during a start that waits for a route ends both at once', async () => {
    const cluster = await startCluster({ clock: new HeldClock() })
    cluster.routeGate = new Promise(() => {})
    const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...cluster.clientOptions(), topics: ['T'] })
    const starting = producer.start()
    await until(() => cluster.lookups.length > 0)
    await producer.shutdown()
    await starting
    expect(producer.serviceState).toBe('SHUTDOWN_ALREADY')
  })

  it('process-R6 process-R7 a process ends by itself within 100 ms of the shutdown, with a broker and without one', async () => {
    const program = `
      import { DefaultMQProducer, Message } from './dist/index.js'
      import { LoopbackBroker } from './dist/broker.js'
      const broker = await LoopbackBroker.start({ topics: { Orders: {} } })
      const producer = new DefaultMQProducer({ producerGroup: 'orders', topics: ['Orders'], ...broker.clientOptions() })
      await producer.start()
      const sends = Array.from({ length: 100 }, () => producer.send(new Message({ topic: 'Orders', body: 'x' })))
      await Promise.all([producer.shutdown(), producer.shutdown()])
      const stored = (await Promise.all(sends)).filter((result) => result.sendStatus === 'SEND_OK').length
      await broker.close()
      const lonely = new DefaultMQProducer({ producerGroup: 'lonely', namesrvAddr: '127.0.0.1:1', retryTimesWhenSendFailed: 0 })
      await lonely.start()
      const failed = await lonely.send(new Message({ topic: 'Orders', body: 'x' })).catch((error) => error.code)
      await lonely.shutdown()
      const end = performance.now()
      process.once('exit', () => console.log(JSON.stringify({ stored, failed, millis: performance.now() - end })))`
    const { stdout, stderr, code } = await run(process.execPath, ['--input-type=module', '-e', program])
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const { stored, failed, millis } = JSON.parse(stdout)
    expect([stored, failed]).toEqual([100, 'NAME_SERVER_UNREACHABLE'])
    expect(millis).toBeLessThan(100)
  })
})
