import { describe, expect, it } from 'vitest'
import { MQClientException, type RocketMQError } from '../../src/internal/errors.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { tcpNetwork } from '../../src/transport/tcp-network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'
import { newGroup } from '../support/fake-cluster.ts'
import { closeAfterEach, rejection, startCluster, startProducer } from '../support/producers.ts'
import { until } from '../support/turns.ts'

closeAfterEach()

const message = (body = 'x'): Message => new Message({ topic: 'T', body })

describe('start and shutdown', () => {
  it('a send before the start and after the shutdown fails with the state; a second start too', async () => {
    const cluster = await startCluster()
    const producer = new DefaultMQProducer({ producerGroup: newGroup(), ...cluster.clientOptions() })
    expect(producer.serviceState).toBe('CREATE_JUST')
    await expect(producer.send(message())).rejects.toThrow('The producer service state not OK, CREATE_JUST')
    await producer.shutdown()
    expect(producer.serviceState).toBe('CREATE_JUST')
    const starting = producer.start()
    expect(producer.serviceState).toBe('START_FAILED')
    await expect(producer.start()).rejects.toThrow('The producer service state not OK, maybe started once, START_FAILED')
    await starting
    expect(producer.serviceState).toBe('RUNNING')
    await expect(producer.start()).rejects.toThrow('maybe started once, RUNNING')
    await producer.send(message())
    await producer.shutdown()
    expect(producer.serviceState).toBe('SHUTDOWN_ALREADY')
    await expect(producer.send(message())).rejects.toThrow('The producer service state not OK, SHUTDOWN_ALREADY')
    await expect(producer.start()).rejects.toMatchObject({
      message: 'The producer service state not OK, maybe started once, SHUTDOWN_ALREADY',
      hint: 'A producer that was shut down cannot be used again: create another one.'
    })
    expect(cluster.broker.unregistered).toBe(1)
  })

  it('refuses illegal groups and DEFAULT_PRODUCER', async () => {
    const cluster = await startCluster()
    const start = (producerGroup: string): Promise<void> =>
      new DefaultMQProducer({ producerGroup, ...cluster.clientOptions() }).start()
    await expect(start('')).rejects.toThrow('the specified group is blank')
    await expect(start('a b')).rejects.toThrow('contains illegal characters')
    await expect(start('DEFAULT_PRODUCER')).rejects.toThrow(
      'producerGroup can not equal DEFAULT_PRODUCER, please specify another one.'
    )
  })

  it('a group that is taken in the client instance is refused; the producer may try again once it is free', async () => {
    const cluster = await startCluster()
    const shared = { producerGroup: newGroup(), instanceName: `shared-${newGroup()}` }
    const first = await startProducer(cluster, shared)
    const second = new DefaultMQProducer({ ...cluster.clientOptions(), ...shared })
    await expect(second.start()).rejects.toThrow(
      `The producer group[${shared.producerGroup}] has been created before, specify another name please.`
    )
    expect(second.serviceState).toBe('CREATE_JUST')
    expect((await first.send(message())).sendStatus).toBe('SEND_OK')
    await first.shutdown()
    await second.start()
    expect((await second.send(message())).sendStatus).toBe('SEND_OK')
    await second.shutdown()
  })

  it('topics that were named have their route before the first send; one without a route is only logged', async () => {
    // Held, so that the poll of all routes asks nothing.
    const cluster = await startCluster({ topics: ['T'], clock: new HeldClock() })
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, warn: (line: string) => void warnings.push(line), error() {} }
    const producer = await startProducer(cluster, { topics: ['T', 'Missing'], logger })
    expect(cluster.lookups).toContain('T')
    expect(warnings.join()).toContain('Missing')
    const lookups = cluster.lookups.length
    await producer.send(message())
    expect(cluster.lookups).toHaveLength(lookups)
  })

  it('process-R4 a logger that throws breaks no send', async () => {
    const cluster = await startCluster()
    const bad = (): void => {
      throw new Error('the logger is broken')
    }
    const producer = await startProducer(cluster, { logger: { debug: bad, info() {}, warn: bad, error() {} } })
    producer.registerSendMessageHook({ hookName: 'bad', sendMessageBefore: bad, sendMessageAfter: bad })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
  })

  it('process-R6 shutdown waits for 10,000 sends under way, and every one is settled before it resolves', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, { drainTimeout: 3000 })
    await producer.send(message())
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    cluster.script(async (seen, broker) => {
      await gate
      return broker.ok(seen)
    })
    let resolved = 0
    let rejected = 0
    for (let i = 0; i < 10_000; i++) {
      producer.send(message()).then(
        () => resolved++,
        () => rejected++
      )
    }
    const stopped = producer.shutdown().then(() => [resolved, rejected])
    await expect(producer.send(message())).rejects.toThrow('The producer service state not OK, SHUTDOWN_ALREADY')
    await until(() => cluster.sends.length === 10_001)
    expect([resolved, rejected]).toEqual([0, 0])
    open()
    expect(await stopped).toEqual([10_000, 0])
  })

  it('process-R6 after drainTimeout the rest is rejected; shutting down again is the same shutdown', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    const producer = await startProducer(cluster, { drainTimeout: 1000, backPressureForAsyncSendNum: 10 })
    await producer.send(message())
    cluster.script(() => undefined)
    // Ten are with the broker, two wait for room.
    const failed = Promise.all(Array.from({ length: 12 }, () => rejection<RocketMQError>(producer.send(message()))))
    const stopped = producer.shutdown()
    expect(producer.shutdown()).toBe(stopped)
    await clock.advance(999)
    expect(await Promise.race([stopped.then(() => 'stopped'), Promise.resolve('draining')])).toBe('draining')
    await clock.advance(1)
    const errors = await failed
    await stopped
    expect(new Set(errors.map((error) => error.code))).toEqual(new Set(['SHUTDOWN']))
    expect(errors.map((error) => error.maybeStored)).toEqual([...Array(10).fill(true), false, false])
    expect(errors.every((error) => error instanceof MQClientException && error.uniqKey !== undefined)).toBe(true)
    await producer.shutdown()
  })

  it('process-R6 a shutdown while it starts, or while it connects, ends clean', async () => {
    await leavesNoHandle(async () => {
      const cluster = await startCluster({ network: tcpNetwork })
      const producer = new DefaultMQProducer({ producerGroup: newGroup(), drainTimeout: 0, ...cluster.clientOptions() })
      const starting = producer.start()
      const stopped = producer.shutdown()
      await starting
      await stopped
      expect(producer.serviceState).toBe('SHUTDOWN_ALREADY')
      const other = new DefaultMQProducer({ producerGroup: newGroup(), drainTimeout: 0, ...cluster.clientOptions() })
      await other.start()
      const sent = rejection<RocketMQError>(other.send(message()))
      await other.shutdown()
      expect((await sent).code).toBe('SHUTDOWN')
      await cluster.close()
    })
  })

  it('is disposable', async () => {
    const cluster = await startCluster()
    let kept: DefaultMQProducer
    {
      await using producer = new DefaultMQProducer({ producerGroup: newGroup(), ...cluster.clientOptions() })
      kept = producer
      await producer.start()
      await producer.send(message())
    }
    expect(kept.serviceState).toBe('SHUTDOWN_ALREADY')
  })
})
