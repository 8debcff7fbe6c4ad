import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerController } from '../../src/broker/broker-controller.ts'
import type { FlushDiskType } from '../../src/store/message-store-config.ts'
import { BrokerRig } from '../support/broker-rig.ts'
import { until } from '../support/turns.ts'

const SEGMENT = 16 * 1024
const root = mkdtempSync(path.join(tmpdir(), 'replication-files-'))
const stops: Array<() => Promise<void>> = []
let rig: BrokerRig

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  rmSync(root, { recursive: true, force: true })
})

async function startMaster(folder: string, flushDiskType: FlushDiskType): Promise<void> {
  rig = await BrokerRig.start({
    storeConfig: { mappedFileSizeCommitLog: SEGMENT, brokerRole: 'SYNC_MASTER', flushDiskType },
    storeFiles: { root: path.join(root, folder) }
  })
  stops.push(() => rig.stop())
}

async function startSlave(folder: string, flushDiskType: FlushDiskType): Promise<BrokerController> {
  const slave = rig.newBroker({
    config: { brokerId: 1 },
    storeConfig: { mappedFileSizeCommitLog: SEGMENT, brokerRole: 'SLAVE', flushDiskType },
    storeFiles: { root: path.join(root, folder) }
  })
  stops.push(() => slave.shutdown())
  await slave.start()
  return slave
}

async function send(count: number): Promise<number[]> {
  const peer = await rig.connect()
  const requests = Array.from({ length: count }, (_, i) => rig.sendRequest({ queueId: i % 4, body: Buffer.alloc(700, i) }))
  for (const request of requests) peer.send(request)
  const codes: number[] = []
  while (codes.length < count) codes.push((await peer.next()).code)
  return codes
}

const log = (broker: BrokerController, from = 0): Buffer =>
  Buffer.concat(broker.store.getBulkCommitLogData(from, Number.MAX_SAFE_INTEGER))

async function caughtUp(slave: BrokerController): Promise<void> {
  const { store } = rig.broker
  await until(
    () => slave.store.getReplicaAckOffset() === store.getMaxPhyOffset() && slave.store.dispatchBehindBytes() === 0,
    () => `slave at ${slave.store.getReplicaAckOffset()}, master at ${store.getMaxPhyOffset()}`
  )
}

describe.each(['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)('brokers with files, %s', (flushDiskType) => {
  it('store-40 a slave that begins with the last segment has the same bytes, and goes on from its own end after a restart', async () => {
    await startMaster(`master-${flushDiskType}`, flushDiskType)
    expect(new Set(await send(60)), 'nobody there yet').toEqual(new Set([11]))
    const slave = await startSlave(`slave-${flushDiskType}`, flushDiskType)
    await caughtUp(slave)
    const begin = slave.store.getMinPhyOffset()
    expect(begin).toBeGreaterThan(0)
    expect(begin % SEGMENT).toBe(0)
    expect(new Set(await send(60)), 'acknowledged by the slave').toEqual(new Set([0]))
    expect(log(slave, begin).equals(log(rig.broker, begin))).toBe(true)
    await slave.shutdown()
    expect(new Set(await send(20))).toEqual(new Set([11]))
    const again = await startSlave(`slave-${flushDiskType}`, flushDiskType)
    expect(again.store.getMinPhyOffset()).toBe(begin)
    await caughtUp(again)
    expect(log(again, begin).equals(log(rig.broker, begin))).toBe(true)
    for (let queueId = 0; queueId < 4; queueId++) {
      expect(again.store.getMaxOffsetInQueue('T', queueId)).toBe(rig.broker.store.getMaxOffsetInQueue('T', queueId))
    }
  })
})
