import { afterEach, describe, expect, it } from 'vitest'
import type { RemotingCommand } from '../../src/protocol/remoting-command.ts'
import type { MessageStoreConfig } from '../../src/store/message-store-config.ts'
import { BrokerPeer } from '../support/broker-peer.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { nextTurn } from '../support/turns.ts'

let rig: BrokerRig | undefined

async function start(storeConfig: Partial<MessageStoreConfig> = {}): Promise<BrokerRig> {
  rig = await BrokerRig.start({ storeConfig })
  return rig
}

afterEach(async () => {
  await rig?.stop()
  rig = undefined
})

async function answers(peer: { next(): Promise<RemotingCommand> }, count: number): Promise<RemotingCommand[]> {
  const all: RemotingCommand[] = []
  for (let i = 0; i < count; i++) all.push(await peer.next())
  return all
}

describe('the async store path', () => {
  it('while one message waits for its flush, later requests on the same connection are processed and answered first', async () => {
    await start({ flushDiskType: 'SYNC_FLUSH' })
    const held = rig!.faults.add({ when: { point: 'flush', queueId: 0 }, then: { kind: 'hold' }, times: 1 })
    const peer = await rig!.connect()
    const first = rig!.sendRequest({ queueId: 0, body: 'waits' })
    const later = [
      rig!.sendRequest({ queueId: 1, body: 'other queue' }),
      rig!.sendRequest({ queueId: 2, body: 'does not wait', properties: 'WAIT\u0001false\u0002' }),
      rig!.request(30, { topic: 'T', queueId: '0' }),
      rig!.request(9999)
    ]
    for (const request of [first, ...later]) peer.send(request)
    const early = await answers(peer, later.length)
    expect(early.map((answer) => answer.opaque).sort()).toEqual(later.map((request) => request.opaque).sort())
    expect(early.filter((answer) => answer.code === 0)).toHaveLength(3)
    await nextTurn(4)
    expect(peer.frames.length, 'the first one is not answered yet').toBe(0)
    held.release()
    const last = await peer.next()
    expect([last.opaque, last.code]).toEqual([first.opaque, 0])
  })

  it('several that wait are answered each once, in the order their flushes end', async () => {
    await start({ flushDiskType: 'SYNC_FLUSH' })
    const holds = [0, 1, 2].map((queueId) =>
      rig!.faults.add({ when: { point: 'flush', queueId }, then: { kind: 'hold' }, times: 1 })
    )
    const peer = await rig!.connect()
    const requests = [0, 1, 2].map((queueId) => rig!.sendRequest({ queueId }))
    for (const request of requests) peer.send(request)
    await Promise.all(holds.map((hold) => hold.fired()))
    const order: number[] = []
    for (const i of [2, 0, 1]) {
      holds[i]!.release()
      const answer = await peer.next()
      expect(answer.code).toBe(0)
      order.push(requests.findIndex((request) => request.opaque === answer.opaque))
    }
    expect(order).toEqual([2, 0, 1])
    await nextTurn(4)
    expect(peer.frames.length).toBe(0)
  })

  it('store-37 a flush that takes too long is answered with code 10 and the place of the message, once', async () => {
    await start({ flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 700 })
    const held = rig!.faults.add({ when: { point: 'flush' }, then: { kind: 'hold' }, times: 1 })
    const peer = await rig!.connect()
    peer.send(rig!.sendRequest({ properties: 'UNIQ_KEY\u0001K1\u0002' }))
    await held.fired()
    await rig!.clock.advance(699)
    expect(peer.frames.length).toBe(0)
    await rig!.clock.advance(1)
    const answer = await peer.next()
    expect([answer.code, answer.remark]).toEqual([10, undefined])
    expect(answer.extFields).toMatchObject({
      queueId: '0',
      queueOffset: '0',
      transactionId: 'K1',
      MSG_REGION: 'DefaultRegion',
      TRACE_ON: 'true'
    })
    held.release()
    await nextTurn(4)
    expect(peer.frames.length, 'a later flush does not answer again').toBe(0)
  })

  it('nothing is acknowledged when the flush failed, and the next send is refused with code 14 and the reason', async () => {
    await start({ flushDiskType: 'SYNC_FLUSH' })
    rig!.faults.add({ when: { point: 'flush' }, then: { kind: 'fail', message: 'EIO: the disk is gone' }, times: 1 })
    const peer = await rig!.connect()
    const failed = await rig!.ask(peer, rig!.sendRequest())
    expect(failed.code).toBe(1)
    expect(failed.extFields['msgId']).toBeUndefined()
    const next = await rig!.ask(peer, rig!.sendRequest())
    expect(next.code).toBe(14)
    expect(next.remark).toContain('flush failed')
  })

  it('rmq-11172 a store future that rejects still gets an answer, and the connection lives', async () => {
    await start()
    const peer = await rig!.connect()
    rig!.broker.store.asyncPutMessage = () => Promise.reject(new Error('the future ended exceptionally'))
    const request = rig!.sendRequest()
    const answer = await rig!.ask(peer, request)
    expect([answer.code, answer.opaque]).toEqual([1, request.opaque])
    expect(answer.remark).toContain('the future ended exceptionally')
    expect((await rig!.ask(peer, rig!.request(9999))).code).toBe(3)
  })

  it('a store that throws gets an answer too', async () => {
    await start()
    rig!.broker.store.asyncPutMessage = () => {
      throw new Error('out of order')
    }
    const answer = await rig!.ask(await rig!.connect(), rig!.sendRequest())
    expect([answer.code, answer.remark]).toEqual([1, expect.stringContaining('out of order')])
  })

  it('store-41 each put status has its code; remarks name the limit and the option where the store says them', async () => {
    await start()
    const peer = await rig!.connect()
    const appendResult = { wroteOffset: 0, wroteBytes: 9, msgId: 'ID', storeTimestamp: 1, logicsOffset: 7, msgNum: 1 }
    const expected = {
      PUT_OK: 0,
      FLUSH_DISK_TIMEOUT: 10,
      SLAVE_NOT_AVAILABLE: 11,
      FLUSH_SLAVE_TIMEOUT: 12,
      MESSAGE_ILLEGAL: 13,
      PROPERTIES_SIZE_EXCEEDED: 13,
      SERVICE_NOT_AVAILABLE: 14,
      CREATE_MAPPED_FILE_FAILED: 1,
      IN_SYNC_REPLICAS_NOT_ENOUGH: 1,
      OS_PAGE_CACHE_BUSY: 2,
      UNKNOWN_ERROR: 1
    } as const
    for (const [status, code] of Object.entries(expected)) {
      rig!.broker.store.asyncPutMessage = () => ({ status: status as keyof typeof expected, appendResult })
      const answer = await rig!.ask(peer, rig!.sendRequest())
      expect([status, answer.code]).toEqual([status, code])
      const accepted = code === 0 || (code >= 10 && code <= 12)
      expect([status, answer.extFields['queueOffset']]).toEqual([status, accepted ? '7' : undefined])
      expect(answer.remark === undefined, status).toBe(accepted)
    }
  })

  it('a send to a full store is answered with code 14 that names limit and option', async () => {
    await start({ maxBytes: 64 * 1024, mappedFileSizeCommitLog: 64 * 1024 })
    const peer = await rig!.connect()
    let answer: RemotingCommand
    let stored = -1
    do {
      answer = await rig!.ask(peer, rig!.sendRequest({ body: Buffer.alloc(4096) }))
      stored++
    } while (answer.code === 0)
    expect(stored).toBeGreaterThan(5)
    expect(answer.code).toBe(14)
    expect(answer.remark).toMatch(/65,?536/)
    expect(answer.remark).toContain('maxBytes')
    expect(rig!.broker.store.getMaxOffsetInQueue('T', 0)).toBe(stored)
  })

  it('a oneway send is stored and never answered', async () => {
    await start()
    const peer = await rig!.connect()
    const request = rig!.sendRequest({ body: 'oneway' })
    request.flag = 2
    peer.send(request)
    expect((await rig!.ask(peer, rig!.request(9999))).code).toBe(3)
    expect(peer.frames.length).toBe(0)
    expect(rig!.stored('T').map((message) => message.body.toString())).toEqual(['oneway'])
  })

  it('shutdown answers what waits, leaves the name servers first and accepts nothing more', async () => {
    await start({ flushDiskType: 'SYNC_FLUSH' })
    const held = rig!.faults.add({ when: { point: 'flush' }, then: { kind: 'hold' } })
    const peer = await rig!.connect()
    const request = rig!.sendRequest()
    peer.send(request)
    await held.fired()
    const done = rig!.broker.shutdown()
    const answer = await peer.next()
    expect(answer.opaque).toBe(request.opaque)
    expect(answer.code, 'its flush was never confirmed').not.toBe(0)
    await done
    await peer.closed
    await expect(rig!.connect()).rejects.toThrow()
    const names = new BrokerPeer(await rig!.network.connect(rig!.nameServer.host, rig!.nameServer.port, {}))
    rig!.peers.push(names)
    expect((await rig!.ask(names, rig!.request(105, { topic: 'T' }))).code, 'the route is gone').toBe(17)
  })
})
