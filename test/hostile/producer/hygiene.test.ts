import { describe, expect, it } from 'vitest'
import { HeldClock } from '../../../src/internal/held-clock.ts'
import { silentLogger } from '../../../src/internal/logger.ts'
import { LoopbackBroker } from '../../../src/loopback/loopback-broker.ts'
import { DefaultMQProducer } from '../../../src/producer/default-mq-producer.ts'
import { Message } from '../../../src/protocol/message.ts'
import { RemotingCommand } from '../../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../../src/transport/memory-network.ts'
import { RemotingClient } from '../../../src/transport/remoting-client.ts'
import { RemotingServer } from '../../../src/transport/remoting-server.ts'
import { RequestDispatcher } from '../../../src/transport/request-dispatcher.ts'
import { leavesNoHandle } from '../../support/active-handles.ts'
import { newGroup } from '../../support/fake-cluster.ts'
import { heapWithoutCompiledCode, liveHeap } from '../../support/live-heap.ts'
import { closeAfterEach, startCluster, startProducer } from '../../support/producers.ts'

closeAfterEach()

const KIB = 1024
/** Of the heap over all rounds, bytes. */
const MOST_GROWTH = 256 * KIB
/** By `npm run torture` ten thousand starts and stops, and a hundred thousand timeouts. */
const TORTURE = process.env.TORTURE === '1'
const PRODUCERS = TORTURE ? 10_000 : 150
const BROKERS = TORTURE ? 10_000 : 60
const TIMEOUT_ROUNDS = TORTURE ? 9 : 2
const PATIENCE = { timeout: TORTURE ? 1_200_000 : 20_000 }

describe('what starts and stops, fails and times out', () => {
  heapWithoutCompiledCode()

  it('process-R2 producers started and shut down by the hundred leave no timer, socket or memory', PATIENCE, async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    cluster.broker.events.onEach(() => {})
    const cycle = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 50) {
        const producers = Array.from({ length: 50 }, () => {
          const unique = { producerGroup: newGroup(), instanceName: newGroup() }
          const batching = { autoBatch: true, sendLatencyFaultEnable: true, startDetectorEnable: true }
          return new DefaultMQProducer({ ...unique, ...batching, ...cluster.clientOptions() })
        })
        const meanwhile = async (work: (producer: DefaultMQProducer) => Promise<unknown>): Promise<void> => {
          const all = Promise.all(producers.map(work))
          await clock.advance(1)
          await all
        }
        await meanwhile((producer) => producer.start())
        await meanwhile((producer) => producer.send(new Message({ topic: 'T', body: 'x' }), { timeout: 1000 }))
        await meanwhile((producer) => producer.shutdown())
        cluster.broker.sends.length = 0
        cluster.lookups.length = 0
      }
    }
    await cycle(TORTURE ? 250 : 50)
    const before = [clock.timers, await liveHeap()]
    await cycle(PRODUCERS)
    const after = [clock.timers, await liveHeap()]
    expect(after[0]).toBeLessThanOrEqual(before[0])
    const grown = after[1] - before[1]
    if (TORTURE) console.log(`${PRODUCERS} producers, heap ${(grown / KIB).toFixed(0)} KiB`)
    expect(grown).toBeLessThan(MOST_GROWTH)
    expect(cluster.broker.server.connections.size).toBe(0)
  })

  it('process-R2 brokers started and closed leave no timer, port or memory, over TCP too', PATIENCE, async () => {
    const clock = new HeldClock()
    const network = new MemoryNetwork()
    const cycle = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const broker = await LoopbackBroker.start({ network, clock, topics: { [newGroup()]: { queues: 4 } } })
        await broker.close()
      }
    }
    await cycle(TORTURE ? 250 : 20)
    const before = await liveHeap()
    await cycle(BROKERS)
    expect(clock.timers).toBe(0)
    const grown = (await liveHeap()) - before
    if (TORTURE) console.log(`${BROKERS} brokers, heap ${(grown / KIB).toFixed(0)} KiB`)
    expect(grown).toBeLessThan(MOST_GROWTH)
    await leavesNoHandle(async () => {
      for (let i = 0; i < 5; i++) await (await LoopbackBroker.start({ topics: { T: {} } })).close()
    })
  })

  it('process-R3 10,000 failed connects leave nothing pending, at the client and at the producer', async () => {
    const clock = new HeldClock()
    const cluster = await startCluster({ clock })
    cluster.announced.set('broker-a', '127.0.0.1:1')
    const producer = await startProducer(cluster, { topics: ['T'], retryTimesWhenSendFailed: 0, drainTimeout: 60_000 })
    const { timers } = clock
    const fail = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 500) {
        const codes = Array.from({ length: 500 }, () =>
          producer.send(new Message({ topic: 'T', body: 'x' })).catch(({ code }: { code: string }) => code)
        )
        // Attempts to connect come twice a second at most.
        await clock.advance(1000)
        expect(new Set(await Promise.all(codes))).toEqual(new Set(['SEND_FAILED']))
      }
    }
    await fail(10_000)
    // The route of the topic is looked up again for a while.
    await clock.advance(16_000)
    expect(clock.timers).toBeLessThanOrEqual(timers)
    // Were one of them still under way, this would wait for it.
    const stopped = producer.shutdown()
    await clock.advance(1)
    await stopped
  })

  it('process-R3 tens of thousands of timeouts leave nothing pending, and their late answers are dropped', PATIENCE, async () => {
    const clock = new HeldClock()
    const network = new MemoryNetwork()
    const dispatcher = new RequestDispatcher({ logger: silentLogger })
    const late: Array<() => void> = []
    let answered = false
    dispatcher.register(10, (request) => {
      if (answered) return RemotingCommand.response(request, 0)
      return new Promise((resolve) => late.push(() => resolve(RemotingCommand.response(request, 0))))
    })
    const server = new RemotingServer({ network, clock, logger: silentLogger, dispatcher })
    await server.start()
    const client = new RemotingClient({ network, clock, logger: silentLogger, silenceMillis: 1e9 })
    const addr = `127.0.0.1:${server.port}`
    await client.connect(addr, 1000)
    let timeouts = 0
    const round = async (): Promise<void> => {
      for (let i = 0; i < 10_000; i++) {
        client.invokeCallback(addr, RemotingCommand.request(10), 50, (error) => {
          if (error?.code === 'TIMEOUT') timeouts++
        })
      }
      await clock.advance(60)
      late.splice(0).forEach((answer) => void answer())
      await clock.advance(1)
      // Two timeouts in a row end a connection; the next round has another.
      await client.connect(addr, 1000)
    }
    await round()
    const before = clock.timers
    for (let i = 0; i < TIMEOUT_ROUNDS; i++) await round()
    expect(timeouts).toBe((1 + TIMEOUT_ROUNDS) * 10_000)
    expect(client.connection(addr)?.inFlight).toBe(0)
    expect(clock.timers).toBeLessThanOrEqual(before)
    answered = true
    const answer = client.invoke(addr, RemotingCommand.request(10), 50)
    await clock.advance(1)
    expect((await answer).code).toBe(0)
    await client.close()
    await server.close()
    expect(clock.timers).toBe(0)
  })
})
