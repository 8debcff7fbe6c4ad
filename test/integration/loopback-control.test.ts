import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { LoopbackBroker } from '../../src/loopback/loopback-broker.ts'
import type { LoopbackBrokerOptions } from '../../src/loopback/loopback-options.ts'
import { DefaultMQProducer } from '../../src/producer/default-mq-producer.ts'
import type { DefaultMQProducerOptions } from '../../src/producer/producer-options.ts'
import { LocalTransactionState } from '../../src/producer/transaction-listener.ts'
import { TransactionMQProducer } from '../../src/producer/transaction-mq-producer.ts'
import { Message } from '../../src/protocol/message.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'

const open: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(options: LoopbackBrokerOptions = {}): Promise<LoopbackBroker> {
  const broker = await LoopbackBroker.start({ topics: { Orders: { queues: 2 } }, ...options })
  open.push(() => broker.close())
  return broker
}

async function produce(broker: LoopbackBroker, options: Partial<DefaultMQProducerOptions> = {}): Promise<DefaultMQProducer> {
  const producer = new DefaultMQProducer({ producerGroup: 'controlled', ...broker.clientOptions(), ...options })
  await producer.start()
  open.push(() => producer.shutdown())
  return producer
}

const message = (body = 'x'): Message => new Message({ topic: 'Orders', body })

describe.each([
  ['TCP', () => ({})],
  ['memory', () => ({ network: new MemoryNetwork() })]
])('control over %s', (_name, network) => {
  it('loopback-10 a killed broker is gone for everybody, and comes back with its messages on the same port', async () => {
    const broker = await start({ ...network(), brokers: 2 })
    const producer = await produce(broker, { retryTimesWhenSendFailed: 3 })
    const addr = broker.brokers[0].addr
    for (let i = 0; i < 4; i++) await producer.send(message())
    await broker.kill('broker-a')
    const results = []
    for (let i = 0; i < 6; i++) results.push(await producer.send(message()))
    expect(new Set(results.map(({ messageQueue }) => messageQueue.brokerName))).toEqual(new Set(['broker-b']))
    await expect.poll(() => broker.nameServer.routes.pickupTopicRouteData('Orders')?.brokerDatas.length).toBe(1)
    expect(broker.messageCount('Orders')).toBe(10)
    await broker.restart('broker-a')
    expect(broker.brokers[0].addr).toBe(addr)
    expect(broker.nameServer.routes.pickupTopicRouteData('Orders')?.brokerDatas).toHaveLength(2)
    expect(broker.messageCount('Orders')).toBe(10)
    const back = await produce(broker, { instanceName: 'after' })
    const names = new Set<string>()
    for (let i = 0; i < 4; i++) names.add((await back.send(message())).messageQueue.brokerName)
    expect(names).toEqual(new Set(['broker-a', 'broker-b']))
  })

  it('loopback-10 a name server that was killed knows every broker again after its restart', async () => {
    const broker = await start(network())
    await broker.kill('namesrv')
    const early = await produce(broker)
    await expect(early.send(message())).rejects.toMatchObject({ maybeStored: false })
    await broker.restart('namesrv')
    const producer = await produce(broker, { instanceName: 'after' })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
  })

  it('loopback-11 reset() forgets messages, faults, requests and positions; producers go on', async () => {
    const broker = await start(network())
    const producer = await produce(broker)
    await producer.send(message())
    await producer.send(new Message({ topic: 'Later', body: 'x' }))
    await producer.send(new Message({ topic: 'Orders', body: 'x', delayTimeLevel: 1 }))
    await producer.send(new Message({ topic: 'Orders', body: 'x', delayTimeSec: 1 }))
    broker.brokers[0].consumerOffsetManager.commitOffset('g', 'Orders', 0, 1)
    broker.faults.add({ then: { kind: 'diskFull' } })
    await broker.reset()
    expect([broker.messageCount('Orders'), broker.messageCount('Later'), broker.messageCount('SCHEDULE_TOPIC_XXXX')]).toEqual([
      0, 0, 0
    ])
    expect(broker.faults.all).toEqual([])
    expect(broker.requests()).toEqual([])
    expect(broker.brokers[0].consumerOffsetManager.queryOffset('g', 'Orders', 0)).toBe(-1)
    expect(broker.brokers[0].topicConfigManager.selectTopicConfig('Later')).toBeUndefined()
    expect(broker.brokers[0].timerMessageStore.size).toBe(0)
    const result = await producer.send(message('fresh'))
    expect(result.queueOffset).toBe(0)
    expect(broker.messages('Orders').map(({ body }) => body.toString())).toEqual(['fresh'])
    expect(broker.requests({ code: 310 })).toHaveLength(1)
  })
})

describe('control', () => {
  it('loopback-10 the fault kill strikes at a request: not answered, not stored, and the broker comes back', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
    await producer.send(message())
    const kill = broker.faults.add({ when: { code: 310, nth: 2 }, then: { kind: 'kill', restartAfter: 20 } })
    await producer.send(message())
    await expect(producer.send(message())).rejects.toMatchObject({ maybeStored: true })
    await kill.fired()
    await expect.poll(async () => (await producer.send(message()).catch(() => undefined))?.sendStatus).toBe('SEND_OK')
    expect(broker.messageCount('Orders')).toBe(3)
  })

  it.each([
    ['TCP', undefined],
    ['memory', new MemoryNetwork()]
  ])(
    'loopback-10 a restart without a name server says so and leaves the broker down, until one succeeds: %s',
    async (_, network) => {
      const broker = await start(network === undefined ? {} : { network })
      const { addr } = broker.brokers[0]
      await broker.kill('broker-a')
      await broker.kill('namesrv')
      for (let i = 0; i < 2; i++) await expect(broker.restart('broker-a')).rejects.toThrow(broker.namesrvAddr)
      await broker.restart('namesrv')
      await Promise.all([broker.restart('broker-a'), broker.restart('broker-a')])
      expect(broker.brokers[0].addr).toBe(addr)
      const producer = await produce(broker)
      expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    }
  )

  it('loopback-10 the fault kill brings the broker back as soon as it can, though the name server is down when it should', async () => {
    const broker = await start({ clock: 'held' })
    const { clock } = broker
    const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
    broker.faults.add({ when: { code: 310 }, then: { kind: 'kill', restartAfter: 20 }, times: 1 })
    await expect(producer.send(message())).rejects.toMatchObject({ maybeStored: true })
    await broker.kill('namesrv')
    await clock.advance(10_000)
    expect(broker.brokers[0].suspended).toBe(true)
    await broker.restart('namesrv')
    await clock.advance(1000)
    expect(broker.brokers[0].suspended).toBe(false)
    const sent = producer.send(message())
    await clock.advance(1000)
    expect((await sent).sendStatus).toBe('SEND_OK')
  })

  it('loopback-10 a killed slave is not available, and follows again after its restart', async () => {
    const broker = await start({
      network: new MemoryNetwork(),
      brokers: [{ slaves: 1 }],
      storeConfig: { brokerRole: 'SYNC_MASTER' }
    })
    const producer = await produce(broker, { retryTimesWhenSendFailed: 0 })
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    await broker.kill('broker-a-slave-1')
    await expect.poll(() => broker.brokers[0].haService.slaveCount).toBe(0)
    expect((await producer.send(message())).sendStatus).toBe('SLAVE_NOT_AVAILABLE')
    await broker.restart('broker-a-slave-1')
    await broker.brokers[0].haService.whenSlaves(1, 5000)
    expect((await producer.send(message())).sendStatus).toBe('SEND_OK')
    expect(broker.slaves[0].store.getMaxPhyOffset()).toBe(broker.brokers[0].store.getMaxPhyOffset())
  })

  it('loopback-10 names and states that are wrong are named, with what is allowed', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    await expect(broker.kill('broker-x')).rejects.toThrow("name is 'broker-x': allowed is namesrv, broker-a")
    await expect(broker.restart('broker-a')).rejects.toThrow('broker-a runs: kill(name) comes first')
    await broker.kill('broker-a')
    await expect(broker.kill('broker-a')).rejects.toThrow('broker-a is down already: restart(name) comes first')
    await expect(broker.addBroker({ brokerName: 'broker-a' })).rejects.toThrow('a name that is not taken: broker-a are')
    await expect(broker.addBroker({ slaves: 9 })).rejects.toThrow('broker.slaves is 9')
    await expect(broker.reset({ keep: true } as never)).rejects.toThrow('options.keep is true: allowed is no such field')
    await expect(broker.publish('Orders', 'x' as never)).rejects.toThrow("messages is 'x'")
    expect(() => broker.replyTo('Orders', 1 as never)).toThrow('fn is 1: allowed is a function')
    await broker.close()
    for (const call of [
      () => broker.kill('broker-a'),
      () => broker.reset(),
      () => broker.addBroker(),
      () => broker.checkTransactions()
    ]) {
      await expect(call()).rejects.toThrow('needs a running broker; this one is CLOSED')
    }
  })

  it('loopback-11 reset() keeps topics where it is told to, and brings back what was killed', async () => {
    const broker = await start({ network: new MemoryNetwork(), brokers: 2 })
    const producer = await produce(broker)
    await producer.send(new Message({ topic: 'Later', body: 'x' }))
    await broker.kill('broker-b')
    await broker.kill('namesrv')
    await broker.reset({ keepTopics: true })
    expect(broker.messageCount('Later')).toBe(0)
    expect(broker.brokers.some(({ topicConfigManager }) => topicConfigManager.selectTopicConfig('Later') !== undefined)).toBe(
      true
    )
    expect(broker.nameServer.routes.pickupTopicRouteData('Orders')?.brokerDatas).toHaveLength(2)
  })

  it('loopback-12 addBroker() adds a master with slaves, which gets its share', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    expect(await broker.addBroker({ slaves: 1 })).toBe('broker-b')
    expect([broker.brokers.length, broker.slaves.length]).toEqual([2, 1])
    const producer = await produce(broker)
    const names = new Set<string>()
    for (let i = 0; i < 4; i++) names.add((await producer.send(message())).messageQueue.brokerName)
    expect(names).toEqual(new Set(['broker-a', 'broker-b']))
  })

  it('loopback-13 publish() stores messages as a producer would, and says what a broker does not take', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    const waiting = broker.waitForMessages('Orders', 2)
    const [first, second] = await broker.publish('Orders', [
      'plain',
      { body: 'full', tags: 'a', keys: ['k'], properties: { shop: 'x' }, queueId: 1 }
    ])
    const stored = await waiting
    expect(second).toMatchObject({ brokerName: 'broker-a', queueId: 1 })
    expect(stored.map(({ msgId }) => msgId).sort()).toEqual([first.msgId, second.msgId].sort())
    expect(broker.messages('Orders', { tags: 'a', keys: 'k', properties: { shop: 'x' }, body: 'full' })).toHaveLength(1)
    await expect(broker.publish('Orders', [{ body: 'x', queueId: 2 }])).rejects.toThrow(
      'queueId is 2: allowed is a whole number from 0 to 1'
    )
    broker.faults.add({ then: { kind: 'diskFull' }, times: 1 })
    await expect(broker.publish('Orders', ['x'])).rejects.toThrow('did not take a message for Orders: SERVICE_NOT_AVAILABLE')
  })

  it('loopback-14 replyTo() answers requests of a producer, and an error in it harms nobody', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    const producer = await produce(broker)
    const stop = broker.replyTo('Orders', (request) => `re: ${request.body.toString()}`)
    const reply = await producer.request(message('hello'), { timeout: 3000 })
    expect(reply.body.toString()).toBe('re: hello')
    await expect
      .poll(() => broker.requests({ direction: 'out' }))
      .toMatchObject([{ codeName: 'PUSH_REPLY_MESSAGE_TO_CLIENT', response: { code: 0 } }])
    stop()
    broker.replyTo('Orders', () => {
      throw new Error('not today')
    })
    const warned = once(process, 'warning')
    await expect(producer.request(message('again'), { timeout: 100 })).rejects.toThrow()
    // The requester cannot know, so whoever runs the test is told.
    expect(await warned).toMatchObject([{ code: 'REPLIER_FAILED', message: 'a replier of Orders failed: not today' }])
    await producer.send(message('no request'))
  })

  it('loopback-15 checkTransactions() asks about every open half message at once, and about ended ones not', async () => {
    const broker = await start({ network: new MemoryNetwork() })
    const asked: string[] = []
    const producer = new TransactionMQProducer({
      producerGroup: 'tx',
      ...broker.clientOptions(),
      transactionListener: {
        executeLocalTransaction: (half: Message) => (half.body.toString() === 'open' ? 'UNKNOW' : 'COMMIT_MESSAGE'),
        checkLocalTransaction: (half: Message) => {
          asked.push(half.body.toString())
          return 'COMMIT_MESSAGE'
        }
      }
    } as never)
    await producer.start()
    open.push(() => producer.shutdown())
    await producer.sendMessageInTransaction(message('ended'), undefined)
    await producer.sendMessageInTransaction(message('open'), undefined)
    await broker.waitForMessages('Orders', 1)
    expect(await broker.checkTransactions()).toBe(1)
    await broker.waitForMessages('Orders', 2)
    expect(asked).toEqual(['open'])
    expect(await broker.checkTransactions()).toBe(0)
  })

  it('loopback-11 a transaction of before reset() that ends after it shows nothing, and one of after it can be committed', async () => {
    const broker = await start({ clock: 'held', brokerConfig: { transactionCheckInterval: 1000, transactionTimeOut: 500 } })
    const { clock } = broker
    const commit = (): LocalTransactionState => LocalTransactionState.COMMIT_MESSAGE
    const producer = new TransactionMQProducer({
      producerGroup: 'tx',
      ...broker.clientOptions(),
      transactionListener: { executeLocalTransaction: commit, checkLocalTransaction: commit }
    })
    const starting = producer.start()
    await clock.advance(100)
    await starting
    open.push(() => producer.shutdown())
    const send = async (body: string): Promise<void> => {
      const sent = producer.sendMessageInTransaction(message(body), undefined)
      await clock.advance(100)
      await sent
    }
    broker.faults.add({ when: { code: 'END_TRANSACTION' }, then: { kind: 'delay', millis: 400 }, times: 1 })
    await send('before')
    await broker.reset()
    // The commit itself finds no room: the broker has to ask about it.
    broker.faults.add({ when: { topic: 'Orders' }, then: { kind: 'diskFull' }, times: 1 })
    await send('after')
    await clock.advance(5000)
    expect(broker.messages('Orders').map(({ body }) => body.toString())).toEqual(['after'])
  })

  it('loopback-16 100 starts and stops leave no handle, and killed parts hold up no close', async () => {
    await leavesNoHandle(async () => {
      for (let i = 0; i < 100; i++) {
        const broker = await LoopbackBroker.start(i % 2 === 0 ? {} : { network: new MemoryNetwork() })
        if (i % 10 === 0) await broker.kill('broker-a')
        if (i % 20 === 0) await broker.kill('namesrv')
        await broker.close()
      }
    })
  })
})
