import { afterEach, describe, expect, it } from 'vitest'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig

afterEach(() => rig.stop())

describe('requests that wait', () => {
  it('store-56 too long ones are answered busy at their limit and not handled; others stay queued until it is their turn', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    const queue = { kind: 'queue', millis: 250 } as const
    rig.faults.add({ when: { point: 'request', code: 310 }, then: queue, times: 1 })
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'queue', millis: 199 }, times: 1 })
    rig.faults.add({ when: { point: 'request', code: [34, 30] }, then: queue })
    const [slow, quick] = [rig.sendRequest({ body: 'slow' }), rig.sendRequest({ body: 'quick' })]
    const asks = rig.request(30, { topic: 'T', queueId: '0' })
    for (const request of [slow, quick, asks]) peer.send(request)
    await rig.clock.advance(199)
    expect(await peer.next()).toMatchObject({ opaque: quick.opaque, code: 0 })
    await rig.clock.advance(1)
    const remark = '[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 200ms, size of queue: 1'
    expect(await peer.next()).toMatchObject({ opaque: slow.opaque, code: 2, remark })
    await rig.clock.advance(50)
    expect(await peer.next()).toMatchObject({ opaque: asks.opaque, code: 0, extFields: { offset: '1' } })
    expect(rig.stored('T').map(({ body }) => body.toString())).toEqual(['quick'])
  })

  it('store-56 the limit can be set, by kind of request, and switched off', async () => {
    const wait = async (config: object, code: number, fields: Record<string, string> = {}): Promise<number> => {
      rig = await BrokerRig.start({ config })
      const peer = await rig.connect()
      rig.faults.add({ when: { point: 'request', code }, then: { kind: 'queue', millis: 1000 } })
      const request = code === 310 ? rig.sendRequest() : rig.request(code, fields)
      const answer = rig.ask(peer, request)
      await nextTurn(4)
      await rig.clock.advance(1000)
      return (await answer).code
    }
    const pull = {
      consumerGroup: 'G',
      topic: 'T',
      queueId: '0',
      queueOffset: '0',
      maxMsgNums: '1',
      sysFlag: '4',
      subscription: '*'
    }
    const codes: number[] = []
    for (const [config, code, fields] of [
      [{ waitTimeMillsInSendQueue: 1001 }, 310, {}],
      [{ waitTimeMillsInSendQueue: 1000 }, 310, {}],
      [{ brokerFastFailureEnable: false }, 310, {}],
      [{}, 11, pull],
      [{ waitTimeMillsInPullQueue: 900 }, 11, pull],
      [{ waitTimeMillsInAdminBrokerQueue: 1 }, 30, { topic: 'T', queueId: '0' }],
      [{ waitTimeMillsInAdminBrokerQueue: 1 }, 38, { consumerGroup: 'none' }],
      // Pops wait with the pulls, their acknowledgements in a queue of their own, the questions for queues as long as it takes.
      [{ waitTimeMillsInPullQueue: 900 }, 200050, {}],
      [{ waitTimeMillsInPullQueue: 900 }, 200054, {}],
      [{ waitTimeMillsInAckQueue: 900 }, 200051, {}],
      [{ waitTimeMillsInAckQueue: 900 }, 200053, {}],
      [{ waitTimeMillsInAckQueue: 900 }, 200151, {}],
      [{ waitTimeMillsInAdminBrokerQueue: 1 }, 400, {}],
      [{ waitTimeMillsInAdminBrokerQueue: 1 }, 401, {}]
    ] as const) {
      codes.push(await wait(config, code, fields))
      await rig.stop()
    }
    expect(codes).toEqual([0, 2, 0, 19, 2, 2, 1, 2, 2, 2, 2, 2, 1, 1])
  })

  it('a request whose connection goes while it waits is not handled', async () => {
    rig = await BrokerRig.start()
    const peer = await rig.connect()
    rig.faults.add({ when: { point: 'request', code: 310 }, then: { kind: 'queue', millis: 100 } })
    peer.send(rig.sendRequest())
    await nextTurn(4)
    peer.destroy()
    await nextTurn(4)
    await rig.clock.advance(1000)
    expect(rig.stored('T')).toEqual([])
  })
})
