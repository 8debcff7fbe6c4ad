import { afterEach, describe, expect, it } from 'vitest'
import { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'

let rig: BrokerRig

afterEach(() => rig.stop())

describe('the port 2 below the one a broker was given', () => {
  const connect = async (): Promise<BrokerPeer> => {
    const peer = new BrokerPeer(await rig.network.connect('127.0.0.1', 10_909, {}))
    rig.peers.push(peer)
    return peer
  }

  it('serves what the broker serves, but for pulls: code 3', async () => {
    rig = await BrokerRig.start({ port: 10_911 })
    const peer = await connect()
    expect((await rig.ask(peer, rig.sendRequest())).code).toBe(0)
    expect((await rig.ask(peer, rig.request(21))).code).toBe(0)
    const unserved = { code: 3, remark: ' request type 11 not supported' }
    expect(await rig.ask(peer, rig.pullRequest('T', 0, 0))).toMatchObject(unserved)
    expect((await rig.ask(await rig.connect(), rig.pullRequest('T', 0, 0))).code).toBe(0)
    await rig.broker.shutdown()
    await peer.closed
  })

  it('where it is taken, the broker does without', async () => {
    rig = await BrokerRig.start()
    const taken = await rig.network.listen('127.0.0.1', 10_909, (socket) => socket.destroy())
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, error() {}, warn: (text: string) => void warnings.push(text) }
    const broker = rig.newBroker({ port: 10_911, config: { brokerName: 'other' }, logger })
    await broker.start()
    expect(warnings.join()).toMatch(/no second port without pulls \(VIP channel\), 10909 is taken/)
    expect((await rig.ask(await rig.connect(broker), rig.sendRequest())).code).toBe(0)
    await broker.shutdown()
    await taken.close()
  })
})
