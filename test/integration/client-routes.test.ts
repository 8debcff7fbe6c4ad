import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { MQClientException } from '../../src/internal/errors.ts'
import { ClientRig, findRoute, producer } from '../support/client-rig.ts'

const template = { topicName: 'TBW102', perm: 7, readQueueNums: 8, writeQueueNums: 8 }

let rig: ClientRig

beforeEach(() => {
  rig = new ClientRig()
})
afterEach(() => rig.stop())

/** Lets time pass until the call has failed. */
async function failure(call: Promise<unknown>, millis = 0): Promise<RocketMQError> {
  const error = call.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: RocketMQError) => error
  )
  await rig.clock.advance(millis)
  return error
}

describe('errors of a lookup tell what is wrong', () => {
  it('producer-2 no name server is set', async () => {
    const error = await failure(rig.instance({ namesrvAddr: [] }).tryToFindTopicPublishInfo('T', findRoute))
    expect(error).toBeInstanceOf(MQClientException)
    expect([error.code, error.responseCode, error.message]).toEqual([
      'NO_NAME_SERVER',
      10004,
      'No name server address, please set it.'
    ])
  })

  it('producer-3 the name server does not know the topic', async () => {
    await rig.nameServer()
    const error = await failure(rig.instance().tryToFindTopicPublishInfo('T', findRoute))
    expect([error.code, error.responseCode, error.message]).toEqual(['NO_ROUTE', 10005, 'No route info of this topic: T'])
    expect(error.hint).toContain('autoCreateTopicEnable')
  })

  it('producer-3 no name server can be reached: which, and why', async () => {
    const namesrvAddr = '127.0.0.1:1;127.0.0.1:2'
    const error = await failure(rig.instance({ namesrvAddr }).tryToFindTopicPublishInfo('T', findRoute))
    expect([error.code, error.responseCode, error.retryable]).toEqual(['NAME_SERVER_UNREACHABLE', 10005, true])
    expect(error.message).toMatch(/^No route info of this topic: T: no name server could be reached: /)
    for (const addr of ['127.0.0.1:1', '127.0.0.1:2']) expect(error.message).toContain(`${addr}: connect to ${addr} failed`)
    expect(error.hint).toContain('firewall')
  })

  it('producer-3 the route has no writable master', async () => {
    await rig.nameServer()
    await rig.register({ topics: [{ topicName: 'T', perm: 4 }, template] })
    const error = await failure(rig.instance().tryToFindTopicPublishInfo('T', findRoute))
    expect([error.code, error.responseCode]).toEqual(['NO_WRITABLE_MASTER', 10005])
    expect(error.message).toMatch(/^No route info of this topic: T: .*broker-a \(perm 4, write queues 8, ids 0\)/)
  })

  it('an answer with another code keeps it', async () => {
    await rig.nameServer()
    rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'respond', code: 1, remark: 'name server not ready' } })
    const error = await failure(rig.instance().tryToFindTopicPublishInfo('T', findRoute))
    expect([error.code, error.responseCode]).toEqual(['NAME_SERVER_REFUSED', 1])
    expect(error.message).toContain('name server not ready')
  })

  it('a garbled route is an error, and the next lookup works', async () => {
    await rig.nameServer()
    await rig.register({})
    const instance = rig.instance()
    rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'respond', code: 0 }, times: 1 })
    const error = await failure(instance.tryToFindTopicPublishInfo('T', findRoute))
    expect(error.message).toMatch(/^No route info of this topic: T: /)
    expect((await instance.tryToFindTopicPublishInfo('T', findRoute)).messageQueues).toHaveLength(8)
  })
})

describe('lookups', () => {
  it('producer-36 finds the queues once, then answers from what is known', async () => {
    await rig.nameServer()
    await rig.register({ topics: [{ topicName: 'T', writeQueueNums: 3 }, template] })
    const asked = rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'delay', millis: 0 } })
    const instance = rig.instance()
    expect(instance.publishInfo('T')).toBeUndefined()
    const call = instance.tryToFindTopicPublishInfo('T', findRoute)
    await rig.clock.advance(0)
    const info = await call
    expect(info.messageQueues.map((q) => q.queueId)).toEqual([0, 1, 2])
    expect(instance.publishInfo('T')).toBe(info)
    expect(await instance.tryToFindTopicPublishInfo('T', findRoute)).toBe(info)
    expect(instance.findBrokerAddressInPublish('broker-a')).toBe('127.0.0.1:10911')
    expect(instance.findBrokerAddressInPublish('nobody')).toBeUndefined()
    expect(asked.hits).toBe(1)
  })

  it('callers that come together share one lookup', async () => {
    await rig.nameServer()
    await rig.register({})
    const asked = rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'delay', millis: 5 } })
    const instance = rig.instance()
    const calls = Array.from({ length: 20 }, () => instance.tryToFindTopicPublishInfo('T', findRoute))
    await rig.clock.advance(5)
    expect(new Set(await Promise.all(calls)).size).toBe(1)
    expect(asked.hits).toBe(1)
  })

  it('each caller keeps its own deadline and signal', async () => {
    await rig.nameServer()
    await rig.register({})
    rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'delay', millis: 100 } })
    const instance = rig.instance()
    const abort = new AbortController()
    const patient = instance.tryToFindTopicPublishInfo('T', findRoute)
    const hasty = failure(instance.tryToFindTopicPublishInfo('T', { ...findRoute, timeoutMillis: 50 }), 50)
    const aborted = instance
      .tryToFindTopicPublishInfo('T', { ...findRoute, signal: abort.signal })
      .catch((error: unknown) => error)
    abort.abort(new Error('enough'))
    expect(((await aborted) as Error).message).toBe('enough')
    expect((await hasty).message).toContain('no name server answered within 50 ms')
    await rig.clock.advance(100)
    expect((await patient).messageQueues).toHaveLength(8)
  })

  it('process-R2 an answered lookup leaves no deadline behind', async () => {
    await rig.nameServer()
    await rig.register({})
    const instance = rig.instance()
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    const { timers } = rig.clock
    await Promise.all(Array.from({ length: 20 }, () => instance.tryToFindTopicPublishInfo('U', findRoute)))
    expect(rig.clock.timers).toBe(timers)
  })

  it('a topic nobody knows borrows the template, with as many queues as a new topic gets', async () => {
    await rig.nameServer()
    await rig.register({ topics: [template, { topicName: 'U', readQueueNums: 2 }] })
    const instance = rig.instance()
    expect((await instance.tryToFindTopicPublishInfo('New', findRoute)).messageQueues).toHaveLength(4)
    expect(
      (await instance.tryToFindTopicPublishInfo('Wide', { ...findRoute, defaultTopicQueueNums: 99 })).messageQueues
    ).toHaveLength(8)
    const own = { ...findRoute, createTopicKey: 'U' }
    const info = await instance.tryToFindTopicPublishInfo('Own', own)
    expect(info.messageQueues.map((q) => `${q.topic}/${q.queueId}`)).toEqual(['Own/0', 'Own/1'])
    expect((await instance.tryToFindTopicPublishInfo('Odd', { ...own, createTopicKey: 'nope' })).messageQueues).toHaveLength(4)
  })

  it('the poll follows changes every 30 s, and the real route replaces a borrowed one', async () => {
    await rig.nameServer()
    await rig.register({ topics: [template, { topicName: 'U' }] })
    const instance = rig.instance()
    instance.registerProducer(producer('g', ['U']))
    await instance.start()
    await instance.tryToFindTopicPublishInfo('New', findRoute)
    await rig.clock.advance(1000)
    const unchanged = instance.publishInfo('U')
    expect(unchanged?.messageQueues).toHaveLength(8)
    await rig.clock.advance(30_000)
    expect(instance.publishInfo('U')).toBe(unchanged)
    const topics = [template, { topicName: 'U', writeQueueNums: 2 }, { topicName: 'New', writeQueueNums: 1 }]
    await rig.register({ topics, dataVersion: { counter: 2 } })
    await rig.clock.advance(28_900)
    expect([instance.publishInfo('U')?.messageQueues.length, instance.publishInfo('New')?.messageQueues.length]).toEqual([8, 4])
    await rig.clock.advance(200)
    expect([instance.publishInfo('U')?.messageQueues.length, instance.publishInfo('New')?.messageQueues.length]).toEqual([2, 1])
  })
})

describe('name servers that fail', () => {
  it('net-N2 known topics stay known without any name server; unknown ones fail in time and work once it is back', async () => {
    const server = await rig.nameServer()
    await rig.register({})
    const instance = rig.instance()
    await instance.start()
    const known = await instance.tryToFindTopicPublishInfo('T', findRoute)
    const { port } = server
    await server.shutdown()
    await rig.clock.advance(600_000)
    expect(instance.publishInfo('T')).toBe(known)
    const error = await failure(instance.tryToFindTopicPublishInfo('U', findRoute), 3000)
    expect(error.code).toBe('NAME_SERVER_UNREACHABLE')
    rig.nameServers.length = 0
    await rig.nameServer({ port })
    await rig.register({})
    expect((await instance.tryToFindTopicPublishInfo('U', findRoute)).messageQueues).toHaveLength(8)
  })

  it('net-N3 a silent name server is passed over within its share of the time, and left alone from then on', async () => {
    const servers = [await rig.nameServer(), await rig.nameServer(), await rig.nameServer()]
    await rig.register({})
    // Whichever comes first in the shuffled list is the one that falls silent.
    const instance = rig.instance()
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    const first = servers.find(({ addr }) => instance.remoting.connection(addr) !== undefined)!
    rig.faults.add({ when: { point: 'request', code: 105, topic: 'U' }, then: { kind: 'drop' }, times: 1 })
    const found = instance.tryToFindTopicPublishInfo('U', findRoute)
    await rig.clock.advance(999)
    expect(instance.publishInfo('U')).toBeUndefined()
    await rig.clock.advance(1)
    expect((await found).messageQueues).toHaveLength(8)
    expect(instance.remoting.connection(first.addr)).toBeUndefined()
  })

  it('net-N3 one that refuses connections costs no time, and a whole list of them is told by name', async () => {
    const server = await rig.nameServer()
    await rig.register({})
    const dead = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']
    for (let i = 0; i < 4; i++) {
      const instance = rig.instance({ namesrvAddr: [...dead, server.addr] })
      expect((await instance.tryToFindTopicPublishInfo('T', findRoute)).messageQueues).toHaveLength(8)
    }
    expect(rig.clock.monotonic()).toBe(0)
  })

  it('net-N14 producer-31 a changed list is followed, and connections to removed servers are closed', async () => {
    const [a, b] = [await rig.nameServer(), await rig.nameServer()]
    await rig.register({})
    const instance = rig.instance({ namesrvAddr: a.addr })
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    const old = instance.remoting.connection(a.addr)!
    instance.updateNameServerAddressList(`http://${b.addr}`)
    expect([old.closed, instance.nameServerAddresses]).toEqual([true, [b.addr]])
    await instance.tryToFindTopicPublishInfo('U', findRoute)
    expect(instance.remoting.connection(b.addr)).toBeDefined()
    expect(instance.remoting.connection(a.addr)).toBeUndefined()
  })

  it('net-N14 an IPv6 name server works', async () => {
    await rig.nameServer({ host: '::1' })
    await rig.register({})
    expect(rig.nameServers[0].addr).toMatch(/^\[::1\]:\d+$/)
    expect((await rig.instance().tryToFindTopicPublishInfo('T', findRoute)).messageQueues).toHaveLength(8)
  })
})
