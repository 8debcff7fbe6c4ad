import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { heartbeatResult } from '../../src/client/heartbeat-service.ts'
import { decodeHeartbeat, type HeartbeatData } from '../../src/protocol/heartbeat.ts'
import { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import { ClientRig, type FakeBroker, findRoute, producer } from '../support/client-rig.ts'

let rig: ClientRig
let broker: FakeBroker
beforeEach(async () => {
  rig = new ClientRig()
  await rig.nameServer()
  broker = await rig.broker({})
})
afterEach(() => rig.stop())

const beats = (): HeartbeatData[] =>
  broker.requests.filter(({ request }) => request.code === 34).map(({ request }) => decodeHeartbeat(request.body))

describe('heartbeats of the second version', () => {
  it('producer-29 producer-39 carry a fingerprint, and are short once the broker knows it', async () => {
    broker.on(34, () => ({ fields: { IS_SUPPORT_HEART_BEAT_V2: 'true', IS_SUB_CHANGE: 'false' } }))
    const instance = rig.instance({ useHeartbeatV2: true })
    instance.registerProducer(producer('g1'))
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    await instance.sendHeartbeatToAllBrokers()
    await instance.sendHeartbeatToAllBrokers()
    const [first, ...later] = beats()
    expect(first).toMatchObject({ withoutSub: false, producerDataSet: [{ groupName: 'g1' }] })
    expect(later.at(-1)).toMatchObject({ withoutSub: true, heartbeatFingerprint: first?.heartbeatFingerprint })
    // Java's hash of {"clientID":"","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"g1"}],"withoutSub":false}
    expect(first?.heartbeatFingerprint).toBe(1_780_250_277)
    instance.registerProducer(producer('g2'))
    await instance.sendHeartbeatToAllBrokers()
    expect(beats().at(-1)).toMatchObject({ withoutSub: false })
    expect(beats().at(-1)?.heartbeatFingerprint).not.toBe(first?.heartbeatFingerprint)
  })

  it('producer-29 give the version of the broker; an answer without fields means: not supported, nothing changed', async () => {
    const instance = rig.instance({ useHeartbeatV2: true })
    instance.registerProducer(producer('g1'))
    await instance.tryToFindTopicPublishInfo('T', findRoute)
    expect(instance.brokerVersion(broker.addr)).toBeUndefined()
    await instance.sendHeartbeatToAllBrokers()
    await instance.sendHeartbeatToAllBrokers()
    expect(instance.brokerVersion(broker.addr)).toBe(479)
    expect(beats().every(({ withoutSub }) => !withoutSub)).toBe(true)
    const answer = RemotingCommand.response(RemotingCommand.request(34), 0)
    answer.version = 409
    expect(heartbeatResult(answer)).toEqual({ version: 409, supportsV2: false, subChange: false })
  })
})
