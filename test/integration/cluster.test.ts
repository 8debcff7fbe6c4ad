import { afterEach, describe, expect, it } from 'vitest'
import { BrokerController, type BrokerControllerOptions } from '../../src/broker/broker-controller.ts'
import { HeldClock } from '../../src/internal/held-clock.ts'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { BrokerPeer } from '../support/broker-peer.ts'
import { nextTurn, until } from '../support/turns.ts'

const ROUTE_POLL = 30_000

const stops: Array<() => Promise<unknown> | unknown> = []
let network: MemoryNetwork
let clock: HeldClock

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

function begin(): void {
  network = new MemoryNetwork()
  clock = new HeldClock()
}

async function startNameServer(): Promise<NameServer> {
  const nameServer = new NameServer({ network, clock })
  await nameServer.start()
  stops.push(() => nameServer.shutdown())
  return nameServer
}

async function startBroker(options: BrokerControllerOptions): Promise<BrokerController> {
  const broker = new BrokerController({ network, clock, topics: { Orders: { queues: 2 } }, ...options })
  stops.push(() => broker.shutdown())
  await broker.start()
  return broker
}

async function startProducer(namesrvAddr: string): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'cluster', namesrvAddr, network, clock })
  stops.push(() => producer.shutdown())
  await producer.start()
  return producer
}

/** Sends a few messages; which brokers took them. */
async function brokersUsed(producer: DefaultMQProducer): Promise<string[]> {
  const names = new Set<string>()
  for (let i = 0; i < 8; i++) {
    names.add((await producer.send(new Message({ topic: 'Orders', body: `${i}` }))).messageQueue.brokerName)
  }
  return [...names].sort()
}

function addresses(nameServer: NameServer): Array<[string, number[]]> {
  const { brokerDatas } = nameServer.routes.pickupTopicRouteData('Orders') ?? { brokerDatas: [] }
  return brokerDatas.map(({ brokerName, brokerAddrs }) => [brokerName, [...brokerAddrs.keys()]])
}

describe('two name servers, two masters, two slaves', () => {
  it('store-83 every name server knows all of them; a producer goes on when one name server is gone', async () => {
    begin()
    const nameServers = [await startNameServer(), await startNameServer()]
    const namesrvAddr = nameServers.map(({ addr }) => addr).join(';')
    for (const brokerName of ['a', 'b']) {
      const storeConfig = { brokerRole: 'SYNC_MASTER' } as const
      const master = await startBroker({ namesrvAddr, config: { brokerName }, storeConfig })
      await startBroker({ namesrvAddr, config: { brokerName, brokerId: 1 }, storeConfig: { brokerRole: 'SLAVE' } })
      await master.haService.whenSlaves(1, 1000)
    }
    for (const nameServer of nameServers) {
      expect(addresses(nameServer)).toEqual([
        ['a', [0, 1]],
        ['b', [0, 1]]
      ])
    }
    const producer = await startProducer(namesrvAddr)
    expect(await brokersUsed(producer)).toEqual(['a', 'b'])
    await nameServers[0]!.shutdown()
    await clock.advance(2 * ROUTE_POLL)
    expect(await brokersUsed(producer)).toEqual(['a', 'b'])
    expect((await producer.send(new Message({ topic: 'Orders', body: 'x' }))).sendStatus).toBe('SEND_OK')
  })

  it('store-71 a slave follows its master as soon as one name server has told of it, however slow another one is', async () => {
    begin()
    const nameServer = await startNameServer()
    const silent = await network.listen('127.0.0.1', 0, (socket) => void socket.resume())
    stops.push(() => silent.close())
    const master = await startBroker({ namesrvAddr: nameServer.addr, storeConfig: { brokerRole: 'SYNC_MASTER' } })
    const slave = new BrokerController({
      network,
      clock,
      namesrvAddr: [`127.0.0.1:${silent.port}`, nameServer.addr],
      config: { brokerId: 1, registerBrokerTimeoutMills: 6000 },
      storeConfig: { brokerRole: 'SLAVE' }
    })
    stops.push(() => slave.shutdown())
    const started = slave.start()
    await until(() => master.haService.slaveCount === 1)
    await clock.advance(6000)
    await started
    expect(addresses(nameServer)).toEqual([['broker-a', [0, 1]]])
    // Its own goodbye waits for the silent one no longer than an answer may take.
    const stopped = slave.shutdown()
    await nextTurn(20)
    await clock.advance(3000)
    await stopped
    expect(addresses(nameServer)).toEqual([['broker-a', [0]]])
  })
})

describe('what producers see at their next route poll', () => {
  async function startPair(): Promise<[LoopbackBroker, DefaultMQProducer]> {
    begin()
    const broker = await LoopbackBroker.start({ brokers: 2, network, clock, topics: { Orders: { queues: 2 } } })
    stops.push(() => broker.close())
    const producer = await startProducer(broker.namesrvAddr)
    expect(await brokersUsed(producer)).toEqual(['broker-a', 'broker-b'])
    return [broker, producer]
  }

  async function askNameServer({ nameServer }: LoopbackBroker, code: number, fields: Record<string, string>): Promise<number> {
    const peer = new BrokerPeer(await network.connect(nameServer.host, nameServer.port, {}))
    peer.send(RemotingCommand.request(code, fields))
    const { code: answered } = await peer.next()
    peer.destroy()
    return answered
  }

  it('store-84 a broker whose write permission was wiped gets nothing more, until it is added again', async () => {
    const [broker, producer] = await startPair()
    expect(await askNameServer(broker, 205, { brokerName: 'broker-a' })).toBe(0)
    expect(await brokersUsed(producer), 'not yet').toEqual(['broker-a', 'broker-b'])
    await clock.advance(ROUTE_POLL)
    expect(await brokersUsed(producer)).toEqual(['broker-b'])
    expect(await askNameServer(broker, 327, { brokerName: 'broker-a' })).toBe(0)
    await clock.advance(ROUTE_POLL)
    expect(await brokersUsed(producer)).toEqual(['broker-a', 'broker-b'])
  })

  it('store-84 a broker that unregisters when it stops is gone for the name server at once, for producers at the next poll', async () => {
    const [broker, producer] = await startPair()
    await broker.brokers[0]!.shutdown()
    expect(addresses(broker.nameServer)).toEqual([['broker-b', [0]]])
    await clock.advance(ROUTE_POLL)
    expect((await producer.fetchPublishMessageQueues('Orders')).map(({ brokerName }) => brokerName)).toEqual([
      'broker-b',
      'broker-b'
    ])
    expect(await brokersUsed(producer)).toEqual(['broker-b'])
  })

  it('store-85 a broker that has gone silent is forgotten two minutes after its last sign of life', async () => {
    begin()
    const nameServer = await startNameServer()
    const peer = new BrokerPeer(await network.connect(nameServer.host, nameServer.port, {}))
    const topics = ['Orders', 'Other'].map(
      (name) => `"${name}":{"topicName":"${name}","readQueueNums":1,"writeQueueNums":1,"perm":6}`
    )
    const body = `{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"timestamp":1},"topicConfigTable":{${topics}}}}`
    const fields = { brokerName: 'a', brokerAddr: '127.0.0.1:1', clusterName: 'C', haServerAddr: '', brokerId: '0' }
    peer.send(RemotingCommand.request(103, fields, Buffer.from(body)))
    expect((await peer.next()).code).toBe(0)
    await clock.advance(115_000)
    expect(addresses(nameServer)).toEqual([['a', [0]]])
    await clock.advance(15_000)
    expect(addresses(nameServer)).toEqual([])
    await peer.closed
  })
})
