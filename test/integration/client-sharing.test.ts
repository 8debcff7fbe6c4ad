import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClientOptions } from '../../src/client/client-options.ts'
import { MQClientInstance } from '../../src/client/mq-client-instance.ts'
import type { RocketMQError } from '../../src/internal/errors.ts'
import { NameServer } from '../../src/nameserver/name-server.ts'
import { MemoryNetwork } from '../../src/transport/memory-network.ts'
import { leavesNoHandle } from '../support/active-handles.ts'
import { ClientRig, findRoute, producer } from '../support/client-rig.ts'
import { registerBrokerRequest } from '../support/registration.ts'
import { remotingClient } from '../support/remoting.ts'

const credentials = { accessKey: 'access-key-1', secretKey: 'secret-key-1', securityToken: 'token-1' }
let rig: ClientRig

beforeEach(async () => {
  rig = new ClientRig()
  await rig.nameServer()
})
afterEach(() => rig.stop())

function refusal(call: () => unknown): RocketMQError {
  try {
    call()
  } catch (error) {
    return error as RocketMQError
  }
  throw new Error('it was not refused')
}

describe('sharing of clients', () => {
  it('one instance name is one client, until its last user releases it', async () => {
    const options = { instanceName: 'shared' }
    const [a, b] = [rig.instance(options), rig.instance(options)]
    expect(a).toBe(b)
    expect(a.clientId).toBe('10.0.0.1@shared')
    await a.release()
    expect(a.remoting.closed).toBe(false)
    await b.release()
    expect(a.remoting.closed).toBe(true)
    const c = rig.instance(options)
    expect(c).not.toBe(a)
    expect(c.remoting.closed).toBe(false)
  })

  it('without an instance name, and on another network or unit, each has its own', () => {
    expect(rig.instance()).not.toBe(rig.instance())
    const options = { instanceName: 'shared' }
    expect(rig.instance(options)).not.toBe(rig.instance({ ...options, network: new MemoryNetwork() }))
    expect(rig.instance(options)).not.toBe(rig.instance({ ...options, unitName: 'u' }))
  })

  it('is refused where settings differ that decide who gets the messages', () => {
    rig.instance({ instanceName: 'shared', credentials })
    const differing: Array<[ClientOptions, string]> = [
      [{ credentials, namesrvAddr: '127.0.0.1:1' }, 'namesrvAddr'],
      [{}, 'credentials'],
      [{ credentials: { ...credentials, secretKey: 'other' } }, 'credentials'],
      [{ credentials, useTLS: true }, 'tls'],
      [{ credentials, tls: { servername: 'x' } }, 'tls'],
      [{ credentials, namespaceV2: 'n' }, 'namespaceV2'],
      [{ credentials, rpcHooks: [{ doBeforeRequest() {}, doAfterResponse() {} }] }, 'rpcHooks']
    ]
    for (const [options, name] of differing) {
      const error = refusal(() => rig.instance({ instanceName: 'shared', ...options }))
      expect(error.code).toBe('CLIENT_CONFLICT')
      expect(error.message).toBe(`the client 10.0.0.1@shared exists already with other settings: ${name}`)
    }
    expect(rig.instance({ instanceName: 'shared', credentials: { ...credentials } })).toBeDefined()
  })

  it('producer-35 a group is registered once, and free again when it has left', async () => {
    const options = { instanceName: 'shared' }
    const [a, b] = [rig.instance(options), rig.instance(options)]
    a.registerProducer(producer('g'))
    expect(refusal(() => b.registerProducer(producer('g'))).message).toBe(
      'The producer group[g] has been created before, specify another name please.'
    )
    await a.unregisterProducer('g')
    b.registerProducer(producer('g'))
  })
})

describe('a client', () => {
  it('takes its name servers from NAMESRV_ADDR when none are given', () => {
    const before = process.env['NAMESRV_ADDR']
    process.env['NAMESRV_ADDR'] = 'a:1;b:2'
    try {
      expect([...rig.instance({ namesrvAddr: undefined }).nameServerAddresses].sort()).toEqual(['a:1', 'b:2'])
      expect(rig.instance({ namesrvAddr: 'c:3' }).nameServerAddresses).toEqual(['c:3'])
    } finally {
      if (before === undefined) delete process.env['NAMESRV_ADDR']
      else process.env['NAMESRV_ADDR'] = before
    }
  })

  it('security-X9 shows no key in inspections, logs or errors', async () => {
    const instance = rig.instance({ instanceName: 'shared', credentials })
    await instance.start()
    const errors = [
      refusal(() => rig.instance({ instanceName: 'shared', credentials: { ...credentials, secretKey: 'secret-key-2' } })),
      await instance.tryToFindTopicPublishInfo('T', findRoute).catch((error: unknown) => error)
    ]
    const seen = [instance, instance.api, instance.remoting, errors].map((o) => inspect(o, { depth: 12, showHidden: true }))
    expect([...seen, JSON.stringify(errors), ...rig.logger.lines].join('\n')).not.toMatch(/access-key|secret-key|token-1/)
  })

  it('process-R7 leaves no timer and no socket behind', async () => {
    await leavesNoHandle(async () => {
      const server = new NameServer()
      await server.start()
      const { client } = remotingClient()
      await client.invoke(server.addr, registerBrokerRequest({ topics: [{ topicName: 'T' }, { topicName: 'U' }] }), 3000)
      const instance = MQClientInstance.acquire({ namesrvAddr: server.addr })
      instance.registerProducer(producer('g', ['T']))
      await instance.start()
      expect((await instance.tryToFindTopicPublishInfo('T', findRoute)).messageQueues).toHaveLength(8)
      await instance.release()
      await instance.release()
      await client.close()
      await server.shutdown()
    })
  })

  it('process-R2 background work ends with the release', async () => {
    const { timers } = rig.clock
    const instance = rig.instance()
    await instance.start()
    expect(rig.clock.timers).toBe(timers + 2)
    await instance.release()
    expect(rig.clock.timers).toBe(timers)
  })

  it('process-R7 a release during a lookup fails the lookup at once', async () => {
    rig.faults.add({ when: { point: 'request', code: 105 }, then: { kind: 'drop' } })
    const instance = rig.instance()
    await instance.start()
    const lookup = instance.tryToFindTopicPublishInfo('T', findRoute).catch((error: unknown) => error as RocketMQError)
    await rig.clock.advance(50)
    await instance.release()
    expect(((await lookup) as RocketMQError).message).toMatch(/^No route info of this topic: T/)
    await rig.clock.advance(100_000)
    expect(rig.logger.lines.filter((line) => line.startsWith('error'))).toEqual([])
  })
})
