import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { Message } from '../../src/protocol/message.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { FakeCluster } from '../support/fake-cluster.ts'
import { closeAfterEach, startCluster, startProducer } from '../support/producers.ts'

closeAfterEach()

type Producer = Awaited<ReturnType<typeof startProducer>>

/** Sends `count` messages one after the other; names of the brokers they ended at. */
async function brokersOf(producer: Producer, clock: HeldClock, count: number): Promise<string[]> {
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const sent = producer.send(new Message({ topic: 'T', body: 'x' }))
    await clock.advance(1)
    names.push((await sent).messageQueue.brokerName)
  }
  return names
}

const attemptsAt = (cluster: FakeCluster, name: string): number =>
  cluster.sends.filter(({ brokerName }) => brokerName === name).length

describe('sendLatencyFaultEnable', () => {
  it('producer-71 a broker that fails is not asked again before its time is over', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: 2, clock })
    const producer = await startProducer(cluster, { sendLatencyFaultEnable: true })
    cluster.script((send, broker) => (broker.brokerName === 'a' ? broker.refuse(send, 2) : broker.ok(send)))
    await brokersOf(producer, clock, 20)
    expect(attemptsAt(cluster, 'a')).toBe(1)
    expect(attemptsAt(cluster, 'b')).toBe(20)
    await clock.advance(10_000)
    cluster.script((send, broker) => broker.ok(send))
    expect(new Set(await brokersOf(producer, clock, 8))).toEqual(new Set(['a', 'b']))
  })

  it('without it sends start at the failing broker again and again', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: 1, clock })
    const producer = await startProducer(cluster)
    cluster.script((send, broker) => (broker.brokerName === 'a' ? broker.refuse(send, 2) : broker.ok(send)))
    await brokersOf(producer, clock, 20)
    expect(attemptsAt(cluster, 'a')).toBeGreaterThanOrEqual(10)
  })

  it('producer-71 a slow broker is avoided, in the times that were set', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: 1, clock })
    const producer = await startProducer(cluster, {
      sendLatencyFaultEnable: true,
      latencyMax: [20],
      notAvailableDuration: [60_000]
    })
    cluster.script(async (send, broker) => {
      if (broker.brokerName === 'a') await new Promise<void>((resolve) => clock.setTimeout(resolve, 30))
      return broker.ok(send)
    })
    const slow = [producer.send(new Message({ topic: 'T', body: '1' })), producer.send(new Message({ topic: 'T', body: '2' }))]
    await clock.advance(30)
    await Promise.all(slow)
    expect(new Set(await brokersOf(producer, clock, 10))).toEqual(new Set(['b']))
    expect(attemptsAt(cluster, 'a')).toBe(1)
  })

  it('producer-72 startDetectorEnable: a broker that cannot be reached stays aside until a probe finds it', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ brokers: ['a', 'b'], queues: 1, clock })
    const probes: string[] = []
    const [a] = cluster.brokers
    a.dispatcher.register(30, (request) => {
      probes.push(request.extFields['topic'] ?? '')
      return RemotingCommand.response(request, 0, undefined, { offset: '0' })
    })
    const producer = await startProducer(cluster, {
      sendLatencyFaultEnable: true,
      startDetectorEnable: true,
      notAvailableDuration: [0, 0, 1, 1, 1, 1, 1]
    })
    await a.kill()
    await brokersOf(producer, clock, 4)
    await clock.advance(2000)
    // Its time is over, but it is still not there.
    expect(new Set(await brokersOf(producer, clock, 10))).toEqual(new Set(['b']))
    await a.restart()
    await clock.advance(6000)
    expect(probes).toEqual(['T'])
    expect(new Set(await brokersOf(producer, clock, 4))).toEqual(new Set(['a', 'b']))
    await producer.shutdown()
  })
})
