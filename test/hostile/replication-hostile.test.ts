import { afterEach, describe, expect, it } from 'vitest'
import { MAX_TRANSFER_BYTES } from '../../src/broker/ha/ha-frames.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { type MasterEnd, RawMaster, RawSlave } from '../support/ha-peers.ts'
import { nextTurn, until } from '../support/turns.ts'

const SEED = Number(process.env.TEST_SEED)

let rig: BrokerRig

afterEach(() => rig.stop())

/** Deterministic bytes; xorshift32. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

const long = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

describe('a master', () => {
  const connect = (): Promise<RawSlave> => RawSlave.connect(rig.network, rig.broker.haService.port)

  async function put(count: number): Promise<void> {
    const peer = await rig.connect()
    for (let i = 0; i < count; i++) await rig.ask(peer, rig.sendRequest({ properties: 'WAIT\u0001false\u0002' }))
  }

  it.each([
    ['negative', -1n],
    ['the smallest', -(2n ** 63n)],
    ['the largest', 2n ** 63n - 1n],
    ['beyond 2^53', 2n ** 53n],
    ['one beyond the log', 1_000_000n]
  ])('fault-S18 a first report that is %s closes the connection and confirms nothing', async (_, value) => {
    rig = await BrokerRig.start({ storeConfig: { brokerRole: 'SYNC_MASTER' } })
    await put(2)
    const slave = await connect()
    slave.socket.write(long(value))
    await slave.closed
    expect(rig.broker.haService.push2SlaveMaxOffset).toBe(0)
    expect(rig.broker.haService.slaveCount).toBe(0)
  })

  it('fault-S18 a first report of bytes that nobody was ever sent is refused, one of bytes that were is taken', async () => {
    rig = await BrokerRig.start({ storeConfig: { brokerRole: 'SYNC_MASTER' } })
    await put(2)
    const max = rig.broker.store.getMaxPhyOffset()
    const liar = await connect()
    liar.report(max)
    await liar.closed
    expect(rig.broker.haService.push2SlaveMaxOffset).toBe(0)
    const slave = await connect()
    slave.report(0)
    await slave.receive(max)
    slave.socket.destroy()
    const again = await connect()
    again.report(max)
    await until(() => rig.broker.haService.push2SlaveMaxOffset === max)
  })

  it('fault-S18 a later report beyond what was sent, or behind what was confirmed, closes the connection', async () => {
    rig = await BrokerRig.start({ storeConfig: { brokerRole: 'SYNC_MASTER' } })
    await put(3)
    const max = rig.broker.store.getMaxPhyOffset()
    for (const bad of [max + 1, 99, -5]) {
      const slave = await connect()
      slave.report(0)
      await slave.receive(max)
      slave.report(100)
      await nextTurn(5)
      expect(rig.broker.haService.push2SlaveMaxOffset).toBe(100)
      slave.socket.write(long(BigInt(bad)))
      await slave.closed
      expect(rig.broker.haService.push2SlaveMaxOffset).toBe(100)
    }
  })

  it('fault-S18 1,000,000 random bytes: nothing beyond what was sent is ever confirmed', async () => {
    rig = await BrokerRig.start({ storeConfig: { brokerRole: 'SYNC_MASTER' } })
    await put(20)
    const { haService, store } = rig.broker
    const next = random(SEED)
    let sent = 0
    for (let left = 1_000_000; left > 0; ) {
      const slave = await connect()
      const begins = next() % 4
      // Half of them begin as a slave would; half of those go on with offsets that are nearly right.
      if (begins < 2) {
        slave.report(0)
        // All there is, in one transfer; some of them do not wait for it.
        sent = store.getMaxPhyOffset()
      }
      if (begins === 0) expect((await slave.transfers.next()).size).toBe(sent)
      while (!slave.isClosed && left > 0) {
        const bytes = Buffer.alloc(1 + (next() % 4096))
        for (let i = 0; i < bytes.length; i++) bytes[i] = next()
        if (begins < 2) for (let i = 0; i + 8 <= bytes.length; i += 8) bytes.fill(0, i, i + 5 + (next() % 2))
        left -= bytes.length
        slave.socket.write(bytes)
        await new Promise((resolve) => setImmediate(resolve))
      }
      slave.socket.destroy()
      expect(haService.push2SlaveMaxOffset).toBeLessThanOrEqual(store.getMaxPhyOffset())
      expect(haService.push2SlaveMaxOffset).toBeLessThanOrEqual(sent)
    }
    await until(() => haService.slaveCount === 0)
  })

  it('turns away whoever connects beyond 64, and goes on with the others', async () => {
    rig = await BrokerRig.start()
    const slaves: RawSlave[] = []
    for (let i = 0; i < 65; i++) slaves.push(await connect())
    await slaves[64]!.closed
    slaves[0]!.report(0)
    await until(() => rig.broker.haService.slaveCount === 1)
  })

  it('a slave that does not read holds no more than the socket does', async () => {
    rig = await BrokerRig.start()
    const slave = await connect()
    slave.socket.pause()
    slave.report(0)
    await until(() => rig.broker.haService.slaveCount === 1)
    const peer = await rig.connect()
    for (let i = 0; i < 64; i++) await rig.ask(peer, rig.sendRequest({ body: Buffer.alloc(64 * 1024) }))
    const { sentWhere } = rig.broker.haService
    expect(sentWhere).toBeGreaterThan(0)
    expect(sentWhere).toBeLessThan(1024 * 1024)
    await rig.clock.advance(20_000)
    await until(() => rig.broker.haService.slaveCount === 0)
  })
})

describe('a slave', () => {
  let master: RawMaster

  async function slave(): Promise<MasterEnd> {
    rig = await BrokerRig.start()
    master = await RawMaster.listen(rig.network)
    await rig.broker.shutdown()
    rig.broker = rig.newBroker({ config: { brokerId: 1 }, storeConfig: { brokerRole: 'SLAVE', haMasterAddress: master.addr } })
    await rig.broker.start()
    const end = await master.slaves.next()
    await end.reports.next()
    return end
  }

  /** After whatever it was sent, the slave comes again and asks for what follows its log. */
  async function comesAgain(offset: number): Promise<void> {
    await rig.clock.advance(100)
    expect(await (await master.slaves.next()).reports.next()).toBe(offset)
    await master.close()
  }

  it.each([
    ['a negative size', long(0n), -1],
    ['the smallest size', long(0n), -(2 ** 31)],
    ['a size beyond 4 MiB', long(0n), MAX_TRANSFER_BYTES + 1],
    ['the largest size', long(0n), 2 ** 31 - 1],
    ['a negative offset', long(-1n), 5],
    ['an offset beyond 2^53', long(2n ** 53n), 5],
    ['an offset whose end is beyond 2^53', long(2n ** 53n - 3n), 5]
  ])('fault-S18 refuses %s, keeps nothing of it and comes again', async (_, offset, size) => {
    const end = await slave()
    const header = Buffer.alloc(12)
    offset.copy(header)
    header.writeInt32BE(size, 8)
    end.socket.write(Buffer.concat([header, Buffer.alloc(100)]))
    await end.closed
    expect(rig.broker.store.getMaxPhyOffset()).toBe(0)
    await comesAgain(0)
  })

  it.each([
    ['bytes that do not follow its log', 50],
    ['bytes it has already', 0]
  ])('fault-S18 refuses %s: its log stays as it is', async (_, offset) => {
    const end = await slave()
    end.send(0, Buffer.alloc(40, 1))
    expect(await end.reports.next()).toBe(40)
    end.send(offset, Buffer.alloc(10, 2))
    await end.closed
    expect(rig.broker.store.getMaxPhyOffset()).toBe(40)
    await comesAgain(40)
  })

  it('fault-S18 a connection that ends within a transfer: what came is kept, the next one goes on behind it', async () => {
    const end = await slave()
    const header = Buffer.alloc(12)
    header.writeInt32BE(1000, 8)
    end.socket.write(Buffer.concat([header, Buffer.alloc(300, 7)]))
    expect(await end.reports.next()).toBe(300)
    end.socket.destroy()
    await comesAgain(300)
  })

  it('fault-S18 random bytes for records: nothing is dispatched, nothing fails', async () => {
    const end = await slave()
    const next = random(SEED)
    let offset = 0
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.alloc(1 + (next() % 2000))
      for (let j = 0; j < bytes.length; j++) bytes[j] = next()
      // Some look like records: a small size, and the magic of one.
      if (i % 2 === 0 && bytes.length > 8) {
        bytes.writeInt32BE(bytes.length, 0)
        bytes.writeInt32BE(-626_843_481, 4)
      }
      end.send(offset, bytes)
      offset += bytes.length
    }
    await until(() => rig.broker.store.getMaxPhyOffset() === offset)
    expect([...rig.broker.store.topics()].filter((topic) => rig.broker.store.getMaxOffsetInQueue(topic, 0) > 0)).toEqual([])
    await master.close()
  })
})
