import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { LanguageCode } from '../../src/protocol/language-code.ts'
import { ClientRig, type FakeBroker, findRoute, producer } from '../support/client-rig.ts'

let rig: ClientRig
let master: FakeBroker
let slave: FakeBroker

beforeEach(async () => {
  rig = new ClientRig()
  await rig.nameServer()
  master = await rig.broker({})
  slave = await rig.broker({ brokerId: 1 })
})
afterEach(() => rig.stop())

describe('heartbeats', () => {
  it('producer-39 reach every master after a second and every 30 s, with the groups and the language', async () => {
    const instance = rig.instance({ language: 'NODE_JS' })
    instance.registerProducer(producer('g1', ['T']))
    instance.registerProducer(producer('g2'))
    await instance.start()
    await rig.clock.advance(999)
    expect(master.codes).toEqual([])
    await rig.clock.advance(1)
    const beat = master.last(34)!
    expect([beat.language, beat.version]).toEqual([LanguageCode.NODE_JS, 479])
    expect(decodeHeartbeat(beat.body)).toEqual({
      clientID: instance.clientId,
      producerDataSet: [{ groupName: 'g1' }, { groupName: 'g2' }],
      consumerDataSet: [],
      heartbeatFingerprint: 0,
      withoutSub: false
    })
    // One of the timer, one because the connection is new.
    expect(master.codes).toEqual([34, 34])
    await rig.clock.advance(30_000)
    expect(master.codes).toEqual([34, 34, 34])
    expect(slave.codes).toEqual([])
  })

  it('a broker hears at once when a connection to it opens', async () => {
    const instance = rig.instance()
    instance.registerProducer(producer('g', ['T']))
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    await instance.remoting.connect(master.addr, 3000)
    await rig.clock.advance(0)
    expect(master.codes).toEqual([34])
  })

  it('a client without producers says nothing', async () => {
    const instance = rig.instance()
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    await instance.start()
    await rig.clock.advance(31_000)
    expect(master.codes).toEqual([])
  })

  it('a group that leaves is unregistered at every broker, slaves too', async () => {
    const instance = rig.instance()
    instance.registerProducer(producer('g', ['T']))
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    await instance.unregisterProducer('g')
    for (const broker of [master, slave]) {
      expect({ ...broker.last(35)?.extFields }).toEqual({ clientID: instance.clientId, producerGroup: 'g' })
    }
  })

  it('failures are logged and hold up nothing', async () => {
    const instance = rig.instance()
    instance.registerProducer(producer('g', ['T']))
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    await slave.server.close()
    master.on(35, () => ({ code: 1, remark: 'no\nway' }))
    await instance.unregisterProducer('g')
    const log = rig.logger.lines.join('\n')
    expect(log).toContain(`unregistration at broker ${slave.addr} failed: connect to`)
    expect(log).toContain(`unregistration at broker ${master.addr} refused: 1 no\\nway`)
  })

  it('a broker that is in no route any more is forgotten, and its idle connection closed', async () => {
    const instance = rig.instance()
    instance.registerProducer(producer('g', ['T']))
    await instance.start()
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    const connection = await instance.remoting.connect(master.addr, 3000)
    await rig.register({ brokerAddr: '127.0.0.1:9', dataVersion: { counter: 2 } })
    await rig.clock.advance(90_000)
    expect(instance.findBrokerAddressInPublish('broker-a')).toBe('127.0.0.1:9')
    expect(connection.closed).toBe(true)
    expect(instance.remoting.connection(master.addr)).toBeUndefined()
  })
})
