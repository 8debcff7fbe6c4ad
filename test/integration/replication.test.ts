import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerController } from '../../src/broker/broker-controller.ts'
import type { MessageStoreConfig } from '../../src/store/message-store-config.ts'
import { BrokerRig, type SendFields } from '../support/broker-rig.ts'
import { RawMaster, RawSlave } from '../support/ha-peers.ts'
import { nextTurn, until } from '../support/turns.ts'

const KIB = 1024

let rig: BrokerRig
const others: Array<{ shutdown(): Promise<void> }> = []

async function start(storeConfig: Partial<MessageStoreConfig> = {}): Promise<BrokerRig> {
  rig = await BrokerRig.start({ storeConfig: { mappedFileSizeCommitLog: 16 * KIB, ...storeConfig } })
  return rig
}

async function startSlave(storeConfig: Partial<MessageStoreConfig> = {}, brokerId = 1): Promise<BrokerController> {
  const slave = rig.newBroker({
    config: { brokerId, slaveReadEnable: true },
    storeConfig: { mappedFileSizeCommitLog: 16 * KIB, brokerRole: 'SLAVE', ...storeConfig }
  })
  others.push(slave)
  await slave.start()
  return slave
}

const rawSlave = (): Promise<RawSlave> => RawSlave.connect(rig.network, rig.broker.haService.port)

/** A slave was sent the whole log: the next one may say that it has it. */
async function sendEverything(): Promise<void> {
  const slave = await rawSlave()
  slave.report(0)
  await slave.receive(rig.broker.store.getMaxPhyOffset())
  slave.socket.destroy()
}

/** Puts `count` messages of about 1 KiB; answers their codes. */
async function send(count: number, fields: SendFields = {}): Promise<number[]> {
  const peer = rig.peers[0] ?? (await rig.connect())
  const codes: number[] = []
  for (let i = 0; i < count; i++)
    codes.push((await rig.ask(peer, rig.sendRequest({ body: Buffer.alloc(900, i), ...fields }))).code)
  return codes
}

const log = (broker: BrokerController): Buffer =>
  Buffer.concat(broker.store.getBulkCommitLogData(broker.store.getMinPhyOffset(), Number.MAX_SAFE_INTEGER))

const caughtUp = (slave: BrokerController): Promise<void> =>
  until(
    () => slave.store.getMaxPhyOffset() === rig.broker.store.getMaxPhyOffset(),
    () => `slave at ${slave.store.getMaxPhyOffset()}, master at ${rig.broker.store.getMaxPhyOffset()}`
  )

afterEach(async () => {
  for (const other of others.splice(0)) await other.shutdown()
  await rig.stop()
})

describe('what a master sends', () => {
  it('store-76 says nothing before the first report, then everything from that offset on, in pieces of at most haTransferBatchSize', async () => {
    await start({ haTransferBatchSize: 1000 })
    await send(3)
    const max = rig.broker.store.getMaxPhyOffset()
    const slave = await rawSlave()
    await rig.clock.advance(15_000)
    expect(slave.transfers.length).toBe(0)
    await sendEverything()
    slave.report(10)
    const sizes: number[] = []
    const parts: Buffer[] = []
    for (let at = 10; at < max; ) {
      const { offset, bytes } = await slave.transfers.next()
      expect(offset).toBe(at)
      at += bytes.length
      sizes.push(bytes.length)
      parts.push(bytes)
    }
    expect(Math.max(...sizes)).toBe(1000)
    expect(Buffer.concat(parts)).toEqual(log(rig.broker).subarray(10))
  })

  it('store-77 a slave that has nothing gets the last segment, and no transfer crosses a segment', async () => {
    await start({ haTransferBatchSize: 64 * KIB })
    await send(40)
    const max = rig.broker.store.getMaxPhyOffset()
    expect(max).toBeGreaterThan(32 * KIB)
    const begin = max - (max % (16 * KIB))
    const fresh = await rawSlave()
    fresh.report(0)
    expect((await fresh.transfers.next()).offset).toBe(begin)
    const old = await rawSlave()
    old.report(100)
    for (let at = 100; at < max; ) {
      const { offset, size } = await old.transfers.next()
      expect(offset).toBe(at)
      expect(Math.floor(at / (16 * KIB))).toBe(Math.floor((at + size - 1) / (16 * KIB)))
      at += size
    }
  })

  it('store-78 a sign of life every haSendHeartbeatInterval while there is nothing to send: the next offset, no bytes', async () => {
    await start()
    await send(1)
    await sendEverything()
    const slave = await rawSlave()
    const max = rig.broker.store.getMaxPhyOffset()
    slave.report(max)
    await rig.clock.advance(5000)
    slave.report(max)
    await rig.clock.advance(5000)
    expect(await slave.transfers.take(2)).toMatchObject([
      { offset: max, size: 0 },
      { offset: max, size: 0 }
    ])
  })

  it('store-79 a slave that is silent for haHousekeepingInterval is dropped, one that reports is not', async () => {
    await start()
    const [silent, lively] = [await rawSlave(), await rawSlave()]
    silent.report(0)
    lively.report(0)
    for (let i = 0; i < 5; i++) {
      await rig.clock.advance(5000)
      lively.report(0)
    }
    await silent.closed
    expect(lively.isClosed).toBe(false)
    expect(rig.broker.haService.slaveCount).toBe(1)
  })

  it('an asynchronous master sends as well, and answers without waiting', async () => {
    await start()
    const slave = await rawSlave()
    slave.report(0)
    expect(await send(2)).toEqual([0, 0])
    expect(await slave.receive(rig.broker.store.getMaxPhyOffset())).toEqual(log(rig.broker))
  })
})

describe('SYNC_MASTER', () => {
  it('fault-S17 no slave is SLAVE_NOT_AVAILABLE; somebody who connected but never reported is no slave', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    expect(await send(1)).toEqual([11])
    await rawSlave()
    expect(await send(1)).toEqual([11])
    expect(await send(1, { properties: 'WAIT\u0001false\u0002' }), 'who does not want to wait is not told').toEqual([0])
  })

  it('fault-S17 store-38 acknowledged when the slave has reported the end of the record, not before', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    const slave = await rawSlave()
    slave.report(0)
    const peer = await rig.connect()
    await until(() => rig.broker.haService.slaveCount === 1)
    const request = rig.sendRequest()
    peer.send(request)
    const { offset, bytes } = await slave.transfers.next()
    slave.report(offset + bytes.length - 1)
    await nextTurn(10)
    expect(peer.frames).toHaveLength(0)
    slave.report(offset + bytes.length)
    expect(await peer.next()).toMatchObject({ opaque: request.opaque, code: 0 })
  })

  it('fault-S17 store-38 FLUSH_SLAVE_TIMEOUT for each put after its own slaveTimeout when the slave has stopped', async () => {
    await start({ brokerRole: 'SYNC_MASTER', slaveTimeout: 2000 })
    const slave = await rawSlave()
    slave.report(0)
    const peer = await rig.connect()
    await until(() => rig.broker.haService.slaveCount === 1)
    const begin = rig.clock.monotonic()
    const answered: Array<[number, number]> = []
    const requests = [rig.sendRequest(), rig.sendRequest(), rig.sendRequest()]
    for (const request of requests) {
      peer.send(request)
      void peer.next().then(({ code }) => answered.push([code, rig.clock.monotonic() - begin]))
      await rig.clock.advance(300)
    }
    await rig.clock.advance(5000)
    expect(answered).toEqual([
      [12, 2000],
      [12, 2300],
      [12, 2600]
    ])
    // It is stored all the same, and what comes late changes nothing.
    expect(rig.stored('T')).toHaveLength(3)
    slave.report(rig.broker.store.getMaxPhyOffset())
    await nextTurn(10)
    expect(peer.frames).toHaveLength(0)
  })

  it('fault-S17 a slave that leaves while puts wait: they time out, later ones are SLAVE_NOT_AVAILABLE', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    const slave = await rawSlave()
    slave.report(0)
    const peer = await rig.connect()
    await until(() => rig.broker.haService.slaveCount === 1)
    peer.send(rig.sendRequest())
    await slave.transfers.next()
    slave.socket.destroy()
    await until(() => rig.broker.haService.slaveCount === 0)
    expect((await rig.ask(peer, rig.sendRequest())).code).toBe(11)
    await rig.clock.advance(2000)
    expect((await peer.next()).code).toBe(12)
  })

  it('fault-S17 a slave that is haSlaveFallbehindMax behind is not available', async () => {
    await start({ brokerRole: 'SYNC_MASTER', haSlaveFallbehindMax: 3000, slaveTimeout: 100 })
    await send(3, { properties: 'WAIT\u0001false\u0002' })
    const max = rig.broker.store.getMaxPhyOffset()
    const slave = await rawSlave()
    slave.report(0)
    await slave.receive(max)
    expect(await send(1), 'it has confirmed nothing of more than 3000 bytes').toEqual([11])
    slave.report(max)
    await until(() => rig.broker.haService.push2SlaveMaxOffset === max)
    const peer = rig.peers[0]!
    const request = rig.sendRequest()
    const before = rig.broker.store.getMaxPhyOffset()
    peer.send(request)
    await until(() => rig.broker.store.getMaxPhyOffset() > before)
    await slave.receive(rig.broker.store.getMaxPhyOffset())
    slave.report(rig.broker.store.getMaxPhyOffset())
    expect((await peer.next()).code).toBe(0)
  })

  it('one of several slaves is enough', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    const slaves = [await rawSlave(), await rawSlave()]
    for (const slave of slaves) slave.report(0)
    const peer = await rig.connect()
    await until(() => rig.broker.haService.slaveCount === 2)
    peer.send(rig.sendRequest())
    const { offset, bytes } = await slaves[1]!.transfers.next()
    slaves[1]!.report(offset + bytes.length)
    expect((await peer.next()).code).toBe(0)
  })

  it('shutdown answers every put that waits for a slave', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    const slave = await rawSlave()
    slave.report(0)
    const peer = await rig.connect()
    await until(() => rig.broker.haService.slaveCount === 1)
    peer.send(rig.sendRequest())
    await slave.transfers.next()
    const stopped = rig.broker.shutdown()
    expect((await peer.next()).code).toBe(12)
    await stopped
  })
})

describe('a slave', () => {
  it('store-40 has the same bytes, across segments, and goes on from its own end after the connection broke', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    const slave = await startSlave()
    await rig.broker.haService.whenSlaves(1, 1000)
    expect(new Set(await send(30))).toEqual(new Set([0]))
    expect(slave.store.getMaxPhyOffset()).toBe(rig.broker.store.getMaxPhyOffset())
    expect(log(slave)).toEqual(log(rig.broker))
    // The master's side of the connection goes; the slave comes again by itself.
    const before = slave.store.getMaxPhyOffset()
    rig.broker.haService.disconnectSlaves()
    expect(await send(10)).toEqual(Array(10).fill(11))
    await rig.clock.advance(1000)
    await caughtUp(slave)
    expect(log(slave)).toEqual(log(rig.broker))
    expect(slave.store.getMaxPhyOffset()).toBeGreaterThan(before)
    expect(await send(5)).toEqual([0, 0, 0, 0, 0])
    const sha256 = (broker: BrokerController): string => createHash('sha256').update(log(broker)).digest('hex')
    expect(sha256(slave)).toBe(sha256(rig.broker))
  })

  it('store-40 shows the messages at the same queue offsets, by key and by offset, once they are whole', async () => {
    await start({ brokerRole: 'SYNC_MASTER', haTransferBatchSize: 100 })
    const slave = await startSlave()
    await rig.broker.haService.whenSlaves(1, 1000)
    await send(30, { queueId: 2, properties: 'KEYS\u0001k\u0002' })
    for (const { store } of [rig.broker, slave]) {
      expect(store.getMaxOffsetInQueue('T', 2)).toBe(30)
      expect(store.queryMessage('T', 'k', 64, 0, Number.MAX_SAFE_INTEGER).messages).toHaveLength(30)
    }
    const at = (broker: BrokerController): Buffer[] => broker.store.getMessage('g', 'T', 2, 7, 32)!.messages
    expect(Buffer.concat(at(slave))).toEqual(Buffer.concat(at(rig.broker)))
  })

  it('with SYNC_FLUSH it reports what is durable', async () => {
    await start({ brokerRole: 'SYNC_MASTER' })
    const slave = await startSlave({ flushDiskType: 'SYNC_FLUSH' })
    await rig.broker.haService.whenSlaves(1, 1000)
    expect(await send(3)).toEqual([0, 0, 0])
    expect(slave.store.getReplicaAckOffset()).toBe(rig.broker.store.getMaxPhyOffset())
  })

  it('that has nothing begins with the last segment of its master, and its offsets are the same', async () => {
    await start()
    await send(40, { queueId: 1 })
    const slave = await startSlave()
    await caughtUp(slave)
    const { store } = slave
    expect(store.getMinPhyOffset() % (16 * KIB)).toBe(0)
    expect(store.getMinPhyOffset()).toBeGreaterThan(0)
    expect(log(slave)).toEqual(log(rig.broker).subarray(store.getMinPhyOffset()))
    const min = store.getMinOffsetInQueue('T', 1)
    expect(min).toBeGreaterThan(0)
    expect(store.getMaxOffsetInQueue('T', 1)).toBe(40)
    expect(store.getMessage('g', 'T', 1, min, 32)!.messages[0]).toEqual(
      rig.broker.store.getMessage('g', 'T', 1, min, 1)!.messages[0]
    )
  })

  it('finds a master that comes later, and one that has moved', async () => {
    await start()
    const first = await RawMaster.listen(rig.network)
    const second = await RawMaster.listen(rig.network)
    const slave = await startSlave({ haMasterAddress: first.addr })
    const one = await first.slaves.next()
    expect(await one.reports.next()).toBe(0)
    one.socket.destroy()
    // The pauses grow: 100 ms, 200 ms, ...
    await rig.clock.advance(100)
    const again = await first.slaves.next()
    again.socket.destroy()
    await rig.clock.advance(199)
    expect(first.slaves.length).toBe(0)
    await rig.clock.advance(1)
    await first.slaves.next()
    slave.haService.client!.updateMasterAddress(second.addr)
    expect(await (await second.slaves.next()).reports.next()).toBe(0)
    await first.close()
    await second.close()
  })

  it('gives a sign of life, and drops a master that gives none', async () => {
    await start()
    const master = await RawMaster.listen(rig.network)
    await startSlave({ haMasterAddress: master.addr })
    const one = await master.slaves.next()
    await one.reports.next()
    for (let i = 0; i < 3; i++) {
      one.send(0)
      await rig.clock.advance(5000)
      expect(await one.reports.next()).toBe(0)
    }
    await rig.clock.advance(20_000)
    await one.closed
    await rig.clock.advance(5000)
    expect(await (await master.slaves.next()).reports.next()).toBe(0)
    await master.close()
  })
})
